//! Answers put together, and what is noted of questions without one.

use std::collections::BTreeMap;

use hybridge_aws::{CallError, Kind};
use hybridge_cluster::world::World;
use hybridge_report::Finding;

use super::super::deed::stop::refusal;
use super::code_of;

/// Why questions have no answer, by the call.
pub(in super::super) type Open = BTreeMap<String, String>;

/// Before what is to be done, at the end of a note.
const HINT: &str = " (hint: ";

/// The answer, or nothing and a note.
pub(in super::super) fn told<T: Default>(answer: Result<T, CallError>, open: &mut Open) -> T {
    answer.unwrap_or_else(|error| {
        let Finding { place, what, fix, .. } = refusal(&error);
        let why = match fix {
            Some(fix) => format!("{what}{HINT}{fix})"),
            None => what,
        };
        open.insert(place, why);
        T::default()
    })
}

/// A note, taken apart.
pub(in super::super) struct Note<'a> {
    /// What it is called as a finding.
    pub(in super::super) code: &'static str,
    /// What AWS said, its own code first.
    pub(in super::super) what: &'a str,
    /// What to do.
    pub(in super::super) hint: Option<&'a str>,
}

/// Why a question has no answer.
pub(in super::super) fn note(why: &str) -> Note<'_> {
    let parts = why.strip_suffix(')').and_then(|why| why.split_once(HINT));
    let (what, hint) = parts.map_or((why, None), |(what, hint)| (what, Some(hint)));
    let word = what.split(':').next().unwrap_or_default();
    Note { code: code_of(Kind::of_code(word)), what, hint }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_aws_said_and_what_it_is_called() {
        let denied = "AccessDeniedException: User: arn:x may not eks:DescribeCluster (at all)";
        let whole = format!("{denied} (hint: allow it)");
        for (why, expected) in [
            (whole.as_str(), ("aws.denied", denied, Some("allow it"))),
            (denied, ("aws.denied", denied, None)),
            ("no answer: it was closed", ("aws.refused", "no answer: it was closed", None)),
        ] {
            let Note { code, what, hint } = note(why);
            assert_eq!((code, what, hint), expected, "{why}");
        }
    }
}
