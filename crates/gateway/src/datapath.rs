//! The data path: what should be in the kernel, and the changes that lead there.
//!
//! ```text
//! pod CIDR of a node ── route: via node IP, onlink ──► hybrid_vxlan0 ── neighbour: node IP at 02:00:node-ip
//!                                                                    ── FDB: 02:00:node-ip at node IP ──► UDP 8472
//! POD_CIDR, elsewhere ── route: unreachable, of the highest metric
//! ```
//!
//! Ours is everything on the device, whoever made it, and elsewhere the routes of our protocol number.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use hybridge_model::kernel::{Change, FdbEntry, Link, Neighbour, NextHop, Route, Snapshot, Vxlan, VxlanSpec};
use hybridge_model::{Cidr4, MacAddr, NodeName};
use hybridge_report::Finding;

use crate::nodes::{Claims, HybridNode};

/// Name of the VXLAN device, the reference gateway's.
pub const DEVICE: &str = "hybrid_vxlan0";
/// VXLAN network identifier that Cilium uses for external endpoints.
pub const VNI: u32 = 2;
/// Cilium's VXLAN port.
pub const PORT: u16 = 8472;
/// Protocol number of our routes; free in /etc/iproute2/rt_protos and in the kernel's rtnetlink.h.
pub const ROUTE_PROTOCOL: u8 = 104;
/// Outer IPv4, UDP and VXLAN headers and the inner Ethernet header.
pub const OVERHEAD: u32 = 50;
/// The largest packet that a path outside AWS is taken to carry, where nobody says otherwise.
const PATH_MTU: u32 = 1500;

/// What should be in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The device.
    pub device: VxlanSpec,
    /// Routes by destination and metric.
    pub routes: BTreeMap<(Cidr4, u32), Route>,
    /// Neighbours by address.
    pub neighbours: BTreeMap<Ipv4Addr, Neighbour>,
    /// Forwarding entries.
    pub fdb: BTreeSet<FdbEntry>,
}

/// The device of a gateway with `node_ip`, whose interface for that address has `underlay_mtu`.
///
/// Inner packets are sized for a path of 1500 bytes unless `mtu` says otherwise: interfaces of EC2 carry 9001 bytes, the way to
/// a site hardly ever does, and a too large device would cut outer packets into fragments.
pub fn device(node_ip: Ipv4Addr, underlay_mtu: u32, mtu: Option<u32>) -> VxlanSpec {
    VxlanSpec {
        name: DEVICE.into(),
        mac: MacAddr::of_gateway(node_ip),
        mtu: mtu.unwrap_or_else(|| underlay_mtu.min(PATH_MTU).saturating_sub(OVERHEAD)),
        vxlan: Vxlan { vni: VNI, port: PORT, local: Some(node_ip), learning: false, external: false },
    }
}

/// The whole data path: `claims` says which node owns which pod CIDR, `pod_cidrs` are the networks that VPC routes lead here for.
pub fn desired(device: VxlanSpec, pod_cidrs: &[Cidr4], claims: &Claims) -> Desired {
    let unreachable =
        pod_cidrs.iter().map(|cidr| Route { destination: *cidr, metric: u32::MAX, via: NextHop::Unreachable, protocol: ROUTE_PROTOCOL });
    let owned = claims.owners.iter().map(|(cidr, node_ip)| Route {
        destination: *cidr,
        metric: 0,
        via: NextHop::Device(*node_ip),
        protocol: ROUTE_PROTOCOL,
    });
    let peers: BTreeSet<Ipv4Addr> = claims.owners.values().copied().collect();
    let neighbour = |ip: &Ipv4Addr| (*ip, Neighbour { address: *ip, mac: MacAddr::of_peer(*ip), permanent: true });
    Desired {
        device,
        routes: unreachable.chain(owned).map(|route| ((route.destination, route.metric), route)).collect(),
        neighbours: peers.iter().map(neighbour).collect(),
        fdb: peers.iter().map(|ip| FdbEntry { mac: MacAddr::of_peer(*ip), remote: *ip, permanent: true }).collect(),
    }
}

/// The nodes that an earlier process has programmed, read back from the kernel. Their names are made up.
pub fn left_behind(observed: &Snapshot) -> Vec<HybridNode> {
    let mut nodes: BTreeMap<Ipv4Addr, Vec<Cidr4>> = BTreeMap::new();
    for route in &observed.routes {
        if let NextHop::Device(node_ip) = route.via {
            nodes.entry(node_ip).or_default().push(route.destination);
        }
    }
    let named =
        |(node_ip, pod_cidrs)| HybridNode { name: NodeName::new(format!("kernel:{node_ip}")), created: i64::MAX, node_ip, pod_cidrs };
    nodes.into_iter().map(named).collect()
}

/// The changes from `observed` to `desired`, in an order in which nothing that works stops working before its successor works:
/// device, `unreachable` routes, forwarding entries, neighbours, routes; then what is no longer wanted, the other way round.
pub fn plan(desired: &Desired, observed: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    let kept = match observed.link(DEVICE) {
        Some(link) if adoptable(&desired.device, link) => {
            if !link.up || link.mtu != desired.device.mtu {
                changes.push(Change::SetLink { name: DEVICE.into(), up: true, mtu: desired.device.mtu });
            }
            true
        }
        Some(_) => {
            changes.extend([Change::DeleteLink { name: DEVICE.into() }, Change::CreateVxlan(desired.device.clone())]);
            false
        }
        None => {
            changes.push(Change::CreateVxlan(desired.device.clone()));
            false
        }
    };
    let nothing = Snapshot::default();
    let present = if kept { observed } else { &nothing };
    // Taking the device down, or away, takes its routes along; `unreachable` ones do not hang on it.
    let up = kept && observed.link(DEVICE).is_some_and(|link| link.up);
    let has_route = |route: &Route| (up || route.via == NextHop::Unreachable) && observed.routes.contains(route);

    let missing: Vec<_> = desired.routes.values().filter(|route| !has_route(route)).copied().collect();
    let is_guard = |route: &&Route| route.via == NextHop::Unreachable;
    changes.extend(missing.iter().filter(is_guard).map(|route| Change::SetRoute(*route)));
    changes.extend(desired.fdb.iter().filter(|entry| !present.fdb.contains(entry)).map(|entry| Change::SetFdb(*entry)));
    let new_neighbours = desired.neighbours.values().filter(|neighbour| !present.neighbours.contains(neighbour));
    changes.extend(new_neighbours.map(|neighbour| Change::SetNeighbour(*neighbour)));
    changes.extend(missing.iter().filter(|route| !is_guard(route)).map(|route| Change::SetRoute(*route)));

    // A route whose destination and metric are wanted was replaced above; `ip route append` and `prepend` put others beside it.
    let key = |route: &Route| (route.destination, route.metric);
    let crowded: BTreeSet<_> =
        observed.routes.iter().zip(observed.routes.iter().skip(1)).filter(|(a, b)| key(a) == key(b)).map(|(a, _)| key(a)).collect();
    let unwanted = observed.routes.iter().filter(|route| match desired.routes.get(&key(route)) {
        // The kernel would take the deletion of what we cannot name for that of the wanted one.
        Some(wanted) if route.via == NextHop::Other && route.protocol == wanted.protocol => false,
        Some(wanted) => *route != wanted && crowded.contains(&key(route)),
        None => true,
    });
    let (guards, routes): (Vec<&Route>, Vec<&Route>) = unwanted.partition(is_guard);
    // Those on a device that is gone or down have gone with it.
    let present_routes = routes.into_iter().filter(|route| up || route.via == NextHop::Other);
    changes.extend(present_routes.map(|route| Change::DeleteRoute(*route)));
    let stale = present.neighbours.iter().filter(|n| !n.address.is_multicast() && !desired.neighbours.contains_key(&n.address));
    changes.extend(stale.map(|neighbour| Change::DeleteNeighbour(*neighbour)));
    changes.extend(present.fdb.iter().filter(|entry| !desired.fdb.contains(entry)).map(|entry| Change::DeleteFdb(*entry)));
    changes.extend(guards.into_iter().map(|route| Change::DeleteRoute(*route)));
    changes
}

/// Whether every packet for a pod CIDR that comes here has somewhere to go: the device is there, and what no node owns is unreachable.
pub fn carries(desired: &Desired, observed: &Snapshot) -> bool {
    let mut guards = desired.routes.values().filter(|route| route.via == NextHop::Unreachable);
    observed.link(DEVICE).is_some_and(|link| link.up && adoptable(&desired.device, link))
        && guards.all(|guard| observed.routes.contains(guard))
}

/// The changes that remove everything of ours.
pub fn removal(observed: &Snapshot) -> Vec<Change> {
    let device = observed.link(DEVICE).map(|_| Change::DeleteLink { name: DEVICE.into() });
    let elsewhere = observed.routes.iter().filter(|route| route.protocol == ROUTE_PROTOCOL && !matches!(route.via, NextHop::Device(_)));
    device.into_iter().chain(elsewhere.map(|route| Change::DeleteRoute(*route))).collect()
}

/// Whether `link` can serve as it is, but for state and MTU, which are set in place.
fn adoptable(wanted: &VxlanSpec, link: &Link) -> bool {
    link.vxlan == Some(wanted.vxlan) && link.mac == Some(wanted.mac)
}

/// What about this host stands in the way of a gateway with `node_ip`.
pub fn preflight(observed: &Snapshot, node_ip: Ipv4Addr) -> Vec<Finding> {
    let mut findings = Vec::new();
    if observed.link_with(node_ip).is_none() {
        let here: Vec<_> = observed.links.iter().flat_map(|l| &l.addresses).filter(|a| !a.is_loopback()).map(Ipv4Addr::to_string).collect();
        findings.push(Finding::error("node-ip.not-here", "--node-ip (NODE_IP)", format!("{node_ip} is not an address of this host")).fix(
            format!("this host has {}; the pod needs `hostNetwork: true`", if here.is_empty() { "none".into() } else { here.join(", ") }),
        ));
    }
    for link in observed.links.iter().filter(|link| link.name != DEVICE) {
        let Some(vxlan) = link.vxlan.filter(|vxlan| vxlan.port == PORT) else { continue };
        let why = if vxlan.external {
            "takes every packet of its port (`external`)"
        } else if vxlan.vni == VNI {
            "has our VNI"
        } else {
            continue;
        };
        findings.push(
            Finding::error("vxlan.conflict", format!("device `{}`", link.name), format!("a VXLAN device on UDP port {PORT} {why}")).fix(
                format!("a gateway cannot run on a Cilium node; use another node, or `ip link del {}` if it is a leftover", link.name),
            ),
        );
    }
    if let Some(link) = observed.link(DEVICE).filter(|link| link.vxlan.is_none()) {
        findings.push(
            Finding::error("device.not-vxlan", format!("device `{}`", link.name), "is not a VXLAN device, so it is not ours")
                .fix(format!("rename or remove it: `ip link del {}`", link.name)),
        );
    }
    findings
}

#[cfg(test)]
#[path = "datapath_tests.rs"]
mod tests;
