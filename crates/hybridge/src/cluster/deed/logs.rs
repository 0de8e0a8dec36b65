//! How long the control plane's logs are kept.

use hybridge_cluster::config::ClusterLogging;

use super::Deed;
use super::stop::Done;

/// The log group of a cluster's control plane (EKS user guide, "Send control plane logs to CloudWatch Logs").
pub(in crate::cluster) fn group(cluster: &str) -> String {
    format!("/aws/eks/{cluster}/cluster")
}

impl Deed {
    /// Sets how long logs are kept, if the file says so and it is not so already.
    pub(in crate::cluster) async fn retention(&self, logging: &ClusterLogging) -> Done<Option<String>> {
        let days = logging.log_retention_in_days;
        if days == 0 || logging.enable_types.is_empty() {
            return Ok(None);
        }
        let name = group(&self.cluster);
        let found = self.session.log_group(&name).await?;
        if found.as_ref().is_some_and(|group| group.retention_in_days == Some(days)) {
            return Ok(None);
        }
        self.touch();
        if found.is_none() {
            // EKS makes it when the first line is logged, and keeps what is there.
            self.session.create_log_group(&name).await?;
        }
        self.session.keep_logs(&name, days).await?;
        Ok(Some(format!("logs of {name} are kept for {days} days")))
    }
}
