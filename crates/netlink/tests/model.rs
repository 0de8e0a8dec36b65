//! A hundred random sequences of changes end with what a simple model of the kernel says, and so does every change on the way.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hybridge_model::kernel::{Change, FdbEntry, Neighbour, NextHop, Route, Snapshot, VxlanSpec};
use hybridge_model::{Cidr4, MacAddr};
use hybridge_netlink::Netlink;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::*;

/// What should be in the kernel.
#[derive(Debug, Default)]
struct Model {
    /// MTU of the device, where there is one.
    device: Option<u32>,
    routes: BTreeMap<(Cidr4, u32), Route>,
    neighbours: BTreeMap<Ipv4Addr, Neighbour>,
    fdb: BTreeMap<MacAddr, FdbEntry>,
}

impl Model {
    /// Whether the change succeeds.
    fn apply(&mut self, change: &Change) -> bool {
        let exists = self.device.is_some();
        match change {
            Change::CreateVxlan(spec) => self.device = Some(spec.mtu),
            Change::SetLink { mtu, .. } => self.device = self.device.map(|_| *mtu),
            Change::DeleteLink { .. } => {
                self.routes.retain(|_, route| route.via == NextHop::Unreachable);
                *self = Model { routes: std::mem::take(&mut self.routes), ..Model::default() };
            }
            Change::SetRoute(route) if exists || route.via == NextHop::Unreachable => {
                self.routes.insert((route.destination, route.metric), *route);
            }
            Change::SetNeighbour(neighbour) if exists => {
                self.neighbours.insert(neighbour.address, *neighbour);
            }
            Change::SetFdb(entry) if exists => {
                self.fdb.insert(entry.mac, *entry);
            }
            Change::SetRoute(_) | Change::SetNeighbour(_) | Change::SetFdb(_) => {}
            Change::DeleteRoute(route) => self.routes.retain(|_, known| known != route),
            Change::DeleteNeighbour(neighbour) => self.neighbours.retain(|address, _| *address != neighbour.address),
            Change::DeleteFdb(entry) => self.fdb.retain(|_, known| (known.mac, known.remote) != (entry.mac, entry.remote)),
        }
        let needs_device = match change {
            Change::SetRoute(route) => route.via != NextHop::Unreachable,
            Change::SetLink { .. } | Change::SetNeighbour(_) | Change::SetFdb(_) => true,
            Change::CreateVxlan(_) | Change::DeleteLink { .. } => false,
            Change::DeleteRoute(_) | Change::DeleteNeighbour(_) | Change::DeleteFdb(_) => false,
        };
        exists || !needs_device
    }

    fn check(&self, seen: &Snapshot) {
        let device = seen.link(DEVICE).map(|link| {
            assert!(link.up && link.vxlan == Some(spec().vxlan) && link.mac == Some(spec().mac));
            link.mtu
        });
        assert_eq!(device, self.device);
        assert_eq!(seen.routes, self.routes.values().copied().collect());
        assert_eq!(seen.neighbours, self.neighbours.values().copied().collect());
        assert_eq!(seen.fdb, self.fdb.values().copied().collect());
    }
}

/// Changes in a world so small that they meet: four networks, three metrics, three nodes.
fn change() -> impl Strategy<Value = Change> {
    let metric = prop_oneof![Just(0), Just(50), Just(u32::MAX)];
    let next_hop = prop_oneof![3 => (1..4u8).prop_map(via), 1 => Just(NextHop::Unreachable)];
    let route = (1..5u8, metric, next_hop).prop_map(|(n, metric, via)| route(n, metric, via));
    let neighbour = (1..4u8, 1..4u8).prop_map(|(address, mac)| neighbour(address, mac));
    let fdb = (1..4u8, 1..4u8).prop_map(|(mac, remote)| fdb(mac, remote));
    let mtu = 1300..1310u32;
    prop_oneof![
        4 => mtu.clone().prop_map(|mtu| Change::CreateVxlan(VxlanSpec { mtu, ..spec() })),
        1 => mtu.prop_map(|mtu| Change::SetLink { name: DEVICE.into(), up: true, mtu }),
        1 => Just(Change::DeleteLink { name: DEVICE.into() }),
        12 => route.clone().prop_map(Change::SetRoute),
        8 => route.prop_map(Change::DeleteRoute),
        6 => neighbour.clone().prop_map(Change::SetNeighbour),
        4 => neighbour.prop_map(Change::DeleteNeighbour),
        6 => fdb.clone().prop_map(Change::SetFdb),
        4 => fdb.prop_map(Change::DeleteFdb),
    ]
}

/// Lists of changes, each given to one `apply`.
fn sequence() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(change(), 1..80), 1..6)
}

#[test]
fn the_kernel_agrees_with_a_model_after_random_changes() {
    hybridge_lab::isolate::isolated(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
        let result = runner.run(&sequence(), |lists| {
            runtime.block_on(check(lists));
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    });
}

async fn check(lists: Vec<Vec<Change>>) {
    let netlink = Netlink::connect().unwrap();
    let left: Vec<_> = snapshot(&netlink).await.routes.into_iter().map(Change::DeleteRoute).collect();
    apply(&netlink, &[&left[..], &[Change::DeleteLink { name: DEVICE.into() }]].concat()).await;

    let mut model = Model::default();
    for list in lists {
        let expected: Vec<_> = list.iter().filter(|change| !model.apply(change)).cloned().collect();
        let failed: Vec<_> = netlink.apply(&list, DEVICE).await.into_iter().map(|failure| failure.change).collect();
        assert_eq!(failed, expected);
        model.check(&snapshot(&netlink).await);
    }
}
