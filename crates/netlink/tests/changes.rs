//! Every change against a real kernel: what it does, that doing it twice is the same, and how a refusal reads.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]
#![allow(unsafe_code, reason = "Command::pre_exec, to enter a user namespace")]

mod support;

use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use hybridge_model::kernel::{Change, NextHop, Snapshot, VxlanSpec};
use hybridge_netlink::{Netlink, NetlinkError};
use nix::sched::{CloneFlags, unshare};
use support::*;

#[test]
fn a_device_is_made_as_specified_adopted_changed_in_place_and_removed() {
    in_namespace(|| async {
        let netlink = Netlink::connect().unwrap();
        apply(&netlink, &[Change::CreateVxlan(spec())]).await;
        let made = snapshot(&netlink).await.link(DEVICE).unwrap().clone();
        assert_eq!((made.up, made.mtu, made.mac, made.vxlan), (true, 1450, Some(mac(1)), Some(spec().vxlan)));

        // Made again it is adopted: entries on it stay, MTU and state follow.
        apply(&netlink, &[Change::SetFdb(fdb(7, 7)), Change::SetLink { name: DEVICE.into(), up: false, mtu: 1300 }]).await;
        apply(&netlink, &[Change::CreateVxlan(VxlanSpec { mtu: 1400, ..spec() })]).await;
        let adopted = snapshot(&netlink).await;
        let link = adopted.link(DEVICE).unwrap();
        assert_eq!((link.index, link.up, link.mtu), (made.index, true, 1400));
        assert_eq!(adopted.fdb.iter().copied().collect::<Vec<_>>(), [fdb(7, 7)]);

        let delete = Change::DeleteLink { name: DEVICE.into() };
        apply(&netlink, &[delete.clone(), delete]).await;
        assert_eq!(snapshot(&netlink).await.link(DEVICE), None);
    });
}

#[test]
fn each_change_done_twice_is_the_same_as_once() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let pairs = [
            (Change::SetRoute(route(1, 0, via(1))), Change::DeleteRoute(route(1, 0, via(1)))),
            (Change::SetRoute(route(1, 9, via(1))), Change::DeleteRoute(route(1, 9, via(1)))),
            (Change::SetRoute(route(1, u32::MAX, NextHop::Unreachable)), Change::DeleteRoute(route(1, u32::MAX, NextHop::Unreachable))),
            (Change::SetNeighbour(neighbour(1, 1)), Change::DeleteNeighbour(neighbour(1, 1))),
            (Change::SetFdb(fdb(1, 1)), Change::DeleteFdb(fdb(1, 1))),
        ];
        let empty = snapshot(&netlink).await;
        for (set, delete) in pairs {
            apply(&netlink, std::slice::from_ref(&set)).await;
            let once = snapshot(&netlink).await;
            assert_ne!(once, empty, "{set:?} did nothing");
            apply(&netlink, &[set.clone(), set.clone()]).await;
            assert_eq!(snapshot(&netlink).await, once, "{set:?}");
            apply(&netlink, &[delete.clone(), delete.clone()]).await;
            assert_eq!(snapshot(&netlink).await, empty, "{delete:?}");
        }
    });
}

#[test]
fn setting_replaces_what_has_the_same_key() {
    in_namespace(|| async {
        let netlink = with_device().await;
        apply(
            &netlink,
            &[
                Change::SetRoute(route(1, 0, via(1))),
                Change::SetRoute(route(1, 0, via(2))),
                Change::SetRoute(route(2, 0, via(1))),
                Change::SetRoute(route(2, 0, NextHop::Unreachable)),
                Change::SetNeighbour(neighbour(1, 1)),
                Change::SetNeighbour(neighbour(1, 2)),
                Change::SetFdb(fdb(1, 1)),
                Change::SetFdb(fdb(1, 2)),
            ],
        )
        .await;
        let Snapshot { routes, neighbours, fdb: entries, .. } = snapshot(&netlink).await;
        assert_eq!(routes.into_iter().collect::<Vec<_>>(), [route(1, 0, via(2)), route(2, 0, NextHop::Unreachable)]);
        assert_eq!(neighbours.into_iter().collect::<Vec<_>>(), [neighbour(1, 2)]);
        assert_eq!(entries.into_iter().collect::<Vec<_>>(), [fdb(1, 2)]);
    });
}

#[test]
fn deleting_metric_0_leaves_other_metrics() {
    in_namespace(|| async {
        let netlink = with_device().await;
        apply(&netlink, &[Change::SetRoute(route(1, 50, via(1)))]).await;
        // The kernel would take metric 0 for any metric.
        apply(&netlink, &[Change::DeleteRoute(route(1, 0, via(1)))]).await;
        assert!(snapshot(&netlink).await.routes.contains(&route(1, 50, via(1))));
        let set = Change::SetRoute(route(1, 0, via(1)));
        let delete = Change::DeleteRoute(route(1, 0, via(1)));
        apply(&netlink, &[set.clone(), delete.clone(), set, delete.clone(), delete]).await;
        assert_eq!(snapshot(&netlink).await.routes.into_iter().collect::<Vec<_>>(), [route(1, 50, via(1))]);
    });
}

#[test]
fn a_route_moves_to_another_next_hop_without_a_gap() {
    in_namespace(|| async {
        let netlink = with_device().await;
        Foreigner::new().bridge("b0", Ipv4Addr::new(10, 0, 1, 10), 24).await;
        apply(&netlink, &[Change::SetRoute(route(1, 0, via(1)))]).await;
        let done = AtomicBool::new(false);
        let lookups = std::thread::scope(|scope| {
            let looker = scope.spawn(|| {
                let mut lookups = 0;
                while !done.load(Ordering::Relaxed) {
                    // Connecting a UDP socket looks up the route; without one it fails.
                    UdpSocket::bind("0.0.0.0:0").unwrap().connect("10.250.1.10:9").unwrap();
                    lookups += 1;
                }
                lookups
            });
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let flipper = scope.spawn(move || {
                runtime.block_on(async {
                    let netlink = Netlink::connect().unwrap();
                    for _ in 0..500 {
                        apply(&netlink, &[Change::SetRoute(route(1, 0, via(2)))]).await;
                        apply(&netlink, &[Change::SetRoute(route(1, 0, via(1)))]).await;
                    }
                });
            });
            let flipped = flipper.join();
            done.store(true, Ordering::Relaxed);
            flipped.unwrap();
            looker.join().unwrap()
        });
        assert!(lookups > 100, "only {lookups} lookups");
    });
}

#[test]
fn a_failure_is_reported_and_the_rest_goes_on() {
    in_namespace(|| async {
        let netlink = Netlink::connect().unwrap();
        let guard = route(9, u32::MAX, NextHop::Unreachable);
        let changes = [
            Change::SetRoute(route(1, 0, via(1))),
            Change::SetNeighbour(neighbour(1, 1)),
            Change::SetFdb(fdb(1, 1)),
            Change::SetLink { name: DEVICE.into(), up: true, mtu: 1400 },
            Change::SetRoute(route(1, 0, NextHop::Other)),
            Change::DeleteRoute(route(1, 0, via(1))),
            Change::DeleteNeighbour(neighbour(1, 1)),
            Change::DeleteFdb(fdb(1, 1)),
            Change::SetRoute(guard),
        ];
        let failures = netlink.apply(&changes, DEVICE).await;
        // Without a device, setting fails and deleting has nothing to do.
        assert_eq!(failures.iter().map(|failure| &failure.change).collect::<Vec<_>>(), changes[..5].iter().collect::<Vec<_>>());
        assert!(failures[..4].iter().all(|failure| failure.error.hint().is_some()));
        assert!(matches!(failures[4].error, NetlinkError::Meaningless { .. }));
        assert_eq!(
            failures[0].error.to_string(),
            "`ip route replace 10.250.1.0/24 via 192.168.10.1 dev v0 onlink proto 104 metric 0` was refused"
        );
        assert_eq!(snapshot(&netlink).await.routes.into_iter().collect::<Vec<_>>(), [guard]);
    });
}

#[test]
fn a_device_that_stands_in_the_way_is_named() {
    in_namespace(|| async {
        let netlink = Netlink::connect().unwrap();
        let foreigner = Foreigner::new();
        let attempt = async |expected: &str| {
            let failures = netlink.apply(&[Change::CreateVxlan(spec())], DEVICE).await;
            let [failure] = failures.as_slice() else { panic!("no failure") };
            let NetlinkError::InTheWay { device, .. } = &failure.error else { panic!("{failure:?}") };
            assert_eq!(device, expected);
            let index = snapshot(&netlink).await.link(expected).unwrap().index;
            foreigner.delete_link(index).await;
            assert_eq!(snapshot(&netlink).await.links.len(), 1, "something is left");
        };
        foreigner.vxlan("other", 2, 8472, false).await;
        attempt("other").await;
        foreigner.vxlan("cilium_vxlan", 0, 8472, true).await;
        attempt("cilium_vxlan").await;
        foreigner.vxlan(DEVICE, 3, 8472, false).await;
        attempt(DEVICE).await;

        // Another VNI on the same port is no conflict.
        foreigner.vxlan("other", 3, 8472, false).await;
        apply(&netlink, &[Change::CreateVxlan(spec())]).await;
    });
}

#[test]
fn a_program_that_holds_the_port_is_hinted_at() {
    in_namespace(|| async {
        let netlink = Netlink::connect().unwrap();
        let _holder = UdpSocket::bind("0.0.0.0:8472").unwrap();
        let failures = netlink.apply(&[Change::CreateVxlan(spec())], DEVICE).await;
        assert!(failures[0].error.hint().unwrap().contains("ss -lunp"), "{failures:?}");
        assert_eq!(snapshot(&netlink).await.link(DEVICE), None);
    });
}

#[test]
fn without_the_capability_reading_works_and_changing_teaches() {
    in_namespace(|| async {
        let netlink = Netlink::connect().unwrap();
        assert!(hybridge_netlink::has_net_admin());
        caps::clear(None, caps::CapSet::Effective).unwrap();
        assert!(!hybridge_netlink::has_net_admin());
        let failures = netlink.apply(&[Change::CreateVxlan(spec())], DEVICE).await;
        assert!(failures[0].error.hint().unwrap().contains("CAP_NET_ADMIN"), "{failures:?}");
        assert_eq!(snapshot(&netlink).await.links.len(), 1);
    });
}

/// In a user namespace without a network namespace of its own a process has all capabilities and may change nothing.
#[test]
fn capabilities_over_another_namespace_do_not_count() {
    const ROLE: &str = "HYBRIDGE_TEST_USER_NAMESPACE";
    in_namespace(|| async {
        if std::env::var_os(ROLE).is_some() {
            assert!(caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_NET_ADMIN).unwrap());
            assert!(!hybridge_netlink::has_net_admin());
            return;
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "capabilities_over_another_namespace_do_not_count"]).env(ROLE, "1");
        let enter = || {
            unshare(CloneFlags::CLONE_NEWUSER)?;
            std::fs::write("/proc/self/uid_map", "0 0 1")
        };
        // SAFETY: makes system calls only; the path is short enough for std to hold it on the stack.
        unsafe { command.pre_exec(enter) };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    });
}

#[test]
fn counters_count_what_is_sent() {
    in_namespace(|| async {
        let netlink = with_device().await;
        Foreigner::new().bridge("b0", Ipv4Addr::new(10, 0, 1, 10), 24).await;
        apply(&netlink, &[Change::SetRoute(route(1, 0, via(1))), Change::SetNeighbour(neighbour(1, 1)), Change::SetFdb(fdb(1, 1))]).await;
        let before = netlink.counters(DEVICE).await.unwrap().unwrap();
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        for _ in 0..10 {
            socket.send_to(&[0; 100], "10.250.1.10:9").unwrap();
        }
        let after = netlink.counters(DEVICE).await.unwrap().unwrap();
        assert!(after.up);
        // Without a route to the remote the packets count as errors, not as sent.
        let counted = |c: hybridge_netlink::LinkCounters| c.tx_packets + c.tx_errors + c.tx_dropped;
        assert!(counted(after) >= counted(before) + 10, "{before:?} {after:?}");
        assert_eq!(netlink.counters("nowhere").await.unwrap(), None);
    });
}
