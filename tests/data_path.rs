//! The gateway's plans on a real kernel: whatever came before, the kernel ends up as it should be.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use hybridge_gateway::datapath::{self, DEVICE, Desired, ROUTE_PROTOCOL};
use hybridge_gateway::nodes::{HybridNode, settle};
use hybridge_lab::isolate::isolated;
use hybridge_model::kernel::{Change, FdbEntry, Neighbour, NextHop, Route, Snapshot};
use hybridge_model::{Cidr4, MacAddr, NodeName};
use hybridge_netlink::Netlink;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

const NODE_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

/// One thing that happens to the cluster or, behind the gateway's back, to the kernel.
#[derive(Clone, Debug)]
enum Step {
    /// A node appears, or changes its address and networks.
    Set(u8, u8, Vec<(u8, u8)>),
    Delete(u8),
    /// Somebody changes an entry on the device.
    Meddle(Change),
    DeleteDevice,
}

fn pod_cidr(third: u8, prefix: u8) -> Cidr4 {
    Cidr4::containing(Ipv4Addr::new(10, 250, third, 0), prefix).unwrap()
}

fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 10, host)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cidrs = || proptest::collection::vec((0u8..8, 22u8..=25), 1..4);
    let entry = (0u8..8, 1u8..12, prop::bool::ANY).prop_map(|(third, host, odd)| {
        let mac = if odd { MacAddr::new([2, 9, 9, 9, 9, host]) } else { MacAddr::of_peer(address(host)) };
        let route = Route { destination: pod_cidr(third, 24), metric: u32::from(odd), via: NextHop::Device(address(host)), protocol: 4 };
        [
            Change::SetRoute(route),
            Change::DeleteRoute(Route { metric: 0, ..route }),
            Change::SetNeighbour(Neighbour { address: address(host), mac, permanent: true }),
            Change::SetFdb(FdbEntry { mac, remote: address(host), permanent: true }),
            Change::DeleteFdb(FdbEntry { mac, remote: address(host), permanent: true }),
        ]
    });
    let step = prop_oneof![
        6 => (0u8..6, 1u8..12, cidrs()).prop_map(|(name, host, cidrs)| Step::Set(name, host, cidrs)),
        3 => (0u8..6).prop_map(Step::Delete),
        3 => (entry, 0usize..5).prop_map(|(changes, which)| Step::Meddle(changes[which].clone())),
        1 => Just(Step::DeleteDevice),
    ];
    proptest::collection::vec(step, 1..24)
}

fn matches(desired: &Desired, seen: &Snapshot) -> bool {
    let routes: BTreeSet<_> = desired.routes.values().copied().collect();
    let neighbours: BTreeSet<_> = desired.neighbours.values().copied().collect();
    let kept: BTreeSet<_> = seen.neighbours.iter().filter(|n| !n.address.is_multicast()).copied().collect();
    let link = seen.link(DEVICE).expect("the device is there");
    link.up && link.mtu == desired.device.mtu && seen.routes == routes && kept == neighbours && seen.fdb == desired.fdb
}

async fn converge(netlink: &Netlink, desired: &Desired) {
    let before = netlink.snapshot(DEVICE, ROUTE_PROTOCOL).await.unwrap();
    let failures = netlink.apply(&datapath::plan(desired, &before), DEVICE).await;
    assert!(failures.is_empty(), "{failures:?}");
    let after = netlink.snapshot(DEVICE, ROUTE_PROTOCOL).await.unwrap();
    assert_eq!(datapath::plan(desired, &after), [], "a second look finds something left to do");
    assert!(matches(desired, &after), "wanted {desired:#?}\nfound {after:#?}");
}

async fn play(netlink: &Netlink, steps: &[Step]) {
    let mut nodes: BTreeMap<NodeName, HybridNode> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Set(name, host, cidrs) => {
                let name = NodeName::new(format!("n{name}"));
                let pod_cidrs = cidrs.iter().map(|(third, prefix)| pod_cidr(*third, *prefix)).collect();
                nodes.insert(name.clone(), HybridNode { name, created: i64::from(*host % 3), node_ip: address(*host), pod_cidrs });
            }
            Step::Delete(name) => {
                nodes.remove(&NodeName::new(format!("n{name}")));
            }
            // What the kernel refuses (a route without its device) has not happened.
            Step::Meddle(change) => drop(netlink.apply(std::slice::from_ref(change), DEVICE).await),
            Step::DeleteDevice => drop(netlink.apply(&[Change::DeleteLink { name: DEVICE.into() }], DEVICE).await),
        }
        let claims = settle(nodes.values(), []);
        converge(netlink, &datapath::desired(datapath::device(NODE_IP, 1500, None), &[pod_cidr(0, 16)], &claims)).await;
    }
}

#[test]
fn a_hundred_random_sequences_of_node_changes_end_with_the_kernel_as_desired() {
    isolated(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let netlink = Netlink::connect().unwrap();
            let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
            let strategy = steps();
            for _ in 0..100 {
                let steps = strategy.new_tree(&mut runner).unwrap().current();
                play(&netlink, &steps).await;
            }
        });
    });
}
