//! Reads CiliumVTEPConfig from the Kubernetes API.

use std::time::Duration;

use hybridge_kube_io::Kube;
use serde_json::Value;
use tokio::sync::watch;

/// What is known of the object.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Seen {
    /// Nothing yet: the API server has not answered since the agent started. What is in the kernel stays.
    #[default]
    Nothing,
    /// There is no such object.
    Missing,
    /// The object.
    Object(Value),
}

/// Asks for the object named `name` every `period` and shows it through `seen` when it changed, for as long as somebody
/// looks. While the API server does not answer, the last object stands: traffic must not depend on it.
pub async fn follow(kube: Kube, name: &str, period: Duration, seen: watch::Sender<Seen>) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !seen.is_closed() {
        ticks.tick().await;
        match kube.vtep(name).await {
            Ok(found) => {
                let now = found.map_or(Seen::Missing, Seen::Object);
                seen.send_if_modified(|known| {
                    let changed = *known != now;
                    *known = now;
                    changed
                });
            }
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "CiliumVTEPConfig could not be read"),
        }
    }
}
