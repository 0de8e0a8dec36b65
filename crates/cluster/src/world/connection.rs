//! What connects a VPC with networks outside: transit gateways, virtual private gateways, name servers.

use serde::{Deserialize, Serialize};

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
