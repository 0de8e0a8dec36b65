//! Clusters as EKS has them, and changes of theirs.

use hybridge_cluster::world::{ClusterVersion, LiveCluster};
use serde::Deserialize;
use serde_json::Value;

use super::{encoded, or_none};
use crate::call::{Call, CallError, parsed};
use crate::endpoint::Service;
use crate::session::Session;

/// A change that EKS is at, or was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterUpdate {
    /// UUID.
    pub id: String,
    /// `InProgress`, `Successful`, `Failed`, `Cancelled`.
    pub status: String,
    /// `RemoteNetworkConfigUpdate` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why it failed.
    pub errors: Vec<UpdateError>,
}

/// Why a change failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateError {
    /// `SubnetNotFound` and so on.
    pub error_code: String,
    /// In words.
    pub error_message: String,
    /// What it is about.
    pub resource_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Updated {
    update: ClusterUpdate,
}

impl Session {
    /// Names of all clusters of the region (ListClusters, all pages).
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn clusters(&self) -> Result<Vec<String>, CallError> {
        self.get_all(&Call::new("ListClusters", ""), Service::Eks, "/clusters?maxResults=100", "clusters").await
    }

    /// A cluster (DescribeCluster). None: there is none of this name.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn live_cluster(&self, name: &str) -> Result<Option<LiveCluster>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            cluster: LiveCluster,
        }
        let call = Call::new("DescribeCluster", name);
        let Some(answer) = or_none(self.get(&call, format!("/clusters/{}", encoded(name))).await)? else { return Ok(None) };
        Ok(Some(parsed::<Answer>(&call, answer)?.cluster))
    }

    /// Begins a change of a cluster (UpdateClusterConfig) with the fields of `change`; one kind of change in a call, says EKS.
    ///
    /// # Errors
    /// EKS refused (`ResourceInUseException`: it is at another change; `InvalidParameterException`, also for a change of nothing), could
    /// not be reached, or answered with something else.
    pub async fn update_cluster_config(&self, cluster: &str, change: Value) -> Result<ClusterUpdate, CallError> {
        let call = Call::new("UpdateClusterConfig", cluster);
        let answer = self.post(&call, format!("/clusters/{}/update-config", encoded(cluster)), change).await?;
        Ok(parsed::<Updated>(&call, answer)?.update)
    }

    /// Begins to bring a cluster to another minor version (UpdateClusterVersion).
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn update_cluster_version(&self, cluster: &str, version: &str) -> Result<ClusterUpdate, CallError> {
        let call = Call::new("UpdateClusterVersion", format_args!("{cluster} to {version}"));
        let path = format!("/clusters/{}/updates", encoded(cluster));
        let answer = self.post(&call, path, serde_json::json!({ "version": version })).await?;
        Ok(parsed::<Updated>(&call, answer)?.update)
    }

    /// How far a change is (DescribeUpdate); of an add-on, with its name.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn cluster_update(&self, cluster: &str, id: &str, addon: Option<&str>) -> Result<ClusterUpdate, CallError> {
        let call = Call::new("DescribeUpdate", format_args!("{id} of {cluster}"));
        let query = addon.map(|addon| format!("?addonName={}", encoded(addon))).unwrap_or_default();
        let answer = self.get(&call, format!("/clusters/{}/updates/{}{query}", encoded(cluster), encoded(id))).await?;
        Ok(parsed::<Updated>(&call, answer)?.update)
    }

    /// Versions that EKS offers (DescribeClusterVersions, all pages).
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn cluster_versions(&self) -> Result<Vec<ClusterVersion>, CallError> {
        let call = Call::new("DescribeClusterVersions", "");
        self.get_all(&call, Service::Eks, "/cluster-versions?maxResults=100", "clusterVersions").await
    }
}
