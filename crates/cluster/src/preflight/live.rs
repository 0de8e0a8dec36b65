//! What is there: the cluster, its stack, its hybrid nodes and how they came.

use std::net::Ipv4Addr;

use super::{Check, Told, View, When};
use crate::path::remedy;
use crate::resolve::{Cluster, HybridRole};
use crate::world::World;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "cluster.status",
        about: "the cluster is there and active",
        when: When::There,
        needs: &["DescribeCluster"],
        run: cluster,
    },
    Check {
        code: "cluster.remote",
        about: "EKS knows the remote networks of the file",
        when: When::There,
        needs: &["DescribeCluster"],
        run: remote,
    },
    Check { code: "stack.status", about: "the cluster's stacks are whole", when: When::There, needs: &["DescribeStacks"], run: stacks },
    Check {
        code: "entry.type",
        about: "each role of hybrid nodes has an access entry of type HYBRID_LINUX",
        when: When::There,
        needs: &["ListAccessEntries", "DescribeAccessEntry"],
        run: entries,
    },
    Check {
        code: "anchor.enabled",
        about: "trust anchors and profiles of Roles Anywhere are on",
        when: When::There,
        needs: &["GetTrustAnchor", "GetProfile"],
        run: anchors,
    },
    Check {
        code: "activations.open",
        about: "activations of Systems Manager take further machines",
        when: When::There,
        needs: &["DescribeActivations"],
        run: activations,
    },
    Check {
        code: "nodes.address",
        about: "hybrid nodes have addresses in the remote node networks",
        when: When::There,
        needs: &["DescribeInstanceInformation"],
        run: addresses,
    },
    Check {
        code: "nodes.pods",
        about: "pods of hybrid nodes have addresses in the remote pod networks",
        when: When::There,
        needs: &[],
        run: pods,
    },
    Check {
        code: "nodes.connection",
        about: "Systems Manager hears from hybrid nodes",
        when: When::There,
        needs: &["DescribeInstanceInformation"],
        run: connection,
    },
    Check { code: "nodes.ready", about: "hybrid nodes are ready in Kubernetes", when: When::There, needs: &[], run: ready },
];

fn cluster(view: &View<'_>, told: &mut Told) {
    let name = &view.cluster.config.metadata.name;
    match &view.before.cluster {
        Some(live) if live.status == "ACTIVE" => {}
        Some(live) if live.status == "FAILED" || live.status == "DELETING" => {
            told.error(
                name,
                format!("the cluster is {}", live.status),
                remedy::aws(view.cluster, &format!("eks describe-cluster --name {name} --query cluster.health")),
            );
        }
        Some(live) => told.warning(name, format!("the cluster is {}", live.status), "wait until it is ACTIVE, and look again"),
        None if super::unanswered(view.before, "DescribeCluster").is_some() => {}
        None => told.error(name, format!("{} has no cluster of this name", view.cluster.config.metadata.region), "hybridge cluster create"),
    }
}

fn remote(view: &View<'_>, told: &mut Told) {
    let Some(live) = &view.before.cluster else { return told.idle() };
    if view.without_remote() {
        return told.idle();
    }
    let networks = live.remote_network_config.as_ref();
    let known: Vec<&str> = networks
        .into_iter()
        .flat_map(|it| it.remote_node_networks.iter().chain(&it.remote_pod_networks))
        .flat_map(|it| &it.cidrs)
        .map(String::as_str)
        .collect();
    for network in view.remote().map(|network| network.to_string()).filter(|network| !known.contains(&network.as_str())) {
        told.error(&live.name, format!("EKS does not know the remote network {network}"), "hybridge cluster update");
    }
}

fn stacks(view: &View<'_>, told: &mut Told) {
    for stack in &view.before.stacks {
        let (name, status) = (&stack.stack_name, &stack.stack_status);
        let reason = if stack.stack_status_reason.is_empty() { String::new() } else { format!(": {}", stack.stack_status_reason) };
        if status.contains("FAILED") || status == "ROLLBACK_COMPLETE" {
            told.error(
                name,
                format!("the stack is {status}{reason}"),
                format!(
                    "{} shows the first failure; then hybridge cluster create or update goes on",
                    remedy::aws(view.cluster, &format!("cloudformation describe-stack-events --stack-name {name}"))
                ),
            );
        } else if status.ends_with("IN_PROGRESS") {
            told.warning(name, format!("the stack is {status}{reason}"), "wait until it is done, and look again");
        }
    }
    if view.before.stacks.is_empty() {
        told.idle();
    }
}

/// Roles of hybrid nodes: the given ones, or the one that the stack made.
pub(crate) fn role_arns(cluster: &Cluster, world: &World) -> Vec<String> {
    let made = || {
        let outputs = world.stacks.iter().flat_map(|stack| &stack.outputs);
        outputs.filter(|output| output.output_key == "RemoteNodesRoleARN").map(|output| output.output_value.clone()).next()
    };
    let first = match &cluster.role {
        Some(HybridRole::Given { arn, .. }) => Some(arn.clone()),
        Some(HybridRole::Made(_)) => made(),
        None => None,
    };
    first.into_iter().chain(cluster.annotations.role_arns.iter().cloned()).collect()
}

fn entries(view: &View<'_>, told: &mut Told) {
    let Some(live) = &view.before.cluster else { return told.idle() };
    if view.cluster.role.is_none() {
        return told.idle();
    }
    let roles = role_arns(view.cluster, view.before);
    if roles.is_empty() {
        return told.unknown(&live.name, "the role that the stack made for hybrid nodes is not known (output RemoteNodesRoleARN)");
    }
    let asked = ["ListAccessEntries", "DescribeAccessEntry"].iter().all(|operation| super::unanswered(view.before, operation).is_none());
    for role in roles {
        match view.before.access_entries.iter().find(|entry| entry.principal_arn == role) {
            None if !asked => {}
            None => told.error(
                &role,
                "it has no access entry, so its nodes are refused by the API server",
                remedy::aws(
                    view.cluster,
                    &format!("eks create-access-entry --cluster-name {} --principal-arn {role} --type HYBRID_LINUX", live.name),
                ),
            ),
            Some(entry) if entry.kind != "HYBRID_LINUX" => {
                told.error(&role, format!("its access entry is of type {}, and only HYBRID_LINUX lets hybrid nodes join", entry.kind), {
                    let of = format!("--cluster-name {} --principal-arn {role}", live.name);
                    let delete = remedy::aws(view.cluster, &format!("eks delete-access-entry {of}"));
                    let create = remedy::aws(view.cluster, &format!("eks create-access-entry {of} --type HYBRID_LINUX"));
                    format!("{delete}, then {create}")
                })
            }
            Some(_) => {}
        }
    }
}

fn anchors(view: &View<'_>, told: &mut Told) {
    let off = "so no certificate gets credentials";
    for anchor in view.before.trust_anchors.values().filter(|anchor| !anchor.enabled) {
        let id = anchor.trust_anchor_arn.rsplit('/').next().unwrap_or_default();
        told.error(
            &anchor.trust_anchor_arn,
            format!("the trust anchor is off, {off}"),
            remedy::aws(view.cluster, &format!("rolesanywhere enable-trust-anchor --trust-anchor-id {id}")),
        );
    }
    for profile in view.before.profiles.values().filter(|profile| !profile.enabled) {
        let id = profile.profile_arn.rsplit('/').next().unwrap_or_default();
        told.error(
            &profile.profile_arn,
            format!("the profile is off, {off}"),
            remedy::aws(view.cluster, &format!("rolesanywhere enable-profile --profile-id {id}")),
        );
    }
    if view.before.trust_anchors.is_empty() && view.before.profiles.is_empty() {
        told.idle();
    }
}

/// One that is used up or over keeps no node from working, only new ones from coming.
fn activations(view: &View<'_>, told: &mut Told) {
    if view.before.activations.is_empty() {
        return told.idle();
    }
    for activation in &view.before.activations {
        let (id, count, limit) = (&activation.activation_id, activation.registrations_count, activation.registration_limit);
        let fix = "make another one: hybridge cluster handover --activation MACHINES";
        if activation.expired {
            told.warning(id, format!("the activation is over; {count} of {limit} machines came with it, and no other can"), fix);
        } else if limit > 0 && count >= limit {
            told.warning(id, format!("the activation is used up: {count} of {limit} machines came with it"), fix);
        }
    }
}

/// Addresses of hybrid nodes, by name: as Kubernetes has them, or Systems Manager.
fn nodes(world: &World) -> Vec<(String, Ipv4Addr)> {
    let of_kubernetes = world.nodes.iter().flatten().filter(|node| node.hybrid).map(|node| (node.name.clone(), node.address.as_str()));
    let mut nodes: Vec<(String, Ipv4Addr)> = of_kubernetes.filter_map(|(name, address)| Some((name, address.parse().ok()?))).collect();
    for machine in &world.managed_instances {
        if !nodes.iter().any(|(name, _)| *name == machine.instance_id)
            && let Ok(address) = machine.ip_address.parse()
        {
            nodes.push((machine.instance_id.clone(), address));
        }
    }
    nodes
}

fn addresses(view: &View<'_>, told: &mut Told) {
    let nodes = nodes(view.before);
    if nodes.is_empty() {
        return told.idle();
    }
    for (name, address) in nodes {
        if !view.cluster.node_cidrs.iter().any(|network| network.contains(address)) {
            told.error(
                name,
                format!("its address {address} lies in none of the remote node networks, so EKS does not reach its kubelet"),
                "add its network to remoteNetworkConfig.remoteNodeNetworks, or set the address with the kubelet's flag --node-ip",
            );
        }
    }
}

fn pods(view: &View<'_>, told: &mut Told) {
    let hybrid: Vec<_> = view.before.nodes.iter().flatten().filter(|node| node.hybrid && !node.pod_cidrs.is_empty()).collect();
    if hybrid.is_empty() || view.cluster.pod_cidrs.is_empty() {
        return told.idle();
    }
    for node in hybrid {
        for text in &node.pod_cidrs {
            let inside = text.parse().is_ok_and(|part| view.cluster.pod_cidrs.iter().any(|network| network.covers(part)));
            if !inside {
                told.error(
                    &node.name,
                    format!(
                        "its pods get addresses of {text}, which lies in none of the remote pod networks, so webhooks on it are not reached"
                    ),
                    "give the CNI a pool within remotePodNetworks (hybridge cluster handover --only cilium)",
                );
            }
        }
    }
}

fn connection(view: &View<'_>, told: &mut Told) {
    let machines = &view.before.managed_instances;
    if machines.is_empty() {
        return told.idle();
    }
    for machine in machines.iter().filter(|machine| machine.ping_status != "Online") {
        told.error(
            &machine.instance_id,
            format!("Systems Manager does not hear from it ({}, {}): {}", machine.computer_name, machine.ip_address, machine.ping_status),
            "on the machine: systemctl status amazon-ssm-agent, hybridge node debug; without its agent credentials end within an hour",
        );
    }
    let Some(nodes) = &view.before.nodes else { return };
    for machine in machines.iter().filter(|machine| machine.ping_status == "Online") {
        if !nodes.iter().any(|node| node.name == machine.instance_id) {
            told.warning(
                &machine.instance_id,
                format!(
                    "Systems Manager hears from it ({}), and Kubernetes has no node of its name: it has not joined",
                    machine.computer_name
                ),
                "on the machine: hybridge node init, journalctl -u kubelet",
            );
        }
    }
}

fn ready(view: &View<'_>, told: &mut Told) {
    let Some(nodes) = &view.before.nodes else {
        return told.unknown("Kubernetes", "the API server was not asked, or did not answer, so whether nodes are ready is not known");
    };
    let hybrid: Vec<_> = nodes.iter().filter(|node| node.hybrid).collect();
    if hybrid.is_empty() {
        return told.idle();
    }
    for node in hybrid.iter().filter(|node| !node.ready) {
        told.error(&node.name, "the node is not ready", format!("kubectl describe node {}; most often the CNI is missing", node.name));
    }
}
