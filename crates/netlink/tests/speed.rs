//! The cost of 5,000 nodes, as printed figures and as bounds that only a change of order would break.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hybridge_model::kernel::{Change, FdbEntry, Neighbour, NextHop, Route};
use hybridge_model::{Cidr4, MacAddr};
use support::*;

const NODES: u32 = 5_000;

fn of_node(n: u32) -> [Change; 3] {
    let node = Ipv4Addr::from(u32::from(Ipv4Addr::new(192, 168, 0, 1)) + n);
    let pods = Cidr4::containing(Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 0)) + n * 256), 24).unwrap();
    let mac = MacAddr::of_peer(node);
    [
        Change::SetFdb(FdbEntry { mac, remote: node, permanent: true }),
        Change::SetNeighbour(Neighbour { address: node, mac, permanent: true }),
        Change::SetRoute(Route { destination: pods, metric: 0, via: NextHop::Device(node), protocol: PROTOCOL }),
    ]
}

#[test]
fn five_thousand_nodes() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let changes: Vec<_> = (0..NODES).flat_map(of_node).collect();
        let timed = async |what: &str, changes: &[Change]| {
            let start = Instant::now();
            apply(&netlink, changes).await;
            println!("{what}: {:?}", start.elapsed());
            start.elapsed()
        };
        let first = timed("15,000 changes", &changes).await;
        let again = timed("the same again", &changes).await;
        let start = Instant::now();
        let seen = snapshot(&netlink).await;
        let reading = start.elapsed();
        println!("snapshot of 5,000 nodes: {reading:?}");
        assert_eq!((seen.fdb.len(), seen.neighbours.len(), seen.routes.len()), (5_000, 5_000, 5_000));
        let deletions: Vec<_> = seen
            .routes
            .into_iter()
            .map(Change::DeleteRoute)
            .chain(seen.neighbours.into_iter().map(Change::DeleteNeighbour))
            .chain(seen.fdb.into_iter().map(Change::DeleteFdb))
            .collect();
        let removal = timed("15,000 deletions", &deletions).await;
        let empty = snapshot(&netlink).await;
        assert_eq!((empty.fdb.len(), empty.neighbours.len(), empty.routes.len()), (0, 0, 0));
        for time in [first, again, reading, removal] {
            assert!(time < Duration::from_secs(5), "{time:?}");
        }
    });
}
