//! The clusters of a region.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::stream;
use hybridge_aws::{CallError, Session};
use hybridge_cluster::world::LiveCluster;
use hybridge_report::Finding;
use serde::Serialize;
use tokio::join;

use crate::cluster::gather::{AT_ONCE, Open, refused, told};

/// All of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Clusters {
    pub(super) region: String,
    pub(super) clusters: Vec<Row>,
    /// Questions without an answer, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) unanswered: Open,
}

/// One of them, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) version: String,
    /// Whether hybrid nodes can join; none: DescribeCluster was refused.
    pub(super) hybrid: Option<bool>,
    pub(super) remote_node_cidrs: Vec<String>,
    pub(super) remote_pod_cidrs: Vec<String>,
    /// The stack that made it; none: it was made otherwise, or stacks may not be listed.
    pub(super) stack: Option<String>,
}

/// # Errors
/// The clusters cannot be listed.
pub(super) async fn ask(session: &Session) -> Result<Clusters, Finding> {
    let (names, stacks) = join!(session.clusters(), session.stack_names());
    let names = names.map_err(|error| refused(&error, session.region()))?;
    let mut open = Open::new();
    let stacks = told(stacks, &mut open);
    let each = stream::iter(names).map(|name| async move { (session.live_cluster(&name).await, name) });
    let found: Vec<(Result<Option<LiveCluster>, CallError>, String)> = each.buffered(AT_ONCE).collect().await;
    let mut clusters = Vec::new();
    for (live, name) in found {
        let live = match live {
            // It was deleted meanwhile.
            Ok(None) => continue,
            live => told(live, &mut open),
        };
        let own = format!("eksctl-{name}-cluster");
        let stack = stacks.contains(&own).then_some(own);
        clusters.push(row(name, live.as_ref(), stack));
    }
    Ok(Clusters { region: session.region().to_owned(), clusters, unanswered: open })
}

fn row(name: String, live: Option<&LiveCluster>, stack: Option<String>) -> Row {
    let Some(live) = live else { return Row { name, stack, ..Row::default() } };
    let remote = live.remote_network_config.clone().unwrap_or_default();
    let remote_node_cidrs: Vec<String> = remote.remote_node_networks.into_iter().flat_map(|network| network.cidrs).collect();
    Row {
        name,
        status: live.status.clone(),
        version: live.version.clone(),
        hybrid: Some(!remote_node_cidrs.is_empty()),
        remote_node_cidrs,
        remote_pod_cidrs: remote.remote_pod_networks.into_iter().flat_map(|network| network.cidrs).collect(),
        stack,
    }
}
