//! eksctl's ClusterConfig (`eksctl.io/v1alpha5`): what a user asks of a cluster.
//!
//! The types hold what the file says, checked but not yet completed: what depends on AWS (zones, given subnets) is put in by
//! [`crate::resolve`]. Field names are eksctl's (`pkg/apis/eksctl.io/v1alpha5` at 99984adb).

mod annotations;

pub use annotations::Annotations;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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

/// `remoteNetworkConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteNetworkConfig {
    /// Credentials of hybrid nodes.
    #[serde(skip_serializing_if = "is_default")]
    pub iam: RemoteIam,
    /// Transit gateway or virtual private gateway to attach; empty: none.
    #[serde(rename = "vpcGatewayID", skip_serializing_if = "String::is_empty")]
    pub vpc_gateway_id: String,
    /// None: not said (an update leaves them alone). Empty: none are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_node_networks: Option<Vec<RemoteNetwork>>,
    /// As `remote_node_networks`, of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_pod_networks: Option<Vec<RemoteNetwork>>,
}

/// `remoteNetworkConfig.iam`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteIam {
    /// SSM if not said.
    pub provider: Provider,
    /// A role that exists; empty: one is made.
    #[serde(rename = "roleARN", skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
    /// PEM certificates of the trust anchor.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ca_bundle_cert: String,
}

/// How hybrid nodes get credentials. The file may write it in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Activations of Systems Manager.
    #[default]
    Ssm,
    /// IAM Roles Anywhere.
    Ira,
}

/// An element of `remoteNodeNetworks` or `remotePodNetworks`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteNetwork {
    /// IPv4 networks.
    pub cidrs: Vec<String>,
}

/// `vpc`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vpc {
    /// A VPC that exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Of a VPC that is made; empty: 192.168.0.0/16, as eksctl has it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cidr: String,
    /// Subnets that exist.
    #[serde(skip_serializing_if = "is_default")]
    pub subnets: Subnets,
    /// NAT gateways of a VPC that is made.
    #[serde(skip_serializing_if = "is_default")]
    pub nat: Nat,
    /// Where the Kubernetes API can be reached.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_endpoints: ClusterEndpoints,
    /// Who may use the public endpoint; empty: everybody.
    #[serde(rename = "publicAccessCIDRs", skip_serializing_if = "Vec::is_empty")]
    pub public_access_cidrs: Vec<String>,
    /// Additional security group of the control plane that exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub security_group: String,
    /// The same, several of them.
    #[serde(rename = "controlPlaneSecurityGroupIDs", skip_serializing_if = "Vec::is_empty")]
    pub control_plane_security_group_ids: Vec<String>,
    /// Subnets of the control plane's interfaces.
    #[serde(rename = "controlPlaneSubnetIDs", skip_serializing_if = "Vec::is_empty")]
    pub control_plane_subnet_ids: Vec<String>,
    /// The control plane's interfaces in private subnets only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane_on_private_subnets: Option<bool>,
    /// Security group that all nodes share and that exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shared_node_security_group: String,
    /// Whether rules between that group and the cluster's are made; true if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manage_shared_node_security_group_rules: Option<bool>,
    /// More networks that may reach the control plane at 443.
    #[serde(rename = "extraCIDRs", skip_serializing_if = "Vec::is_empty")]
    pub extra_cidrs: Vec<String>,
    /// `ip-name` or `resource-name`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname_type: String,
    /// `AWS_MANAGED`, `CUSTOMER_ROUTED` or `CUSTOMER_ISOLATED`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub control_plane_egress_mode: String,
}

/// `vpc.subnets`: by zone, or by a name of the user's choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subnets {
    /// Without a route to the internet gateway.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub private: BTreeMap<String, Subnet>,
    /// With one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub public: BTreeMap<String, Subnet>,
}

/// A subnet that exists: by identifier, or by zone and network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subnet {
    /// `subnet-…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Zone; empty: the key is the zone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub az: String,
    /// Its network.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cidr: String,
}

/// `vpc.nat`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Nat {
    /// How many; `Single` if not said.
    pub gateway: NatMode,
}

/// NAT gateways of a VPC that is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NatMode {
    /// One, in the first zone.
    #[default]
    Single,
    /// One in each zone.
    HighlyAvailable,
    /// None.
    Disable,
}

/// `vpc.clusterEndpoints`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterEndpoints {
    /// False if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_access: Option<bool>,
    /// True if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_access: Option<bool>,
}

/// `kubernetesNetworkConfig`. Only IPv4 can be had with hybrid nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesNetworkConfig {
    /// `IPv4` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip_family: String,
    /// Empty: EKS chooses 10.100.0.0/16 or 172.20.0.0/16.
    #[serde(rename = "serviceIPv4CIDR", skip_serializing_if = "String::is_empty")]
    pub service_ipv4_cidr: String,
}

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

/// `privateCluster`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PrivateCluster {
    /// No way to the internet, endpoints of AWS's services in the VPC.
    pub enabled: bool,
    /// The endpoints exist already.
    pub skip_endpoint_creation: bool,
    /// More of them: `cloudformation`, `autoscaling`, `logs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_endpoint_services: Vec<String>,
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
