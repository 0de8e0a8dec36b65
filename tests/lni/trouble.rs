//! Others who believe that the LNI is theirs, and a region that is gone.

use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{BRIEF, LniError, PATIENT, Port, Server, get, hostile};

use hybridge_lni::contest::Culprit;

use crate::bench::*;
use crate::keeper::Keeper;

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

/// With the agent, each of them is repaired within half a second, and told by name once it has come three times.
#[test]
fn the_agent_repairs_what_hostile_actors_do_and_tells_who_it_was() {
    let table: [(&str, Actor, Culprit); 3] = [
        ("the VPC CNI", hostile::vpc_cni, Culprit::Ipamd),
        // networkd is told by its unit, and namespaces have none.
        ("networkd", hostile::networkd, Culprit::Unknown),
        ("who tidies up", hostile::tidy_up_nftables, Culprit::Nftables),
    ];
    isolated(|| {
        for (name, act, culprit) in table {
            let bench = Bench::new(1, Port::Lni);
            let server = bench.server();
            let keeper = Keeper::start(server);
            assert_eq!(bench.outcome(["+++++"; 3]), ["+++++"; 3], "before {name}");
            for time in 1..=3 {
                let before = keeper.status().repairs;
                act(server).unwrap();
                let status = keeper.wait_told(|status| status.repairs > before);
                keeper.wait_in_order(server);
                let repair = status.last_repair.unwrap();
                assert!(repair.milliseconds <= 500, "{name}, time {time}: {repair:?}");
                assert_eq!(bench.outcome(["+++++"; 3]), ["+++++"; 3], "after {name}, time {time}");
            }
            let status = keeper.wait_told(|status| !status.contested.is_empty());
            let named: Vec<_> = status.contested.iter().map(|contest| contest.culprit).collect();
            assert!(named.contains(&culprit), "{name}: {:#?}", status.contested);
        }
    });
}

/// A day without the region in a second: no default route, the agent and the CNI start again, and the LAN is answered all the while. The
/// agent asks nobody: neither instance metadata nor the API server.
#[test]
fn the_agent_needs_no_region() {
    isolated(|| {
        let bench = Bench::new(1, Port::Lni);
        let (server, world) = (bench.server(), &bench.world);
        let keeper = Keeper::start(server);
        server.disconnect().unwrap();
        let named = ["+++++", "+++++", "--++-"];
        assert_eq!(bench.outcome(named), named, "the primary interface is down");
        let keeper = keeper.restart(server);
        assert_eq!(bench.outcome(named), named, "the agent has started again");
        server.restart_cni().unwrap();
        hostile::vpc_cni(server).unwrap();
        keeper.wait_in_order(server);
        assert_eq!(bench.outcome(named), named, "the CNI has started again, and taken the LNI once");
        server.reconnect().unwrap();
        keeper.wait_in_order(server);
        assert_eq!(bench.outcome(["+++++"; 3]), ["+++++"; 3], "the region is back");
        for pod in &server.pods {
            assert_eq!(get(&pod.ns, port_of(world.vpc_host.address), PATIENT).client(), Some(pod.address), "{}", pod.name());
        }
    });
}
