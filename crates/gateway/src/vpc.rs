//! VPC route tables as EC2 shows them.

use std::fmt;

use hybridge_model::{Cidr4, InstanceId, InterfaceId, RouteTableId, VpcId};
use serde::{Deserialize, Serialize};

/// One route table, as DescribeRouteTables returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its identifier.
    pub id: RouteTableId,
    /// The VPC it belongs to.
    pub vpc: VpcId,
    /// Its IPv4 routes; IPv6 and prefix-list routes are left out.
    pub routes: Vec<VpcRoute>,
}

/// One IPv4 route of a VPC route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcRoute {
    /// Destination.
    pub destination: Cidr4,
    /// Where it leads.
    pub target: Target,
    /// EC2 says `blackhole`: the target is detached, stopped for good or gone.
    pub blackhole: bool,
    /// Made by CreateRoute (or ReplaceRoute), neither with the table nor by propagation from a virtual private gateway.
    pub by_create_route: bool,
}

/// Where a VPC route leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A network interface, with the instance it is attached to where EC2 names one.
    Interface {
        /// The interface.
        interface: InterfaceId,
        /// Its instance.
        instance: Option<InstanceId>,
    },
    /// The VPC itself.
    Local,
    /// Any other target by its identifier: `tgw-…`, `vgw-…`, `nat-…`, `pcx-…`, `igw-…`.
    Other(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface { interface, instance: Some(instance) } => write!(f, "{interface} of {instance}"),
            Self::Interface { interface, instance: None } => write!(f, "{interface}"),
            Self::Local => f.write_str("local"),
            Self::Other(id) => f.write_str(id),
        }
    }
}

/// What DescribeInstances says of a gateway's own instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayInstance {
    /// The instance.
    pub instance: InstanceId,
    /// Its primary interface, the one with device index 0.
    pub primary_interface: InterfaceId,
    /// The VPC of that interface.
    pub vpc: VpcId,
    /// Whether EC2 drops what this interface forwards for others; must be off.
    pub source_dest_check: bool,
}
