//! What is known of AWS: its own answers, under its own names, so that a file of facts can be written by `aws … describe-…`, too.
//!
//! Everything may be missing: a plan of a new cluster needs zones at most. What a check needs and does not find it says.

mod cluster;
mod connection;
mod firewall;
mod identity;
mod stack;
mod vpc;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use cluster::{
    CertificateAuthority, ClusterVersion, Identity, KubeNode, LiveAccessConfig, LiveAddon, LiveCidrs, LiveCluster, LiveEntry, LiveLogging,
    LiveNetworkConfig, LivePolicy, LiveRemoteNetworks, LogSetup, Oidc, ResourcesVpcConfig,
};
pub use connection::{
    AttachmentAssociation, ResolverAddress, ResolverEndpoint, RouteAttachment, TransitGateway, TransitGatewayAttachment,
    TransitGatewayOptions, TransitGatewayRoute, VpcAttachment, VpnGateway,
};
pub use firewall::{AclAssociation, AclEntry, IpPermission, IpRange, NetworkAcl, PortRange, PrefixList, SecurityGroup};
pub use identity::{Activation, AnywhereProfile, ManagedInstance, Role, TrustAnchor};
pub use stack::{Deployed, Output, Stack, StackResource};
pub use vpc::{
    CidrAssociation, Endpoint, EndpointService, GroupId, Interface, PropagatingGateway, Route, RouteTable, RouteTableAssociation,
    ServiceType, Subnet, Vpc, Zone,
};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct World {
    /// STS GetCallerIdentity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// IAM SimulatePrincipalPolicy of the caller: what `create` and `update` do and the caller may not; none: not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_actions: Option<Vec<String>>,
    /// EC2 DescribeAvailabilityZones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability_zones: Vec<Zone>,
    /// EC2 DescribeVpcs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vpcs: Vec<Vpc>,
    /// EC2 DescribeSubnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Subnet>,
    /// EC2 DescribeVpcEndpointServices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_details: Vec<EndpointService>,
    /// EC2 DescribeVpcEndpoints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vpc_endpoints: Vec<Endpoint>,
    /// EC2 DescribeRouteTables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub route_tables: Vec<RouteTable>,
    /// EC2 DescribeSecurityGroups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<SecurityGroup>,
    /// EC2 DescribeNetworkAcls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_acls: Vec<NetworkAcl>,
    /// EC2 DescribeNetworkInterfaces of the cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_interfaces: Vec<Interface>,
    /// EC2 DescribeTransitGateways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transit_gateways: Vec<TransitGateway>,
    /// EC2 DescribeTransitGatewayAttachments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transit_gateway_attachments: Vec<TransitGatewayAttachment>,
    /// EC2 SearchTransitGatewayRoutes, by route table.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub transit_gateway_routes: BTreeMap<String, Vec<TransitGatewayRoute>>,
    /// EC2 DescribeVpnGateways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vpn_gateways: Vec<VpnGateway>,
    /// Route 53 Resolver ListResolverEndpoints, of the cluster's VPC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolver_endpoints: Vec<ResolverEndpoint>,
    /// EKS DescribeCluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<LiveCluster>,
    /// EKS DescribeAccessEntry of each entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_entries: Vec<LiveEntry>,
    /// EKS DescribeAddon of each add-on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addons: Vec<LiveAddon>,
    /// EKS DescribeClusterVersions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cluster_versions: Vec<ClusterVersion>,
    /// CloudFormation DescribeStacks of the cluster's stacks, the cluster's own first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<Stack>,
    /// CloudFormation GetTemplate (as deployed) and DescribeStackResources of the cluster's own stack; of a cluster that others made, of
    /// our hybrid stack beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
    /// IAM GetRole and its policies, by ARN, of roles that the file names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// IAM Roles Anywhere GetProfile, by ARN.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, AnywhereProfile>,
    /// IAM Roles Anywhere GetTrustAnchor, by ARN.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub trust_anchors: BTreeMap<String, TrustAnchor>,
    /// SSM DescribeInstanceInformation of managed instances (`mi-…`) that carry the role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_instances: Vec<ManagedInstance>,
    /// SSM DescribeActivations of activations that carry the cluster's tag or role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub activations: Vec<Activation>,
    /// Nodes of Kubernetes; none: the API server was not asked, or did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<KubeNode>>,
    /// Questions that were refused or not answered, and why: what is missing is not absent. The key begins with AWS's name of the call, as
    /// in `DescribeSubnets vpc-0a1b`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unanswered: BTreeMap<String, String>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// User or role session.
    pub arn: String,
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Tag {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
}

/// Takes fields that are null out of an answer of AWS, at any depth: they say as much as fields that are not there.
pub fn leave_out_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(leave_out_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
