//! A [`Cluster`] as CloudFormation templates: eksctl's stacks, with its names, so that eksctl finds what we make, and we what it made.

mod cluster_stack;
mod control_plane;
mod document;
mod endpoints;
mod entries;
mod gateway;
mod groups;
mod hybrid;
mod index;
mod network;
mod node_group;
mod outposts;
mod service_accounts;
mod user_data;

pub mod cfn;

use std::collections::BTreeMap;

use hybridge_report::Finding;

use crate::resolve::Cluster;
use crate::world::World;
use cfn::Template;

pub(crate) use cluster_stack::{shrink, stack as first_stack};
pub use entries::entry_stack_name;

/// A stack that is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct StackPlan {
    /// Name.
    pub name: String,
    /// What it is for, for people.
    pub purpose: Purpose,
    /// Template.
    pub template: Template,
    /// Tags of the stack, which CloudFormation puts on everything in it.
    pub tags: BTreeMap<String, String>,
    /// What CloudFormation wants to be told in so many words.
    pub capabilities: Vec<&'static str>,
    /// Protected from deletion.
    pub termination_protection: bool,
    /// Stacks that must be complete before this one is made.
    pub depends_on: Vec<String>,
    /// What it leaves out, and why.
    pub findings: Vec<Finding>,
}

impl StackPlan {
    /// The template for a stack that is there, by the template that it has.
    pub fn over(&self, deployed: &serde_json::Value) -> Template {
        match self.purpose {
            Purpose::NodeGroup => node_group::over(self.template.clone(), deployed),
            Purpose::Cluster | Purpose::Hybrid | Purpose::AccessEntry | Purpose::ServiceAccount | Purpose::PodIdentity => {
                self.template.clone()
            }
        }
    }
}

/// What a stack is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The cluster itself, with all that hybrid nodes need of it.
    Cluster,
    /// What hybrid nodes need, beside a cluster that others made.
    Hybrid,
    /// An access entry.
    AccessEntry,
    /// Nodes in EC2.
    NodeGroup,
    /// The role of a service account by OpenID Connect.
    ServiceAccount,
    /// The role of a service account by Pod Identity.
    PodIdentity,
}

impl Purpose {
    /// In a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Hybrid => "hybrid nodes",
            Self::AccessEntry => "access entry",
            Self::NodeGroup => "node group",
            Self::ServiceAccount => "service account",
            Self::PodIdentity => "pod identity",
        }
    }
}

/// All stacks of a cluster, in an order in which they can be made; the cluster's own, or the hybrid one, is first.
///
/// Roles of service accounts need the cluster's OpenID Connect issuer, which is known when EKS has made it: until then their stacks are
/// missing here, and [`later`] names them.
pub fn stacks(cluster: &Cluster, world: &World) -> Vec<StackPlan> {
    let first = cluster_stack::stack(cluster, world);
    let needed = first.name.clone();
    let mut stacks = vec![first];
    stacks.extend(entries::stacks(cluster));
    stacks.extend(node_group::stacks(cluster, world));
    stacks.extend(outposts::stacks(cluster));
    stacks.extend(service_accounts::stacks(cluster, world));
    for stack in &mut stacks[1..] {
        stack.depends_on = vec![needed.clone()];
    }
    stacks
}

/// Stacks whose templates cannot be known before the cluster is there, by name.
pub fn later(cluster: &Cluster, world: &World) -> Vec<String> {
    service_accounts::later(cluster, world)
}

/// A stack with eksctl's tags.
fn plan(cluster: &Cluster, name: String, purpose: Purpose, template: Template) -> StackPlan {
    let metadata = &cluster.config.metadata;
    let mut tags = BTreeMap::from([
        ("alpha.eksctl.io/cluster-name".to_owned(), metadata.name.clone()),
        ("eksctl.cluster.k8s.io/v1alpha1/cluster-name".to_owned(), metadata.name.clone()),
        ("alpha.eksctl.io/eksctl-version".to_owned(), EKSCTL.to_owned()),
    ]);
    tags.extend(metadata.tags.clone());
    let capabilities = template.capabilities();
    // eksctl protects every stack that it makes.
    StackPlan { name, purpose, template, tags, capabilities, termination_protection: true, depends_on: Vec::new(), findings: Vec::new() }
}

/// The version of eksctl whose stacks ours are like; eksctl wants a version in this tag.
const EKSCTL: &str = "0.230.0";

/// A zone, or another name, as part of a logical identifier: `us-west-2a` is `USWEST2A`.
fn alias(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests;
