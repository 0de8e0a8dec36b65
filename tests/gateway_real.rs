//! The gateway against a real kube-apiserver with RBAC, etcd, and an independent EC2 emulator.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod setting;

mod with_real_parts {
    use std::collections::BTreeSet;
    use std::io::ErrorKind;
    use std::net::TcpStream;
    use std::time::Duration;

    use hybridge_lab::isolate::isolated;
    use hybridge_lab::kube::VtepCrd;
    use hybridge_lab::real::AuditEntry;
    use hybridge_lab::topology::pod_cidr;
    use hybridge_lab::world::{ChartEnv, Ec2Kind, KubeKind, METRICS_PORT, NAMESPACE, PROBE_PORT, World};
    use serde_json::{Value, json};

    use crate::setting::*;

    fn real(env: ChartEnv, crd: VtepCrd) -> World {
        start(|config| {
            config.kube = KubeKind::Real(crd);
            config.ec2 = Ec2Kind::Moto;
            config.env = env;
        })
    }

    /// Our own chart, as Helm installs it.
    fn own_chart(values: Value) -> ChartEnv {
        ChartEnv::Chart { path: chart(), values }
    }

    fn take_over_and_repair(world: &mut World) {
        let leader = world.wait_settled(LONG).unwrap();
        for index in 0..2 {
            world.wait_ready(index, LONG).unwrap();
        }
        // The release of the Lease, and a take by compare-and-swap.
        let watch = watch(world);
        end(world, leader);
        let next = world.wait_settled(LONG).unwrap();
        assert_eq!((next, watch.lost()), (1 - leader, 0));
        world.start_gateway(leader).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        // Nodes come and go.
        create_cilium_node(world, "late", "192.168.10.99", json!(["10.250.60.0/24"]));
        wait_destinations(world, next, &["10.250.1.0/24", "10.250.2.0/24", "10.250.60.0/24"]);
        world.cluster.delete_cilium_node("late").unwrap();
        wait_destinations(world, next, &["10.250.1.0/24", "10.250.2.0/24"]);
        // What somebody deletes is put back.
        world.cluster.delete_vtep().unwrap();
        world.wait("the CiliumVTEPConfig to be put back", LONG, |w| w.vtep_to() == Some(next)).unwrap();
        world.cloud.delete_route(pod_cidr()).unwrap();
        world.wait("the VPC route to be put back", LONG, |w| w.routes_to() == Some(next)).unwrap();
        // The host is lost.
        world.cut(next).unwrap();
        assert_eq!(world.wait_settled(LONG).unwrap(), leader);
        world.mend(next).unwrap();
    }

    /// Two nodes that claim one network, and all nodes gone at once: Events about an object of the whole cluster and about one in
    /// the namespace.
    fn cause_events(world: &World) {
        create_cilium_node(world, "rival", "192.168.10.98", json!(["10.250.1.0/24"]));
        let told = |w: &World, namespace: &str, reason: &str| {
            let events = w.cluster.get(&format!("/api/v1/namespaces/{namespace}/events")).unwrap().unwrap();
            events["items"].as_array().unwrap().iter().any(|event| event["reason"] == reason)
        };
        world.wait("the conflict to be told", LONG, |w| told(w, "default", "HybridGatewayConflict")).unwrap();
        for name in [world.topology.hybrid[0].node.name(), world.topology.hybrid[1].node.name(), "rival"] {
            world.cluster.delete_cilium_node(name).unwrap();
        }
        world.wait("the mass deletion to be told", LONG, |w| told(w, NAMESPACE, "HybridGatewayMassDeletion")).unwrap();
    }

    /// What a Role or ClusterRole grants, one thing at a time: namespace, group, resource, verb, and the name where it is limited.
    type Grant = (String, String, String, String, Option<String>);

    fn grants(world: &World) -> BTreeSet<Grant> {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        let selector = "labelSelector=app.kubernetes.io%2Finstance%3Dhybridge-gateway";
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let mut grants = BTreeSet::new();
        for kind in ["clusterroles", "roles"] {
            let list = world.cluster.get(&format!("{rbac}/{kind}?{selector}")).unwrap().unwrap();
            for role in list["items"].as_array().unwrap() {
                let namespace = role["metadata"]["namespace"].as_str().unwrap_or_default();
                for rule in role["rules"].as_array().unwrap() {
                    let names = texts(&rule["resourceNames"]);
                    let names: Vec<_> = if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
                    for group in texts(&rule["apiGroups"]) {
                        for resource in texts(&rule["resources"]) {
                            for verb in texts(&rule["verbs"]) {
                                let one =
                                    |name: &Option<String>| (namespace.into(), group.clone(), resource.clone(), verb.clone(), name.clone());
                                grants.extend(names.iter().map(one));
                            }
                        }
                    }
                }
            }
        }
        grants
    }

    fn uses(grant: &Grant, entry: &AuditEntry) -> bool {
        let (namespace, group, resource, verb, name) = grant;
        (namespace.is_empty() || entry.namespace == *namespace)
            && entry.group == *group
            && entry.resource == *resource
            && entry.verb == *verb
            && name.as_ref().is_none_or(|name| entry.name == *name)
            && (200..300).contains(&entry.code)
    }

    #[test]
    fn our_charts_role_is_enough_for_the_whole_life_and_no_right_of_it_is_idle() {
        isolated(|| {
            let mut world = real(own_chart(json!({})), VtepCrd::LongestPrefix);
            take_over_and_repair(&mut world);
            cause_events(&world);
            let account = format!("system:serviceaccount:{NAMESPACE}:hybridge-gateway");
            let asked = |w: &World| {
                let all = w.cluster.real().unwrap().audit().unwrap();
                all.into_iter().filter(|entry| entry.user == account).collect::<Vec<_>>()
            };
            let grants = grants(&world);
            assert!(grants.len() > 10, "{grants:?}");
            let idle = |w: &World| {
                let asked = asked(w);
                grants.iter().filter(|grant| !asked.iter().any(|entry| uses(grant, entry))).cloned().collect::<Vec<_>>()
            };
            // The log is written a moment after the answer.
            if world.wait("every right to be used", Duration::from_secs(3), |w| idle(w).is_empty()).is_err() {
                panic!("the role is too wide: {:#?}", idle(&world));
            }
            let forbidden: Vec<_> = asked(&world).into_iter().filter(|entry| entry.code == 403).collect();
            assert!(forbidden.is_empty(), "the role is too narrow: {forbidden:#?}");
            finish(world);
        });
    }

    #[test]
    fn the_admin_ports_stay_on_the_address_that_the_chart_is_given() {
        isolated(|| {
            let mut world = real(own_chart(json!({"admin": {"address": "127.0.0.1"}})), VtepCrd::LongestPrefix);
            let leader = world.wait_settled(LONG).unwrap();
            world.wait_ready(leader, LONG).unwrap();
            let from = &world.gateways[1 - leader].leg.host.ns;
            for port in [PROBE_PORT, METRICS_PORT] {
                let address = (world.gateways[leader].address(), port).into();
                let connected = from.run(|| TcpStream::connect_timeout(&address, Duration::from_secs(1)));
                assert_eq!(connected.unwrap_err().kind(), ErrorKind::ConnectionRefused, "port {port}");
            }
            finish(world);
        });
    }

    #[test]
    fn the_whole_life_of_two_gateways() {
        isolated(|| {
            let mut world = real(ChartEnv::Own, VtepCrd::LongestPrefix);
            take_over_and_repair(&mut world);
            finish(world);
        });
    }

    #[test]
    fn the_whole_life_under_the_role_and_environment_of_the_reference_chart() {
        isolated(|| {
            let mut world = real(ChartEnv::Reference, VtepCrd::LongestPrefix);
            take_over_and_repair(&mut world);
            cause_events(&world);
            let mut told = BTreeSet::new();
            for gateway in &world.gateways {
                let log = std::fs::read_to_string(&gateway.log).unwrap();
                // Each process says once what it lacks; the first gateway of the two was started twice.
                for start in log.split(" hybridge-gateway starts ") {
                    let lines: Vec<_> = start.lines().filter(|line| line.contains("a right is missing")).collect();
                    let missing: BTreeSet<_> = lines.iter().map(|line| line.split("missing=").nth(1).unwrap()).collect();
                    assert_eq!(lines.len(), missing.len(), "told twice: {lines:#?}");
                    told.extend(missing.into_iter().map(str::to_owned));
                }
            }
            let told: Vec<_> = told.iter().map(|line| line.split('"').nth(1).unwrap()).collect();
            assert_eq!(told, ["get, create, update configmaps", "list nodes"]);
            finish(world);
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
