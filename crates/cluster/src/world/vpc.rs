//! A VPC: zones, subnets, endpoints, route tables, interfaces.

use serde::{Deserialize, Serialize};

use super::Tag;

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
    /// The Outpost that it is on; empty: it is in the region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub outpost_arn: String,
    /// Interfaces at this device index are local network interfaces; none: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_lni_at_device_index: Option<u32>,
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
    /// `available` or worse. EC2 goes on telling of one that was deleted, for an hour or so.
    pub state: String,
    /// Security groups.
    pub groups: Vec<GroupId>,
}

impl Endpoint {
    /// Whether it serves anybody, or soon will: one that is going, or never came to be, does not.
    pub fn is_there(&self) -> bool {
        !["deleting", "deleted", "rejected", "failed", "expired"].iter().any(|gone| self.state.eq_ignore_ascii_case(gone))
    }
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
