//! Answers put together, and what is noted of questions without one.

use std::collections::BTreeMap;

use hybridge_aws::CallError;
use hybridge_cluster::world::World;
use hybridge_report::chain;

/// Why questions have no answer, by the call.
pub(in super::super) type Open = BTreeMap<String, String>;

/// The answer, or nothing and a note.
pub(in super::super) fn told<T: Default>(answer: Result<T, CallError>, open: &mut Open) -> T {
    answer.unwrap_or_else(|error| {
        let why = chain(&error);
        let why = match error.fix() {
            Some(fix) => format!("{why} (hint: {fix})"),
            None => why,
        };
        open.insert(error.call().to_string(), why);
        T::default()
    })
}

/// Parts that were asked for at the same time. Each thing is in one of them.
pub(super) fn together<const PARTS: usize>(parts: [World; PARTS]) -> World {
    parts.into_iter().fold(World::default(), both)
}

/// All fields are named, so that a new one is not lost here.
fn both(one: World, other: World) -> World {
    World {
        caller: one.caller.or(other.caller),
        denied_actions: one.denied_actions.or(other.denied_actions),
        availability_zones: list(one.availability_zones, other.availability_zones),
        vpcs: list(one.vpcs, other.vpcs),
        subnets: list(one.subnets, other.subnets),
        service_details: list(one.service_details, other.service_details),
        vpc_endpoints: list(one.vpc_endpoints, other.vpc_endpoints),
        route_tables: list(one.route_tables, other.route_tables),
        security_groups: list(one.security_groups, other.security_groups),
        network_acls: list(one.network_acls, other.network_acls),
        network_interfaces: list(one.network_interfaces, other.network_interfaces),
        transit_gateways: list(one.transit_gateways, other.transit_gateways),
        transit_gateway_attachments: list(one.transit_gateway_attachments, other.transit_gateway_attachments),
        transit_gateway_routes: map(one.transit_gateway_routes, other.transit_gateway_routes),
        vpn_gateways: list(one.vpn_gateways, other.vpn_gateways),
        resolver_endpoints: list(one.resolver_endpoints, other.resolver_endpoints),
        cluster: one.cluster.or(other.cluster),
        access_entries: list(one.access_entries, other.access_entries),
        addons: list(one.addons, other.addons),
        cluster_versions: list(one.cluster_versions, other.cluster_versions),
        stacks: list(one.stacks, other.stacks),
        deployed: one.deployed.or(other.deployed),
        roles: map(one.roles, other.roles),
        profiles: map(one.profiles, other.profiles),
        trust_anchors: map(one.trust_anchors, other.trust_anchors),
        managed_instances: list(one.managed_instances, other.managed_instances),
        activations: list(one.activations, other.activations),
        nodes: one.nodes.or(other.nodes),
        unanswered: map(one.unanswered, other.unanswered),
    }
}

fn list<T>(mut one: Vec<T>, other: Vec<T>) -> Vec<T> {
    one.extend(other);
    one
}

fn map<T>(mut one: BTreeMap<String, T>, other: BTreeMap<String, T>) -> BTreeMap<String, T> {
    one.extend(other);
    one
}
