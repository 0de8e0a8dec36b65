//! What is known of AWS: its own answers, under its own names, so that a file of facts can be written by `aws … describe-…`, too.
//!
//! Everything may be missing: a plan of a new cluster needs zones at most. What a check needs and does not find it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// A zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Zone {
    /// `us-west-2a`; which place that is differs between accounts.
    pub zone_name: String,
    /// `usw2-az1`; the same place for all accounts.
    pub zone_id: String,
    /// `availability-zone`, `local-zone` or `wavelength-zone`.
    pub zone_type: String,
    /// `available` or worse.
    pub state: String,
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

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Vpc {
    /// `vpc-…`.
    pub vpc_id: String,
    /// Its first network.
    pub cidr_block: String,
    /// All of its networks.
    pub cidr_block_association_set: Vec<CidrAssociation>,
    /// DescribeVpcAttribute `enableDnsSupport`; none: not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_dns_support: Option<bool>,
    /// DescribeVpcAttribute `enableDnsHostnames`; none: not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_dns_hostnames: Option<bool>,
}

/// A network of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CidrAssociation {
    /// IPv4.
    pub cidr_block: String,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Subnet {
    /// `subnet-…`.
    pub subnet_id: String,
    /// `vpc-…`.
    pub vpc_id: String,
    /// Zone's name.
    pub availability_zone: String,
    /// Zone's identifier.
    pub availability_zone_id: String,
    /// IPv4.
    pub cidr_block: String,
    /// Free addresses; none: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_ip_address_count: Option<u32>,
    /// Whether instances get public addresses.
    pub map_public_ip_on_launch: bool,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A service that can have endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointService {
    /// `com.amazonaws.us-west-2.ec2`.
    pub service_name: String,
    /// `Interface` or `Gateway`.
    pub service_type: Vec<ServiceType>,
    /// Zones.
    pub availability_zones: Vec<String>,
}

/// How a service is offered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceType {
    /// `Interface` or `Gateway`.
    pub service_type: String,
}

/// An endpoint in a VPC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Endpoint {
    /// `vpce-…`.
    pub vpc_endpoint_id: String,
    /// `Interface` or `Gateway`.
    pub vpc_endpoint_type: String,
    /// VPC.
    pub vpc_id: String,
    /// `com.amazonaws.us-west-2.ec2`.
    pub service_name: String,
    /// `available` or worse.
    pub state: String,
    /// Security groups.
    pub groups: Vec<GroupId>,
}

/// A security group by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupId {
    /// `sg-…`.
    pub group_id: String,
}

/// A route table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RouteTable {
    /// `rtb-…`.
    pub route_table_id: String,
    /// VPC.
    pub vpc_id: String,
    /// Subnets; a table with `Main` is that of all others.
    pub associations: Vec<RouteTableAssociation>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Virtual private gateways whose routes are propagated here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub propagating_vgws: Vec<PropagatingGateway>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// Who uses a route table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RouteTableAssociation {
    /// Subnet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subnet_id: String,
    /// The VPC's main table.
    pub main: bool,
}

/// A virtual private gateway by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PropagatingGateway {
    /// `vgw-…`.
    pub gateway_id: String,
}

/// A route. One of the targets is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Route {
    /// IPv4; empty: something else.
    pub destination_cidr_block: String,
    /// `local`, `igw-…`, `vgw-…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway_id: String,
    /// `tgw-…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub transit_gateway_id: String,
    /// `nat-…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nat_gateway_id: String,
    /// `eni-…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub network_interface_id: String,
    /// `pcx-…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vpc_peering_connection_id: String,
    /// ARN of a Cloud WAN core network.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub core_network_arn: String,
    /// `active` or `blackhole`.
    pub state: String,
    /// `CreateRoute`, `CreateRouteTable` or `EnableVgwRoutePropagation`.
    pub origin: String,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub group_id: String,
    /// Name.
    pub group_name: String,
    /// VPC.
    pub vpc_id: String,
    /// What may come in.
    pub ip_permissions: Vec<IpPermission>,
    /// What may go out.
    pub ip_permissions_egress: Vec<IpPermission>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// Rules of a security group that share protocol and ports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpPermission {
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub ip_protocol: String,
    /// First port; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// Last port; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// Networks.
    pub ip_ranges: Vec<IpRange>,
    /// Groups.
    pub user_id_group_pairs: Vec<GroupId>,
    /// Prefix lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefix_list_ids: Vec<PrefixList>,
}

/// A network in a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpRange {
    /// IPv4.
    pub cidr_ip: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// A prefix list in a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrefixList {
    /// `pl-…`.
    pub prefix_list_id: String,
}

/// A network ACL.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkAcl {
    /// `acl-…`.
    pub network_acl_id: String,
    /// VPC.
    pub vpc_id: String,
    /// That of subnets without one of their own.
    pub is_default: bool,
    /// Subnets.
    pub associations: Vec<AclAssociation>,
    /// Rules.
    pub entries: Vec<AclEntry>,
}

/// A subnet with a network ACL.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AclAssociation {
    /// Subnet.
    pub subnet_id: String,
}

/// A rule of a network ACL; the one of the lowest number that fits decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AclEntry {
    /// 1 to 32766; 32767 is the last one, which refuses everything.
    pub rule_number: u32,
    /// Protocol's number, `-1` for all.
    pub protocol: String,
    /// `allow` or `deny`.
    pub rule_action: String,
    /// Out of the subnet.
    pub egress: bool,
    /// IPv4; empty: something else.
    pub cidr_block: String,
    /// Ports; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_range: Option<PortRange>,
}

/// Ports, both included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortRange {
    /// First.
    pub from: u16,
    /// Last.
    pub to: u16,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Interface {
    /// `eni-…`.
    pub network_interface_id: String,
    /// `Amazon EKS <cluster>` for those of a control plane.
    pub description: String,
    /// Primary address.
    pub private_ip_address: String,
    /// Subnet.
    pub subnet_id: String,
    /// VPC.
    pub vpc_id: String,
    /// Zone.
    pub availability_zone: String,
    /// Security groups.
    pub groups: Vec<GroupId>,
}

/// A transit gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGateway {
    /// `tgw-…`.
    pub transit_gateway_id: String,
    /// Account.
    pub owner_id: String,
    /// `available` or worse.
    pub state: String,
    /// How it deals with attachments.
    pub options: TransitGatewayOptions,
}

/// Options of a transit gateway; each is `enable` or `disable`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayOptions {
    /// Attachments from other accounts need nobody's consent.
    pub auto_accept_shared_attachments: String,
    /// New attachments use the default table.
    pub default_route_table_association: String,
    /// The default table.
    pub association_default_route_table_id: String,
    /// New attachments' networks go into the default table.
    pub default_route_table_propagation: String,
    /// The default table.
    pub propagation_default_route_table_id: String,
    /// Autonomous system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amazon_side_asn: Option<u64>,
}

/// An attachment of a transit gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayAttachment {
    /// `tgw-attach-…`.
    pub transit_gateway_attachment_id: String,
    /// `tgw-…`.
    pub transit_gateway_id: String,
    /// `vpc`, `vpn`, `direct-connect-gateway`, `peering`, `connect`.
    pub resource_type: String,
    /// `vpc-…` and so on.
    pub resource_id: String,
    /// `available`, `pendingAcceptance` and so on.
    pub state: String,
    /// Table that its packets are looked up in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association: Option<AttachmentAssociation>,
    /// DescribeTransitGatewayVpcAttachments: subnets of the VPC, one a zone; empty: not asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<String>,
}

/// A route table of a transit gateway, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AttachmentAssociation {
    /// `tgw-rtb-…`.
    pub transit_gateway_route_table_id: String,
    /// `associated` or worse.
    pub state: String,
}

/// A route of a transit gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayRoute {
    /// IPv4.
    pub destination_cidr_block: String,
    /// `active` or `blackhole`.
    pub state: String,
    /// `static` or `propagated`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Where to.
    pub transit_gateway_attachments: Vec<RouteAttachment>,
}

/// Where a route of a transit gateway leads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RouteAttachment {
    /// `vpc-…`, `vpn-…`.
    pub resource_id: String,
    /// `vpc`, `vpn` and so on.
    pub resource_type: String,
}

/// A virtual private gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpnGateway {
    /// `vgw-…`.
    pub vpn_gateway_id: String,
    /// `available` or worse.
    pub state: String,
    /// Autonomous system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amazon_side_asn: Option<u64>,
    /// VPCs; one at most is attached.
    pub vpc_attachments: Vec<VpcAttachment>,
}

/// A VPC at a virtual private gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcAttachment {
    /// `vpc-…`.
    pub vpc_id: String,
    /// `attached` or something else.
    pub state: String,
}

/// Name servers in a VPC that networks outside may ask (inbound), or that ask those (outbound).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResolverEndpoint {
    /// `rslvr-in-…` or `rslvr-out-…`.
    pub id: String,
    /// Name.
    pub name: String,
    /// `INBOUND`, `OUTBOUND` or `INBOUND_DELEGATION`.
    pub direction: String,
    /// VPC.
    #[serde(rename = "HostVPCId")]
    pub host_vpc_id: String,
    /// `OPERATIONAL` or worse.
    pub status: String,
    /// Security groups.
    pub security_group_ids: Vec<String>,
    /// Addresses (ListResolverEndpointIpAddresses).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<ResolverAddress>,
}

/// An address of a resolver endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResolverAddress {
    /// IPv4.
    pub ip: String,
    /// Subnet.
    pub subnet_id: String,
}

/// A cluster as EKS has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveCluster {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Minor version.
    pub version: String,
    /// URL.
    pub endpoint: String,
    /// `ACTIVE`, `CREATING`, `UPDATING` and so on.
    pub status: String,
    /// ARN.
    pub role_arn: String,
    /// Certificates.
    pub certificate_authority: CertificateAuthority,
    /// Network of the control plane.
    pub resources_vpc_config: ResourcesVpcConfig,
    /// Services.
    pub kubernetes_network_config: LiveNetworkConfig,
    /// Remote networks; none: not a cluster for hybrid nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_network_config: Option<LiveRemoteNetworks>,
    /// Authentication.
    pub access_config: LiveAccessConfig,
    /// OpenID Connect.
    pub identity: Identity,
    /// Logs; none: not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<LiveLogging>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// `certificateAuthority`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateAuthority {
    /// PEM, in base64 once more.
    pub data: String,
}

/// `resourcesVpcConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourcesVpcConfig {
    /// Subnets.
    pub subnet_ids: Vec<String>,
    /// Additional security groups.
    pub security_group_ids: Vec<String>,
    /// The group that EKS makes.
    pub cluster_security_group_id: String,
    /// VPC.
    pub vpc_id: String,
    /// Public endpoint.
    pub endpoint_public_access: bool,
    /// Private endpoint.
    pub endpoint_private_access: bool,
    /// Who may use the public one.
    pub public_access_cidrs: Vec<String>,
}

/// `kubernetesNetworkConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveNetworkConfig {
    /// Services.
    pub service_ipv4_cidr: String,
    /// `ipv4` or `ipv6`.
    pub ip_family: String,
}

/// `remoteNetworkConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveRemoteNetworks {
    /// Of nodes.
    pub remote_node_networks: Vec<LiveCidrs>,
    /// Of pods.
    pub remote_pod_networks: Vec<LiveCidrs>,
}

/// An element of either.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveCidrs {
    /// IPv4.
    pub cidrs: Vec<String>,
}

/// `accessConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveAccessConfig {
    /// `API`, `API_AND_CONFIG_MAP`, `CONFIG_MAP`.
    pub authentication_mode: String,
}

/// `logging`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveLogging {
    /// Logs that are on, and logs that are off.
    pub cluster_logging: Vec<LogSetup>,
}

/// `logging.clusterLogging[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogSetup {
    /// `api`, `audit` and so on.
    pub types: Vec<String>,
    /// On.
    pub enabled: bool,
}

/// `identity`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// OpenID Connect.
    pub oidc: Oidc,
}

/// `identity.oidc`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Oidc {
    /// URL.
    pub issuer: String,
}

/// An access entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveEntry {
    /// User or role.
    pub principal_arn: String,
    /// `STANDARD`, `HYBRID_LINUX` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name in Kubernetes.
    pub username: String,
    /// Groups.
    pub kubernetes_groups: Vec<String>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// ListAssociatedAccessPolicies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<LivePolicy>,
}

/// A policy of an access entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LivePolicy {
    /// ARN.
    pub policy_arn: String,
    /// Where it counts.
    pub access_scope: crate::config::AccessScope,
}

/// An add-on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveAddon {
    /// Name.
    pub addon_name: String,
    /// Version.
    pub addon_version: String,
    /// `ACTIVE`, `CREATING`, `DEGRADED` and so on.
    pub status: String,
    /// JSON or YAML.
    pub configuration_values: String,
    /// Role.
    pub service_account_role_arn: String,
}

/// A version that EKS offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterVersion {
    /// Minor version.
    pub cluster_version: String,
    /// What a cluster gets if nothing is said.
    pub default_version: bool,
    /// `STANDARD_SUPPORT`, `EXTENDED_SUPPORT`, `UNSUPPORTED`.
    pub version_status: String,
}

/// A stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Stack {
    /// Name.
    pub stack_name: String,
    /// ARN.
    pub stack_id: String,
    /// `CREATE_COMPLETE` and so on.
    pub stack_status: String,
    /// Why.
    pub stack_status_reason: String,
    /// Outputs.
    pub outputs: Vec<Output>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Protected from deletion.
    pub enable_termination_protection: bool,
}

/// An output of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Output {
    /// Key.
    pub output_key: String,
    /// Value.
    pub output_value: String,
    /// Name of the export; empty: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub export_name: String,
}

/// What a stack was made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Deployed {
    /// The template, as JSON.
    pub template_body: Value,
    /// Its resources.
    pub stack_resources: Vec<StackResource>,
}

/// A resource of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StackResource {
    /// Name in the template.
    pub logical_resource_id: String,
    /// Name in AWS.
    pub physical_resource_id: String,
    /// `AWS::EC2::Route` and so on.
    pub resource_type: String,
    /// `CREATE_COMPLETE` and so on.
    pub resource_status: String,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Role {
    /// ARN.
    pub arn: String,
    /// Who may be it, as JSON.
    pub assume_role_policy_document: Value,
    /// Seconds; none: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<u32>,
    /// Managed policies.
    pub attached_policies: Vec<String>,
    /// SimulatePrincipalPolicy: actions that are not allowed.
    pub denied_actions: Vec<String>,
}

/// A profile of Roles Anywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnywhereProfile {
    /// ARN.
    pub profile_arn: String,
    /// Name.
    pub name: String,
    /// On.
    pub enabled: bool,
    /// Roles.
    pub role_arns: Vec<String>,
    /// Whether callers may name their session.
    pub accept_role_session_name: bool,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
}

/// A trust anchor of Roles Anywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrustAnchor {
    /// ARN.
    pub trust_anchor_arn: String,
    /// Name.
    pub name: String,
    /// On.
    pub enabled: bool,
}

/// A machine that Systems Manager knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ManagedInstance {
    /// `mi-…`; also the node's name.
    pub instance_id: String,
    /// `Online`, `ConnectionLost`, `Inactive`.
    pub ping_status: String,
    /// The activation it came with.
    pub activation_id: String,
    /// Role's name.
    pub iam_role: String,
    /// Address.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Host name.
    pub computer_name: String,
}

/// An activation of Systems Manager; its code is nowhere to be had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Activation {
    /// UUID.
    pub activation_id: String,
    /// What it is for.
    pub description: String,
    /// Role's name.
    pub iam_role: String,
    /// How many machines it takes.
    pub registration_limit: u32,
    /// How many have come.
    pub registrations_count: u32,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_date: Option<f64>,
    /// Past that.
    pub expired: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A Node of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeNode {
    /// Name.
    pub name: String,
    /// Label `eks.amazonaws.com/compute-type` is `hybrid`.
    pub hybrid: bool,
    /// Condition Ready.
    pub ready: bool,
    /// `InternalIP`.
    pub address: String,
    /// `spec.podCIDRs` and what Cilium has given it.
    pub pod_cidrs: Vec<String>,
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
