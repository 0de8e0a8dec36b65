//! The way to the site: attachment of a gateway, and routes in every table that leads there.

use std::collections::BTreeMap;

use hybridge_model::Cidr4;
use hybridge_report::Finding;

use super::alias;
use super::cfn::{Resource, Value};
use super::cluster_stack::Draft;
use super::network::{Kind, subnet};
use crate::resolve::{Cluster, ClusterSubnet, VpcGateway};

/// Adds them, if the file names a gateway and there are networks behind it.
///
/// eksctl leaves out public subnets' tables, and leaves out everything for private clusters and given subnets, although control-plane
/// interfaces are there and answer along these routes.
pub(super) fn add(draft: &mut Draft<'_>) {
    let Some(gateway) = draft.cluster.gateway.clone() else { return };
    if !draft.cluster.is_hybrid() {
        return;
    }
    let attachment = match &gateway {
        VpcGateway::Transit(id) => attach_transit(draft, id),
        VpcGateway::VirtualPrivate(id) => attach_virtual_private(draft, id),
    };
    for (name, table) in tables(draft) {
        for cidr in routed(draft.cluster) {
            if has_route(draft, &table, cidr, &gateway) {
                continue;
            }
            let index = draft.indices.routes[&cidr];
            let route = Resource::new("AWS::EC2::Route").set("RouteTableId", table.clone()).set("DestinationCidrBlock", cidr.to_string());
            let (prefix, route) = match &gateway {
                VpcGateway::Transit(id) => ("TGW", route.set("TransitGatewayId", id)),
                VpcGateway::VirtualPrivate(id) => ("VGW", route.set("GatewayId", id)),
            };
            let route = attachment.map_or(route.clone(), |attachment| route.after(attachment));
            draft.template.add(format!("{prefix}{}", name.with(index)), route);
        }
    }
}

/// Networks that get routes. Gateways of ours point pod networks at themselves: a route of the stack would be in their way.
fn routed(cluster: &Cluster) -> Vec<Cidr4> {
    if cluster.annotations.pod_routes_by_gateway { cluster.node_cidrs.clone() } else { cluster.remote_cidrs() }
}

/// What a route is called, without its gateway and with a gap for its number.
struct RouteName {
    before: &'static str,
    after: String,
}

impl RouteName {
    fn with(&self, index: usize) -> String {
        format!("{}{index}{}", self.before, self.after)
    }
}

/// Tables that need routes.
fn tables(draft: &mut Draft<'_>) -> Vec<(RouteName, Value)> {
    let cluster = draft.cluster;
    if cluster.vpc.id.is_some() {
        return given_tables(draft);
    }
    let private = cluster.vpc.private.iter().map(|subnet| alias(&subnet.name));
    let mut tables: Vec<_> = private
        .map(|zone| {
            let table = Value::reference(format!("PrivateRouteTable{zone}"));
            (RouteName { before: "PrivateSubnetRoute", after: zone }, table)
        })
        .collect();
    if uses_public(cluster) {
        tables.push((RouteName { before: "PublicSubnetRoute", after: String::new() }, Value::reference("PublicRouteTable")));
    }
    tables
}

/// Whether control plane or nodes are in public subnets.
fn uses_public(cluster: &Cluster) -> bool {
    let control_plane =
        cluster.control_plane_subnets().into_iter().any(|used| cluster.vpc.public.iter().any(|public| std::ptr::eq(public, used)));
    let nodes = cluster.config.managed_node_groups.iter().any(|group| !group.private_networking);
    !cluster.vpc.public.is_empty() && (control_plane || nodes)
}

/// Those of given subnets, each once, by what they are called in AWS.
fn given_tables(draft: &mut Draft<'_>) -> Vec<(RouteName, Value)> {
    let vpc = &draft.cluster.vpc;
    let mut tables = BTreeMap::new();
    let mut unknown = Vec::new();
    for subnet in vpc.private.iter().chain(&vpc.public) {
        match &subnet.route_table {
            Some(table) => {
                tables.insert(table.clone(), ());
            }
            None => unknown.push(subnet.id.clone().unwrap_or_else(|| subnet.name.clone())),
        }
    }
    if !unknown.is_empty() {
        let what = format!("route tables of {} are not known, so no routes are made there", unknown.join(", "));
        let fix = "plan with --facts or without --offline, so that they are looked up";
        draft.findings.push(Finding::warning("routes.unknown-table", "vpc.subnets", what).fix(fix));
    }
    tables.into_keys().map(|table| (RouteName { before: "SubnetRoute", after: alias(&table) }, Value::from(table))).collect()
}

/// Whether a given table has just this route, not made by the stack.
fn has_route(draft: &Draft<'_>, table: &Value, cidr: Cidr4, gateway: &VpcGateway) -> bool {
    let Value::Text(id) = table else { return false };
    let Some(known) = draft.world.route_tables.iter().find(|known| known.route_table_id == *id) else { return false };
    let same = known.routes.iter().filter(|route| route.destination_cidr_block.parse().ok() == Some(cidr)).any(|route| match gateway {
        VpcGateway::Transit(id) => route.transit_gateway_id == *id,
        VpcGateway::VirtualPrivate(id) => route.gateway_id == *id,
    });
    let index = draft.indices.routes[&cidr];
    let deployed = ["TGW", "VGW"].iter().any(|prefix| draft.has_deployed(&format!("{prefix}SubnetRoute{index}{}", alias(id))));
    same && !deployed
}

/// Attaches a transit gateway, unless somebody else has; what routes wait for.
fn attach_transit(draft: &mut Draft<'_>, id: &str) -> Option<&'static str> {
    let vpc = draft.cluster.vpc.id.clone();
    let mut known = draft.world.transit_gateway_attachments.iter();
    let there = known.any(|known| {
        known.transit_gateway_id == id && Some(&known.resource_id) == vpc.as_ref() && !draft.owns(&known.transit_gateway_attachment_id)
    });
    if there {
        return None;
    }
    let (kind, all) = if draft.cluster.vpc.private.is_empty() {
        (Kind::Public, &draft.cluster.vpc.public)
    } else {
        (Kind::Private, &draft.cluster.vpc.private)
    };
    // EC2 takes one subnet of each zone.
    let mut by_zone: BTreeMap<&str, &ClusterSubnet> = BTreeMap::new();
    for one in all {
        by_zone.entry(&one.zone).or_insert(one);
    }
    let attachment = Resource::new("AWS::EC2::TransitGatewayAttachment")
        .set("TransitGatewayId", id)
        .set("VpcId", draft.vpc())
        .set("SubnetIds", Value::List(by_zone.values().map(|one| subnet(kind, one)).collect()));
    draft.template.add_named("TransitGatewayAttachment", attachment);
    Some("TransitGatewayAttachment")
}

/// As [`attach_transit`], for a virtual private gateway.
fn attach_virtual_private(draft: &mut Draft<'_>, id: &str) -> Option<&'static str> {
    const ATTACHMENT: &str = "VirtualPrivateGatewayAttachment";
    let vpc = draft.cluster.vpc.id.as_ref();
    let mut known = draft.world.vpn_gateways.iter().filter(|known| known.vpn_gateway_id == id).flat_map(|known| &known.vpc_attachments);
    if known.any(|known| Some(&known.vpc_id) == vpc && known.state == "attached") && !draft.has_deployed(ATTACHMENT) {
        return None;
    }
    let attachment = Resource::new("AWS::EC2::VPCGatewayAttachment").set("VpnGatewayId", id).set("VpcId", draft.vpc());
    draft.template.add(ATTACHMENT, attachment);
    Some(ATTACHMENT)
}
