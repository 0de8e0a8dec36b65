//! What is known of the machine and of AWS: gathered once by `hybridge-node-host`, saved by `--save-facts`, replayed by `--facts`.
//!
//! Holds nothing secret. What could not be found out is `None`; why, stands in [`Facts::missing`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::version::Version;

/// Everything a plan depends on besides the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Facts {
    /// `/etc/os-release`.
    pub os: Os,
    /// Online logical processors.
    pub cpus: u32,
    /// Online memory in bytes.
    pub memory: u64,
    /// Installed kubelet.
    pub kubelet: Option<Version>,
    /// Installed containerd.
    pub containerd: Option<Version>,
    /// Paths among those that plans ask for which exist and can be executed, such as `/usr/bin/nvidia-container-runtime`.
    pub programs: Vec<String>,
    /// PCI vendors present, lower-case hexadecimal as in sysfs (`0x10de`).
    pub pci_vendors: Vec<String>,
    /// Kernel parameters of FIPS mode.
    pub fips: bool,
    /// What `/sys/fs/selinux/enforce` says; none without SELinux.
    pub selinux_enforcing: Option<bool>,
    /// EC2's view of this machine.
    pub instance: Option<InstanceFacts>,
    /// Limits of the instance type from DescribeInstanceTypes, asked only where our table does not know the type.
    pub instance_type: Option<InstanceTypeFacts>,
    /// DescribeCluster, asked only where needed.
    pub cluster: Option<ClusterFacts>,
    /// Network interfaces that are up.
    pub interfaces: Vec<Interface>,
    /// Interface of the default IPv4 route.
    pub default_interface: Option<String>,
    /// Addresses of host names that plans ask for: the API endpoint of a local cluster, the node's own name.
    pub resolved: BTreeMap<String, Vec<IpAddr>>,
    /// Disks of the instance store, in the order of their stable names.
    pub disks: Vec<Disk>,
    /// All disks, in the order of their stable names; asked only where disks are chosen by what they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub block_devices: Vec<BlockDevice>,
    /// Mount points → device, file system.
    pub mounts: Vec<Mount>,
    /// Active swap.
    pub swaps: Vec<Swap>,
    /// Which host firewall is active.
    pub firewall: Option<Firewall>,
    /// Texts of the files that plans ask for (`/etc/hosts`, `/etc/fstab`, SSM's registration), by path. Never a key.
    pub files: BTreeMap<String, String>,
    /// The node's certificate for Roles Anywhere.
    pub certificate: Option<CertificateFacts>,
    /// What containerd's own `config migrate` made of a text, if it was asked. It is the user's TOML, which may hold passwords of
    /// registries, so that it is never written.
    #[serde(skip)]
    pub migrated: Option<Migrated>,
    /// Proxy variables of the environment that are set, names only.
    pub proxies: Vec<String>,
    /// `ECR_CREDENTIAL_PROVIDER_BIN_PATH` of the environment: where others' credential provider for ECR is. It stands among
    /// [`Facts::programs`] if it is there.
    pub ecr_provider: Option<String>,
    /// What was asked of the network for hybrid validations.
    pub answers: Answers,
    /// Where hybridge is on that machine: kubeconfig and credential providers name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// When the facts were gathered.
    pub at: Option<jiff::Timestamp>,
    /// What could not be found out, and why.
    pub missing: BTreeMap<String, String>,
}

/// Fields of `/etc/os-release`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Os {
    /// `ID`: `amzn`, `ubuntu`, `rhel`, `debian` …
    pub id: String,
    /// `VERSION_ID`.
    pub version: String,
    /// `x86_64`, `aarch64`.
    pub architecture: String,
}

/// From the instance metadata service; `private_dns_name` from DescribeInstances where the gate InstanceIdNodeName is off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceFacts {
    /// `i-…`.
    pub id: String,
    /// Region.
    pub region: String,
    /// `m5.large`.
    #[serde(rename = "type")]
    pub instance_type: String,
    /// Availability zone.
    pub availability_zone: String,
    /// MAC of the primary interface.
    pub mac: String,
    /// Private address.
    pub local_ipv4: Option<Ipv4Addr>,
    /// Addresses of the primary interface, in IMDS's order.
    pub ipv6s: Vec<Ipv6Addr>,
    /// Name of the node, unless it is called by its instance id.
    pub private_dns_name: Option<String>,
}

/// Limits of one instance type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceTypeFacts {
    /// Interfaces of the default network card.
    pub default_enis: u32,
    /// IPv4 addresses of each.
    pub ipv4_per_eni: u32,
    /// `nitro`, `xen`; none for bare metal.
    pub hypervisor: Option<String>,
    /// Bare metal.
    pub bare_metal: bool,
    /// Default vCPUs.
    pub vcpus: u32,
}

/// From DescribeCluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterFacts {
    /// `ACTIVE`, `CREATING` …
    pub status: String,
    /// `1.34`.
    pub version: Option<String>,
    /// URL.
    pub endpoint: String,
    /// Base64 of PEM.
    pub certificate_authority: String,
    /// Service range, IPv4.
    pub service_ipv4_cidr: Option<String>,
    /// Service range, IPv6.
    pub service_ipv6_cidr: Option<String>,
    /// `accessConfig.authenticationMode`: `API`, `API_AND_CONFIG_MAP`, `CONFIG_MAP`.
    pub authentication_mode: Option<String>,
    /// `remoteNetworkConfig.remoteNodeNetworks`; none if the cluster has no such configuration.
    pub remote_node_networks: Option<Vec<String>>,
    /// `remoteNetworkConfig.remotePodNetworks`.
    pub remote_pod_networks: Vec<String>,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Interface {
    /// Kernel name.
    pub name: String,
    /// Addresses with their prefix.
    pub addresses: Vec<IpNet>,
    /// MTU in bytes.
    pub mtu: u32,
}

/// A disk of the instance store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Disk {
    /// Name that stays across reboots: `/dev/disk/by-id/…`.
    pub id: String,
    /// Kernel name now: `/dev/nvme1n1`.
    pub device: String,
    /// Bytes.
    pub size: u64,
    /// File system or other signature on it.
    pub signature: Option<String>,
    /// UUID of that file system.
    pub uuid: Option<String>,
    /// Array it is a member of: `/dev/md127`.
    pub array: Option<String>,
}

/// A whole disk, whoever's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockDevice {
    /// Name that stays across reboots: `/dev/disk/by-id/…`.
    pub id: String,
    /// Kernel name now: `/dev/nvme1n1`.
    pub device: String,
    /// Bytes.
    pub size: u64,
    /// As the disk says.
    pub model: String,
    /// Of the instance store.
    pub instance_store: bool,
    /// It, a partition of it, or what is built on it holds `/`, `/boot` or `/usr`.
    pub root: bool,
    /// Where it or a partition of it is mounted.
    pub mounted: Vec<String>,
    /// Who else uses it or a partition of it: arrays, logical volumes (`md127`, `dm-0`), `swap`.
    pub holders: Vec<String>,
    /// File system, partition table or other signature on it.
    pub signature: Option<String>,
    /// Label of that file system.
    pub label: Option<String>,
}

/// One line of `/proc/self/mounts`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// Where.
    pub path: String,
    /// What.
    pub device: String,
    /// File system type.
    pub filesystem: String,
    /// Options, such as `ro`, `noexec`.
    pub options: Vec<String>,
}

/// One line of `/proc/swaps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Swap {
    /// File or device.
    pub path: String,
    /// A partition cannot be turned off for good by us.
    pub partition: bool,
}

/// A host firewall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Firewall {
    /// Which.
    pub kind: FirewallKind,
    /// What it lets in, as it says itself (`10250/tcp`).
    pub open: Vec<String>,
}

/// Whose firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirewallKind {
    /// firewalld.
    Firewalld,
    /// ufw.
    Ufw,
}

/// What the node's X.509 certificate and key say; never the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// The certificate file, PEM; none if it is not there.
    pub certificate: Option<String>,
    /// Why the key file cannot be used; none if it can.
    pub key_problem: Option<String>,
    /// The key's public part as SubjectPublicKeyInfo, DER in base64, to be compared with the certificate's.
    pub key_public: Option<String>,
}

/// One run of `containerd config migrate`.
#[derive(Clone, PartialEq)]
pub struct Migrated {
    /// The text that was given.
    pub from: String,
    /// What came out.
    pub to: String,
}

/// Without the texts, as they may hold passwords.
impl std::fmt::Debug for Migrated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migrated").finish_non_exhaustive()
    }
}

/// What the network answered; a question that was not asked (skipped, or not needed) is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answers {
    /// TLS connection to SSM's endpoint.
    pub ssm_endpoint: Option<Answer>,
    /// TLS connection to Roles Anywhere's endpoint.
    pub roles_anywhere_endpoint: Option<Answer>,
    /// STS GetCallerIdentity with the node's credentials; the text is the caller's ARN.
    pub caller: Option<Answer>,
    /// The API endpoint's name looked up.
    pub api_endpoint_resolved: Option<Answer>,
    /// An unauthenticated request to the API server, with its certificate checked against the cluster's; the text is the status.
    pub api_endpoint: Option<Answer>,
    /// A request to the API server with the node's own token, where its credentials exist already; the text is the user's name.
    pub api_authentication: Option<Answer>,
    /// ListAccessEntries: the principals' ARNs with their type, one per line, separated by a space; the type is `-` where it was not
    /// asked, as for roles of others, or may not be.
    pub access_entries: Option<Answer>,
    /// The serving certificate of an earlier life, `/var/lib/kubelet/pki/kubelet-server-current.pem`.
    pub kubelet_certificate: Option<String>,
    /// Whether the cluster's certificate authority has signed it. The pure crate has no RSA or ECDSA; without this answer it compares
    /// names and key identifiers.
    pub kubelet_certificate_signed: Option<bool>,
    /// Whether a kubelet of an earlier life runs.
    pub kubelet_active: Option<bool>,
    /// Configuration files that name a proxy → the values of the variables in them, credentials removed. Under `environment` stand
    /// those of our own process.
    pub proxy_files: BTreeMap<String, BTreeMap<String, String>>,
    /// The clock against that of AWS (from the `Date` header), in seconds; positive: ours is ahead.
    pub clock_offset: Option<i64>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// As hoped, with what was said.
    Good(String),
    /// Why not.
    Bad(String),
    /// Not allowed to ask.
    Forbidden(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_toml_is_neither_written_nor_shown() {
        let migrated = Migrated { from: "password = 'p'".to_owned(), to: "password = 'p'".to_owned() };
        let facts = Facts { cpus: 2, migrated: Some(migrated), ..Facts::default() };
        let text = serde_json::to_string(&facts).unwrap();
        assert!(!text.contains("password") && !format!("{facts:?}").contains("password"), "{text}");
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), Facts { migrated: None, ..facts });
    }
}
