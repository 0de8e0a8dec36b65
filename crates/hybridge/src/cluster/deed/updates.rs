//! Changes that EKS makes by itself: of a cluster's configuration, of its version.

use std::time::Duration;

use hybridge_report::Finding;
use serde_json::Value;

use super::Deed;
use super::pace::Pace;
use super::stop::{Done, Stop};

/// A change of the control plane's version takes about ten minutes, and may take forty.
const LIMIT: Duration = Duration::from_secs(60 * 60);

impl Deed {
    /// Has EKS change the cluster's configuration, and waits until it has. `change` is one kind of change: EKS takes one at a time.
    pub(in crate::cluster) async fn configure(&self, change: Value, what: &str) -> Done<()> {
        self.active().await?;
        self.screen.line(format_args!("cluster {}: {what}", self.cluster));
        self.touch();
        let update = self.session.update_cluster_config(&self.cluster, change).await?;
        self.updated(&update.id, None, what).await
    }

    /// Has EKS bring the control plane to another minor version, and waits until it has.
    pub(in crate::cluster) async fn bring_to_version(&self, version: &str) -> Done<()> {
        self.active().await?;
        let what = format!("bringing the control plane to {version}");
        self.screen.line(format_args!("cluster {}: {what}", self.cluster));
        self.touch();
        let update = self.session.update_cluster_version(&self.cluster, version).await?;
        self.updated(&update.id, None, &what).await
    }

    /// Waits until a change is done, and stops with EKS's reason if it failed.
    pub(in crate::cluster) async fn updated(&self, id: &str, addon: Option<&str>, what: &str) -> Done<()> {
        let look = async || {
            let update = self.session.cluster_update(&self.cluster, id, addon).await?;
            self.screen.progress(format_args!("{what}: {}", update.status));
            Ok((update.status != "InProgress").then_some(update))
        };
        let doing = format!("{what} (EKS update {id})");
        let ended = self.while_doing(doing, self.until(Pace::eks(), LIMIT, what, look)).await?;
        self.screen.clear();
        let place = format!("cluster {}", self.cluster);
        let Some(update) = ended else {
            let finding = Finding::error("update.slow", place, format!("{what}: EKS is still at work after an hour"));
            return Err(Stop::one(finding.fix("run the same command again: it goes on waiting")));
        };
        if update.status == "Successful" {
            return Ok(());
        }
        let reasons: Vec<_> = update.errors.iter().map(|error| format!("{}: {}", error.error_code, error.error_message)).collect();
        let finding = Finding::error("update.failed", place, format!("{what}: {} ({})", update.status, reasons.join("; ")));
        Err(Stop::one(finding))
    }

    /// Waits until EKS is done with whatever it does to the cluster: it refuses a second change beside the first.
    pub(in crate::cluster) async fn active(&self) -> Done<()> {
        let look = async || {
            let live = self.session.live_cluster(&self.cluster).await?;
            let status = live.as_ref().map_or("", |live| live.status.as_str());
            self.screen.progress(format_args!("cluster {}: {status}", self.cluster));
            Ok((!matches!(status, "CREATING" | "UPDATING" | "PENDING")).then(|| status.to_owned()))
        };
        let what = format!("cluster {} is at another change", self.cluster);
        let ended = self.until(Pace::eks(), LIMIT, &what, look).await?;
        self.screen.clear();
        match ended.as_deref() {
            Some("ACTIVE") => Ok(()),
            Some("") => Err(Stop::one(Finding::error("cluster.missing", format!("cluster {}", self.cluster), "EKS has no such cluster"))),
            Some(status) => {
                Err(Stop::one(Finding::error("cluster.state", format!("cluster {}", self.cluster), format!("its status is {status}"))))
            }
            None => {
                Err(Stop::one(Finding::error("update.slow", format!("cluster {}", self.cluster), "EKS is at another change for an hour")))
            }
        }
    }
}
