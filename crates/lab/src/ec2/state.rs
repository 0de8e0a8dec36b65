//! What EC2 knows of one VPC, and the rules by which it lets that be changed.
//!
//! Pure: no socket, no clock. The error codes are those of "Error codes for the Amazon EC2 API"
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hybridge_model::{Cidr4, InstanceId, InterfaceId, RouteTableId, VpcId};

use super::types::{InstanceType, TYPES};

/// One VPC with everything in it that routing depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2State {
    /// The VPC.
    pub vpc: VpcId,
    /// Its IPv4 networks, the primary one first. Each table has a `local` route for each.
    pub vpc_cidrs: Vec<Cidr4>,
    /// Instances, running or terminated.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// Route tables.
    pub tables: BTreeMap<RouteTableId, Table>,
    /// Private DNS names of instances whose name is not the one made of their address; empty while EC2 has given none yet.
    pub private_dns_names: BTreeMap<InstanceId, String>,
    /// Types of instances that exist.
    pub types: Vec<InstanceType>,
}

/// An instance with one network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its primary interface, the one with device index 0.
    pub interface: InterfaceId,
    /// Primary address of that interface.
    pub private_ip: Ipv4Addr,
    /// Availability zone, such as `us-west-2a`; the region is the zone without its last letter.
    pub az: String,
    /// Whether the fabric drops what this interface sends or gets for addresses that are not its own.
    pub source_dest_check: bool,
    /// Whether its security group lets UDP 8472 (VXLAN) in.
    pub vxlan_open: bool,
    /// Whether it was terminated: its interface is gone, and routes to it are blackholes.
    pub terminated: bool,
}

/// A route table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Routes by destination.
    pub routes: BTreeMap<Cidr4, TableRoute>,
    /// Subnets associated with it.
    pub subnets: Vec<String>,
}

/// One route of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRoute {
    /// Where it leads.
    pub target: RouteTarget,
    /// Who made it.
    pub origin: RouteOrigin,
}

/// Target of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// A network interface.
    Interface(InterfaceId),
    /// The VPC itself.
    Local,
    /// A gateway of another sort by its identifier: `tgw-…`, `vgw-…`, `igw-…`, `nat-…`, `pcx-…`.
    Other(String),
}

/// Who made a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteOrigin {
    /// It came with the table.
    CreateRouteTable,
    /// A call of CreateRoute.
    CreateRoute,
    /// Propagation from a virtual private gateway.
    EnableVgwRoutePropagation,
}

impl RouteOrigin {
    /// As EC2 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateRouteTable => "CreateRouteTable",
            Self::CreateRoute => "CreateRoute",
            Self::EnableVgwRoutePropagation => "EnableVgwRoutePropagation",
        }
    }
}

/// A request that EC2 turns down. `Display` is the message that goes out; [`Refusal::code`] is the code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No Authorization header.
    #[error("AWS was not able to validate the provided access credentials")]
    NotSigned,
    /// The caller may not do this.
    #[error("You are not authorized to perform this operation.")]
    NotAuthorized,
    /// Too many requests.
    #[error("Request limit exceeded.")]
    Throttled,
    /// The service is down.
    #[error("The service is unavailable. Please try again shortly.")]
    Unavailable,
    /// An action that this server does not have.
    #[error("The action {0} is not valid for this web service.")]
    UnknownAction(String),
    /// A parameter that the action does not have, or that this server does not know.
    #[error("The parameter {0} is not recognized")]
    UnknownParameter(String),
    /// A parameter is missing.
    #[error("The request must contain the parameter {0}")]
    Missing(&'static str),
    /// A parameter has a value that cannot be.
    #[error("{0}")]
    BadValue(String),
    /// Two parameters exclude each other.
    #[error("{0}")]
    BadCombination(String),
    /// The token of a next page was not given out by this server.
    #[error("The specified pagination token is not valid.")]
    BadToken,
    /// The text is no route table ID.
    #[error("Invalid id: \"{0}\" (expecting \"rtb-...\")")]
    MalformedTable(String),
    /// The text is no interface ID.
    #[error("Invalid id: \"{0}\" (expecting \"eni-...\")")]
    MalformedInterface(String),
    /// The text is no instance ID.
    #[error("Invalid id: \"{0}\" (expecting \"i-...\")")]
    MalformedInstance(String),
    /// No such route table.
    #[error("The routeTable ID '{0}' does not exist")]
    NoTable(RouteTableId),
    /// No such interface, or its instance was terminated.
    #[error("The networkInterface ID '{0}' does not exist")]
    NoInterface(InterfaceId),
    /// No such instance.
    #[error("The instance ID '{0}' does not exist")]
    NoInstance(InstanceId),
    /// No such types of instances.
    #[error("The following supplied instance types do not exist: [{0}]")]
    NoType(String),
    /// CreateRoute for a destination that has a route.
    #[error("The route identified by {0} already exists.")]
    RouteExists(Cidr4),
    /// DeleteRoute for a destination without one.
    #[error("no route with destination-cidr-block {0} in route table {1}")]
    NoRoute(Cidr4, RouteTableId),
}

impl Refusal {
    /// EC2's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotSigned => "AuthFailure",
            Self::NotAuthorized => "UnauthorizedOperation",
            Self::Throttled => "RequestLimitExceeded",
            Self::Unavailable => "Unavailable",
            Self::UnknownAction(_) => "InvalidAction",
            Self::UnknownParameter(_) => "UnknownParameter",
            Self::Missing(_) => "MissingParameter",
            Self::BadValue(_) => "InvalidParameterValue",
            Self::BadCombination(_) => "InvalidParameterCombination",
            Self::BadToken => "InvalidPaginationToken",
            Self::MalformedTable(_) => "InvalidRouteTableId.Malformed",
            Self::MalformedInterface(_) => "InvalidNetworkInterfaceId.Malformed",
            Self::MalformedInstance(_) => "InvalidInstanceID.Malformed",
            Self::NoTable(_) => "InvalidRouteTableID.NotFound",
            Self::NoInterface(_) => "InvalidNetworkInterfaceID.NotFound",
            Self::NoInstance(_) => "InvalidInstanceID.NotFound",
            Self::NoType(_) => "InvalidInstanceType",
            Self::RouteExists(_) => "RouteAlreadyExists",
            Self::NoRoute(..) => "InvalidRoute.NotFound",
        }
    }

    /// HTTP status that goes with the code.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::NotSigned => 401,
            Self::NotAuthorized => 403,
            Self::Throttled | Self::Unavailable => 503,
            Self::UnknownAction(_)
            | Self::UnknownParameter(_)
            | Self::Missing(_)
            | Self::BadValue(_)
            | Self::BadCombination(_)
            | Self::BadToken
            | Self::MalformedTable(_)
            | Self::MalformedInterface(_)
            | Self::MalformedInstance(_)
            | Self::NoTable(_)
            | Self::NoInterface(_)
            | Self::NoInstance(_)
            | Self::NoType(_)
            | Self::RouteExists(_)
            | Self::NoRoute(..) => 400,
        }
    }
}

impl Ec2State {
    /// A VPC without instances and tables.
    pub fn new(vpc: VpcId, vpc_cidrs: Vec<Cidr4>) -> Self {
        Self {
            vpc,
            vpc_cidrs,
            instances: BTreeMap::new(),
            tables: BTreeMap::new(),
            private_dns_names: BTreeMap::new(),
            types: TYPES.to_vec(),
        }
    }

    /// The private DNS name of an instance: of its address unless another is set
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/hostname-types.html>).
    pub fn private_dns_name(&self, id: &InstanceId) -> Option<String> {
        let instance = self.instances.get(id)?;
        if let Some(name) = self.private_dns_names.get(id) {
            return Some(name.clone());
        }
        let region = instance.az.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let domain = if region == "us-east-1" { "ec2.internal".into() } else { format!("{region}.compute.internal") };
        Some(format!("ip-{}.{domain}", instance.private_ip.to_string().replace('.', "-")))
    }

    /// Adds a route table as CreateRouteTable makes it, with a `local` route for each network of the VPC.
    pub fn add_table(&mut self, id: RouteTableId, subnets: Vec<String>) {
        let local = TableRoute { target: RouteTarget::Local, origin: RouteOrigin::CreateRouteTable };
        let routes = self.vpc_cidrs.iter().map(|cidr| (*cidr, local.clone())).collect();
        self.tables.insert(id, Table { routes, subnets });
    }

    /// The instance that holds `interface`, unless it was terminated.
    pub fn holder(&self, interface: &InterfaceId) -> Option<(&InstanceId, &Instance)> {
        self.instances.iter().find(|(_, instance)| instance.interface == *interface && !instance.terminated)
    }

    /// The running instance with that primary address.
    pub fn instance_at(&self, address: Ipv4Addr) -> Option<(&InstanceId, &Instance)> {
        self.instances.iter().find(|(_, instance)| instance.private_ip == address && !instance.terminated)
    }

    /// Whether a route with this target leads nowhere (`state` is `blackhole`).
    pub fn is_blackhole(&self, target: &RouteTarget) -> bool {
        match target {
            RouteTarget::Interface(interface) => self.holder(interface).is_none(),
            RouteTarget::Local | RouteTarget::Other(_) => false,
        }
    }

    /// CreateRoute.
    ///
    /// # Errors
    /// The table or the interface is not there, or the destination has a route, `local` ones included.
    pub fn create_route(&mut self, table: &RouteTableId, destination: Cidr4, target: RouteTarget) -> Result<(), Refusal> {
        self.check_target(&target)?;
        let routes = self.routes_mut(table)?;
        if routes.contains_key(&destination) {
            return Err(Refusal::RouteExists(destination));
        }
        routes.insert(destination, TableRoute { target, origin: RouteOrigin::CreateRoute });
        Ok(())
    }

    /// ReplaceRoute. The origin stays what it was.
    ///
    /// EC2 would let an interface take the place of a `local` target (middlebox routing). No gateway has a reason to ask for
    /// that, and it would cut the VPC off from itself, so here it is refused.
    ///
    /// # Errors
    /// The table, the interface or the route is not there, or it is a `local` route.
    pub fn replace_route(&mut self, table: &RouteTableId, destination: Cidr4, target: RouteTarget) -> Result<(), Refusal> {
        self.check_target(&target)?;
        let Some(route) = self.routes_mut(table)?.get_mut(&destination) else {
            // Not InvalidRoute.NotFound, which only DeleteRoute gives: moto's source notes the same of the real EC2.
            return Err(Refusal::BadValue(format!(
                "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
            )));
        };
        if route.target == RouteTarget::Local {
            return Err(Refusal::BadValue(format!("cannot replace local route {destination} in route table {table}")));
        }
        route.target = target;
        Ok(())
    }

    /// DeleteRoute.
    ///
    /// # Errors
    /// The table or the route is not there, or it is a `local` route.
    pub fn delete_route(&mut self, table: &RouteTableId, destination: Cidr4) -> Result<(), Refusal> {
        let routes = self.routes_mut(table)?;
        match routes.get(&destination) {
            None => Err(Refusal::NoRoute(destination, table.clone())),
            Some(TableRoute { target: RouteTarget::Local, .. }) => {
                Err(Refusal::BadValue(format!("cannot remove local route {destination} in route table {table}")))
            }
            Some(_) => {
                routes.remove(&destination);
                Ok(())
            }
        }
    }

    /// ModifyNetworkInterfaceAttribute of the source/destination check.
    ///
    /// # Errors
    /// The interface is not there.
    pub fn set_source_dest_check(&mut self, interface: &InterfaceId, on: bool) -> Result<(), Refusal> {
        let instance = self
            .instances
            .values_mut()
            .find(|instance| instance.interface == *interface && !instance.terminated)
            .ok_or_else(|| Refusal::NoInterface(interface.clone()))?;
        instance.source_dest_check = on;
        Ok(())
    }

    fn check_target(&self, target: &RouteTarget) -> Result<(), Refusal> {
        match target {
            RouteTarget::Interface(interface) if self.holder(interface).is_none() => Err(Refusal::NoInterface(interface.clone())),
            RouteTarget::Interface(_) | RouteTarget::Local | RouteTarget::Other(_) => Ok(()),
        }
    }

    fn routes_mut(&mut self, table: &RouteTableId) -> Result<&mut BTreeMap<Cidr4, TableRoute>, Refusal> {
        self.tables.get_mut(table).map(|table| &mut table.routes).ok_or_else(|| Refusal::NoTable(table.clone()))
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
