//! Drift: EKS, routes, security groups and access entries as they are, against the file and the stack's template.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::ClusterLogging;
use crate::path::group::{self, Side};
use crate::path::network::{self, Target};
use crate::path::overlay::ports;
use crate::path::shape::{CLUSTER_GROUP, Rule, Shape};
use crate::path::{hops, remedy};
use crate::preflight::{Outcome, Told, role_arns, unanswered};
use crate::resolve::Cluster;
use crate::world::{IpPermission, LiveCidrs, LiveCluster, Route, RouteTable, World};

/// Codes with what each compares.
pub fn catalogue() -> Vec<(&'static str, &'static str)> {
    COMPARISONS.iter().map(|comparison| (comparison.code, comparison.about)).collect()
}

struct Comparison {
    code: &'static str,
    about: &'static str,
    needs: &'static [&'static str],
    run: fn(&Sides<'_>, &mut Told),
}

const COMPARISONS: &[Comparison] = &[
    Comparison { code: "drift.networks", about: "remote networks are those of the file", needs: &["DescribeCluster"], run: networks },
    Comparison {
        code: "drift.endpoints",
        about: "endpoints, and who may use them, are those of the file",
        needs: &["DescribeCluster"],
        run: endpoints,
    },
    Comparison {
        code: "drift.access-mode",
        about: "the authentication mode is that of the file",
        needs: &["DescribeCluster"],
        run: access_mode,
    },
    Comparison { code: "drift.version", about: "the version of Kubernetes is that of the file", needs: &["DescribeCluster"], run: version },
    Comparison {
        code: "drift.logging",
        about: "the control plane's logs are those of the file",
        needs: &["DescribeCluster"],
        run: logging,
    },
    Comparison { code: "drift.routes", about: "routes are those of the template", needs: &["DescribeRouteTables"], run: routes },
    Comparison {
        code: "drift.rules",
        about: "rules of security groups are those of the template",
        needs: &["DescribeSecurityGroups"],
        run: rules,
    },
    Comparison {
        code: "drift.entries",
        about: "access entries, with their types, are those of the file",
        needs: &["ListAccessEntries", "DescribeAccessEntry"],
        run: entries,
    },
];

/// What is compared.
struct Sides<'a> {
    cluster: &'a Cluster,
    world: &'a World,
    /// What the template makes; none: there is none.
    shape: Option<Shape>,
    /// What the deployed one made.
    deployed: Option<Shape>,
}

/// Compares what is there with the file and with a template: the one that the file makes, or else the deployed one.
pub fn compare(cluster: &Cluster, world: &World, template: Option<&Value>) -> Vec<Outcome> {
    let deployed = world.deployed.as_ref().map(|deployed| Shape::of(&deployed.template_body, world));
    let shape = template.map(|template| Shape::of(template, world)).or_else(|| deployed.clone());
    let sides = Sides { cluster, world, shape, deployed };
    COMPARISONS
        .iter()
        .map(|comparison| {
            let mut told = Told::new(comparison.code);
            if world.cluster.is_some() {
                (comparison.run)(&sides, &mut told);
            } else if unanswered(world, "DescribeCluster").is_none() {
                told.error(&cluster.config.metadata.name, "the cluster is not there", "hybridge cluster create");
            }
            for (operation, why) in comparison.needs.iter().filter_map(|operation| unanswered(world, operation)) {
                told.unknown(operation, format!("cannot tell whether {}: {why}", comparison.about));
            }
            told.outcome(comparison.about)
        })
        .collect()
}

const UPDATE: &str = "hybridge cluster update makes it what the file says; or change the file";

fn live<'a>(sides: &Sides<'a>) -> &'a LiveCluster {
    sides.world.cluster.as_ref().expect("compared only where there is a cluster")
}

/// Who moved: EKS, if it no longer is what the stack made; otherwise the file.
fn who(same_as_deployed: Option<bool>) -> &'static str {
    match same_as_deployed {
        Some(true) => "the file was changed since the stack was",
        Some(false) => "it was changed outside the stack",
        None => "whether the file or EKS was changed is not known",
    }
}

fn texts(list: Option<&Vec<LiveCidrs>>) -> BTreeSet<&str> {
    list.into_iter().flatten().flat_map(|it| &it.cidrs).map(String::as_str).collect()
}

fn remote(live: &LiveCluster) -> [BTreeSet<&str>; 2] {
    let config = live.remote_network_config.as_ref();
    [texts(config.map(|it| &it.remote_node_networks)), texts(config.map(|it| &it.remote_pod_networks))]
}

fn networks(sides: &Sides<'_>, told: &mut Told) {
    let there = remote(live(sides));
    let deployed = sides.deployed.as_ref().and_then(|shape| shape.cluster.as_ref()).map(remote);
    let config = &sides.cluster.config.remote_network_config;
    let lists = [
        ("remoteNodeNetworks", &sides.cluster.node_cidrs, config.as_ref().is_some_and(|it| it.remote_node_networks.is_some())),
        ("remotePodNetworks", &sides.cluster.pod_cidrs, config.as_ref().is_some_and(|it| it.remote_pod_networks.is_some())),
    ];
    for (i, (key, wanted, said)) in lists.into_iter().enumerate() {
        // What the file does not mention it leaves alone.
        if !said && wanted.is_empty() {
            continue;
        }
        let wanted: BTreeSet<String> = wanted.iter().map(ToString::to_string).collect();
        let who = who(deployed.as_ref().map(|deployed| deployed[i] == there[i]));
        for network in wanted.iter().filter(|network| !there[i].contains(network.as_str())) {
            told.error(format!("remoteNetworkConfig.{key}"), format!("missing: EKS does not know {network}; {who}"), UPDATE);
        }
        for network in there[i].iter().filter(|network| !wanted.contains(**network)) {
            told.error(format!("remoteNetworkConfig.{key}"), format!("extra: EKS has {network}, too; {who}"), UPDATE);
        }
    }
}

fn endpoints(sides: &Sides<'_>, told: &mut Told) {
    let (wanted, config) = (hops::wanted_endpoints(sides.cluster), &live(sides).resources_vpc_config);
    let deployed = sides.deployed.as_ref().and_then(|shape| shape.cluster.as_ref()).map(|cluster| &cluster.resources_vpc_config);
    let cases = [
        ("publicAccess", wanted.public, config.endpoint_public_access, deployed.map(|it| it.endpoint_public_access)),
        ("privateAccess", wanted.private, config.endpoint_private_access, deployed.map(|it| it.endpoint_private_access)),
    ];
    for (key, wanted, there, deployed) in cases {
        if wanted != there {
            let who = who(deployed.map(|deployed| deployed == there));
            told.error(format!("vpc.clusterEndpoints.{key}"), format!("changed: {there} in EKS, {wanted} in the file; {who}"), UPDATE);
        }
    }
    if wanted.public && config.endpoint_public_access {
        let set = |list: &[String]| -> BTreeSet<String> {
            if list.is_empty() { BTreeSet::from(["0.0.0.0/0".to_owned()]) } else { list.iter().cloned().collect() }
        };
        let (wanted, there) = (set(&wanted.from), set(&config.public_access_cidrs));
        if wanted != there {
            let text = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
            let who = who(deployed.map(|it| set(&it.public_access_cidrs) == there));
            told.error("vpc.publicAccessCIDRs", format!("changed: {} in EKS, {} in the file; {who}", text(&there), text(&wanted)), UPDATE);
        }
    }
}

fn access_mode(sides: &Sides<'_>, told: &mut Told) {
    let there = &live(sides).access_config.authentication_mode;
    let wanted = &sides.cluster.config.access_config.authentication_mode;
    let wanted = if wanted.is_empty() { "API_AND_CONFIG_MAP" } else { wanted };
    if there.is_empty() {
        told.unknown("accessConfig.authenticationMode", "EKS did not say which authentication mode the cluster has");
    } else if there != wanted {
        told.error("accessConfig.authenticationMode", format!("changed: {there} in EKS, {wanted} in the file"), UPDATE);
    }
}

fn version(sides: &Sides<'_>, told: &mut Told) {
    let (there, wanted) = (&live(sides).version, &sides.cluster.config.metadata.version);
    if wanted.is_empty() {
        return told.idle();
    }
    if there != wanted {
        told.error(
            "metadata.version",
            format!("changed: {there} in EKS, {wanted} in the file"),
            "write EKS's version into the file, or upgrade the cluster",
        );
    }
}

const LOGS: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

fn wanted_logs(logging: &ClusterLogging) -> BTreeSet<&str> {
    let types = &logging.enable_types;
    if types.iter().any(|kind| kind == "*" || kind == "all") { LOGS.into() } else { types.iter().map(String::as_str).collect() }
}

fn logging(sides: &Sides<'_>, told: &mut Told) {
    let wanted = wanted_logs(&sides.cluster.config.cloud_watch.cluster_logging);
    let Some(logging) = &live(sides).logging else {
        if wanted.is_empty() {
            return told.idle();
        }
        return told.unknown("cloudWatch.clusterLogging", "EKS did not say which logs are on");
    };
    let on = logging.cluster_logging.iter().filter(|setup| setup.enabled);
    let there: BTreeSet<&str> = on.flat_map(|setup| &setup.types).map(String::as_str).collect();
    if there != wanted {
        let text =
            |set: &BTreeSet<&str>| if set.is_empty() { "none".to_owned() } else { set.iter().copied().collect::<Vec<_>>().join(", ") };
        told.error("cloudWatch.clusterLogging", format!("changed: {} in EKS, {} in the file", text(&there), text(&wanted)), UPDATE);
    }
}

fn routes(sides: &Sides<'_>, told: &mut Told) {
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

fn rules(sides: &Sides<'_>, told: &mut Told) {
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
        for peer in rule.permission.user_id_group_pairs.iter().filter(|peer| peer.group_id != CLUSTER_GROUP) {
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

fn entries(sides: &Sides<'_>, told: &mut Told) {
    let roles = if sides.cluster.role.is_some() { role_arns(sides.cluster, sides.world) } else { Vec::new() };
    if roles.is_empty() && sides.cluster.role.is_some() {
        told.unknown("RemoteNodesRoleARN", "the role that the stack made for hybrid nodes is not known");
    }
    let hybrid = roles.iter().map(|arn| (arn.as_str(), "HYBRID_LINUX"));
    let standard = |kind: &'static str, given: &str| if given.is_empty() { kind.to_owned() } else { given.to_owned() };
    let further = sides
        .cluster
        .config
        .access_config
        .access_entries
        .iter()
        .map(|entry| (entry.principal_arn.as_str(), standard("STANDARD", &entry.kind)));
    let wanted: Vec<(&str, String)> = hybrid.map(|(arn, kind)| (arn, kind.to_owned())).chain(further).collect();
    let name = &live(sides).name;
    for (arn, kind) in &wanted {
        match sides.world.access_entries.iter().find(|entry| entry.principal_arn == *arn) {
            Some(entry) if entry.kind != *kind => told.error(
                *arn,
                format!("changed: its access entry is of type {}, not {kind}", entry.kind),
                remedy::aws(
                    sides.cluster,
                    &format!("eks delete-access-entry --cluster-name {name} --principal-arn {arn}, then hybridge cluster update"),
                ),
            ),
            Some(_) => {}
            None if unanswered(sides.world, "ListAccessEntries").or_else(|| unanswered(sides.world, "DescribeAccessEntry")).is_some() => {}
            None => told.error(
                *arn,
                format!("missing: its access entry of type {kind}"),
                remedy::aws(sides.cluster, &format!("eks create-access-entry --cluster-name {name} --principal-arn {arn} --type {kind}")),
            ),
        }
    }
    for entry in sides.world.access_entries.iter().filter(|entry| entry.kind == "HYBRID_LINUX") {
        if !wanted.iter().any(|(arn, _)| *arn == entry.principal_arn) {
            told.warning(
                &entry.principal_arn,
                "extra: hybrid nodes may join with this role, which the file does not name",
                remedy::aws(
                    sides.cluster,
                    &format!(
                        "eks delete-access-entry --cluster-name {name} --principal-arn {} (or add it to hybridge/role-arns)",
                        entry.principal_arn
                    ),
                ),
            );
        }
    }
}
