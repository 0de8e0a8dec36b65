//! What `hybridge lni verify` tries, and what came of it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use hybridge_model::MacAddr;
use hybridge_model::routing::{Routing, Selector};
use hybridge_report::Finding;
use serde::Serialize;

use crate::causes::{Attempt, Diagnosis, Outcome};
use crate::desired::{self, MAIN};
use crate::profile::Profile;

/// What a curl on the node is worth.
pub const STATEMENT: &str = "A curl on the node proves nothing: kube-proxy changes such packets before they touch the LNI. \
                             Only what a machine of the LAN sees counts.";

/// `externalTrafficPolicy` of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Policy {
    /// Any pod of the cluster answers.
    Cluster,
    /// Pods of the announcing node answer.
    Local,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster => "Cluster",
            Self::Local => "Local",
        })
    }
}

/// Where a pod is, seen from the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// It has an address of the primary interface.
    Primary,
    /// It has an address of a secondary interface.
    Secondary,
    /// It uses the network of the host.
    Host,
    /// On another node.
    Elsewhere,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Host => "host",
            Self::Elsewhere => "elsewhere",
        })
    }
}

/// Where an address is: the VPC CNI has a rule to each pod of this node, and one from each pod of a secondary interface.
pub fn placement(routing: &Routing, address: Ipv4Addr) -> Placement {
    if routing.addresses.iter().any(|own| own.address == address) {
        return Placement::Host;
    }
    let host = |cidr: &hybridge_model::Cidr4| cidr.prefix() == 32 && cidr.network() == address;
    let from = |selector: &Selector| matches!(selector, Selector::From(cidr) if host(cidr));
    let to = |selector: &Selector| matches!(selector, Selector::To(cidr) if host(cidr));
    if routing.rules.iter().any(|rule| from(&rule.selector) && rule.table != MAIN) {
        Placement::Secondary
    } else if routing.rules.iter().any(|rule| to(&rule.selector) && rule.table == MAIN) {
        Placement::Primary
    } else {
        Placement::Elsewhere
    }
}

/// A Service's address, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// `namespace/name`, or the address where only that is known.
    pub name: String,
    /// Address and port.
    pub vip: SocketAddrV4,
    /// Its policy, where it is known.
    pub policy: Option<Policy>,
    /// Addresses of its pods, where they are known.
    pub pods: Vec<Ipv4Addr>,
    /// Where these are, without repetition.
    pub placements: Vec<Placement>,
}

impl Target {
    /// The pods of this node.
    pub fn here(&self, routing: &Routing) -> Vec<Ipv4Addr> {
        self.pods.iter().copied().filter(|pod| placement(routing, *pod) != Placement::Elsewhere).collect()
    }
}

/// How far away a probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// In the LNI's network.
    SameSubnet,
    /// Behind a router.
    Routed,
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameSubnet => "same subnet",
            Self::Routed => "routed",
        })
    }
}

/// How far away a machine is from the Service's address: in the network that the LNI's address is in, or, where that is not known, in the
/// first of the LAN's.
pub fn distance(profile: &Profile, client: Ipv4Addr) -> Distance {
    let network = desired::address(profile, None).map(|address| address.network()).or(profile.lan.cidrs.first().copied());
    if network.is_some_and(|network| network.contains(client)) { Distance::SameSubnet } else { Distance::Routed }
}

/// One Service tried by one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The Service.
    #[serde(flatten)]
    pub target: Target,
    /// Who tried.
    pub client: Ipv4Addr,
    /// How far away that is.
    pub distance: Distance,
    /// How it ended.
    pub outcome: Outcome,
    /// The MAC address that the client has for it.
    pub announced_by: Option<MacAddr>,
    /// HTTP's first line, the kernel's words, why the probe did not try.
    pub detail: Option<String>,
    /// How long it took.
    pub milliseconds: Option<u64>,
    /// Whether the node itself was answered, where it tried.
    pub on_the_node: Option<bool>,
}

impl Row {
    /// For [`crate::causes`]. `here` are the Service's pods on this node.
    pub fn attempt(&self, here: Vec<Ipv4Addr>) -> Attempt {
        let Self { client, outcome, announced_by, on_the_node, .. } = *self;
        Attempt { client, vip: self.target.vip, outcome, announced_by, backends: here, on_the_node }
    }
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether every probe was answered by every Service.
    pub ok: bool,
    /// What was tried.
    pub rows: Vec<Row>,
    /// Which of the nine causes apply.
    pub causes: Vec<Diagnosis>,
    /// The same with their fixes, and everything else that is wrong.
    pub findings: Vec<Finding>,
    /// [`STATEMENT`].
    pub note: &'static str,
}

impl Report {
    /// Good is what was tried, all of it, and answered.
    pub fn new(rows: Vec<Row>, causes: Vec<Diagnosis>, others: Vec<Finding>) -> Self {
        let answered = !rows.is_empty() && rows.iter().all(|row| row.outcome == Outcome::Answered);
        let findings: Vec<_> = causes.iter().map(|diagnosis| diagnosis.finding("lni")).chain(others).collect();
        Self { ok: answered && findings.is_empty(), rows, causes, findings, note: STATEMENT }
    }
}

#[cfg(test)]
mod tests {
    use hybridge_model::routing::{InterfaceAddress, Rule};

    use super::*;

    #[test]
    fn pods_are_placed_by_the_rules_of_the_vpc_cni() {
        let rule = |priority, selector, table| Rule { priority, selector, table, protocol: 0 };
        let host = |last| hybridge_model::Cidr4::host(Ipv4Addr::new(10, 50, 80, last));
        let routing = Routing {
            addresses: [InterfaceAddress { link: 2, address: Ipv4Addr::new(10, 50, 80, 10), prefix: 24 }].into(),
            rules: [
                rule(512, Selector::To(host(40)), MAIN),
                rule(512, Selector::To(host(50)), MAIN),
                rule(1536, Selector::From(host(50)), 2),
            ]
            .into(),
            ..Routing::default()
        };
        let placed = [10, 40, 50, 60].map(|last| placement(&routing, Ipv4Addr::new(10, 50, 80, last)));
        assert_eq!(placed, [Placement::Host, Placement::Primary, Placement::Secondary, Placement::Elsewhere]);
    }

    #[test]
    fn nothing_tried_is_nothing_shown() {
        assert!(!Report::new(Vec::new(), Vec::new(), Vec::new()).ok);
    }

    #[test]
    fn who_is_in_the_network_of_the_address_is_near() {
        let profile = crate::profile::tests::profile();
        assert_eq!(distance(&profile, Ipv4Addr::new(192, 168, 2, 100)), Distance::SameSubnet);
        assert_eq!(distance(&profile, Ipv4Addr::new(192, 168, 50, 100)), Distance::Routed);
    }
}
