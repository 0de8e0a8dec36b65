//! The hybrid-node agents of a world: one a node, with the delay that a real cluster would add.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hybridge_gateway::vtep::OBJECT_NAME;
use hybridge_kube_io::Kube;
use tokio::sync::{mpsc, watch};

use crate::agent::{self, Event, NodeFacts, Seen, Step};
use crate::journal::{Journal, Source};
use crate::netns::Task;
use crate::topology::{Hybrid, Topology, WAN_MTU};

use super::{Cluster, WorldError};

/// How often an agent asks for CiliumVTEPConfig. Shows as that much uncertainty in when a node takes a change up.
const POLL: Duration = Duration::from_millis(50);

/// What every agent of a world needs to know.
pub(super) struct Crew {
    /// The file with the way to the API server.
    kubeconfig: PathBuf,
    /// Names of tunnel endpoints, for the journal.
    gateways: BTreeMap<Ipv4Addr, String>,
    /// Where to note what nodes take up.
    journal: Journal,
}

impl Crew {
    /// Writes the file that tells agents the way to the API server.
    pub(super) fn new(topology: &Topology, cluster: &Cluster, journal: &Journal, directory: &Path) -> Result<Self, WorldError> {
        let kubeconfig = directory.join("kubeconfig");
        std::fs::write(&kubeconfig, &cluster.kubeconfig).map_err(|source| WorldError::File { path: kubeconfig.clone(), source })?;
        let gateways = topology.gateways.iter().map(|leg| (leg.host.address, leg.host.name().to_owned())).collect();
        Ok(Self { kubeconfig, gateways, journal: journal.clone() })
    }

    /// Starts the agent of one node inside the node's namespace. The object reaches it `delay` after the API shows it.
    pub(super) fn start(&self, hybrid: &Hybrid, delay: Duration) -> Task {
        let facts = NodeFacts { node_ip: hybrid.node.address, pod_cidrs: [hybrid.pod_cidr].into(), underlay_mtu: WAN_MTU };
        let (name, kubeconfig) = (hybrid.node.name().to_owned(), self.kubeconfig.clone());
        let (journal, gateways) = (self.journal.clone(), self.gateways.clone());
        hybrid.node.ns.spawn("agent", move |stop| async move {
            let work = async {
                let Some(kube) = connect(&kubeconfig).await else { return };
                let (read, seen) = watch::channel(Seen::Nothing);
                let (arrived, objects) = watch::channel(Seen::Nothing);
                let (events, mut noted) = mpsc::unbounded_channel();
                let note = async {
                    while let Some(event) = noted.recv().await {
                        for what in describe(&event, &gateways) {
                            journal.record(event.at, Source::Vtep, &name, what);
                        }
                    }
                };
                tokio::join!(
                    agent::follow(kube, OBJECT_NAME, POLL, read),
                    hold_back(seen, arrived, delay),
                    agent::obey(facts, objects, events),
                    note
                );
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        })
    }
}

async fn connect(kubeconfig: &Path) -> Option<Kube> {
    match Kube::connect(Some(kubeconfig)).await {
        Ok(kube) => Some(kube),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "an agent of the lab cannot use its kubeconfig");
            None
        }
    }
}

/// Passes each value on `delay` after it came.
async fn hold_back(mut seen: watch::Receiver<Seen>, arrived: watch::Sender<Seen>, delay: Duration) {
    let mut waiting: VecDeque<(Instant, Seen)> = VecDeque::new();
    loop {
        let next = waiting.front().map(|(due, _)| *due);
        let due = async {
            match next {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = seen.changed() => match changed {
                Ok(()) => waiting.push_back((Instant::now() + delay, seen.borrow_and_update().clone())),
                Err(_gone) => return,
            },
            () = due => if let Some((_, value)) = waiting.pop_front() {
                arrived.send_replace(value);
            },
        }
    }
}

/// Changes of where pod traffic goes, in words; the rest of an event is only what makes them possible.
fn describe(event: &Event, gateways: &BTreeMap<Ipv4Addr, String>) -> Vec<String> {
    let name = |tunnel: &Ipv4Addr| gateways.get(tunnel).cloned().unwrap_or_else(|| tunnel.to_string());
    let mut words = Vec::new();
    for step in &event.steps {
        if let Step::SetRoute(to, via) = step {
            words.push(format!("VTEP {to} → {}", name(via)));
        } else if let Step::DeleteRoute(to) = step {
            words.push(format!("VTEP {to} removed"));
        }
    }
    words
}
