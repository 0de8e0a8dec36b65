//! Routes and rules of security groups, against a template.

use super::{Sides, UPDATE};
use crate::path::group::{self, Side};
use crate::path::network::{self, Target};
use crate::path::overlay::ports;
use crate::path::remedy;
use crate::path::shape::{CLUSTER_GROUP, Rule, Shape};
use crate::preflight::Told;
use crate::world::{IpPermission, Route, RouteTable};

pub(super) fn routes(sides: &Sides<'_>, told: &mut Told) {
    let Some(shape) = &sides.shape else {
        return told.unknown("template", "there is neither a template nor a deployed one to compare routes with");
    };
    let pods = |route: &Route| route.destination_cidr_block.parse().is_ok_and(|network| sides.cluster.pod_cidrs.contains(&network));
    for (id, wanted) in &shape.routes {
        let table = sides.world.route_tables.iter().find(|table| table.route_table_id == *id);
        let Some(table) = table else {
            told.unknown(id, format!("the route table is not known, so its route to {} is not either", wanted.destination_cidr_block));
            continue;
        };
        let there = table.routes.iter().filter(|route| route.destination_cidr_block == wanted.destination_cidr_block);
        let there = there.min_by_key(|route| route.origin == "EnableVgwRoutePropagation");
        let destination = &wanted.destination_cidr_block;
        match there {
            None => told.error(id, format!("missing: the route to {destination}"), restore(sides, id, wanted, "create-route")),
            Some(route) if route.state == "blackhole" => {
                told.error(id, format!("changed: the route to {destination} is a blackhole"), restore(sides, id, wanted, "replace-route"));
            }
            Some(route) if sides.cluster.annotations.pod_routes_by_gateway && pods(route) => {}
            Some(route) if !same_target(route, wanted) => {
                let what = format!("changed: the route to {destination} leads to {}, not to {}", name(route), name(wanted));
                told.error(id, what, restore(sides, id, wanted, "replace-route"));
            }
            Some(_) => {}
        }
    }
    for table in sides.world.route_tables.iter().filter(|table| shape.tables.iter().any(|ours| ours.route_table_id == table.route_table_id))
    {
        extra_routes(sides, told, shape, table);
    }
}

/// References of a template that are not resolved (a NAT gateway of a stack whose resources are not known) are not compared.
fn same_target(there: &Route, wanted: &Route) -> bool {
    let (a, b) = (network::target(there), network::target(wanted));
    a == b || !name(wanted).contains('-')
}

fn name(route: &Route) -> String {
    match network::target(route) {
        Target::Local => "the VPC itself".into(),
        Target::Transit(id) | Target::VirtualPrivate(id) | Target::Internet(id) | Target::Machine(id) | Target::Elsewhere(id) => id,
    }
}

fn restore(sides: &Sides<'_>, table: &str, route: &Route, verb: &str) -> String {
    let flag = match network::target(route) {
        Target::Transit(id) => format!("--transit-gateway-id {id}"),
        Target::Machine(id) => format!("--network-interface-id {id}"),
        Target::Internet(id) if id.starts_with("nat-") => format!("--nat-gateway-id {id}"),
        Target::Local => "--local-target".into(),
        Target::VirtualPrivate(id) | Target::Internet(id) | Target::Elsewhere(id) => format!("--gateway-id {id}"),
    };
    let command = format!("ec2 {verb} --route-table-id {table} --destination-cidr-block {} {flag}", route.destination_cidr_block);
    remedy::aws(sides.cluster, &command)
}

/// Routes to gateways that the template does not make, in tables that it makes: left behind, or made by hand.
fn extra_routes(sides: &Sides<'_>, told: &mut Told, shape: &Shape, table: &RouteTable) {
    let id = &table.route_table_id;
    for route in table.routes.iter().filter(|route| route.origin == "CreateRoute") {
        let destination = &route.destination_cidr_block;
        let known = shape.routes.iter().any(|(owner, wanted)| owner == id && wanted.destination_cidr_block == *destination);
        let of_gateways = match network::target(route) {
            Target::Transit(_) | Target::VirtualPrivate(_) => true,
            // Gateways of ours point routes to pod networks at themselves.
            Target::Machine(_) => !sides.cluster.annotations.pod_routes_by_gateway,
            Target::Local | Target::Internet(_) | Target::Elsewhere(_) => false,
        };
        // Without a gateway in the file, routes to remote networks are the user's to make.
        let theirs = sides.cluster.gateway.is_none()
            && destination.parse().is_ok_and(|to: hybridge_model::Cidr4| {
                sides.cluster.node_cidrs.iter().chain(&sides.cluster.pod_cidrs).any(|it| it.overlaps(to))
            });
        if !known && of_gateways && !theirs && !destination.is_empty() {
            let fix = remedy::aws(
                sides.cluster,
                &format!("ec2 delete-route --route-table-id {id} --destination-cidr-block {destination} (if nobody needs it)"),
            );
            told.warning(id, format!("extra: a route to {destination} by {} that the template does not make", name(route)), fix);
        }
    }
}

pub(super) fn rules(sides: &Sides<'_>, told: &mut Told) {
    let Some(shape) = &sides.shape else {
        return told.unknown("template", "there is neither a template nor a deployed one to compare rules with");
    };
    for rule in &shape.rules {
        let Some(group) = sides.world.security_groups.iter().find(|group| group.group_id == rule.group) else {
            if rule.group != CLUSTER_GROUP {
                told.unknown(&rule.group, "the security group is not known, so its rules are not either");
            }
            continue;
        };
        let there: Vec<&IpPermission> = group::rules(group, rule.side).iter().filter(|it| ports(it) == ports(&rule.permission)).collect();
        for range in &rule.permission.ip_ranges {
            if !there.iter().any(|it| it.ip_ranges.iter().any(|known| known.cidr_ip == range.cidr_ip)) {
                let what = format!("missing: the rule for {} {} {}", text(&rule.permission), direction(rule.side), range.cidr_ip);
                told.error(&rule.group, what, authorize(sides, rule, &range.cidr_ip));
            }
        }
        for peer in rule.permission.user_id_group_pairs.iter().filter(|peer| peer.group_id.starts_with("sg-")) {
            if !there.iter().any(|it| it.user_id_group_pairs.contains(peer)) {
                let what = format!("missing: the rule for {} {} {}", text(&rule.permission), direction(rule.side), peer.group_id);
                told.error(&rule.group, what, UPDATE);
            }
        }
    }
    extra_rules(sides, told, shape);
}

fn extra_rules(sides: &Sides<'_>, told: &mut Told, shape: &Shape) {
    for ours in &shape.groups {
        let Some(group) = sides.world.security_groups.iter().find(|group| group.group_id == ours.group_id) else { continue };
        for permission in &group.ip_permissions {
            let wanted = |network: &str| {
                let mut rules =
                    shape.rules.iter().filter(|rule| rule.group == group.group_id && rule.side == Side::In).map(|rule| &rule.permission);
                let same =
                    |rule: &IpPermission| ports(rule) == ports(permission) && rule.ip_ranges.iter().any(|range| range.cidr_ip == network);
                rules.any(same) || ours.ip_permissions.iter().any(same)
            };
            for range in permission.ip_ranges.iter().filter(|range| !wanted(&range.cidr_ip)) {
                let fix = remedy::aws(
                    sides.cluster,
                    &format!(
                        "ec2 revoke-security-group-ingress --group-id {} --ip-permissions {} (if nobody needs it)",
                        group.group_id,
                        shorthand(permission, &range.cidr_ip)
                    ),
                );
                told.warning(
                    &group.group_id,
                    format!("extra: a rule for {} from {} that the template does not make", text(permission), range.cidr_ip),
                    fix,
                );
            }
        }
    }
}

fn direction(side: Side) -> &'static str {
    match side {
        Side::In => "from",
        Side::Out => "to",
    }
}

fn text(permission: &IpPermission) -> String {
    match ports(permission) {
        ("-1", _, _) => "everything".into(),
        (protocol, from, to) if from == to => format!("{protocol} {from}"),
        (protocol, from, to) => format!("{protocol} {from}-{to}"),
    }
}

fn shorthand(permission: &IpPermission, network: &str) -> String {
    let (protocol, from, to) = ports(permission);
    format!("IpProtocol={protocol},FromPort={from},ToPort={to},IpRanges='[{{CidrIp={network}}}]'")
}

fn authorize(sides: &Sides<'_>, rule: &Rule, network: &str) -> String {
    let verb = if rule.side == Side::In { "ingress" } else { "egress" };
    let rest =
        format!("ec2 authorize-security-group-{verb} --group-id {} --ip-permissions {}", rule.group, shorthand(&rule.permission, network));
    remedy::aws(sides.cluster, &rest)
}
