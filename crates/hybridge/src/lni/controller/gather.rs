//! One observation.

use std::collections::BTreeSet;

use hybridge_aws::{CallError, Session};
use hybridge_kube_io::{CloudNode, Kube};
use hybridge_lni::lifecycle::{Answer, Memory, Node, World};
use hybridge_model::InstanceId;
use hybridge_report::chain;

fn answer<T>(result: Result<T, CallError>) -> Answer<T> {
    match result {
        Ok(all) => Answer::Whole(all),
        Err(error) => Answer::Missing(chain(&error)),
    }
}

/// Nodes first: an interface that was made for a Node is younger than the Node.
pub(super) async fn world(session: &Session, kube: &Kube, (cluster, memory): (&str, &Memory)) -> World {
    let nodes = match kube.cloud_nodes().await {
        Ok(nodes) => Answer::Whole(nodes.into_iter().map(node).collect::<Vec<_>>()),
        Err(error) => Answer::Missing(chain(&error)),
    };
    let interfaces = answer(session.tagged_interfaces(cluster).await);
    let of_nodes = nodes.whole().into_iter().flatten().filter_map(|node| node.instance.clone());
    let of_interfaces = memory.instances(interfaces.whole().map_or(&[], Vec::as_slice));
    let asked: BTreeSet<InstanceId> = of_nodes.chain(of_interfaces).collect();
    let instances = answer(session.instances_by_id(&asked.into_iter().collect::<Vec<_>>()).await);
    let in_subnets = instances.whole().into_iter().flatten().map(|instance| instance.subnet.clone());
    let subnets: BTreeSet<String> = in_subnets.filter(|subnet| !subnet.is_empty()).collect();
    let subnets = answer(session.lni_subnets(&subnets.into_iter().collect::<Vec<_>>()).await);
    World { nodes, interfaces, instances, subnets }
}

fn node(node: CloudNode) -> Node {
    let CloudNode { name, uid, instance, deleting, conditions } = node;
    Node { name, uid, instance, deleting, conditions }
}
