//! Follows the CiliumNodes and turns them into the data path that should be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use hybridge_gateway::datapath::{self, Desired};
use hybridge_gateway::nodes::{self, HybridNode, Undecodable};
use hybridge_kube_io::{Kube, NodeEvent};
use hybridge_model::NodeName;
use hybridge_model::kernel::VxlanSpec;
use hybridge_report::chain;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::context::Context;

/// Changes that come within this time of each other are one change of the data path.
const DEBOUNCE: Duration = Duration::from_millis(5);
/// Changes that never pause are taken in after this time.
const BURST: Duration = Duration::from_millis(100);

/// What is known of hybrid nodes, and what follows from it.
pub(crate) struct Nodes {
    context: Arc<Context>,
    device: VxlanSpec,
    decoded: BTreeMap<NodeName, HybridNode>,
    undecodable: BTreeMap<String, String>,
    listed: bool,
    error: Option<String>,
}

impl Nodes {
    /// Starts from the nodes that an earlier process has left in the kernel.
    pub(crate) fn new(context: Arc<Context>, device: VxlanSpec, left: Vec<HybridNode>) -> Self {
        context.seen.roster().seed(left);
        Self { context, device, decoded: BTreeMap::new(), undecodable: BTreeMap::new(), listed: false, error: None }
    }

    /// The data path as it should be with what is known now.
    pub(crate) fn desired(&self) -> Desired {
        let roster = self.context.seen.roster();
        let claims = nodes::settle(roster.live(), roster.held());
        datapath::desired(self.device.clone(), &self.context.settings.pod_cidrs, &claims)
    }

    /// Follows the API for ever.
    pub(crate) async fn run(mut self, kube: Kube, desired: watch::Sender<Desired>) {
        let mut events = std::pin::pin!(kube.nodes(nodes::decode));
        loop {
            let clock = self.context.clock;
            let expiry = self.context.seen.roster().next_expiry();
            let expired = async {
                match expiry {
                    Some(expiry) => clock.sleep_until(expiry).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.next() => {
                    let Some(event) = event else { return };
                    let mut changed = self.take(event);
                    let end = Instant::now() + BURST;
                    while let Ok(Some(event)) = timeout(DEBOUNCE.min(end.saturating_duration_since(Instant::now())), events.next()).await {
                        changed |= self.take(event);
                    }
                    // Cilium writes its nodes' status again and again.
                    if !changed {
                        continue;
                    }
                    if self.listed {
                        self.context.seen.roster().update(clock.now(), self.decoded.clone());
                    }
                }
                () = expired => self.context.seen.roster().expire(clock.now()),
            }
            self.publish(&desired);
        }
    }

    /// Whether it makes a difference.
    fn take(&mut self, event: NodeEvent<Result<HybridNode, Undecodable>>) -> bool {
        match event {
            NodeEvent::Listed(all) => {
                info!(count = all.len(), "hybrid nodes listed");
                let (before, complained) = (std::mem::take(&mut self.decoded), std::mem::take(&mut self.undecodable));
                let first = !std::mem::replace(&mut self.listed, true);
                self.error = None;
                for (name, result) in all {
                    let (known, complaint) = (before.get(&name), complained.get(name.as_str()));
                    self.put(name, result, (known, complaint), first);
                }
                for gone in before.keys().filter(|name| !self.decoded.contains_key(*name)) {
                    info!(node = %gone, "hybrid node gone");
                }
                true
            }
            NodeEvent::Applied(name, result) => {
                let (known, complaint) = (self.decoded.remove(&name), self.undecodable.remove(name.as_str()));
                self.put(name, result, (known.as_ref(), complaint.as_ref()), false)
            }
            NodeEvent::Deleted(name) => {
                let gone = self.decoded.remove(&name).is_some();
                if gone {
                    info!(node = %name, "hybrid node gone");
                }
                self.undecodable.remove(name.as_str()).is_some() || gone
            }
            NodeEvent::Failed(error) => {
                let error = Some(chain(&error));
                if self.error != error {
                    warn!(error, "cannot follow CiliumNodes; entries stay as they are");
                }
                std::mem::replace(&mut self.error, error.clone()) != error
            }
            NodeEvent::Recovered => {
                info!("following CiliumNodes again");
                self.error = None;
                true
            }
        }
    }

    /// Takes in what was `known`, or complained about, before; whether that makes a difference. `quiet`: thousands of nodes of the
    /// first list are worth one line, not one each.
    fn put(
        &mut self,
        name: NodeName,
        result: Result<HybridNode, Undecodable>,
        (known, complaint): (Option<&HybridNode>, Option<&String>),
        quiet: bool,
    ) -> bool {
        match result.and_then(|node| node.outside(&self.context.settings.vpc_cidrs)) {
            Ok(node) => {
                let changed = known != Some(&node);
                if changed && !quiet {
                    info!(node = %name, ip = %node.node_ip, pod_cidrs = ?node.pod_cidrs, new = known.is_none(), "hybrid node changed");
                }
                self.decoded.insert(name, node);
                changed
            }
            Err(error) => {
                let error = chain(&error);
                let changed = complaint != Some(&error);
                if changed {
                    warn!(node = %name, error, "CiliumNode left out");
                }
                self.undecodable.insert(name.as_str().to_owned(), error);
                changed
            }
        }
    }

    fn publish(&self, desired: &watch::Sender<Desired>) {
        let (claims, live, held) = {
            let roster = self.context.seen.roster();
            (nodes::settle(roster.live(), roster.held()), roster.live().len(), roster.held().count())
        };
        let next = datapath::desired(self.device.clone(), &self.context.settings.pod_cidrs, &claims);
        desired.send_if_modified(|shown| {
            let changed = *shown != next;
            *shown = next;
            changed
        });
        let live = if self.listed { live } else { 0 };
        self.context.update(|status| {
            let nodes = &mut status.nodes;
            (nodes.listed, nodes.live, nodes.held) = (self.listed, live, held);
            nodes.error.clone_from(&self.error);
            nodes.undecodable.clone_from(&self.undecodable);
            nodes.conflicts = claims.conflicts;
        });
    }
}
