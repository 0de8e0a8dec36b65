//! What should be in the kernel of a hybrid node, and the steps that lead there from what is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use hybridge_model::{Cidr4, MacAddr};

use super::config::{Problem, VtepConfig};

/// Name of the tunnel device, as Cilium calls its own.
pub const DEVICE: &str = "cilium_vxlan";
/// VXLAN network identifier of Cilium's world identity, which VTEP traffic carries in both directions.
pub const VNI: u32 = 2;
/// UDP port of VXLAN in Cilium and on the gateways (Linux's, not IANA's 4789).
pub const VXLAN_PORT: u16 = 8472;
/// The routing table that pod traffic looks into first, and the priority of the rules that send it there.
pub const TABLE: u32 = 8472;

/// What the agent knows of its own node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its address, the outer source of its tunnel.
    pub node_ip: Ipv4Addr,
    /// Its pod networks; only packets from them go into the tunnel.
    pub pod_cidrs: BTreeSet<Cidr4>,
    /// Largest packet of the network under the tunnel, in bytes.
    pub underlay_mtu: u32,
}

/// The tunnel device, as far as the kernel fixes it at creation, and its MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its Ethernet address, which gateways use as inner destination.
    pub mac: MacAddr,
    /// Outer source address.
    pub local: Ipv4Addr,
    /// Largest inner packet, in bytes.
    pub mtu: u32,
}

/// What should be in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The tunnel device.
    pub device: Device,
    /// Sources whose packets look into [`TABLE`] first.
    pub sources: BTreeSet<Cidr4>,
    /// Routes of [`TABLE`]: network and tunnel endpoint as next hop on the device.
    pub routes: BTreeMap<Cidr4, Ipv4Addr>,
    /// Inner destination MAC of each tunnel endpoint.
    pub neighbours: BTreeMap<Ipv4Addr, MacAddr>,
    /// Outer destination of each inner destination MAC.
    pub fdb: BTreeMap<MacAddr, Ipv4Addr>,
}

/// What is in the kernel; the same objects, with no device where it is missing or of another make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// A device of the right name, if there is one: `Some(None)` when it is of another make.
    pub device: Option<Option<Device>>,
    /// Sources of the rules at priority [`TABLE`].
    pub sources: BTreeSet<Cidr4>,
    /// Routes of [`TABLE`]; `None` for one that does not lead to the device.
    pub routes: BTreeMap<Cidr4, Option<Ipv4Addr>>,
    /// Permanent neighbours of the device.
    pub neighbours: BTreeMap<Ipv4Addr, MacAddr>,
    /// Forwarding entries of the device with an address.
    pub fdb: BTreeMap<MacAddr, Ipv4Addr>,
}

/// One change to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Remove the device and all that hangs on it.
    DeleteDevice,
    /// Make the device and bring it up.
    CreateDevice(Device),
    /// Add or replace a forwarding entry.
    SetFdb(MacAddr, Ipv4Addr),
    /// Add or replace a permanent neighbour.
    SetNeighbour(Ipv4Addr, MacAddr),
    /// Add or replace a route of the table.
    SetRoute(Cidr4, Ipv4Addr),
    /// Send packets from there into the table.
    AddSource(Cidr4),
    /// Stop sending packets from there into the table.
    DeleteSource(Cidr4),
    /// Remove a route of the table.
    DeleteRoute(Cidr4),
    /// Remove a neighbour.
    DeleteNeighbour(Ipv4Addr),
    /// Remove a forwarding entry.
    DeleteFdb(MacAddr),
}

impl Desired {
    /// What `config` asks of the node; without one, a device and nothing behind it.
    ///
    /// Two endpoints that need different MACs behind one tunnel address, or one MAC behind two, cannot both be expressed
    /// by neighbour and forwarding tables: the first keeps its entry, the other is reported.
    pub fn new(node: &NodeFacts, config: Option<&VtepConfig>) -> (Self, Vec<Problem>) {
        let device = Device { mac: MacAddr::of_peer(node.node_ip), local: node.node_ip, mtu: node.underlay_mtu - VXLAN_OVERHEAD };
        let mut desired =
            Self { device, sources: node.pod_cidrs.clone(), routes: BTreeMap::new(), neighbours: BTreeMap::new(), fdb: BTreeMap::new() };
        let mut problems = config.map(|c| c.problems.clone()).unwrap_or_default();
        for endpoint in config.iter().flat_map(|c| c.endpoints.values()) {
            let mac = *desired.neighbours.entry(endpoint.tunnel).or_insert(endpoint.mac);
            let tunnel = *desired.fdb.entry(endpoint.mac).or_insert(endpoint.tunnel);
            if mac == endpoint.mac && tunnel == endpoint.tunnel {
                desired.routes.insert(endpoint.cidr, endpoint.tunnel);
            } else {
                let what = format!("{} and {} are already paired with others", endpoint.tunnel, endpoint.mac);
                problems.push(Problem { place: format!("endpoint `{}`", endpoint.name), what });
            }
        }
        (desired, problems)
    }
}

/// VXLAN over IPv4: outer IPv4 (20), UDP (8), VXLAN (8), inner Ethernet (14).
const VXLAN_OVERHEAD: u32 = 50;

/// The steps from `observed` to `desired`, in an order that at no point leaves a network without a way that it had before:
/// what a route needs comes before it, what it needed goes after it.
pub fn plan(desired: &Desired, observed: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    let bare;
    let on_device = if observed.device == Some(Some(desired.device)) {
        observed
    } else {
        steps.extend(observed.device.map(|_| Step::DeleteDevice));
        steps.push(Step::CreateDevice(desired.device));
        bare = Observed { sources: observed.sources.clone(), ..Observed::default() };
        &bare
    };
    let Observed { sources, routes, neighbours, fdb, .. } = on_device;
    let missing = desired.fdb.iter().filter(|(mac, remote)| fdb.get(mac) != Some(remote));
    steps.extend(missing.map(|(mac, remote)| Step::SetFdb(*mac, *remote)));
    let missing = desired.neighbours.iter().filter(|(ip, mac)| neighbours.get(ip) != Some(mac));
    steps.extend(missing.map(|(ip, mac)| Step::SetNeighbour(*ip, *mac)));
    let missing = desired.routes.iter().filter(|(to, via)| routes.get(to) != Some(&Some(**via)));
    steps.extend(missing.map(|(to, via)| Step::SetRoute(*to, *via)));
    steps.extend(desired.sources.difference(sources).map(|from| Step::AddSource(*from)));

    steps.extend(sources.difference(&desired.sources).map(|from| Step::DeleteSource(*from)));
    steps.extend(routes.keys().filter(|to| !desired.routes.contains_key(to)).map(|to| Step::DeleteRoute(*to)));
    steps.extend(neighbours.keys().filter(|ip| !desired.neighbours.contains_key(ip)).map(|ip| Step::DeleteNeighbour(*ip)));
    steps.extend(fdb.keys().filter(|mac| !desired.fdb.contains_key(mac)).map(|mac| Step::DeleteFdb(*mac)));
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn node() -> NodeFacts {
        let node_ip = Ipv4Addr::new(192, 168, 10, 11);
        NodeFacts { node_ip, pod_cidrs: BTreeSet::from(["10.250.1.0/24".parse().unwrap()]), underlay_mtu: 1500 }
    }

    fn via(endpoints: &[(&str, &str, &str)]) -> VtepConfig {
        let list: Vec<_> = endpoints
            .iter()
            .enumerate()
            .map(|(i, (cidr, tunnel, mac))| json!({"name": format!("e{i}"), "cidr": cidr, "tunnelEndpoint": tunnel, "mac": mac}))
            .collect();
        VtepConfig::read(&json!({"spec": {"endpoints": list}}))
    }

    /// What the kernel does with steps, as far as the plan may rely on it.
    fn apply(mut state: Observed, steps: &[Step]) -> Observed {
        for step in steps {
            match step {
                Step::DeleteDevice => {
                    state = Observed { sources: state.sources, ..Observed::default() };
                }
                Step::CreateDevice(device) => {
                    assert_eq!(state.device, None, "the name is taken");
                    state.device = Some(Some(*device));
                }
                Step::SetFdb(mac, remote) => drop(state.fdb.insert(*mac, *remote)),
                Step::SetNeighbour(ip, mac) => drop(state.neighbours.insert(*ip, *mac)),
                Step::SetRoute(to, next) => {
                    assert!(state.neighbours.contains_key(next), "route before its neighbour");
                    state.routes.insert(*to, Some(*next));
                }
                Step::AddSource(from) => drop(state.sources.insert(*from)),
                Step::DeleteSource(from) => assert!(state.sources.remove(from)),
                Step::DeleteRoute(to) => assert!(state.routes.remove(to).is_some()),
                Step::DeleteNeighbour(ip) => {
                    assert!(!state.routes.values().any(|next| *next == Some(*ip)), "neighbour of a route removed");
                    assert!(state.neighbours.remove(ip).is_some());
                }
                Step::DeleteFdb(mac) => assert!(state.fdb.remove(mac).is_some()),
            }
        }
        state
    }

    fn as_observed(desired: &Desired) -> Observed {
        Observed {
            device: Some(Some(desired.device)),
            sources: desired.sources.clone(),
            routes: desired.routes.iter().map(|(to, next)| (*to, Some(*next))).collect(),
            neighbours: desired.neighbours.clone(),
            fdb: desired.fdb.clone(),
        }
    }

    const A: (&str, &str, &str) = ("10.0.0.0/16", "10.0.1.10", "b6:f0:38:8f:19:b9");
    const B: (&str, &str, &str) = ("10.0.0.0/16", "10.0.2.10", "02:11:22:33:44:55");

    #[test]
    fn moving_to_another_gateway_replaces_the_route_between_making_and_breaking() {
        let (from, _) = Desired::new(&node(), Some(&via(&[A])));
        let (to, _) = Desired::new(&node(), Some(&via(&[B])));
        let (a, b): (Ipv4Addr, Ipv4Addr) = (A.1.parse().unwrap(), B.1.parse().unwrap());
        let steps = plan(&to, &as_observed(&from));
        assert_eq!(
            steps,
            [
                Step::SetFdb(B.2.parse().unwrap(), b),
                Step::SetNeighbour(b, B.2.parse().unwrap()),
                Step::SetRoute(A.0.parse().unwrap(), b),
                Step::DeleteNeighbour(a),
                Step::DeleteFdb(A.2.parse().unwrap()),
            ]
        );
    }

    #[test]
    fn without_an_object_the_device_stays_and_nothing_is_behind_it() {
        let (from, _) = Desired::new(&node(), Some(&via(&[A])));
        let (to, problems) = Desired::new(&node(), None);
        let state = apply(as_observed(&from), &plan(&to, &as_observed(&from)));
        assert_eq!((state, problems), (as_observed(&to), vec![]));
        assert_eq!(to.device.mtu, 1450);
    }

    #[test]
    fn a_tunnel_address_has_one_mac() {
        let (desired, problems) = Desired::new(&node(), Some(&via(&[A, ("10.1.0.0/16", A.1, B.2)])));
        assert_eq!(desired.routes.len(), 1);
        assert_eq!(problems.len(), 1);
    }

    fn config() -> impl Strategy<Value = VtepConfig> {
        let endpoint = (0u8..6, 1u8..4, 1u8..4)
            .prop_map(|(net, gateway, mac)| (format!("10.{net}.0.0/16"), format!("10.0.{gateway}.10"), format!("02:00:00:00:00:0{mac}")));
        prop::collection::vec(endpoint, 0..6).prop_map(|list| {
            let list: Vec<_> = list.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
            via(&list)
        })
    }

    proptest! {
        #[test]
        fn applying_the_plan_gives_what_is_desired(before in config(), after in config(), device in 0u8..3) {
            let (from, _) = Desired::new(&node(), Some(&before));
            let (to, _) = Desired::new(&node(), Some(&after));
            let mut start = as_observed(&from);
            match device {
                0 => start = Observed::default(),
                1 => start.device = Some(None),
                _ => {}
            }
            let end = apply(start.clone(), &plan(&to, &start));
            prop_assert_eq!(&end, &as_observed(&to));
            prop_assert_eq!(plan(&to, &end), vec![]);
        }
    }
}
