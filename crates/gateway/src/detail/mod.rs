//! What is desired, what is observed and why they differ: for each hybrid node, each VPC route and each network of the VPC.
//!
//! Worked out when somebody asks, from what the tasks saw last. The same functions serve where nothing but the cluster can be asked:
//! what was not observed is then `unknown`.

mod endpoints;
mod nodes;
mod routes;

use std::net::Ipv4Addr;

use hybridge_model::{Cidr4, InterfaceId, RouteTableId};
use serde::{Deserialize, Serialize};

use crate::status::{Reason, Status};
pub use endpoints::{SeenConfig, endpoints};
pub use nodes::{Kernel, Known, nodes};
pub use routes::{SeenTables, routes};

/// What a gateway answers to `/status`.
///
/// Every field has a default, so that a reader of another version understands what it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Who answers.
    pub gateway: Gateway,
    /// Whether `/readyz` says 200.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
    /// How things stand, in sum.
    #[serde(flatten)]
    pub status: Status,
    /// Every CiliumNode labelled as hybrid, and those that are held, by name.
    pub hybrid_nodes: Vec<Node>,
    /// Every configured route table with every configured pod CIDR.
    pub vpc_routes: Vec<Route>,
    /// Every configured network of the VPC, as the CiliumVTEPConfig leads to it.
    pub vtep_endpoints: Vec<Endpoint>,
}

/// Who a gateway is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gateway {
    /// Its name in the election.
    pub identity: String,
    /// Its Kubernetes node; empty if it was not told.
    pub node_name: String,
    /// Its node IP, which is also its tunnel endpoint.
    pub node_ip: Option<Ipv4Addr>,
    /// Its version.
    pub version: String,
}

/// How it stands with a hybrid node, worst last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// All its pod CIDRs are in the kernel.
    Programmed,
    /// Nobody who could tell was asked.
    #[default]
    Unknown,
    /// Gone from the API, its entries are kept for a while.
    Held,
    /// Not all of it is in the kernel yet.
    Pending,
    /// A pod CIDR or its address belongs to an older node.
    Conflict,
    /// Its CiliumNode cannot be used.
    LeftOut,
}

/// A hybrid node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Name of its CiliumNode.
    pub name: String,
    /// Its address; `None` where the CiliumNode cannot be used.
    pub node_ip: Option<Ipv4Addr>,
    /// Desired: what its CiliumNode says.
    pub pod_cidrs: Vec<Cidr4>,
    /// Observed: those of them that have route, neighbour and forwarding entry in the kernel.
    pub programmed: Vec<Cidr4>,
    /// What follows.
    pub state: NodeState,
    /// Why it is not programmed.
    pub why: Option<String>,
}

/// Where something leads, seen from the gateway that answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// To this gateway.
    Here,
    /// To another gateway of this cluster.
    Gateway,
    /// To somebody else.
    Foreign,
    /// There is none.
    Missing,
    /// To a gateway's interface that is gone.
    Blackhole,
    /// The route table does not exist.
    NoTable,
    /// It was not, or cannot be, looked at.
    #[default]
    Unknown,
}

/// A VPC route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The table.
    pub table: RouteTableId,
    /// The pod CIDR.
    pub destination: Cidr4,
    /// Desired: the leader's interface. `None` where the gateway that answers does not lead, or does not know its interface yet.
    pub desired: Option<InterfaceId>,
    /// Observed: where it leads, in EC2's terms.
    pub observed: Option<String>,
    /// What follows.
    pub whose: Whose,
    /// Why it is not as it should be.
    pub why: Option<String>,
}

/// A network of the VPC in the CiliumVTEPConfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The network.
    pub vpc_cidr: Cidr4,
    /// Desired: the leader's node IP. `None` where the gateway that answers does not lead.
    pub desired: Option<Ipv4Addr>,
    /// Observed: the tunnel endpoints that it, or a part of it, is led to.
    pub observed: Vec<Ipv4Addr>,
    /// What follows.
    pub whose: Whose,
    /// Why it is not as it should be.
    pub why: Option<String>,
}

/// Why something that leads to a gateway is not as it should be, if that one stands by.
const NOT_LEADING: &str = "leads to this gateway, which did not lead when it was asked";

/// What the gateway that answers has to do with routes and CiliumVTEPConfig.
#[derive(Clone, Copy, Debug, Default)]
pub struct Role<'a> {
    /// Whether it leads, so that they should lead to it.
    pub leading: bool,
    /// Why they cannot be read or written at the moment.
    pub error: Option<&'a str>,
}

impl Role<'_> {
    /// Why something that the leader should have written is not there.
    fn unwritten(&self, what: &str) -> String {
        match (self.error, self.leading) {
            (Some(error), _) => format!("{what}: {error}"),
            (None, true) => format!("{what}; the leader has not written it yet"),
            (None, false) => what.to_owned(),
        }
    }
}

impl NodeState {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Programmed => "programmed",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Pending => "pending",
            Self::Conflict => "conflict",
            Self::LeftOut => "left-out",
        }
    }
}
