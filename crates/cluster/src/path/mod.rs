//! The simulated way of packets between an address outside and each interface of the control plane, in both directions.
//!
//! ```text
//! node ─ gateway ─ VPC ─ network ACL ─ security groups ─► interface :443      answers: network ACL, route, gateway
//! node :10250 ◄─ gateway ─ route ─ network ACL ─ security groups ─ interface  answers: gateway, network ACL
//! ```
//!
//! Nothing is sent: what AWS says of its parts is looked up as AWS's parts look it up (longest prefix, main tables, rules in order,
//! answers that a security group lets pass by itself and a network ACL does not).

pub(crate) mod acl;
pub(crate) mod gateway;
pub(crate) mod group;
pub(crate) mod hops;
pub(crate) mod network;
pub(crate) mod overlay;
pub(crate) mod prefix;
pub(crate) mod remedy;
pub(crate) mod shape;
#[cfg(test)]
mod tests;
mod ways;

use std::net::Ipv4Addr;

use hybridge_report::{Finding, Severity};
use serde::Serialize;

use crate::resolve::Cluster;
use crate::world::World;

/// The API server, at the control plane's interfaces.
pub const API_PORT: u16 = 443;
/// The kubelet's own API: logs, exec, port-forward, metrics.
pub const KUBELET_PORT: u16 = 10250;
/// Where admission webhooks and aggregated APIs often listen: metrics-server (4443, EKS's add-on at 10251), Karpenter (8443), the AWS Load
/// Balancer Controller and ingress-nginx (8443, 9443). They are among those that terraform-aws-eks opens for cloud nodes (`node_groups.tf`);
/// AWS's guide names none. Which of them are needed is the user's.
pub const WEBHOOK_PORTS: [u16; 4] = [4443, 8443, 9443, 10251];

/// Who begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// The node or pod calls the API server.
    Api,
    /// The control plane calls the kubelet.
    Kubelet,
    /// The control plane calls a pod.
    Webhook,
}

/// What becomes of packets at a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// They go on.
    Pass,
    /// They end here.
    Broken,
    /// What was asked of AWS does not tell.
    Unknown,
}

/// A place on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The address outside, which EKS knows if it lies in the remote networks.
    Site,
    /// The endpoint's mode: over the internet or through the VPC.
    Endpoint,
    /// The gateway, from the site to the VPC.
    GatewayIn,
    /// The way in the VPC from the gateway to the interface.
    Vpc,
    /// The subnet's network ACL, inwards.
    AclIn,
    /// The interface's security groups, inwards.
    GroupIn,
    /// The interface's security groups, outwards.
    GroupOut,
    /// The subnet's network ACL, outwards.
    AclOut,
    /// The subnet's route table.
    Route,
    /// The gateway, from the VPC to the site.
    GatewayOut,
}

/// A hop: one of AWS's parts and what it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Hop {
    /// Which.
    pub step: Step,
    /// It is the answer's way.
    pub answer: bool,
    /// AWS's name of the part; empty: there is none.
    pub id: String,
    /// What becomes of packets.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub sentence: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// A way in one direction, with the answers' way back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Path {
    /// Who begins.
    pub flow: Flow,
    /// The address outside.
    pub address: Ipv4Addr,
    /// `eni-…`, or the subnet in which one may be made; empty: the public endpoint.
    pub interface: String,
    /// In the packets' order.
    pub hops: Vec<Hop>,
}

impl Path {
    /// What the whole way comes to: broken if a hop is, unknown if one is.
    pub fn verdict(&self) -> Verdict {
        let any = |verdict| self.hops.iter().any(|hop| hop.verdict == verdict);
        match (any(Verdict::Broken), any(Verdict::Unknown)) {
            (true, _) => Verdict::Broken,
            (false, true) => Verdict::Unknown,
            (false, false) => Verdict::Pass,
        }
    }

    /// One line: from where to where.
    pub fn title(&self) -> String {
        let (address, interface) = (self.address, &self.interface);
        match self.flow {
            Flow::Api if interface.is_empty() => format!("{address} → public endpoint:{API_PORT}"),
            Flow::Api => format!("{address} → {interface}:{API_PORT}"),
            Flow::Kubelet => format!("{interface} → {address}:{KUBELET_PORT}"),
            Flow::Webhook => format!("{interface} → {address}:webhook ports"),
        }
    }
}

/// Follows packets between an address outside and each interface of the control plane.
///
/// A node's address is followed to the API server and back from it to the kubelet; a pod's to the API server and from it to webhooks.
pub fn follow(cluster: &Cluster, world: &World, address: Ipv4Addr) -> Vec<Path> {
    hops::follow(cluster, world, address)
}

/// A finding for each thing that is broken or not known, once, however many ways it is on.
pub fn findings(paths: &[Path]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for hop in paths.iter().flat_map(|path| &path.hops).filter(|hop| hop.verdict != Verdict::Pass) {
        let severity = if hop.verdict == Verdict::Broken { Severity::Error } else { Severity::Warning };
        let place = if hop.id.is_empty() { "path".into() } else { hop.id.clone() };
        let finding = Finding { code: code(hop.step), severity, place, what: hop.sentence.clone(), fix: hop.fix.clone() };
        if !found.iter().any(|known| (&known.place, &known.what) == (&finding.place, &finding.what)) {
            found.push(finding);
        }
    }
    found
}

/// The code of a finding about a hop.
pub const fn code(step: Step) -> &'static str {
    match step {
        Step::Site => "path.site",
        Step::Endpoint => "path.endpoint",
        Step::GatewayIn => "path.gateway-in",
        Step::Vpc => "path.vpc",
        Step::AclIn => "path.acl-in",
        Step::GroupIn => "path.group-in",
        Step::GroupOut => "path.group-out",
        Step::AclOut => "path.acl-out",
        Step::Route => "path.route",
        Step::GatewayOut => "path.gateway-out",
    }
}

/// Codes of findings about hops, with what each hop is.
pub fn catalogue() -> [(&'static str, &'static str); 10] {
    let row = |step, about| (code(step), about);
    [
        row(Step::Site, "the address lies in the remote networks"),
        row(Step::Endpoint, "the endpoint's mode lets the packets go this way"),
        row(Step::GatewayIn, "the gateway leads packets of the site into the VPC"),
        row(Step::Vpc, "the VPC leads them to the interface's subnet"),
        row(Step::AclIn, "the subnet's network ACL lets them in"),
        row(Step::GroupIn, "a security group of the interface lets them in"),
        row(Step::GroupOut, "a security group of the interface lets them out"),
        row(Step::AclOut, "the subnet's network ACL lets them out"),
        row(Step::Route, "the subnet's route table leads them to a gateway"),
        row(Step::GatewayOut, "the gateway leads packets of the VPC to the site"),
    ]
}
