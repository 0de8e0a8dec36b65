//! Taking hybrid nodes out of the cluster: pods first, as their budgets allow.

use std::collections::BTreeSet;
use std::time::Instant;

use futures::StreamExt as _;
use hybridge_cluster::world::{KubeNode, LiveCluster};
use hybridge_kube_io::{CallError, Eviction, Kube, Tenant};
use hybridge_report::{Finding, chain};

use super::Deed;
use super::accounts::{WITHIN, connect};
use super::pace::{Pace, drain_limit};
use super::stop::{Done, Stop};

/// Nodes at once: pods of one need places on the others.
const AT_ONCE: usize = 2;

/// Why a node was not drained.
enum Trouble {
    /// Kubernetes refused or did not answer.
    Call(CallError),
    /// These pods are still there when the time is over.
    Held(Vec<String>),
}

impl Deed {
    /// Moves pods off all hybrid nodes and takes the nodes out of the cluster. Budgets of pods are kept: a pod that may not be moved in
    /// time stops the command, and its node stays, with nothing new scheduled on it.
    pub(in crate::cluster) async fn drain(&self, nodes: &[KubeNode], live: &LiveCluster, profile: Option<&str>) -> Done<Vec<String>> {
        let kube = connect(live, self.session.region(), profile).await.map_err(Stop::one)?;
        let kube = &kube;
        let each = nodes.iter().map(|node| async move { (node, self.drain_one(kube, node).await) });
        let results: Vec<_> = futures::stream::iter(each).buffered(AT_ONCE).collect().await;
        self.screen.clear();
        let (mut done, mut findings) = (Vec::new(), Vec::new());
        for (node, result) in results {
            match result {
                Ok(()) => done.push(format!("drained node {} and took it out of the cluster", node.name)),
                Err(trouble) => findings.push(told(node, &trouble)),
            }
        }
        if findings.is_empty() { Ok(done) } else { Err(Stop::input(findings)) }
    }

    async fn drain_one(&self, kube: &Kube, node: &KubeNode) -> Result<(), Trouble> {
        let what = format!("node {} is not drained, and nothing new is scheduled on it", node.name);
        self.screen.line(format_args!("node {}: moving its pods away", node.name));
        self.touch();
        self.while_telling(what, async {
            if kube.cordon(&node.name, WITHIN).await.map_err(Trouble::Call)? {
                self.empty(kube, node).await?;
            }
            kube.delete_node(&node.name, WITHIN).await.map_err(Trouble::Call)
        })
        .await
    }

    /// Asks for pods to be ended until none is left that can be moved.
    async fn empty(&self, kube: &Kube, node: &KubeNode) -> Result<(), Trouble> {
        let (begun, limit) = (Instant::now(), drain_limit().min(self.limit));
        let mut told = BTreeSet::new();
        for number in 0.. {
            let tenants = kube.tenants(&node.name).await.map_err(Trouble::Call)?;
            let movable: Vec<&Tenant> = tenants.iter().filter(|pod| !pod.bound && !pod.ended).collect();
            let mut open = Vec::new();
            for pod in movable {
                let name = format!("{}/{}", pod.namespace, pod.name);
                if pod.ending {
                    // The kubelet of a node that does not answer never says that a pod has ended.
                    if node.ready {
                        open.push(format!("{name} (ending)"));
                    }
                    continue;
                }
                match kube.evict(pod, WITHIN).await.map_err(Trouble::Call)? {
                    Eviction::Accepted => open.push(format!("{name} (ending)")),
                    Eviction::Held => {
                        if told.insert(name.clone()) {
                            self.screen.line(format_args!("node {}: {name} is held by its PodDisruptionBudget; asking again", node.name));
                        }
                        open.push(format!("{name} (held by its PodDisruptionBudget)"));
                    }
                    Eviction::Gone => {}
                }
            }
            if open.is_empty() {
                return Ok(());
            }
            if begun.elapsed() >= limit {
                return Err(Trouble::Held(open));
            }
            self.screen.progress(format_args!("node {}: {} pods left, {}", node.name, open.len(), open[0]));
            tokio::time::sleep(Pace::stacks().pause(number)).await;
        }
        Ok(())
    }
}

fn told(node: &KubeNode, trouble: &Trouble) -> Finding {
    let place = format!("node {}", node.name);
    match trouble {
        Trouble::Call(error) => Finding::error("drain.failed", place, chain(error)),
        Trouble::Held(pods) => Finding::error("drain.held", place, format!("these pods are still there: {}", pods.join(", "))).fix(
            "give their workloads room or lower their budgets, then run the same command again; --force deletes the cluster under them",
        ),
    }
}
