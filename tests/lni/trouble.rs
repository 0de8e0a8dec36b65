//! Others who believe that the LNI is theirs, and a region that is gone.

use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{BRIEF, LniError, PATIENT, Port, Server, get, hostile};

use crate::bench::*;

type Actor = fn(&Server) -> Result<(), LniError>;

/// Causes 7 and 8, and somebody who tidies up: without anybody who repairs it, each of them cuts clients off.
#[test]
fn each_hostile_actor_cuts_somebody_off() {
    let table: [(&str, Actor, [&str; 3]); 3] = [
        ("the VPC CNI", hostile::vpc_cni, ["-----", "-----", "-----"]),
        ("networkd", hostile::networkd, ["++--+", "-----", "-----"]),
        ("who tidies up", hostile::tidy_up_nftables, ["+++++", "+++++", "-----"]),
    ];
    isolated(|| {
        for (name, act, expected) in table {
            let bench = Bench::new(1, Port::Lni);
            let server = bench.server();
            set(server, &wanted(server));
            assert_eq!(bench.outcome(["+++++"; 3]), ["+++++"; 3], "before {name}");
            act(server).unwrap();
            assert_eq!(bench.outcome(expected), expected, "after {name}");
            set(server, &wanted(server));
            assert_eq!(bench.outcome(["+++++"; 3]), ["+++++"; 3], "after {name}, repaired");
        }
    });
}

/// The LAN is answered without the region, also when the VPC CNI starts again meanwhile; when the region is back, so is the VPC.
///
/// A client in a network that the profile does not name depends on the node's default route: loose filtering wants some route to it. That of
/// the primary interface is gone here; the second pod has the CNI's own table with one.
#[test]
fn without_the_region_the_lan_is_answered() {
    isolated(|| {
        let bench = Bench::new(1, Port::Lni);
        let (server, world) = (bench.server(), &bench.world);
        set(server, &wanted(server));
        server.disconnect().unwrap();
        let named = ["+++++", "+++++", "--++-"];
        assert_eq!(bench.outcome(named), named, "the primary interface is down");
        assert!(!get(&server.pods[0].ns, port_of(world.vpc_host.address), BRIEF).is_good());
        server.restart_cni().unwrap();
        assert_eq!(bench.outcome(named), named, "the CNI has started again");
        for pod in &server.pods {
            assert_eq!(get(&pod.ns, port_of(world.lan.far.address), PATIENT).client(), Some(server.plan.lni), "{}", pod.name());
        }
        server.reconnect().unwrap();
        for pod in &server.pods {
            assert_eq!(get(&pod.ns, port_of(world.vpc_host.address), PATIENT).client(), Some(pod.address), "{}", pod.name());
        }
        assert_eq!(bench.outcome(["+++++"; 3]), ["+++++"; 3], "the region is back");
        assert_eq!(world.vpc.dropped().unwrap(), 0);
    });
}
