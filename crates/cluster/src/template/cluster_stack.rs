//! The stack of a cluster, or the hybrid one beside a cluster that others made.

use std::collections::BTreeSet;

use hybridge_model::Cidr4;
use hybridge_report::Finding;

use super::cfn::{MAX_BODY, Template, Value};
use super::index::Indices;
use super::{Purpose, StackPlan, control_plane, document, endpoints, gateway, groups, hybrid, network, outposts, plan};
use crate::resolve::{Cluster, HYBRID_STACK_TAG};
use crate::world::World;

/// A template in the making.
pub(super) struct Draft<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) world: &'a World,
    pub(super) template: Template,
    pub(super) indices: Indices,
    pub(super) extra_cidrs: Vec<Cidr4>,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(cluster: &'a Cluster, world: &'a World, description: String) -> Self {
        let mut extra_cidrs: Vec<Cidr4> = Vec::new();
        for cidr in cluster.config.vpc.extra_cidrs.iter().filter_map(|text| text.parse().ok()) {
            if !extra_cidrs.contains(&cidr) {
                extra_cidrs.push(cidr);
            }
        }
        let indices = Indices::new(&cluster.remote_cidrs(), &extra_cidrs, world.deployed.as_ref());
        let mut template = Template::new(description);
        template.mappings.insert(document::PRINCIPALS.to_owned(), document::principals());
        Self { cluster, world, template, indices, extra_cidrs, findings: Vec::new() }
    }

    /// What the VPC is known by.
    pub(super) fn vpc(&self) -> Value {
        match &self.cluster.vpc.id {
            Some(id) => Value::from(id),
            None => Value::reference("VPC"),
        }
    }

    /// Whether the deployed template has a resource.
    pub(super) fn has_deployed(&self, id: &str) -> bool {
        self.world.deployed.as_ref().is_some_and(|deployed| deployed.template_body.pointer(&format!("/Resources/{id}")).is_some())
    }

    /// Whether a resource of the deployed stack is known by this name in AWS.
    pub(super) fn owns(&self, physical: &str) -> bool {
        let resources = self.world.deployed.iter().flat_map(|deployed| &deployed.stack_resources);
        resources.into_iter().any(|resource| resource.physical_resource_id == physical)
    }
}

/// The first of a cluster's stacks alone.
pub(crate) fn stack(cluster: &Cluster, world: &World) -> StackPlan {
    if cluster.foreign { beside(cluster, world) } else { own(cluster, world) }
}

/// eksctl's cluster stack.
fn own(cluster: &Cluster, world: &World) -> StackPlan {
    let mut draft = Draft::new(cluster, world, String::new());
    network::add(&mut draft);
    let groups = groups::add(&mut draft);
    endpoints::add(&mut draft, &groups);
    control_plane::add(&mut draft, &groups);
    outposts::exports(&mut draft);
    hybrid::add(&mut draft);
    gateway::add(&mut draft);
    draft.template.output("ClusterStackName", Value::reference("AWS::StackName"));
    let (vpc, iam) = (cluster.vpc.id.is_none(), !draft.template.capabilities().is_empty());
    draft.template.description = format!("EKS cluster (dedicated VPC: {vpc}, dedicated IAM: {iam}) [created and managed by eksctl]");
    shrink(&mut draft.template, cluster.partition);
    let mut stack = plan(cluster, cluster.stack_name(), Purpose::Cluster, draft.template);
    let oidc = cluster.config.iam.with_oidc == Some(true);
    stack.tags.insert("alpha.eksctl.io/cluster-oidc-enabled".to_owned(), oidc.to_string());
    stack.findings = draft.findings;
    stack
}

/// Takes out of a template that is too large for a request what says nothing new: principals of other partitions; then each route's own
/// waiting for the gateway, which its table does for all of them.
pub(crate) fn shrink(template: &mut Template, partition: &str) {
    let too_large = |template: &Template| template.bytes() > MAX_BODY;
    if !too_large(template) {
        return;
    }
    if let Some(principals) = template.mappings.get_mut(document::PRINCIPALS) {
        principals.retain(|name, _| name == partition);
    }
    if !too_large(template) {
        return;
    }
    let mut waits: BTreeSet<(String, String)> = BTreeSet::new();
    for route in template.resources.values_mut().filter(|resource| resource.kind == "AWS::EC2::Route") {
        if let Some(Value::Ref(table)) = route.properties.get("RouteTableId").cloned() {
            waits.extend(
                route
                    .depends_on
                    .iter()
                    .filter(|id| id.contains("Attachment") && *id != "VPCGatewayAttachment")
                    .map(|id| (table.clone(), id.clone())),
            );
            route.depends_on.retain(|id| id == "VPCGatewayAttachment");
        }
    }
    for (table, attachment) in waits {
        if let Some(table) = template.resources.get_mut(&table) {
            table.depends_on.insert(attachment);
        }
    }
}

/// What hybrid nodes need, beside a cluster that others made. Its networks are EKS's own affair: `UpdateClusterConfig` sets them.
fn beside(cluster: &Cluster, world: &World) -> StackPlan {
    let name = &cluster.config.metadata.name;
    let mut draft =
        Draft::new(cluster, world, format!("What hybrid nodes of the EKS cluster {name} need [created and managed by hybridge]"));
    hybrid::add(&mut draft);
    hybrid::add_rules(&mut draft);
    gateway::add(&mut draft);
    let mut stack = plan(cluster, cluster.hybrid_stack_name(), Purpose::Hybrid, draft.template);
    // eksctl deletes what carries its tags; this is not its own.
    stack.tags = cluster.config.metadata.tags.clone();
    stack.tags.insert(HYBRID_STACK_TAG.to_owned(), name.clone());
    stack.findings = draft.findings;
    stack
}
