//! What an update must not do.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;
use hybridge_report::Finding;

use super::takes_away;
use crate::difference::{Action, Difference};
use crate::resolve::Cluster;
use crate::world::World;

/// Everything in or behind these is lost with them.
const KEPT: [&str; 4] = ["AWS::EKS::Cluster", "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup"];

pub(super) fn check(cluster: &Cluster, world: &World, changes: &Difference, force: bool) -> Vec<Finding> {
    let mut findings = kept(changes);
    findings.extend(version(cluster, world));
    let mut lived_in = networks(cluster, world);
    lived_in.extend(roles(world, changes));
    if force {
        for finding in &mut lived_in {
            finding.severity = hybridge_report::Severity::Warning;
            finding.fix = None;
        }
    }
    findings.extend(lived_in);
    findings
}

fn kept(changes: &Difference) -> Vec<Finding> {
    let lost = changes.resources.iter().filter(|change| takes_away(change.action) && KEPT.contains(&change.kind.as_str()));
    lost.map(|change| {
        let of = |replaces: bool| {
            change.properties.iter().filter(move |property| property.replaces == replaces).map(|property| property.path.as_str())
        };
        let (verb, code) = match change.action {
            Action::Remove => ("deleted", "update.removes"),
            Action::Add | Action::Change | Action::Replace => ("replaced by a new one", "update.replaces"),
        };
        let because: Vec<&str> = of(true).collect();
        let because = if because.is_empty() { String::new() } else { format!(", because {} would change", because.join(", ")) };
        let what = format!("{} ({}) would be {verb}{because}, and what lives in it with it", change.id, change.kind);
        Finding::error(code, &change.id, what).fix("write in the file what the cluster has, or make a new cluster")
    })
    .collect()
}

/// EKS does not go back.
fn version(cluster: &Cluster, world: &World) -> Option<Finding> {
    let minor = |version: &str| version.split_once('.').and_then(|(_, minor)| minor.parse::<u32>().ok());
    let live = &world.cluster.as_ref()?.version;
    if minor(&cluster.version)? >= minor(live)? {
        return None;
    }
    let what = format!("EKS runs Kubernetes {live}, and cannot go back to {}", cluster.version);
    Some(Finding::error("version.older", "metadata.version", what).fix(format!("write \"{live}\"")))
}

/// Networks that go although somebody lives in them.
fn networks(cluster: &Cluster, world: &World) -> Vec<Finding> {
    let Some(live) = world.cluster.as_ref().and_then(|live| live.remote_network_config.as_ref()) else { return Vec::new() };
    let gone = |networks: &[crate::world::LiveCidrs], wanted: &[Cidr4]| -> Vec<Cidr4> {
        let cidrs = networks.iter().flat_map(|network| &network.cidrs).filter_map(|cidr| cidr.parse::<Cidr4>().ok());
        cidrs.filter(|cidr| !wanted.contains(cidr)).collect()
    };
    let mut findings = Vec::new();
    for cidr in gone(&live.remote_node_networks, &cluster.node_cidrs) {
        let stays = |address: Ipv4Addr| cluster.node_cidrs.iter().any(|wanted| wanted.contains(address));
        let there: Vec<String> =
            nodes(world).into_iter().filter(|(_, address)| cidr.contains(*address) && !stays(*address)).map(|(name, _)| name).collect();
        findings.extend(in_use("remoteNetworkConfig.remoteNodeNetworks", cidr, &there));
    }
    for cidr in gone(&live.remote_pod_networks, &cluster.pod_cidrs) {
        let hybrid = world.nodes.iter().flatten().filter(|node| node.hybrid);
        let stays = |pods: Cidr4| cluster.pod_cidrs.iter().any(|wanted| wanted.covers(pods));
        let lives = |pods: &String| pods.parse::<Cidr4>().is_ok_and(|pods| pods.overlaps(cidr) && !stays(pods));
        let there: Vec<String> = hybrid.filter(|node| node.pod_cidrs.iter().any(lives)).map(|node| node.name.clone()).collect();
        findings.extend(in_use("remoteNetworkConfig.remotePodNetworks", cidr, &there));
    }
    if world.nodes.is_none() && !findings.is_empty() {
        findings.push(Finding::warning("nodes.unseen", "nodes", "Kubernetes was not asked, so nodes are known from Systems Manager only"));
    }
    findings
}

fn in_use(place: &str, cidr: Cidr4, nodes: &[String]) -> Option<Finding> {
    if nodes.is_empty() {
        return None;
    }
    let what = format!("{cidr} would go, and {} live in it: {}", count(nodes.len(), "node"), some(nodes));
    Some(Finding::error("cidr.in-use", place, what).fix("move them away first, or say --force: the control plane then cannot reach them"))
}

/// Machines by name and address: Kubernetes' nodes, and managed instances.
fn nodes(world: &World) -> Vec<(String, Ipv4Addr)> {
    let kube = world.nodes.iter().flatten().filter(|node| node.hybrid).map(|node| (&node.name, &node.address));
    let managed = world.managed_instances.iter().map(|instance| (&instance.instance_id, &instance.ip_address));
    let mut nodes: Vec<(String, Ipv4Addr)> =
        kube.chain(managed).filter_map(|(name, address)| Some((name.clone(), address.parse().ok()?))).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

/// The role of nodes goes, and their credentials with it.
fn roles(world: &World, changes: &Difference) -> Vec<Finding> {
    let gone = |id: &str| changes.resources.iter().any(|change| change.id == id && takes_away(change.action));
    let machines: Vec<String> = world.managed_instances.iter().map(|instance| instance.instance_id.clone()).collect();
    if !gone("HybridNodesSSMRole") || machines.is_empty() {
        return Vec::new();
    }
    let what =
        format!("the role of {} would go, and their credentials with it: {}", count(machines.len(), "managed instance"), some(&machines));
    let fix = "join them by the new provider first (hybridge node uninstall, then init), or say --force";
    vec![Finding::error("role.in-use", "remoteNetworkConfig.iam", what).fix(fix)]
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn some(names: &[String]) -> String {
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown} and {} more", names.len() - 5) } else { shown }
}
