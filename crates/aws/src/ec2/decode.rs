//! From the SDK's types, where everything is optional, to ours.

use std::str::FromStr;

use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
use aws_sdk_ec2::types::{self, RouteOrigin, RouteState};
use hybridge_gateway::vpc::{GatewayInstance, RouteTable, Target, VpcRoute};
use hybridge_model::{Cidr4, InstanceId, InterfaceId};

use super::error::Ec2Error;
use crate::call::Call;

/// The instance `asked` with its primary interface.
pub(super) fn instance(call: &Call, asked: &InstanceId, answer: &DescribeInstancesOutput) -> Result<GatewayInstance, Ec2Error> {
    let instances = answer.reservations().iter().flat_map(types::Reservation::instances);
    let instance = instances.into_iter().find(|instance| instance.instance_id() == Some(asked.as_str()));
    let instance = instance.ok_or_else(|| Ec2Error::unintelligible(call, "the instance asked for is not in it"))?;
    let primary = primary(instance).ok_or_else(|| Ec2Error::NoPrimaryInterface {
        instance: asked.clone(),
        state: instance.state().and_then(types::InstanceState::name).map_or("unknown", |name| name.as_str()).into(),
    })?;
    Ok(GatewayInstance {
        instance: asked.clone(),
        primary_interface: id(call, "networkInterfaceId", primary.network_interface_id())?,
        vpc: id(call, "vpcId", primary.vpc_id().or(instance.vpc_id()))?,
        // EC2 checks unless told not to.
        source_dest_check: primary.source_dest_check().or(instance.source_dest_check()).unwrap_or(true),
    })
}

/// The primary interfaces of all instances of an answer.
pub(super) fn primary_interfaces(answer: &DescribeInstancesOutput) -> impl Iterator<Item = InterfaceId> {
    let instances = answer.reservations().iter().flat_map(types::Reservation::instances);
    instances.filter_map(|instance| primary(instance)?.network_interface_id()?.parse().ok())
}

fn primary(instance: &types::Instance) -> Option<&types::InstanceNetworkInterface> {
    instance.network_interfaces().iter().find(|interface| {
        // Instances with several network cards number their interfaces across all cards; 0 is the primary one of card 0.
        interface.attachment().and_then(types::InstanceNetworkInterfaceAttachment::device_index) == Some(0)
    })
}

/// A table with its IPv4 routes.
pub(super) fn route_table(call: &Call, table: &types::RouteTable) -> Result<RouteTable, Ec2Error> {
    Ok(RouteTable {
        id: id(call, "routeTableId", table.route_table_id())?,
        vpc: id(call, "vpcId", table.vpc_id())?,
        routes: table.routes().iter().filter_map(route).collect(),
    })
}

/// `None` for IPv6 and prefix lists, and for what is no CIDR: that cannot be a route of ours.
fn route(route: &types::Route) -> Option<VpcRoute> {
    let text = route.destination_cidr_block()?;
    let destination = text.parse::<Cidr4>().inspect_err(|error| tracing::warn!(%error, "passing over a VPC route")).ok()?;
    Some(VpcRoute {
        destination,
        target: target(route),
        blackhole: route.state() == Some(&RouteState::Blackhole),
        by_create_route: route.origin() == Some(&RouteOrigin::CreateRoute),
    })
}

fn target(route: &types::Route) -> Target {
    if let Some(Ok(interface)) = route.network_interface_id().map(str::parse) {
        return Target::Interface { interface, instance: route.instance_id().and_then(|instance| instance.parse().ok()) };
    }
    // The order does not matter: a route has one target.
    let others = [
        route.gateway_id(),
        route.transit_gateway_id(),
        route.nat_gateway_id(),
        route.vpc_peering_connection_id(),
        route.local_gateway_id(),
        route.carrier_gateway_id(),
        route.egress_only_internet_gateway_id(),
        route.core_network_arn(),
        route.odb_network_arn(),
        route.network_interface_id(),
        route.instance_id(),
        route.ip_address(),
    ];
    match others.into_iter().flatten().next() {
        Some("local") => Target::Local,
        Some(other) => Target::Other(other.to_owned()),
        // A kind of target younger than this program.
        None => Target::Other("unknown".to_owned()),
    }
}

fn id<T: FromStr>(call: &Call, field: &'static str, value: Option<&str>) -> Result<T, Ec2Error>
where
    T::Err: std::fmt::Display,
{
    let value = value.ok_or_else(|| Ec2Error::unintelligible(call, format_args!("{field} is missing")))?;
    value.parse().map_err(|error| Ec2Error::unintelligible(call, format_args!("{field}: {error}")))
}
