//! The gateway against a real kube-apiserver with RBAC, etcd, and an independent EC2 emulator.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod setting;

mod with_real_parts {
    use std::time::Duration;

    use hybridge_lab::isolate::isolated;
    use hybridge_lab::kube::VtepCrd;
    use hybridge_lab::topology::pod_cidr;
    use hybridge_lab::world::{ChartEnv, Ec2Kind, KubeKind, World};
    use serde_json::json;

    use crate::setting::*;

    fn real(env: ChartEnv, crd: VtepCrd) -> World {
        start(|config| {
            config.kube = KubeKind::Real(crd);
            config.ec2 = Ec2Kind::Moto;
            config.env = env;
        })
    }

    fn take_over_and_repair(mut world: World) {
        let leader = world.wait_settled(LONG).unwrap();
        for index in 0..2 {
            world.wait_ready(index, LONG).unwrap();
        }
        // The release of the Lease, and a take by compare-and-swap.
        let watch = watch(&world);
        end(&mut world, leader);
        let next = world.wait_settled(LONG).unwrap();
        assert_eq!((next, watch.lost()), (1 - leader, 0));
        world.start_gateway(leader).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        // Nodes come and go.
        create_cilium_node(&world, "late", "192.168.10.99", json!(["10.250.60.0/24"]));
        wait_destinations(&world, next, &["10.250.1.0/24", "10.250.2.0/24", "10.250.60.0/24"]);
        world.cluster.delete_cilium_node("late").unwrap();
        wait_destinations(&world, next, &["10.250.1.0/24", "10.250.2.0/24"]);
        // What somebody deletes is put back.
        world.cluster.delete_vtep().unwrap();
        world.wait("the CiliumVTEPConfig to be put back", LONG, |w| w.vtep_to() == Some(next)).unwrap();
        world.cloud.delete_route(pod_cidr()).unwrap();
        world.wait("the VPC route to be put back", LONG, |w| w.routes_to() == Some(next)).unwrap();
        // The host is lost.
        world.cut(next).unwrap();
        assert_eq!(world.wait_settled(LONG).unwrap(), leader);
        finish(world);
    }

    #[test]
    fn the_whole_life_of_two_gateways() {
        isolated(|| take_over_and_repair(real(ChartEnv::Own, VtepCrd::LongestPrefix)));
    }

    #[test]
    fn the_whole_life_under_the_role_and_environment_of_the_reference_chart() {
        isolated(|| {
            let world = real(ChartEnv::Reference, VtepCrd::LongestPrefix);
            let lesser = |w: &World| {
                let status = w.gateways[0].get(hybridge_lab::world::PROBE_PORT, "/status").map(|reply| reply.text()).unwrap_or_default();
                status.contains("configmaps") || w.active() != Some(0)
            };
            world.wait("the missing rights to be told", LONG, |w| w.active().is_some() && lesser(w)).unwrap();
            take_over_and_repair(world);
        });
    }

    #[test]
    fn the_crd_with_one_mask_and_the_api_server_gone_for_a_while() {
        isolated(|| {
            let mut world = real(ChartEnv::Own, VtepCrd::OneMask);
            let leader = world.wait_settled(LONG).unwrap();
            world.wait_ready(leader, LONG).unwrap();
            let watch = watch(&world);
            world.set_kube_down(true).unwrap();
            world.wait("readiness to say so", LONG, |w| readiness(w, leader).contains("lease.error: ")).unwrap();
            std::thread::sleep(Duration::from_secs(4));
            assert_eq!(watch.lost(), 0, "packets stopped with the API server");
            world.set_kube_down(false).unwrap();
            for index in 0..2 {
                world.wait_ready(index, Duration::from_secs(60)).unwrap();
            }
            world.wait_settled(LONG).unwrap();
            finish(world);
        });
    }
}
