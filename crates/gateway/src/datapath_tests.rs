//! Plans lead from any observed state to the desired one, and say nothing when it is there.

use super::*;
use crate::nodes::settle;
use crate::nodes::tests::{any_nodes, node};
use proptest::prelude::*;

const NODE_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);

fn pods() -> Vec<Cidr4> {
    vec!["10.250.0.0/16".parse().unwrap()]
}

fn want(nodes: &[HybridNode]) -> Desired {
    desired(device(NODE_IP, 9001, None), &pods(), &settle(nodes, []))
}

fn link(desired: &Desired) -> Link {
    let VxlanSpec { name, mac, mtu, vxlan } = desired.device.clone();
    Link { index: 7, name, up: true, mtu, mac: Some(mac), addresses: BTreeSet::new(), vxlan: Some(vxlan) }
}

/// The kernel, as far as plans care.
fn apply(mut state: Snapshot, changes: &[Change]) -> Snapshot {
    fn drop_device(state: &mut Snapshot) {
        state.routes.retain(|route| route.via == NextHop::Unreachable);
    }
    for change in changes {
        match change.clone() {
            Change::CreateVxlan(VxlanSpec { name, mac, mtu, vxlan }) => {
                assert!(state.link(&name).is_none(), "made twice");
                state.links.push(Link { index: 9, name, up: true, mtu, mac: Some(mac), addresses: BTreeSet::new(), vxlan: Some(vxlan) });
            }
            Change::SetLink { name, up, mtu } => {
                let link = state.links.iter_mut().find(|link| link.name == name).unwrap();
                if !link.up {
                    drop_device(&mut state);
                }
                let link = state.links.iter_mut().find(|link| link.name == name).unwrap();
                (link.up, link.mtu) = (up, mtu);
            }
            Change::DeleteLink { name } => {
                state.links.retain(|link| link.name != name);
                drop_device(&mut state);
                state.neighbours.clear();
                state.fdb.clear();
            }
            Change::SetRoute(route) => {
                let same = |r: &Route| (r.destination, r.metric) == (route.destination, route.metric);
                state.routes.retain(|r| !same(r));
                state.routes.insert(route);
            }
            Change::DeleteRoute(route) => assert!(state.routes.remove(&route), "{route:?} was not there"),
            Change::SetNeighbour(entry) => {
                state.neighbours.retain(|n| n.address != entry.address);
                state.neighbours.insert(entry);
            }
            Change::DeleteNeighbour(entry) => assert!(state.neighbours.remove(&entry)),
            Change::SetFdb(entry) => {
                state.fdb.retain(|e| e.mac != entry.mac);
                state.fdb.insert(entry);
            }
            Change::DeleteFdb(entry) => {
                state.fdb.remove(&entry);
            }
        }
    }
    state
}

fn reached(desired: &Desired, state: &Snapshot) -> bool {
    let routes: BTreeSet<_> = desired.routes.values().copied().collect();
    let neighbours: BTreeSet<_> = desired.neighbours.values().copied().collect();
    let found = state.link(DEVICE).unwrap();
    let link = link(desired);
    (found.up, found.mtu, found.mac, found.vxlan) == (link.up, link.mtu, link.mac, link.vxlan)
        && state.routes == routes
        && state.neighbours == neighbours
        && state.fdb == desired.fdb
}

#[test]
fn the_device_is_the_reference_gateways_with_room_for_the_tunnel_headers() {
    let spec = device(NODE_IP, 9001, None);
    assert_eq!((spec.name.as_str(), spec.mtu, spec.mac.to_string().as_str()), ("hybrid_vxlan0", 1450, "b6:f0:38:8f:19:b9"));
    assert_eq!(device(NODE_IP, 1400, None).mtu, 1350);
    assert_eq!(device(NODE_IP, 9001, Some(8951)).mtu, 8951);
}

#[test]
fn an_empty_kernel_gets_the_guard_route_before_any_other_and_routes_last() {
    let changes = plan(&want(&[node("n1", 0, "192.168.10.11", &["10.250.1.0/24", "10.250.9.0/24"])]), &Snapshot::default());
    let kinds: Vec<_> = changes
        .iter()
        .map(|change| match change {
            Change::CreateVxlan(_) => "device",
            Change::SetRoute(Route { via: NextHop::Unreachable, .. }) => "guard",
            Change::SetRoute(_) => "route",
            Change::SetNeighbour(_) => "neighbour",
            Change::SetFdb(_) => "fdb",
            Change::SetLink { .. }
            | Change::DeleteLink { .. }
            | Change::DeleteRoute(_)
            | Change::DeleteNeighbour(_)
            | Change::DeleteFdb(_) => "other",
        })
        .collect();
    assert_eq!(kinds, ["device", "guard", "fdb", "neighbour", "route", "route"]);
}

#[test]
fn a_pod_cidr_that_moves_is_replaced_in_one_step_and_never_deleted() {
    let before = apply(Snapshot::default(), &plan(&want(&[node("n1", 0, "192.168.10.11", &["10.250.1.0/24"])]), &Snapshot::default()));
    let after = want(&[node("n2", 0, "192.168.10.12", &["10.250.1.0/24"])]);
    let changes = plan(&after, &before);
    assert!(!changes.iter().any(|change| matches!(change, Change::DeleteRoute(_))), "{changes:?}");
    assert!(reached(&after, &apply(before, &changes)));
}

#[test]
fn routes_put_beside_ours_are_removed_and_ours_is_not() {
    let wanted = want(&[node("n1", 0, "192.168.10.11", &["10.250.1.0/24"])]);
    let mut state = apply(Snapshot::default(), &plan(&wanted, &Snapshot::default()));
    let ours = *state.routes.iter().find(|route| route.metric == 0).unwrap();
    let appended = Route { via: NextHop::Device("192.168.10.99".parse().unwrap()), protocol: 3, ..ours };
    state.routes.insert(appended);
    assert_eq!(plan(&wanted, &state), [Change::DeleteRoute(appended)]);
    // Without ours among them: one is replaced, nobody knows which, and all others go.
    state.routes.remove(&ours);
    let another = Route { via: NextHop::Device("192.168.10.98".parse().unwrap()), ..appended };
    state.routes.insert(another);
    assert_eq!(plan(&wanted, &state), [Change::SetRoute(ours), Change::DeleteRoute(another), Change::DeleteRoute(appended)]);
}

#[test]
fn a_device_that_fits_is_adopted_and_one_that_does_not_is_made_again() {
    let wanted = want(&[]);
    let mut state = apply(Snapshot::default(), &plan(&wanted, &Snapshot::default()));
    assert_eq!(plan(&wanted, &state), []);
    state.links[0].mtu = 1500;
    assert_eq!(plan(&wanted, &state), [Change::SetLink { name: DEVICE.into(), up: true, mtu: 1450 }]);
    state.links[0].vxlan.as_mut().unwrap().learning = true;
    assert!(matches!(plan(&wanted, &state)[..2], [Change::DeleteLink { .. }, Change::CreateVxlan(_)]));
}

#[test]
fn without_device_or_guard_routes_nothing_is_carried() {
    let wanted = want(&[node("n1", 0, "192.168.10.11", &["10.250.1.0/24"])]);
    let complete = apply(Snapshot::default(), &plan(&wanted, &Snapshot::default()));
    let without = |change: fn(&mut Snapshot)| {
        let mut state = complete.clone();
        change(&mut state);
        carries(&wanted, &state)
    };
    assert!(without(|_| {}) && without(|state| state.routes.retain(|route| route.via == NextHop::Unreachable)));
    assert!(!without(|state| state.links.clear()));
    assert!(!without(|state| state.links[0].up = false));
    assert!(!without(|state| state.routes.retain(|route| route.via != NextHop::Unreachable)));
}

#[test]
fn removal_takes_the_device_and_the_guard_routes_and_no_foreign_one() {
    let mut state = apply(Snapshot::default(), &plan(&want(&[node("n1", 0, "192.168.10.11", &["10.250.1.0/24"])]), &Snapshot::default()));
    let changes = removal(&state);
    state = apply(state, &changes);
    assert_eq!((state.links.len(), state.routes.len()), (0, 0));
    assert_eq!(removal(&state), []);
}

#[test]
fn what_is_in_the_way_on_this_host_is_named_all_at_once() {
    let vxlan = |name: &str, vni, port, external| Link {
        index: 3,
        name: name.into(),
        up: true,
        mtu: 1500,
        mac: None,
        addresses: BTreeSet::from(["10.0.9.9".parse().unwrap()]),
        vxlan: Some(Vxlan { vni, port, local: None, learning: true, external }),
    };
    let host = Snapshot {
        links: vec![
            vxlan("cilium_vxlan", 0, 8472, true),
            vxlan("old", 2, 8472, false),
            vxlan("flannel.1", 1, 8472, false),
            vxlan("x", 2, 4789, false),
        ],
        ..Snapshot::default()
    };
    let codes: Vec<_> = preflight(&host, NODE_IP).into_iter().map(|f| format!("{} {}", f.code, f.place)).collect();
    assert_eq!(codes, ["node-ip.not-here --node-ip (NODE_IP)", "vxlan.conflict device `cilium_vxlan`", "vxlan.conflict device `old`"]);
}

fn any_state() -> impl Strategy<Value = Snapshot> {
    let entry = (0u8..6, 0u8..6, 0u8..12, prop::bool::ANY);
    (proptest::collection::vec(entry, 0..12), 0u8..4).prop_map(|(entries, device)| {
        let wanted = want(&[]);
        let mut state = Snapshot::default();
        if device > 0 {
            let mut link = link(&wanted);
            link.up = device != 2;
            link.mtu = if device == 3 { 1500 } else { 1450 };
            if entries.len() % 5 == 4 {
                link.mac = None;
            }
            state.links.push(link);
        }
        for (kind, third, host, ours) in entries {
            let ip = Ipv4Addr::new(192, 168, 10, host);
            let cidr = Cidr4::containing(Ipv4Addr::new(10, 250, third, 0), 24).unwrap();
            let mac = if ours { MacAddr::of_peer(ip) } else { MacAddr::new([0; 6]) };
            let protocol = if ours { ROUTE_PROTOCOL } else { 4 };
            match kind {
                0 | 1 if device == 1 || device == 3 => {
                    state.routes.retain(|r| r.destination != cidr || r.metric != 0);
                    state.routes.insert(Route { destination: cidr, metric: 0, via: NextHop::Device(ip), protocol });
                }
                2 => {
                    state.routes.insert(Route { destination: cidr, metric: 50, via: NextHop::Unreachable, protocol: ROUTE_PROTOCOL });
                }
                3 if device > 0 => {
                    state.neighbours.retain(|n| n.address != ip);
                    state.neighbours.insert(Neighbour { address: ip, mac, permanent: ours });
                }
                4 | 5 if device > 0 => {
                    state.fdb.insert(FdbEntry { mac, remote: ip, permanent: true });
                }
                _ => {}
            }
        }
        state
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_state_leads_to_the_desired_one_and_stays(nodes in any_nodes(), state in any_state()) {
        let wanted = want(&nodes);
        let changes = plan(&wanted, &state);
        let after = apply(state, &changes);
        prop_assert!(reached(&wanted, &after), "{changes:#?}\n{after:#?}");
        prop_assert!(carries(&wanted, &after));
        prop_assert_eq!(plan(&wanted, &after), []);
    }

    #[test]
    fn nothing_that_both_states_route_is_ever_without_a_route(before in any_nodes(), nodes in any_nodes()) {
        let start = apply(Snapshot::default(), &plan(&want(&before), &Snapshot::default()));
        let wanted = want(&nodes);
        let both: Vec<_> = wanted.routes.keys().filter(|key| start.routes.iter().any(|r| (r.destination, r.metric) == **key)).collect();
        let mut state = start.clone();
        for change in plan(&wanted, &start) {
            state = apply(state, std::slice::from_ref(&change));
            for key in &both {
                prop_assert!(state.routes.iter().any(|r| (r.destination, r.metric) == **key), "{change:?} left {key:?} without a route");
            }
            // Every route on the device has the neighbour and the forwarding entry it needs.
            for route in &state.routes {
                if let NextHop::Device(ip) = route.via {
                    prop_assert!(state.neighbours.iter().any(|n| n.address == ip) && state.fdb.iter().any(|e| e.remote == ip));
                }
            }
        }
    }
}
