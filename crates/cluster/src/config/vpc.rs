//! Networks: the VPC, what lies outside of it, and how the two meet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_default;

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
