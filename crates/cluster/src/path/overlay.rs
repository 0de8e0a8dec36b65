//! What will be there once a template is deployed.

use serde_json::Value;

use super::group::Side;
use super::network::Network;
use super::shape::{CLUSTER_GROUP, Shape, everything};
use crate::world::{
    AclEntry, AttachmentAssociation, GroupId, IpPermission, LiveCluster, NetworkAcl, ResourcesVpcConfig, Route, RouteAttachment,
    RouteTable, SecurityGroup, TransitGatewayAttachment, TransitGatewayRoute, Vpc, VpcAttachment, World,
};

/// What will be there once the template is deployed: what others made stays, what the deployed template made and this one does not goes.
pub(crate) fn overlaid(world: &World, template: &Value) -> World {
    let before = world.deployed.as_ref().map(|deployed| Shape::of(&deployed.template_body, world)).unwrap_or_default();
    let wanted = Shape::of(template, world);
    let mut after = world.clone();
    for vpc in &wanted.vpcs {
        if !after.vpcs.iter().any(|it| it.vpc_id == vpc.vpc_id) {
            after.network_acls.push(open_acl(vpc));
        }
        put(&mut after.vpcs, vpc.clone(), |it| &it.vpc_id);
    }
    for subnet in &wanted.subnets {
        put(&mut after.subnets, subnet.clone(), |it| &it.subnet_id);
    }
    overlay_routes(&mut after, &before, &wanted);
    overlay_groups(&mut after, &before, &wanted);
    overlay_gateways(&mut after, &wanted);
    for endpoint in &wanted.endpoints {
        put(&mut after.vpc_endpoints, endpoint.clone(), |it| &it.vpc_endpoint_id);
    }
    if let Some(cluster) = wanted.cluster {
        overlay_cluster(&mut after, cluster);
    }
    after
}

/// What is there already stays as AWS tells it.
fn put<T>(list: &mut Vec<T>, new: T, id: impl Fn(&T) -> &String) {
    if !list.iter().any(|old| id(old) == id(&new)) {
        list.push(new);
    }
}

/// The network ACL that a new VPC comes with.
fn open_acl(vpc: &Vpc) -> NetworkAcl {
    let rule = |egress| AclEntry {
        rule_number: 100,
        protocol: "-1".into(),
        rule_action: "allow".into(),
        egress,
        cidr_block: "0.0.0.0/0".into(),
        port_range: None,
    };
    let network_acl_id = format!("the default network ACL of {}", vpc.vpc_id);
    NetworkAcl {
        network_acl_id,
        vpc_id: vpc.vpc_id.clone(),
        is_default: true,
        entries: vec![rule(false), rule(true)],
        ..NetworkAcl::default()
    }
}

fn overlay_routes(after: &mut World, before: &Shape, wanted: &Shape) {
    for table in &wanted.tables {
        put(&mut after.route_tables, table.clone(), |it| &it.route_table_id);
    }
    let same = |(table, route): &(String, Route), other: &RouteTable, there: &Route| {
        *table == other.route_table_id && route.destination_cidr_block == there.destination_cidr_block
    };
    for table in &mut after.route_tables {
        let id = table.route_table_id.clone();
        let replaced = |there: &Route| {
            let owner = RouteTable { route_table_id: id.clone(), ..RouteTable::default() };
            before.routes.iter().chain(&wanted.routes).any(|route| same(route, &owner, there))
        };
        table.routes.retain(|there| !replaced(there));
        table.routes.extend(wanted.routes.iter().filter(|(owner, _)| *owner == id).map(|(_, route)| route.clone()));
    }
    for table in &wanted.tables {
        let vpc = wanted.vpcs.iter().find(|vpc| vpc.vpc_id == table.vpc_id);
        let local = vpc.map(|vpc| Route {
            destination_cidr_block: vpc.cidr_block.clone(),
            gateway_id: "local".into(),
            state: "active".into(),
            origin: "CreateRouteTable".into(),
            ..Route::default()
        });
        let there = after.route_tables.iter_mut().find(|it| it.route_table_id == table.route_table_id);
        if let (Some(local), Some(there)) = (local, there)
            && !there.routes.iter().any(|route| route.gateway_id == "local")
        {
            there.routes.push(local);
        }
    }
}

fn overlay_groups(after: &mut World, before: &Shape, wanted: &Shape) {
    for group in &wanted.groups {
        put(&mut after.security_groups, group.clone(), |it| &it.group_id);
    }
    if !after.security_groups.iter().any(|group| group.group_id == CLUSTER_GROUP) && after.cluster.is_none() && wanted.cluster.is_some() {
        // What EKS makes: members among themselves, and everything outwards.
        let peer = vec![GroupId { group_id: CLUSTER_GROUP.into() }];
        let members = IpPermission { ip_protocol: "-1".into(), user_id_group_pairs: peer, ..IpPermission::default() };
        after.security_groups.push(SecurityGroup {
            group_id: CLUSTER_GROUP.into(),
            ip_permissions: vec![members],
            ip_permissions_egress: vec![everything()],
            ..SecurityGroup::default()
        });
    }
    for group in &mut after.security_groups {
        for side in [Side::In, Side::Out] {
            let of = |shape: &Shape| -> Vec<IpPermission> {
                let own = shape.rules.iter().filter(|rule| rule.group == group.group_id && rule.side == side);
                own.map(|rule| rule.permission.clone()).collect()
            };
            let (gone, new) = (of(before), of(wanted));
            let rules = match side {
                Side::In => &mut group.ip_permissions,
                Side::Out => &mut group.ip_permissions_egress,
            };
            for rule in rules.iter_mut() {
                let old: Vec<&IpPermission> = gone.iter().filter(|old| ports(old) == ports(rule)).collect();
                rule.ip_ranges.retain(|range| !old.iter().any(|old| old.ip_ranges.iter().any(|gone| gone.cidr_ip == range.cidr_ip)));
            }
            rules.extend(new);
        }
    }
}

/// Protocol and ports of a rule, by which EC2 gathers rules in its answers.
pub(crate) fn ports(rule: &IpPermission) -> (&str, i32, i32) {
    let all = if rule.ip_protocol == "-1" { (-1, -1) } else { (rule.from_port.unwrap_or(-1), rule.to_port.unwrap_or(-1)) };
    (&rule.ip_protocol, all.0, all.1)
}

fn overlay_gateways(after: &mut World, wanted: &Shape) {
    for attachment in &wanted.attachments {
        let there = after.transit_gateway_attachments.iter().any(|old| {
            old.transit_gateway_attachment_id == attachment.transit_gateway_attachment_id
                || (old.transit_gateway_id == attachment.transit_gateway_id && old.resource_id == attachment.resource_id)
        });
        if !there {
            attach(after, attachment);
        }
    }
    for (gateway, vpc) in &wanted.vpn_attachments {
        if let Some(gateway) = after.vpn_gateways.iter_mut().find(|it| it.vpn_gateway_id == *gateway)
            && !gateway.vpc_attachments.iter().any(|it| it.vpc_id == *vpc)
        {
            gateway.vpc_attachments.push(VpcAttachment { vpc_id: vpc.clone(), state: "attached".into() });
        }
    }
}

/// What a transit gateway does with a new attachment.
fn attach(after: &mut World, attachment: &TransitGatewayAttachment) {
    let Some(gateway) = after.transit_gateways.iter().find(|it| it.transit_gateway_id == attachment.transit_gateway_id) else { return };
    let options = gateway.options.clone();
    let shared = after.caller.as_ref().is_some_and(|caller| !gateway.owner_id.is_empty() && caller.account != gateway.owner_id);
    let waits = shared && options.auto_accept_shared_attachments != "enable";
    let associated = options.default_route_table_association == "enable";
    let association = associated.then(|| AttachmentAssociation {
        transit_gateway_route_table_id: options.association_default_route_table_id.clone(),
        state: "associated".into(),
    });
    let state = if waits { "pendingAcceptance" } else { "available" };
    after.transit_gateway_attachments.push(TransitGatewayAttachment { state: state.into(), association, ..attachment.clone() });
    let networks = Network::of(after).vpc_networks(&attachment.resource_id);
    if options.default_route_table_propagation == "enable"
        && let Some(routes) = after.transit_gateway_routes.get_mut(&options.propagation_default_route_table_id)
    {
        routes.extend(networks.iter().map(|network| TransitGatewayRoute {
            destination_cidr_block: network.to_string(),
            state: "active".into(),
            kind: "propagated".into(),
            transit_gateway_attachments: vec![RouteAttachment { resource_id: attachment.resource_id.clone(), resource_type: "vpc".into() }],
        }));
    }
}

fn overlay_cluster(after: &mut World, wanted: LiveCluster) {
    let Some(live) = &mut after.cluster else {
        let mut new = wanted;
        new.resources_vpc_config.cluster_security_group_id = CLUSTER_GROUP.into();
        after.cluster = Some(new);
        return;
    };
    live.resources_vpc_config = ResourcesVpcConfig {
        cluster_security_group_id: live.resources_vpc_config.cluster_security_group_id.clone(),
        vpc_id: live.resources_vpc_config.vpc_id.clone(),
        ..wanted.resources_vpc_config
    };
    live.remote_network_config = wanted.remote_network_config;
    live.access_config = wanted.access_config;
}
