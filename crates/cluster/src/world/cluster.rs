//! The cluster as EKS and Kubernetes have it, and the versions that EKS offers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A cluster as EKS has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveCluster {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Minor version.
    pub version: String,
    /// URL.
    pub endpoint: String,
    /// `ACTIVE`, `CREATING`, `UPDATING` and so on.
    pub status: String,
    /// ARN.
    pub role_arn: String,
    /// Certificates.
    pub certificate_authority: CertificateAuthority,
    /// Network of the control plane.
    pub resources_vpc_config: ResourcesVpcConfig,
    /// Services.
    pub kubernetes_network_config: LiveNetworkConfig,
    /// Remote networks; none: not a cluster for hybrid nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_network_config: Option<LiveRemoteNetworks>,
    /// Authentication.
    pub access_config: LiveAccessConfig,
    /// OpenID Connect.
    pub identity: Identity,
    /// Logs; none: not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<LiveLogging>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// `certificateAuthority`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateAuthority {
    /// PEM, in base64 once more.
    pub data: String,
}

/// `resourcesVpcConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourcesVpcConfig {
    /// Subnets.
    pub subnet_ids: Vec<String>,
    /// Additional security groups.
    pub security_group_ids: Vec<String>,
    /// The group that EKS makes.
    pub cluster_security_group_id: String,
    /// VPC.
    pub vpc_id: String,
    /// Public endpoint.
    pub endpoint_public_access: bool,
    /// Private endpoint.
    pub endpoint_private_access: bool,
    /// Who may use the public one.
    pub public_access_cidrs: Vec<String>,
}

/// `kubernetesNetworkConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveNetworkConfig {
    /// Services.
    pub service_ipv4_cidr: String,
    /// `ipv4` or `ipv6`.
    pub ip_family: String,
}

/// `remoteNetworkConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveRemoteNetworks {
    /// Of nodes.
    pub remote_node_networks: Vec<LiveCidrs>,
    /// Of pods.
    pub remote_pod_networks: Vec<LiveCidrs>,
}

/// An element of either.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveCidrs {
    /// IPv4.
    pub cidrs: Vec<String>,
}

/// `accessConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveAccessConfig {
    /// `API`, `API_AND_CONFIG_MAP`, `CONFIG_MAP`.
    pub authentication_mode: String,
}

/// `logging`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveLogging {
    /// Logs that are on, and logs that are off.
    pub cluster_logging: Vec<LogSetup>,
}

/// `logging.clusterLogging[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogSetup {
    /// `api`, `audit` and so on.
    pub types: Vec<String>,
    /// On.
    pub enabled: bool,
}

/// `identity`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// OpenID Connect.
    pub oidc: Oidc,
}

/// `identity.oidc`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Oidc {
    /// URL.
    pub issuer: String,
}

/// An access entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveEntry {
    /// User or role.
    pub principal_arn: String,
    /// `STANDARD`, `HYBRID_LINUX` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name in Kubernetes.
    pub username: String,
    /// Groups.
    pub kubernetes_groups: Vec<String>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// ListAssociatedAccessPolicies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<LivePolicy>,
}

/// A policy of an access entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LivePolicy {
    /// ARN.
    pub policy_arn: String,
    /// Where it counts.
    pub access_scope: crate::config::AccessScope,
}

/// An add-on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveAddon {
    /// Name.
    pub addon_name: String,
    /// Version.
    pub addon_version: String,
    /// `ACTIVE`, `CREATING`, `DEGRADED` and so on.
    pub status: String,
    /// JSON or YAML.
    pub configuration_values: String,
    /// Role.
    pub service_account_role_arn: String,
}

/// A version that EKS offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterVersion {
    /// Minor version.
    pub cluster_version: String,
    /// What a cluster gets if nothing is said.
    pub default_version: bool,
    /// `STANDARD_SUPPORT`, `EXTENDED_SUPPORT`, `UNSUPPORTED`.
    pub version_status: String,
}

/// A Node of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeNode {
    /// Name.
    pub name: String,
    /// Label `eks.amazonaws.com/compute-type` is `hybrid`.
    pub hybrid: bool,
    /// Condition Ready.
    pub ready: bool,
    /// `InternalIP`.
    pub address: String,
    /// `spec.podCIDRs` and what Cilium has given it.
    pub pod_cidrs: Vec<String>,
}
