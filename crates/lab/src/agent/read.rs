//! Reads CiliumVTEPConfig from the Kubernetes API.

use std::time::Duration;

use hybridge_kube_io::Kube;
use serde_json::Value;
use tokio::sync::watch;

/// Asks for the object named `name` every `period` and shows it through `objects` when it changed, for as long as somebody
/// looks. While the API server does not answer, the last object stands: traffic must not depend on it.
pub async fn follow(kube: Kube, name: &str, period: Duration, objects: watch::Sender<Option<Value>>) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !objects.is_closed() {
        ticks.tick().await;
        match kube.vtep(name).await {
            Ok(found) => {
                objects.send_if_modified(|known| {
                    let changed = *known != found;
                    *known = found;
                    changed
                });
            }
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "CiliumVTEPConfig could not be read"),
        }
    }
}
