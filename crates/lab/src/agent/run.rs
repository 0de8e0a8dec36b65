//! Keeps a node's kernel as the newest CiliumVTEPConfig wants it.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::config::{Problem, VtepConfig};
use super::kernel::{Kernel, KernelError};
use super::plan::{Desired, NodeFacts, Step, plan};
use super::read::Seen;

/// How often the kernel is compared although no new object came: repairs what somebody else changed.
const RESYNC: Duration = Duration::from_secs(5);

/// What the agent did.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it was done.
    pub at: Instant,
    /// The changes made to the kernel, in order.
    pub steps: Vec<Step>,
    /// Parts of the object that could not be obeyed.
    pub problems: Vec<Problem>,
}

/// Obeys each object that `objects` shows until its sender is gone.
///
/// Must run on a runtime whose threads are in the node's network namespace, with CAP_NET_ADMIN there. Failures are logged
/// and tried again with the next object or at the next comparison. `events` gets one event for each change of the kernel.
pub async fn obey(node: NodeFacts, mut objects: watch::Receiver<Seen>, events: mpsc::UnboundedSender<Event>) {
    loop {
        let object = objects.borrow_and_update().clone();
        let done = match &object {
            Seen::Nothing => None,
            Seen::Missing => Some(converge(&node, None).await),
            Seen::Object(object) => Some(converge(&node, Some(object)).await),
        };
        match done {
            None => {}
            Some(Ok(event)) if event.steps.is_empty() => {}
            Some(Ok(event)) => {
                for problem in &event.problems {
                    tracing::warn!(node = %node.node_ip, %problem, "part of CiliumVTEPConfig is not obeyed");
                }
                // Nobody listening is no reason to stop forwarding.
                drop(events.send(event));
            }
            Some(Err(error)) => {
                tracing::warn!(node = %node.node_ip, error = &error as &dyn std::error::Error, "data path not as it should be");
            }
        }
        if let Ok(Err(_sender_gone)) = tokio::time::timeout(RESYNC, objects.changed()).await {
            return;
        }
    }
}

async fn converge(node: &NodeFacts, object: Option<&Value>) -> Result<Event, KernelError> {
    let config = object.map(VtepConfig::read);
    let (desired, problems) = Desired::new(node, config.as_ref());
    let kernel = Kernel::open()?;
    let steps = plan(&desired, &kernel.observe().await?);
    kernel.apply(&steps).await?;
    Ok(Event { at: Instant::now(), steps, problems })
}
