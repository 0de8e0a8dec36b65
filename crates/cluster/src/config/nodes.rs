//! EC2 nodes and add-ons.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_default;

/// `addonsConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AddonsConfig {
    /// Recommended Pod Identity associations for all add-ons.
    pub auto_apply_pod_identity_associations: bool,
    /// Without vpc-cni, kube-proxy, coredns and metrics-server unless they are named.
    pub disable_default_addons: bool,
}

/// `addons[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Addon {
    /// Name.
    pub name: String,
    /// Version, or `latest`; empty: EKS's default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// JSON or YAML.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub configuration_values: String,
    /// Role of its service account.
    #[serde(rename = "serviceAccountRoleARN", skip_serializing_if = "String::is_empty")]
    pub service_account_role_arn: String,
    /// `none`, `overwrite` or `preserve`; empty: `none`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resolve_conflicts: String,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// `managedNodeGroups[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedNodeGroup {
    /// Name.
    pub name: String,
    /// One type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instance_type: String,
    /// Several types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_types: Vec<String>,
    /// Number of nodes at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_capacity: Option<u32>,
    /// At least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_size: Option<u32>,
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
    /// In private subnets.
    pub private_networking: bool,
    /// Labels of nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Taints of nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// `AmazonLinux2023` if empty; `Bottlerocket`, Ubuntu and Windows families.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ami_family: String,
    /// GiB; 80 if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_size: Option<u32>,
    /// Spot capacity.
    pub spot: bool,
    /// Names of subnets in `vpc.subnets`, or identifiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// Only in these zones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability_zones: Vec<String>,
    /// Role of nodes.
    #[serde(skip_serializing_if = "is_default")]
    pub iam: NodeGroupIam,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How many nodes are renewed at once.
    #[serde(skip_serializing_if = "is_default")]
    pub update_config: UpdateConfig,
}

/// `managedNodeGroups[].taints[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// `managedNodeGroups[].iam`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeGroupIam {
    /// A role that exists; empty: one is made.
    #[serde(rename = "instanceRoleARN", skip_serializing_if = "String::is_empty")]
    pub instance_role_arn: String,
}

/// `managedNodeGroups[].updateConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateConfig {
    /// Nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<u32>,
    /// Per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable_percentage: Option<u32>,
}

/// `autoModeConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoModeConfig {
    /// On.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Role of its nodes that exists; empty: one is made.
    #[serde(rename = "nodeRoleARN", skip_serializing_if = "String::is_empty")]
    pub node_role_arn: String,
    /// ARN.
    #[serde(rename = "permissionsBoundaryARN", skip_serializing_if = "String::is_empty")]
    pub permissions_boundary_arn: String,
    /// None: `general-purpose` and `system`. Empty: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_pools: Option<Vec<String>>,
}
