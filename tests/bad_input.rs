//! A gateway with wrong settings, or on a host that cannot serve, tells every problem at once and touches nothing.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod setting;

use std::net::Ipv4Addr;

use hybridge_lab::isolate::isolated;
use hybridge_lab::world::World;
use hybridge_model::MacAddr;
use hybridge_model::kernel::{Change, Vxlan, VxlanSpec};
use setting::*;

/// Runs the first gateway to its end, which must be a refusal; what it said.
fn refused(world: &mut World) -> String {
    world.start_gateway(0).unwrap();
    let status = world.gateways[0].wait(LONG).unwrap().unwrap();
    let said = std::fs::read_to_string(&world.gateways[0].log).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(device_index(world, 0), 0, "a device was made in spite of\n{said}");
    assert_eq!(destinations(world, 0), Vec::<String>::new());
    assert_eq!((world.routes_to(), world.vtep_to()), (None, None), "routes or CiliumVTEPConfig were written in spite of\n{said}");
    said
}

#[test]
fn settings_and_host_are_judged_together() {
    isolated(|| {
        let mut world = start(|config| {
            config.replicas = 0;
            let wrong =
                ["--node-ip=10.9.9.9", "--vpc-cidr=10.0.0.5/16", "--pod-cidrs=fd00::/64,10.250.0.0", "--mtu=60", "--aws-instance-id=x"];
            config.gateway_args = wrong.map(str::to_owned).to_vec();
        });
        world.gateways[0].leg.host.ns.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap());
        let vxlan = Vxlan { vni: 2, port: 8472, local: None, learning: true, external: false };
        let rival = VxlanSpec { name: "rival".into(), mac: MacAddr::new([2, 0, 0, 0, 0, 9]), mtu: 1450, vxlan };
        change(&world, 0, &[Change::CreateVxlan(rival)]);
        let said = refused(&mut world);
        let codes = [
            "node-ip.not-here",
            "cidr.host-bits",
            "cidr.ipv6",
            "cidr.no-prefix",
            "mtu.range",
            "instance.syntax",
            "ip-forward.off",
            "vxlan.conflict",
        ];
        for code in codes {
            assert!(said.contains(code), "{code} is missing in\n{said}");
        }
        finish(world);
    });
}

#[test]
fn route_tables_that_are_missing_are_all_named() {
    isolated(|| {
        let mut world = start(|config| {
            config.replicas = 0;
            config.gateway_args = vec!["--route-table-ids=rtb-0dead,rtb-0beef,rtb-00000000000000001".into()];
        });
        let said = refused(&mut world);
        for id in ["rtb-0dead", "rtb-0beef"] {
            assert!(said.contains("route-table.missing") && said.contains(id), "{id} is not named in\n{said}");
        }
        finish(world);
    });
}

#[test]
fn without_net_admin_nothing_is_tried() {
    isolated(|| {
        let mut world = start(|config| {
            config.replicas = 0;
            let gateway = std::mem::replace(&mut config.gateway_bin, "/usr/bin/setpriv".into());
            let drop_all = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"].map(str::to_owned);
            config.gateway_args = drop_all.into_iter().chain([gateway.display().to_string()]).collect();
        });
        assert!(refused(&mut world).contains("capability.net-admin"));
        finish(world);
    });
}

#[test]
fn a_host_without_the_node_ip_is_told_which_addresses_it_has() {
    isolated(|| {
        let mut world = start(|config| (config.replicas, config.gateway_args) = (0, vec!["--node-ip=10.0.2.10".into()]));
        let said = refused(&mut world);
        let own: Ipv4Addr = world.gateways[0].address();
        assert!(said.contains("10.0.2.10 is not an address of this host") && said.contains(&own.to_string()), "{said}");
        finish(world);
    });
}
