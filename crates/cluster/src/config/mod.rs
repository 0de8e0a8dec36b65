//! eksctl's ClusterConfig (`eksctl.io/v1alpha5`): what a user asks of a cluster.
//!
//! The types hold what the file says, checked but not yet completed: what depends on AWS (zones, given subnets) is put in by
//! [`crate::resolve`]. Field names are eksctl's (`pkg/apis/eksctl.io/v1alpha5` at 99984adb).

mod access;
mod annotations;
pub mod arn;
mod checks;
mod dump;
mod fields;
mod nodes;
pub mod outposts;
mod parse;
mod places;
mod refusals;
pub mod region;
pub mod space;
#[cfg(test)]
pub(crate) mod tests;
mod vpc;
mod walk;

pub use access::{
    AccessConfig, AccessEntry, AccessPolicy, AccessScope, Iam, PodIdentityAssociation, ServiceAccount, ServiceAccountMetadata,
};
pub use annotations::Annotations;
pub use dump::dump;
pub use nodes::{Addon, AddonsConfig, AutoModeConfig, ManagedNodeGroup, NodeGroupIam, Taint, UpdateConfig};
pub use parse::{Parsed, parse};
pub use places::Places;
pub use vpc::{
    ClusterEndpoints, KubernetesNetworkConfig, Nat, NatMode, PrivateCluster, Provider, RemoteIam, RemoteNetwork, RemoteNetworkConfig,
    Subnet, Subnets, Vpc,
};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `apiVersion` of every document.
pub const API_VERSION: &str = "eksctl.io/v1alpha5";
/// `kind` of every document.
pub const KIND: &str = "ClusterConfig";

/// The document without its head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterConfig {
    /// Name, region, version, tags.
    pub metadata: Metadata,
    /// Zones of subnets that are made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability_zones: Vec<String>,
    /// Networks outside and how their nodes get credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_network_config: Option<RemoteNetworkConfig>,
    /// The VPC, made or given.
    #[serde(skip_serializing_if = "is_default")]
    pub vpc: Vpc,
    /// Addresses of services.
    #[serde(skip_serializing_if = "is_default")]
    pub kubernetes_network_config: KubernetesNetworkConfig,
    /// Who may use the Kubernetes API.
    #[serde(skip_serializing_if = "is_default")]
    pub access_config: AccessConfig,
    /// A cluster without a way to the internet.
    #[serde(skip_serializing_if = "is_default")]
    pub private_cluster: PrivateCluster,
    /// Roles.
    #[serde(skip_serializing_if = "is_default")]
    pub iam: Iam,
    /// Logs of the control plane.
    #[serde(skip_serializing_if = "is_default")]
    pub cloud_watch: CloudWatch,
    /// Encryption of secrets by a key of KMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets_encryption: Option<SecretsEncryption>,
    /// Standard or extended support.
    #[serde(skip_serializing_if = "is_default")]
    pub upgrade_policy: UpgradePolicy,
    /// Zonal shift of ARC.
    #[serde(skip_serializing_if = "is_default")]
    pub zonal_shift_config: Switch,
    /// Provisioned control plane.
    #[serde(skip_serializing_if = "is_default")]
    pub control_plane_scaling_config: ControlPlaneScaling,
    /// How add-ons are chosen.
    #[serde(skip_serializing_if = "is_default")]
    pub addons_config: AddonsConfig,
    /// EKS add-ons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addons: Vec<Addon>,
    /// Groups of EC2 nodes that EKS manages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_node_groups: Vec<ManagedNodeGroup>,
    /// EKS Auto Mode.
    #[serde(skip_serializing_if = "is_default")]
    pub auto_mode_config: AutoModeConfig,
}

/// `metadata`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name of the cluster.
    pub name: String,
    /// Region.
    pub region: String,
    /// Minor version of Kubernetes, such as `1.34`; empty: eksctl's default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Tags of everything that is made.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// eksctl ignores them; those that begin with `hybridge/` are ours ([`Annotations`]).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// `cloudWatch`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CloudWatch {
    /// Which logs.
    pub cluster_logging: ClusterLogging,
}

/// `cloudWatch.clusterLogging`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterLogging {
    /// `api`, `audit`, `authenticator`, `controllerManager`, `scheduler`; `*` or `all` for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enable_types: Vec<String>,
    /// Days; 0: for ever.
    #[serde(skip_serializing_if = "is_default")]
    pub log_retention_in_days: u32,
}

/// `secretsEncryption`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretsEncryption {
    /// Key of KMS.
    #[serde(rename = "keyARN")]
    pub key_arn: String,
}

/// `upgradePolicy`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpgradePolicy {
    /// `STANDARD` or `EXTENDED`; empty: EKS's own default.
    pub support_type: String,
}

/// Something that is on or off, or not said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Switch {
    /// On.
    pub enabled: Option<bool>,
}

/// `controlPlaneScalingConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControlPlaneScaling {
    /// `standard`, `tier-xl` and so on; empty: not said.
    pub tier: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
