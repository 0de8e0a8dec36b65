//! Who may do what: access entries and roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `accessConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessConfig {
    /// `API`, `API_AND_CONFIG_MAP` (if not said) or `CONFIG_MAP`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authentication_mode: String,
    /// True if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_cluster_creator_admin_permissions: Option<bool>,
    /// Who gets in, beside the hybrid nodes' role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_entries: Vec<AccessEntry>,
}

/// `accessConfig.accessEntries[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessEntry {
    /// User or role.
    #[serde(rename = "principalARN")]
    pub principal_arn: String,
    /// `STANDARD` if empty.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Groups of Kubernetes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kubernetes_groups: Vec<String>,
    /// Name in Kubernetes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kubernetes_username: String,
    /// Policies of EKS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_policies: Vec<AccessPolicy>,
}

/// `accessConfig.accessEntries[].accessPolicies[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessPolicy {
    /// Such as `arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy`.
    #[serde(rename = "policyARN")]
    pub policy_arn: String,
    /// Where it counts.
    pub access_scope: AccessScope,
}

/// `accessScope`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessScope {
    /// `cluster` or `namespace`.
    #[serde(rename = "type")]
    pub kind: String,
    /// With `namespace`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
}

/// `iam`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Iam {
    /// Role of the control plane that exists; empty: one is made.
    #[serde(rename = "serviceRoleARN", skip_serializing_if = "String::is_empty")]
    pub service_role_arn: String,
    /// Permissions boundary of the role that is made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_role_permissions_boundary: String,
    /// An OpenID Connect provider for roles of service accounts.
    #[serde(rename = "withOIDC", skip_serializing_if = "Option::is_none")]
    pub with_oidc: Option<bool>,
    /// True if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_resource_controller_policy: Option<bool>,
    /// Roles of service accounts by OpenID Connect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_accounts: Vec<ServiceAccount>,
    /// Roles of service accounts by Pod Identity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pod_identity_associations: Vec<PodIdentityAssociation>,
}

/// `iam.serviceAccounts[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// The account.
    pub metadata: ServiceAccountMetadata,
    /// Managed policies.
    #[serde(rename = "attachPolicyARNs", skip_serializing_if = "Vec::is_empty")]
    pub attach_policy_arns: Vec<String>,
    /// A policy document.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attach_policy: Map<String, Value>,
    /// A role that exists.
    #[serde(rename = "attachRoleARN", skip_serializing_if = "String::is_empty")]
    pub attach_role_arn: String,
    /// ARN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub permissions_boundary: String,
    /// Name of the role that is made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role_name: String,
    /// Make the role, not the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_only: Option<bool>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// `iam.serviceAccounts[].metadata`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccountMetadata {
    /// Name.
    pub name: String,
    /// Namespace; `default` if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// `iam.podIdentityAssociations[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodIdentityAssociation {
    /// Namespace of the account.
    pub namespace: String,
    /// Name of the account.
    pub service_account_name: String,
    /// Make the account, too.
    pub create_service_account: bool,
    /// A role that exists.
    #[serde(rename = "roleARN", skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
    /// Name of the role that is made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role_name: String,
    /// ARN.
    #[serde(rename = "permissionsBoundaryARN", skip_serializing_if = "String::is_empty")]
    pub permissions_boundary_arn: String,
    /// Managed policies.
    #[serde(rename = "permissionPolicyARNs", skip_serializing_if = "Vec::is_empty")]
    pub permission_policy_arns: Vec<String>,
    /// A policy document.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub permission_policy: Map<String, Value>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}
