//! What was found, for people.

use hybridge_cluster::world::{Activation, LiveCidrs, LiveCluster, LiveEntry};
use jiff::Timestamp;

use super::all::{Clusters, Row};
use super::one::{Found, HybridNode};
use crate::cluster::gather::Open;
use crate::table::{line, list, or_dash, plain, section, yes};

/// The clusters of a region.
pub(super) fn all(found: &Clusters) -> String {
    let mut text = String::new();
    if found.clusters.is_empty() {
        line(&mut text, format_args!("there are no clusters in {}", found.region));
    } else {
        let row = |row: &Row| {
            let (nodes, pods) = (list(&row.remote_node_cidrs), list(&row.remote_pod_cidrs));
            let known = |value: &str| or_dash(Some(value).filter(|value| !value.is_empty()));
            let stack = row.stack.clone().unwrap_or_default();
            [row.name.clone(), known(&row.status), known(&row.version), yes(row.hybrid), nodes, pods, stack]
        };
        let rows = found.clusters.iter().map(row).collect();
        plain(&mut text, &["NAME", "STATUS", "VERSION", "HYBRID", "NODE CIDRS", "POD CIDRS", "STACK"], rows);
    }
    not_known(&mut text, &found.unanswered);
    text
}

/// One cluster.
pub(super) fn one(found: &Found) -> String {
    let mut text = String::new();
    summary(&mut text, found);
    let stacks = found.stacks.iter().map(|stack| {
        let protected = yes(Some(stack.enable_termination_protection));
        [stack.stack_name.clone(), stack.stack_status.clone(), protected, stack.stack_status_reason.clone()]
    });
    section(&mut text, "STACKS", &["NAME", "STATUS", "PROTECTED", "WHY"], stacks.collect());
    let heads = ["PRINCIPAL", "TYPE", "USER", "GROUPS", "POLICIES"];
    section(&mut text, "ACCESS ENTRIES", &heads, found.access_entries.iter().map(entry).collect());
    let addons = found
        .addons
        .iter()
        .map(|addon| [addon.addon_name.clone(), addon.addon_version.clone(), addon.status.clone(), addon.service_account_role_arn.clone()]);
    section(&mut text, "ADD-ONS", &["NAME", "VERSION", "STATUS", "ROLE"], addons.collect());
    let groups = found.node_groups.iter().map(|group| {
        let scaling = group.scaling_config;
        let nodes = format!("{} ({} to {})", scaling.desired_size, scaling.min_size, scaling.max_size);
        [group.nodegroup_name.clone(), group.status.clone(), group.version.clone(), nodes, list(&group.instance_types)]
    });
    section(&mut text, "NODE GROUPS", &["NAME", "STATUS", "VERSION", "NODES", "TYPES"], groups.collect());
    let identities = found
        .pod_identities
        .iter()
        .map(|one| [one.association_id.clone(), format!("{}/{}", one.namespace, one.service_account), one.owner_arn.clone()]);
    section(&mut text, "POD IDENTITIES", &["ID", "SERVICE ACCOUNT", "MANAGED BY"], identities.collect());
    let interfaces = found.control_plane_interfaces.iter().map(|one| {
        [one.network_interface_id.clone(), one.private_ip_address.clone(), one.subnet_id.clone(), one.availability_zone.clone()]
    });
    section(&mut text, "INTERFACES OF THE CONTROL PLANE", &["ID", "ADDRESS", "SUBNET", "ZONE"], interfaces.collect());
    let heads = ["NAME", "READY", "ADDRESS", "POD CIDRS", "SYSTEMS MANAGER", "HOST"];
    section(&mut text, "HYBRID NODES", &heads, found.hybrid_nodes.iter().map(node).collect());
    let heads = ["ID", "MACHINES", "ENDS", "ROLE", "DESCRIPTION"];
    section(&mut text, "ACTIVATIONS", &heads, found.activations.iter().map(activation).collect());
    not_known(&mut text, &found.unanswered);
    text
}

fn summary(text: &mut String, found: &Found) {
    let live = &found.cluster;
    let network = &live.resources_vpc_config;
    line(text, format_args!("cluster:   {} in {}, {}", live.name, found.region, live.status));
    line(text, format_args!("version:   {}", live.version));
    line(text, format_args!("endpoint:  {}, {}", or_dash(Some(&live.endpoint).filter(|url| !url.is_empty())), access(live)));
    line(text, format_args!("VPC:       {}, subnets {}", network.vpc_id, list(&network.subnet_ids)));
    let groups = std::iter::once(&network.cluster_security_group_id).chain(&network.security_group_ids);
    let groups: Vec<_> = groups.filter(|group| !group.is_empty()).collect();
    line(text, format_args!("groups:    {}", list(&groups)));
    line(
        text,
        format_args!("services:  {}", or_dash(Some(&live.kubernetes_network_config.service_ipv4_cidr).filter(|cidr| !cidr.is_empty()))),
    );
    line(text, format_args!("entries:   {}", or_dash(Some(&live.access_config.authentication_mode).filter(|mode| !mode.is_empty()))));
    match live.remote_network_config.as_ref().filter(|_| found.hybrid) {
        Some(remote) => {
            let of = |networks: &[LiveCidrs]| {
                let cidrs: Vec<_> = networks.iter().flat_map(|network| &network.cidrs).collect();
                if cidrs.is_empty() { "none".to_owned() } else { list(&cidrs) }
            };
            let (nodes, pods) = (of(&remote.remote_node_networks), of(&remote.remote_pod_networks));
            line(text, format_args!("hybrid:    nodes {nodes}; pods {pods}"));
        }
        None => line(text, "hybrid:    no"),
    }
}

/// How the Kubernetes API can be reached.
fn access(live: &LiveCluster) -> String {
    let network = &live.resources_vpc_config;
    let from =
        || if network.public_access_cidrs.is_empty() { String::new() } else { format!(" (from {})", list(&network.public_access_cidrs)) };
    match (network.endpoint_public_access, network.endpoint_private_access) {
        (true, true) => format!("public{} and private", from()),
        (true, false) => format!("public{}", from()),
        (false, true) => "private".to_owned(),
        (false, false) => "neither public nor private".to_owned(),
    }
}

fn entry(entry: &LiveEntry) -> [String; 5] {
    let policy = |policy: &hybridge_cluster::world::LivePolicy| {
        let name = policy.policy_arn.rsplit('/').next().unwrap_or_default();
        match policy.access_scope.kind.as_str() {
            "namespace" => format!("{name} (in {})", list(&policy.access_scope.namespaces)),
            _ => name.to_owned(),
        }
    };
    let policies: Vec<String> = entry.policies.iter().map(policy).collect();
    [entry.principal_arn.clone(), entry.kind.clone(), entry.username.clone(), list(&entry.kubernetes_groups), list(&policies)]
}

fn node(one: &HybridNode) -> [String; 6] {
    let (node, machine) = (one.node.as_ref(), one.managed_instance.as_ref());
    let ready = node.map_or_else(|| "no such Node".to_owned(), |node| yes(Some(node.ready)));
    let address = node.map(|node| node.address.as_str()).or(machine.map(|machine| machine.ip_address.as_str()));
    let pods = node.map(|node| list(&node.pod_cidrs)).unwrap_or_default();
    let (ping, host) = machine.map(|machine| (machine.ping_status.clone(), machine.computer_name.clone())).unwrap_or_default();
    [one.name.clone(), ready, or_dash(address), pods, ping, host]
}

fn activation(one: &Activation) -> [String; 5] {
    let machines = format!("{} of {}", one.registrations_count, one.registration_limit);
    // Whole seconds are enough.
    let ends = one.expiration_date.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
    let ends = if one.expired { "has ended".to_owned() } else { or_dash(ends) };
    [one.activation_id.clone(), machines, ends, one.iam_role.clone(), one.description.clone()]
}

fn not_known(text: &mut String, unanswered: &Open) {
    if !unanswered.is_empty() {
        line(text, "\nNOT KNOWN");
    }
    for why in unanswered.values() {
        line(text, format_args!("- {why}"));
    }
}

#[cfg(test)]
mod tests;
