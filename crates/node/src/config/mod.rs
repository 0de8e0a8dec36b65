//! NodeConfig (`node.eks.aws/v1alpha1`): what a user asks of a node, in the shape of EC2's nodeadm or of hybrid nodes' nodeadm.
//!
//! One type holds both shapes; [`Shape`] says which one a document has.

pub mod chain;
mod checks;
mod dump;
mod fields;
mod hide;
mod merge;
pub mod own;
mod parse;
#[cfg(test)]
pub(crate) mod tests;
mod walk;
mod whole;

pub use hybridge_document::Problem;
pub(crate) use hybridge_document::is_yaml_word;

pub use dump::{dump, schema};
pub use merge::{MergeError, complete, merge};
pub use parse::{Found, Parsed, parse, tell_shape};
pub use whole::check_whole;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::secret::Secret;

/// `apiVersion` of every document.
pub const API_VERSION: &str = "node.eks.aws/v1alpha1";
/// `kind` of every document.
pub const KIND: &str = "NodeConfig";

/// The two languages that are written inside documents; who knows them is told here.
#[derive(Clone, Copy)]
pub struct Languages<'a> {
    /// Whether a text is an expression for `maxPodsExpression`, and if not, why.
    pub cel: &'a dyn Fn(&str) -> Result<(), String>,
    /// Two texts of containerd TOML, the second merged over the first.
    pub toml: &'a dyn Fn(&str, &str) -> Result<String, String>,
}

/// Whose document this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A node on EC2 (awslabs/amazon-eks-ami).
    #[default]
    Ec2,
    /// A node outside (aws/eks-hybrid).
    Hybrid,
}

/// `spec` of the merged documents. [`parse`] has checked each text, [`check_whole`] what must be there, before anything is planned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeConfig {
    /// Told by content (`hybrid:` or `cluster.region`), or by `--shape`.
    #[serde(skip)]
    pub shape: Shape,
    /// Which cluster to join.
    pub cluster: Cluster,
    /// containerd.
    #[serde(skip_serializing_if = "is_default")]
    pub containerd: Containerd,
    /// The machine.
    #[serde(skip_serializing_if = "is_default")]
    pub instance: Instance,
    /// kubelet.
    #[serde(skip_serializing_if = "is_default")]
    pub kubelet: Kubelet,
    /// By name; unknown ones are refused by [`parse`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_gates: BTreeMap<String, bool>,
    /// How a node outside gets its credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hybrid: Option<Hybrid>,
    /// Address on the LAN of a node on an Outposts server, as [`hybridge_lni::profile`] reads it; a document may have a part of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub lni: Map<String, Value>,
}

impl NodeConfig {
    /// The profile of the LNI, if there is one and it is right.
    pub fn lni(&self) -> Option<hybridge_lni::profile::Profile> {
        (!self.lni.is_empty()).then(|| hybridge_lni::profile::whole_of(&self.lni, "spec.lni").0).flatten()
    }
}

/// `spec.cluster`; an empty text is as good as none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cluster {
    /// Name of the EKS cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Region, hybrid shape only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// URL of the API server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_server_endpoint: String,
    /// PEM certificates, base64 as the document has them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub certificate_authority: String,
    /// Service CIDR.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cidr: String,
    /// Local cluster on an Outpost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_outpost: Option<bool>,
    /// Id of a local cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
}

/// `spec.containerd`. `Debug` hides what looks like a registry's credentials.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Containerd {
    /// TOML text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub config: String,
    /// Merged over our OCI runtime spec.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub base_runtime_spec: Map<String, Value>,
}

/// `spec.instance`. `Debug` hides credentials of proxies.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Instance {
    /// What to do with instance store disks.
    #[serde(skip_serializing_if = "is_default")]
    pub local_storage: LocalStorage,
    /// Service, or `default` for all of them → variable → value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, BTreeMap<String, String>>,
    /// DNS.
    #[serde(skip_serializing_if = "is_default")]
    pub network: Network,
    /// Scripts of the user's, hybridge's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<own::UserStep>,
    /// Disks by what they are, hybridge's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<own::UserDisk>,
}

/// `spec.instance.localStorage`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalStorage {
    /// None: the disks are left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Default `/mnt/k8s-disks/`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mount_path: String,
    /// Directories that stay where they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disabled_mounts: Vec<DisabledMount>,
}

/// How disks are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// One striped array.
    #[serde(rename = "RAID0")]
    Raid0,
    /// One striped array of mirrors; four disks at least.
    #[serde(rename = "RAID10")]
    Raid10,
    /// One file system a disk.
    Mount,
}

/// A directory that is not moved to the disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DisabledMount {
    /// `/var/lib/containerd`.
    Containerd,
    /// `/var/log/pods`.
    PodLogs,
    /// `/var/lib/soci-snapshotter-grpc`.
    #[serde(rename = "SOCI")]
    Soci,
}

/// `spec.instance.network`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Search domains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
}

/// `spec.kubelet`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kubelet {
    /// A KubeletConfiguration, or part of one.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// Flags, each with its value (`--v=5`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// CEL over `default_enis`, `ips_per_eni`, `max_pods`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_pods_expression: String,
}

/// `spec.hybrid`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hybrid {
    /// Share the node's credentials with pods at `/eks-hybrid/.aws`.
    pub enable_credentials_file: bool,
    /// IAM Roles Anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iam_roles_anywhere: Option<RolesAnywhere>,
    /// Systems Manager hybrid activation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssm: Option<Ssm>,
}

/// `spec.hybrid.iamRolesAnywhere`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolesAnywhere {
    /// Node name, and name of the role session.
    pub node_name: String,
    /// ARN.
    pub trust_anchor_arn: String,
    /// ARN.
    pub profile_arn: String,
    /// ARN.
    pub role_arn: String,
    /// Default `/etc/aws/hybrid/config`.
    pub aws_config_path: String,
    /// Default `/etc/iam/pki/server.pem`.
    pub certificate_path: String,
    /// Default `/etc/iam/pki/server.key`.
    pub private_key_path: String,
}

impl Default for RolesAnywhere {
    fn default() -> Self {
        Self {
            node_name: String::new(),
            trust_anchor_arn: String::new(),
            profile_arn: String::new(),
            role_arn: String::new(),
            aws_config_path: "/etc/aws/hybrid/config".to_owned(),
            certificate_path: "/etc/iam/pki/server.pem".to_owned(),
            private_key_path: "/etc/iam/pki/server.key".to_owned(),
        }
    }
}

/// `spec.hybrid.ssm`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ssm {
    /// Secret; 20 to 250 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_code: Option<Secret>,
    /// Lower-case UUID.
    pub activation_id: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
