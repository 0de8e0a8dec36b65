//! Remote networks of a cluster that others made: EKS itself is told of them, as no stack of ours has the cluster.

use hybridge_cluster::resolve::Cluster;
use hybridge_cluster::world::{LiveCidrs, LiveCluster, Stack, World};
use hybridge_model::Cidr4;
use serde_json::{Value, json};

use super::Deed;
use super::stop::Done;

/// Tag of the hybrid stack: the networks that the cluster had before, so that they come back when the stack goes.
pub(in crate::cluster) const BEFORE: &str = "hybridge/networks-before";
/// Characters of a tag's value (CloudFormation API reference, "Tag").
const LONGEST_TAG: usize = 256;

/// What EKS is told.
fn body(nodes: &[String], pods: &[String]) -> Value {
    let networks = |cidrs: &[String]| if cidrs.is_empty() { json!([]) } else { json!([{ "cidrs": cidrs }]) };
    json!({ "remoteNetworkConfig": { "remoteNodeNetworks": networks(nodes), "remotePodNetworks": networks(pods) } })
}

fn texts(cidrs: &[Cidr4]) -> Vec<String> {
    cidrs.iter().map(ToString::to_string).collect()
}

fn of_live(networks: &[LiveCidrs]) -> Vec<String> {
    networks.iter().flat_map(|network| network.cidrs.clone()).collect()
}

/// Networks of nodes and of pods that EKS has.
fn had(live: &LiveCluster) -> (Vec<String>, Vec<String>) {
    let remote = live.remote_network_config.clone().unwrap_or_default();
    (of_live(&remote.remote_node_networks), of_live(&remote.remote_pod_networks))
}

/// The value of [`BEFORE`]: `nodes 10.80.0.0/16 pods 10.85.0.0/16`. None: there were none, or too many for a tag.
pub(in crate::cluster) fn before(live: &LiveCluster) -> Option<String> {
    let (nodes, pods) = had(live);
    if nodes.is_empty() && pods.is_empty() {
        return None;
    }
    let text = format!("nodes {} pods {}", nodes.join(" "), pods.join(" ")).trim_end().to_owned();
    (text.len() <= LONGEST_TAG).then_some(text)
}

fn parse_before(text: &str) -> (Vec<String>, Vec<String>) {
    let (nodes, pods) = text.split_once("pods").unwrap_or((text, ""));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    (words(nodes.trim_start_matches("nodes")), words(pods))
}

/// The file's networks of nodes and of pods. None: EKS knows them.
pub(in crate::cluster) fn news(cluster: &Cluster, live: &LiveCluster) -> Option<(Vec<String>, Vec<String>)> {
    let wanted = (texts(&cluster.node_cidrs), texts(&cluster.pod_cidrs));
    (!same(&had(live), &wanted)).then_some(wanted)
}

/// Tells EKS of the file's networks, unless it knows them.
pub(in crate::cluster) async fn announce(deed: &Deed, cluster: &Cluster, live: &LiveCluster) -> Done<Option<String>> {
    let Some(wanted) = news(cluster, live) else { return Ok(None) };
    deed.configure(body(&wanted.0, &wanted.1), "telling EKS of the remote networks").await?;
    Ok(Some(format!("EKS knows the remote networks {}", [wanted.0, wanted.1].concat().join(", "))))
}

/// Has EKS forget our networks, or know those again that it knew before us.
pub(in crate::cluster) async fn withdraw(deed: &Deed, live: &LiveCluster, world: &World) -> Done<Option<String>> {
    let tag = |stack: &Stack| stack.tags.iter().find(|tag| tag.key == BEFORE).map(|tag| tag.value.clone());
    let wanted = world.stacks.iter().find_map(tag).map(|text| parse_before(&text)).unwrap_or_default();
    if same(&had(live), &wanted) {
        return Ok(None);
    }
    deed.configure(body(&wanted.0, &wanted.1), "taking the remote networks back").await?;
    Ok(Some("took the remote networks back".into()))
}

fn same(one: &(Vec<String>, Vec<String>), other: &(Vec<String>, Vec<String>)) -> bool {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    sorted(&one.0) == sorted(&other.0) && sorted(&one.1) == sorted(&other.1)
}

#[cfg(test)]
mod tests {
    use hybridge_cluster::world::LiveRemoteNetworks;

    use super::*;

    fn live(nodes: &[&str], pods: &[&str]) -> LiveCluster {
        let of = |cidrs: &[&str]| {
            if cidrs.is_empty() { vec![] } else { vec![LiveCidrs { cidrs: cidrs.iter().map(|&cidr| cidr.to_owned()).collect() }] }
        };
        let remote = LiveRemoteNetworks { remote_node_networks: of(nodes), remote_pod_networks: of(pods) };
        LiveCluster { remote_network_config: Some(remote), ..LiveCluster::default() }
    }

    #[test]
    fn what_was_there_before_comes_back_from_the_tag() {
        for (nodes, pods) in [(&["10.80.0.0/16", "10.81.0.0/16"][..], &["10.85.0.0/16"][..]), (&["10.80.0.0/16"], &[])] {
            let live = live(nodes, pods);
            assert_eq!(parse_before(&before(&live).unwrap()), had(&live));
        }
        assert_eq!(before(&live(&[], &[])), None);
        let many: Vec<String> = (0..30).map(|number| format!("10.{number}.0.0/16")).collect();
        assert_eq!(before(&live(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[])), None);
    }

    #[test]
    fn eks_is_told_both_lists_and_empty_ones_take_them_away() {
        let told = body(&["10.80.0.0/16".into()], &[]);
        assert_eq!(told["remoteNetworkConfig"]["remoteNodeNetworks"], json!([{ "cidrs": ["10.80.0.0/16"] }]));
        assert_eq!(told["remoteNetworkConfig"]["remotePodNetworks"], json!([]));
    }
}
