//! Routes of the subnets that EKS is given.

use std::collections::BTreeMap;

use hybridge_model::Cidr4;

use super::{Check, Told, View, When};
use crate::path::network::{self, Target};
use crate::path::{prefix, remedy};
use crate::resolve::VpcGateway;
use crate::world::RouteTable;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "routes.remote",
        about: "every subnet that EKS is given has a route to every remote network",
        when: When::Always,
        needs: &["DescribeRouteTables", "DescribeSubnets"],
        run: remote,
    },
    Check {
        code: "routes.quota",
        about: "route tables stay within EC2's quota",
        when: When::Always,
        needs: &["DescribeRouteTables"],
        run: quota,
    },
    Check {
        code: "routes.pods",
        about: "routes to pod networks have one owner: the stack or the gateways",
        when: When::Always,
        needs: &["DescribeRouteTables"],
        run: pods,
    },
];

/// EC2's default since June 2025 (before: 50), of routes that nothing has propagated; adjustable up to 1,000 (Amazon VPC User Guide, quotas).
const QUOTA: usize = 500;

/// Its code in Service Quotas: "Routes per route table" of `vpc`.
const QUOTA_CODE: &str = "L-93826ACB";

/// Route tables of the subnets that EKS is given, with those subnets.
fn tables<'a>(view: &'a View<'_>, told: &mut Told) -> BTreeMap<&'a str, (&'a RouteTable, Vec<&'a str>)> {
    let mut tables: BTreeMap<&str, (&RouteTable, Vec<&str>)> = BTreeMap::new();
    for id in view.face_subnets() {
        match view.network().subnet(id).map(|subnet| view.network().table(subnet)) {
            Some(Some(table)) => tables.entry(&table.route_table_id).or_insert((table, Vec::new())).1.push(id),
            Some(None) => told.unknown(id, "its route table is not known"),
            None => told.unknown(id, "the subnet is not known, so its routes are not either"),
        }
    }
    tables
}

/// P8.
fn remote(view: &View<'_>, told: &mut Told) {
    let planned_without = view.wanted.is_some() && view.before.cluster.is_none() && view.cluster.vpc.id.is_none();
    if view.without_remote() || (planned_without && view.cluster.gateway.is_none()) {
        return told.idle();
    }
    if view.faces.is_empty() {
        return told.unknown("vpc", "which subnets EKS is given is not known");
    }
    let tables = tables(view, told);
    for (table, subnets) in tables.values() {
        let entries = network::routes(table);
        for remote in view.routed() {
            for (part, route) in prefix::parts(&entries, remote) {
                let target = route.map(|route| (network::target(route), route.state == "blackhole"));
                lead(view, told, (table, subnets), part, target);
            }
        }
    }
}

fn lead(view: &View<'_>, told: &mut Told, (table, subnets): (&RouteTable, &[&str]), part: Cidr4, target: Option<(Target, bool)>) {
    let id = &table.route_table_id;
    let of = subnets.join(", ");
    let make = remedy::aws(view.cluster, &remedy::create_route(view.cluster, id, part));
    match target {
        None => told.error(id, format!("no route to {part}, and {of} of the control plane use this table"), make),
        Some((_, true)) => told.error(id, format!("the route to {part} is a blackhole: what it led to is gone or not attached"), make),
        Some((Target::Internet(to), false)) => told.error(id, format!("packets of {of} to {part} go to {to}, into the internet"), make),
        Some((Target::Local, false)) => {
            told.error(id, format!("{part} lies in the VPC's own networks"), "give hybrid nodes and pods networks that are not the VPC's");
        }
        Some((Target::Transit(to) | Target::VirtualPrivate(to), false)) => other_gateway(view, told, id, (part, &to)),
        Some((Target::Machine(to), false)) if view.cluster.pod_cidrs.iter().any(|pods| pods.covers(part)) => {
            let place = "metadata.annotations";
            let what = format!("{id} leads {part} to {to}, as hybridge's gateways do, but routes to pod networks belong to the stack");
            told.warning(place, what, "set hybridge/pod-routes to hybridge-gateway");
        }
        Some((Target::Machine(to) | Target::Elsewhere(to), false)) => {
            told.unknown(id, format!("{part} is led to {to}; what is behind it cannot be seen from here"));
        }
    }
}

/// Two gateways for one site are possible, and seldom meant.
fn other_gateway(view: &View<'_>, told: &mut Told, table: &str, (part, to): (Cidr4, &str)) {
    let wanted = match &view.cluster.gateway {
        Some(VpcGateway::Transit(id) | VpcGateway::VirtualPrivate(id)) => id,
        None => return,
    };
    if wanted != to {
        told.warning(
            table,
            format!("{part} is led to {to}, not to {wanted} of the file"),
            format!("aws ec2 replace-route --route-table-id {table} --destination-cidr-block {part} (if {to} is not meant)"),
        );
    }
}

/// P8.
fn quota(view: &View<'_>, told: &mut Told) {
    let vpc = view.vpc();
    if view.world.route_tables.is_empty() {
        return told.unknown("vpc", "route tables are not known");
    }
    for table in view.world.route_tables.iter().filter(|table| table.vpc_id == vpc) {
        let made = table.routes.iter().filter(|route| route.origin != "EnableVgwRoutePropagation").count();
        if made > QUOTA {
            told.warning(
                &table.route_table_id,
                format!("{made} routes; EC2 takes {QUOTA} in accounts whose quota was not raised"),
                remedy::more(view.cluster, QUOTA_CODE, made),
            );
        }
    }
}

/// P20: two owners of one route undo each other's work.
fn pods(view: &View<'_>, told: &mut Told) {
    let pods = &view.cluster.pod_cidrs;
    if pods.is_empty() {
        return told.idle();
    }
    let by_gateway = view.cluster.annotations.pod_routes_by_gateway;
    if view.cluster.vpc.id.is_some() && view.before.route_tables.is_empty() {
        told.unknown("vpc", "route tables are not known, so whether gateways own routes to pod networks is not either");
    }
    if !by_gateway && !view.cluster.annotations.gateway_subnets.is_empty() {
        told.error(
            "metadata.annotations",
            "hybridge/gateway-subnets asks for gateways, but the stack would own the routes to pod networks that gateways point at themselves",
            "set hybridge/pod-routes to hybridge-gateway",
        );
    }
    let theirs = |table: &&RouteTable| {
        let machine = |to: &Target| matches!(to, Target::Machine(_));
        network::routes(table).iter().any(|(to, route)| pods.iter().any(|pod| pod.covers(*to)) && machine(&network::target(route)))
    };
    let taken: Vec<&str> = view.before.route_tables.iter().filter(theirs).map(|table| table.route_table_id.as_str()).collect();
    if !by_gateway && !taken.is_empty() && view.wanted.is_some() && view.cluster.gateway.is_some() {
        told.error(
            "metadata.annotations",
            format!(
                "gateways have pointed routes to pod networks at themselves in {}, and the stack would take them back",
                taken.join(", ")
            ),
            "set hybridge/pod-routes to hybridge-gateway",
        );
    }
}
