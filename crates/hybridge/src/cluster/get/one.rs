//! One cluster with all that belongs to it.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::stream;
use hybridge_aws::eks::{NodeGroup, PodIdentity};
use hybridge_cluster::world::{Activation, Interface, KubeNode, LiveAddon, LiveCluster, LiveEntry, ManagedInstance, Stack, World};
use hybridge_report::Finding;
use serde::Serialize;
use tokio::join;

use super::missing;
use crate::cluster::gather::{AT_ONCE, Asked, Open, look, refused, told};

/// What is known of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    pub(super) region: String,
    /// Whether it has remote networks.
    pub(super) hybrid: bool,
    pub(super) cluster: LiveCluster,
    pub(super) stacks: Vec<Stack>,
    pub(super) access_entries: Vec<LiveEntry>,
    pub(super) addons: Vec<LiveAddon>,
    pub(super) node_groups: Vec<NodeGroup>,
    pub(super) pod_identities: Vec<PodIdentity>,
    /// Interfaces of the control plane in the VPC: what nodes outside talk to.
    pub(super) control_plane_interfaces: Vec<Interface>,
    pub(super) hybrid_nodes: Vec<HybridNode>,
    pub(super) activations: Vec<Activation>,
    /// Questions without an answer, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) unanswered: Open,
}

/// A machine outside, as Kubernetes and Systems Manager know it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HybridNode {
    pub(super) name: String,
    /// None: Kubernetes has no such Node.
    pub(super) node: Option<KubeNode>,
    /// None: it got its role otherwise, or Systems Manager does not say.
    pub(super) managed_instance: Option<ManagedInstance>,
}

/// # Errors
/// There is no such cluster, or EKS does not say.
pub(super) async fn ask(asked: Asked<'_>) -> Result<Found, Finding> {
    let (session, name) = (asked.session, asked.config.metadata.name.as_str());
    let live = session.live_cluster(name).await.map_err(|error| refused(&error, session.region()))?;
    let Some(live) = live else {
        let stacks = session.stacks(Some(&format!("eksctl-{name}-cluster"))).await.unwrap_or_default();
        return Err(missing(session, name, stacks.first().map(|stack| stack.stack_status.as_str())).await);
    };
    let (world, (node_groups, pod_identities, more)) = join!(look(asked, &live), groups(asked));
    let mut unanswered = world.unanswered.clone();
    unanswered.extend(more);
    Ok(Found {
        region: session.region().to_owned(),
        hybrid: live.remote_network_config.as_ref().is_some_and(|remote| !remote.remote_node_networks.is_empty()),
        cluster: live,
        hybrid_nodes: hybrid_nodes(&world),
        stacks: world.stacks,
        access_entries: world.access_entries,
        addons: world.addons,
        node_groups,
        pod_identities,
        control_plane_interfaces: world.network_interfaces,
        activations: world.activations,
        unanswered,
    })
}

async fn groups(asked: Asked<'_>) -> (Vec<NodeGroup>, Vec<PodIdentity>, Open) {
    let (session, name) = (asked.session, asked.config.metadata.name.as_str());
    let (names, identities) = join!(session.node_groups(name), session.pod_identities(name));
    let mut open = Open::new();
    let (names, identities) = (told(names, &mut open), told(identities, &mut open));
    let each = stream::iter(names).map(|group| async move { session.node_group(name, &group).await });
    let found: Vec<_> = each.buffered(AT_ONCE).collect().await;
    let groups = found.into_iter().filter_map(|group| told(group, &mut open)).collect();
    (groups, identities, open)
}

/// Nodes of Kubernetes and machines of Systems Manager, which are the same where they have one name.
fn hybrid_nodes(world: &World) -> Vec<HybridNode> {
    let mut found: BTreeMap<&str, HybridNode> = BTreeMap::new();
    for node in world.nodes.iter().flatten().filter(|node| node.hybrid) {
        found.entry(&node.name).or_default().node = Some(node.clone());
    }
    for machine in &world.managed_instances {
        found.entry(&machine.instance_id).or_default().managed_instance = Some(machine.clone());
    }
    found.into_iter().map(|(name, node)| HybridNode { name: name.to_owned(), ..node }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_one_node_by_its_name_whoever_knows_it() {
        let node = |name: &str, hybrid| KubeNode { name: name.into(), hybrid, ..KubeNode::default() };
        let machine = |id: &str| ManagedInstance { instance_id: id.into(), ..ManagedInstance::default() };
        let world = World {
            nodes: Some(vec![node("press-7", true), node("mi-1", true), node("ip-10-0-0-1", false)]),
            managed_instances: vec![machine("mi-2"), machine("mi-1")],
            ..World::default()
        };
        let found = hybrid_nodes(&world);
        let known: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.node.is_some(), one.managed_instance.is_some())).collect();
        assert_eq!(known, [("mi-1", true, true), ("mi-2", false, true), ("press-7", true, false)]);
    }
}
