//! Hybrid nodes: what their CiliumNodes say, and what of it is in the kernel.

use std::collections::BTreeMap;

use hybridge_model::kernel::{FdbEntry, Neighbour, NextHop, Route, Snapshot};
use hybridge_model::{Cidr4, MacAddr};

use super::{Node, NodeState};
use crate::datapath::ROUTE_PROTOCOL;
use crate::hold::Roster;
use crate::nodes::{self, Claims, HybridNode};

/// What is known of hybrid nodes.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Live and held nodes.
    pub roster: &'a Roster,
    /// Whether the API server has listed them. Until then, the roster holds what an earlier process has left.
    pub listed: bool,
    /// CiliumNodes that are left out, and why.
    pub undecodable: &'a BTreeMap<String, String>,
}

/// What is known of the kernel.
#[derive(Clone, Copy, Debug)]
pub enum Kernel<'a> {
    /// As it was seen last.
    Seen {
        /// All of it.
        snapshot: &'a Snapshot,
        /// What the kernel refused, or why it could not be read.
        errors: &'a [String],
    },
    /// It was not looked at, for this reason.
    Unseen(&'a str),
}

/// Every node and how it stands with it, by name.
pub fn nodes(known: Known<'_>, kernel: Kernel<'_>) -> Vec<Node> {
    let claims = nodes::settle(known.roster.live(), known.roster.held());
    let mut lost: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for conflict in &claims.conflicts {
        lost.entry(conflict.loser.as_str()).or_default().push(conflict.to_string());
    }
    let live = known.roster.live().map(|node| match lost.get(node.name.as_str()) {
        Some(_) | None if !known.listed => kept(node, kernel, "left by an earlier process; hybrid nodes have not been listed yet"),
        Some(conflicts) => described(node, kernel, (NodeState::Conflict, Some(conflicts.join("; ")))),
        None => owning(node, &claims, kernel),
    });
    let held = known.roster.held().map(|node| {
        kept(node, kernel, "its CiliumNode vanished together with others; its entries are kept for a while (--mass-delete-hold)")
    });
    let left_out = known.undecodable.iter().map(|(name, why)| Node {
        name: name.clone(),
        state: NodeState::LeftOut,
        why: Some(why.clone()),
        ..Node::default()
    });
    let mut all: Vec<_> = live.chain(held).chain(left_out).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn kept(node: &HybridNode, kernel: Kernel<'_>, why: &str) -> Node {
    described(node, kernel, (NodeState::Held, Some(why.to_owned())))
}

/// A node that keeps what it claims.
fn owning(node: &HybridNode, claims: &Claims, kernel: Kernel<'_>) -> Node {
    let errors = match kernel {
        Kernel::Unseen(why) => return described(node, kernel, (NodeState::Unknown, Some(why.to_owned()))),
        Kernel::Seen { errors, .. } => errors,
    };
    let mut described = described(node, kernel, (NodeState::Programmed, None));
    // A node may name a network twice, or one within another: the wider one serves for both.
    let owned = node.pod_cidrs.iter().filter(|cidr| claims.owners.get(*cidr) == Some(&node.node_ip));
    let missing: Vec<_> = owned.filter(|cidr| !described.programmed.contains(cidr)).map(Cidr4::to_string).collect();
    if !missing.is_empty() {
        described.state = NodeState::Pending;
        let what = format!("{} not in the kernel", missing.join(", "));
        described.why = Some(errors.first().map_or_else(|| format!("{what} yet"), |error| format!("{what}: {error}")));
    }
    described
}

fn described(node: &HybridNode, kernel: Kernel<'_>, (state, why): (NodeState, Option<String>)) -> Node {
    let programmed = match kernel {
        Kernel::Seen { snapshot, .. } => programmed(node, snapshot),
        Kernel::Unseen(_) => Vec::new(),
    };
    Node { name: node.name.as_str().to_owned(), node_ip: Some(node.node_ip), pod_cidrs: node.pod_cidrs.clone(), programmed, state, why }
}

/// The pod CIDRs that have all they need: a route to the node, and the node's neighbour and forwarding entries.
fn programmed(node: &HybridNode, snapshot: &Snapshot) -> Vec<Cidr4> {
    let (address, mac) = (node.node_ip, MacAddr::of_peer(node.node_ip));
    let reached = snapshot.neighbours.contains(&Neighbour { address, mac, permanent: true })
        && snapshot.fdb.contains(&FdbEntry { mac, remote: address, permanent: true });
    let routed = |destination: &&Cidr4| {
        let via = NextHop::Device(address);
        snapshot.routes.contains(&Route { destination: **destination, metric: 0, via, protocol: ROUTE_PROTOCOL })
    };
    if reached { node.pod_cidrs.iter().filter(routed).copied().collect() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Moment;
    use crate::datapath::{self, Desired};
    use crate::nodes::tests::node;

    fn roster(nodes: impl IntoIterator<Item = HybridNode>) -> Roster {
        let mut roster = Roster::new(Duration::from_secs(300));
        roster.update(Moment::default(), nodes.into_iter().map(|node| (node.name.clone(), node)).collect());
        roster
    }

    fn three() -> Vec<HybridNode> {
        vec![
            node("a", 1, "192.168.10.11", &["10.250.1.0/24", "10.250.9.0/24"]),
            node("b", 2, "192.168.10.12", &["10.250.2.0/24"]),
            node("c", 3, "192.168.10.13", &["10.250.2.0/25", "10.250.3.0/24"]),
        ]
    }

    fn wanted(roster: &Roster) -> Desired {
        let device = datapath::device("10.0.1.10".parse().unwrap(), 9001, None);
        datapath::desired(device, &[], &nodes::settle(roster.live(), roster.held()))
    }

    /// A kernel in which all of that is programmed.
    fn snapshot(desired: &Desired) -> Snapshot {
        Snapshot {
            links: Vec::new(),
            routes: desired.routes.values().copied().collect(),
            neighbours: desired.neighbours.values().copied().collect(),
            fdb: desired.fdb.clone(),
        }
    }

    fn seen<'a>(snapshot: &'a Snapshot, errors: &'a [String]) -> Kernel<'a> {
        Kernel::Seen { snapshot, errors }
    }

    fn states(nodes: &[Node]) -> Vec<(&str, &str, usize)> {
        nodes.iter().map(|node| (node.name.as_str(), node.state.word(), node.programmed.len())).collect()
    }

    #[test]
    fn each_node_says_what_of_it_is_programmed_and_why_not_the_rest() {
        let roster = roster(three());
        let undecodable = BTreeMap::from([("d".to_owned(), "no address".to_owned())]);
        let known = Known { roster: &roster, listed: true, undecodable: &undecodable };
        let complete = snapshot(&wanted(&roster));
        let all = nodes(known, seen(&complete, &[]));
        assert_eq!(states(&all), [("a", "programmed", 2), ("b", "programmed", 1), ("c", "conflict", 1), ("d", "left-out", 0)]);
        assert_eq!((&all[0].why, all[3].why.as_deref()), (&None, Some("no address")));
        let why = "pod CIDR 10.250.2.0/25 conflicts with pod CIDR 10.250.2.0/24 of older node b, which keeps it";
        assert_eq!(all[2].why.as_deref(), Some(why));

        type Break = fn(&mut Snapshot);
        let breaks: [(&str, Break, usize); 3] = [
            ("a route", |s| s.routes.retain(|route| route.destination != "10.250.9.0/24".parse().unwrap()), 1),
            ("the neighbour", |s| s.neighbours.retain(|n| n.address != "192.168.10.11".parse::<std::net::Ipv4Addr>().unwrap()), 0),
            ("the forwarding entry", |s| s.fdb.retain(|f| f.remote != "192.168.10.11".parse::<std::net::Ipv4Addr>().unwrap()), 0),
        ];
        for (what, remove, left) in breaks {
            let mut broken = complete.clone();
            remove(&mut broken);
            assert_eq!(states(&nodes(known, seen(&broken, &[])))[..2], [("a", "pending", left), ("b", "programmed", 1)], "without {what}");
        }
        let all = nodes(known, seen(&Snapshot::default(), &["cannot add route: EPERM".into()]));
        assert_eq!(all[1].why.as_deref(), Some("10.250.2.0/24 not in the kernel: cannot add route: EPERM"));
    }

    #[test]
    fn what_was_not_looked_at_is_unknown_but_what_the_cluster_tells_is_told() {
        let (roster, undecodable) = (roster(three()), BTreeMap::new());
        let known = Known { roster: &roster, listed: true, undecodable: &undecodable };
        let all = nodes(known, Kernel::Unseen("no gateway answers"));
        assert_eq!(states(&all), [("a", "unknown", 0), ("b", "unknown", 0), ("c", "conflict", 0)]);
        assert_eq!(all[0].why.as_deref(), Some("no gateway answers"));
    }

    #[test]
    fn nodes_that_are_gone_or_not_listed_yet_are_held() {
        let mut roster = roster(three());
        let desired = wanted(&roster);
        roster.update(Moment::at(Duration::from_secs(1)), BTreeMap::new());
        let (snapshot, undecodable) = (snapshot(&desired), BTreeMap::new());
        let all = nodes(Known { roster: &roster, listed: true, undecodable: &undecodable }, seen(&snapshot, &[]));
        assert_eq!(states(&all), [("a", "held", 2), ("b", "held", 1), ("c", "held", 1)]);

        let mut seeded = Roster::new(Duration::from_secs(300));
        seeded.seed(three());
        let all = nodes(Known { roster: &seeded, listed: false, undecodable: &undecodable }, seen(&snapshot, &[]));
        assert!(all.iter().all(|node| node.state == NodeState::Held && node.why.as_ref().unwrap().contains("not been listed")));
    }
}
