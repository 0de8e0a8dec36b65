//! What nodes, CNI, gateways and firewalls need of a cluster, as documents.
//!
//! ```text
//! Cluster + World ─ Known ─┬─ node      nodeconfig.yaml, one for all machines of an activation or one a certificate
//!                          ├─ cilium    cilium-values.yaml
//!                          ├─ gateway   gateway-values.yaml
//!                          ├─ cloud     the gateway's half in the VPC: template, nodes of Auto Mode, SNAT exclusion
//!                          ├─ firewall  firewall.md, firewall.csv
//!                          └─ terraform hybridge.auto.tfvars.json
//! ```
//!
//! A document that lacks something is not written: a finding says what, and where to get it.

pub mod activation;
pub mod cilium;
pub mod cloud;
pub mod firewall;
pub mod gateway;
mod known;
pub mod node;
pub mod terraform;
mod yaml;

use std::collections::BTreeSet;
use std::fmt;

use hybridge_report::Finding;

pub use known::Known;
pub use node::Credentials;

use crate::resolve::Cluster;
use crate::world::World;

/// What can be handed over, in the order in which it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Firewall sheet.
    Firewall,
    /// NodeConfig of hybrid nodes.
    Node,
    /// Values of Cilium's chart.
    Cilium,
    /// The gateway's half in the VPC.
    GatewayCloud,
    /// Values of the gateway's chart.
    Gateway,
    /// Variables of Terraform.
    Terraform,
}

impl Kind {
    /// What is written if nothing is said: the gateway's cloud half and Terraform's variables only on request.
    pub const USUAL: [Self; 4] = [Self::Firewall, Self::Node, Self::Cilium, Self::Gateway];
}

/// A file of the handover.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// What it belongs to.
    pub kind: Kind,
    /// File name in the directory of the handover.
    pub name: String,
    /// What is in it.
    pub content: String,
    /// Only its owner may read it: it holds a secret.
    pub private: bool,
}

impl Document {
    fn new(kind: Kind, name: impl Into<String>, content: String) -> Self {
        Self { kind, name: name.into(), content, private: false }
    }
}

/// Without the content of what is private.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = if self.private { "(hidden)" } else { self.content.as_str() };
        f.debug_struct("Document").field("kind", &self.kind).field("name", &self.name).field("content", &content).finish()
    }
}

/// Something that is left to do, in order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// What it belongs to; steps are done in the order of kinds.
    #[serde(skip)]
    pub kind: Kind,
    /// What it does and where.
    pub what: String,
    /// Its commands, to be run in the directory of the handover; empty: there is none.
    pub commands: Vec<String>,
}

impl Step {
    fn new<C: Into<String>>(kind: Kind, what: impl Into<String>, commands: impl IntoIterator<Item = C>) -> Self {
        Self { kind, what: what.into(), commands: commands.into_iter().map(Into::into).collect() }
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handover {
    /// Files.
    pub documents: Vec<Document>,
    /// What is wrong or missing.
    pub findings: Vec<Finding>,
    /// What is left to do.
    pub steps: Vec<Step>,
}

impl Handover {
    fn add(&mut self, part: Handover) {
        self.documents.extend(part.documents);
        self.findings.extend(part.findings);
        self.steps.extend(part.steps);
    }
}

/// Writes the documents of `kinds` (all of [`Kind::USUAL`] if there is none).
pub fn hand_over(cluster: &Cluster, world: &World, kinds: &BTreeSet<Kind>, credentials: &Credentials<'_>) -> Handover {
    let known = Known::new(cluster, world);
    let usual = BTreeSet::from(Kind::USUAL);
    let mut all = Handover::default();
    for kind in if kinds.is_empty() { &usual } else { kinds } {
        all.add(match kind {
            Kind::Node => node::documents(&known, credentials),
            Kind::Cilium => cilium::documents(&known),
            Kind::Gateway => gateway::documents(&known),
            Kind::GatewayCloud => cloud::documents(&known),
            Kind::Firewall => firewall::documents(&known),
            Kind::Terraform => terraform::documents(&known),
        });
    }
    all
}

#[cfg(test)]
mod tests;
