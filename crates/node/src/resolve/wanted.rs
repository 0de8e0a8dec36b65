//! Which facts a configuration needs, so that nothing else is asked of the machine and of AWS.

use std::collections::BTreeSet;

use crate::config::{NodeConfig, Shape};
use crate::hosts::endpoint_host;
use crate::hybrid::ssm;
use crate::hybrid::system::FSTAB;
use crate::resolve::{INSTANCE_ID_NODE_NAME, cluster_is_whole};
use crate::validate::{Check, Skips};
use crate::{containerd, kubelet};

/// A question for the network or AWS, answered in [`crate::facts::Answers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Is SSM's endpoint there?
    SsmEndpoint,
    /// Is Roles Anywhere's endpoint there?
    RolesAnywhereEndpoint,
    /// Whose credentials are these (STS)? Its `Date` header tells the clock's offset too.
    Caller,
    /// Which addresses has the API endpoint's name?
    ApiEndpointResolved,
    /// Does the API server answer, with a certificate of the cluster's?
    ApiEndpoint,
    /// Does the API server know the node's token?
    ApiAuthentication,
    /// ListAccessEntries.
    AccessEntries,
    /// kubelet's serving certificate of an earlier life, and whether the cluster's authority signed it.
    KubeletCertificate,
    /// Does kubelet run already?
    KubeletActive,
    /// Which files name a proxy?
    ProxyFiles,
}

/// Where the node's certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Of the certificate.
    pub certificate: String,
    /// Of the key; only its public part goes into the facts.
    pub private_key: String,
}

/// What is to be found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Instance metadata.
    pub instance: bool,
    /// DescribeInstances, for the private DNS name.
    pub private_dns_name: bool,
    /// DescribeInstanceTypes, where our own table does not know the type.
    pub instance_type: bool,
    /// DescribeCluster.
    pub cluster: bool,
    /// Names to look up.
    pub names: BTreeSet<String>,
    /// Programs whose presence matters.
    pub programs: BTreeSet<&'static str>,
    /// Files whose text matters.
    pub files: BTreeSet<&'static str>,
    /// Disks of the instance store.
    pub disks: bool,
    /// All disks.
    pub block_devices: bool,
    /// Firewall and swap.
    pub system: bool,
    /// Certificate and key for Roles Anywhere.
    pub certificate: Option<CertificateFiles>,
    /// What to ask of the network.
    pub questions: BTreeSet<Question>,
}

/// The facts that `config` needs.
pub fn wanted(config: &NodeConfig) -> Wanted {
    let mut wanted = Wanted { files: BTreeSet::from(["/etc/hosts"]), ..Wanted::default() };
    wanted.programs.extend(containerd::PROGRAMS);
    wanted.programs.insert(kubelet::ECR_PROVIDER);
    wanted.disks = config.instance.local_storage.strategy.is_some();
    wanted.block_devices = !config.instance.disks.is_empty();
    if config.cluster.enable_outpost == Some(true) {
        wanted.names.extend(endpoint_host(&config.cluster.api_server_endpoint));
    }
    match &config.hybrid {
        None => on_ec2(config, &mut wanted),
        Some(_) => outside(config, &mut wanted),
    }
    wanted
}

fn on_ec2(config: &NodeConfig, wanted: &mut Wanted) {
    wanted.instance = true;
    wanted.private_dns_name = config.feature_gates.get(INSTANCE_ID_NODE_NAME) != Some(&true);
    // A number of the user's own ends the question of how many pods there may be.
    wanted.instance_type = config.shape == Shape::Ec2 && !config.kubelet.config.contains_key("maxPods");
    // Documents of hybrid shape without a `hybrid:` block may leave the cluster to be described.
    wanted.cluster = config.shape == Shape::Hybrid && !cluster_is_whole(config);
    wanted.system = config.shape == Shape::Hybrid;
    if wanted.system {
        wanted.files.insert(FSTAB);
    }
}

fn outside(config: &NodeConfig, wanted: &mut Wanted) {
    let hybrid = config.hybrid.clone().unwrap_or_default();
    wanted.cluster = !cluster_is_whole(config);
    wanted.system = true;
    wanted.files.insert(FSTAB);
    wanted.questions.extend([
        Question::Caller,
        Question::ApiEndpointResolved,
        Question::ApiEndpoint,
        Question::ApiAuthentication,
        Question::AccessEntries,
        Question::KubeletCertificate,
        Question::KubeletActive,
        Question::ProxyFiles,
    ]);
    if hybrid.ssm.is_some() {
        wanted.files.extend([ssm::REGISTRATION, ssm::CONFIG]);
        wanted.programs.extend(ssm::AGENTS);
        wanted.questions.insert(Question::SsmEndpoint);
    }
    if let Some(roles_anywhere) = hybrid.iam_roles_anywhere {
        wanted.questions.insert(Question::RolesAnywhereEndpoint);
        wanted.names.insert(roles_anywhere.node_name);
        wanted.programs.insert(crate::hybrid::roles_anywhere::HELPER);
        wanted.certificate =
            Some(CertificateFiles { certificate: roles_anywhere.certificate_path, private_key: roles_anywhere.private_key_path });
    }
}

impl Wanted {
    /// The same without what only skipped checks would read.
    #[must_use]
    pub fn without(mut self, skips: &Skips) -> Self {
        self.questions.retain(|question| !skips.skips(check_of(*question)));
        if skips.skips(Check::Credentials) {
            self.certificate = None;
        }
        self
    }
}

fn check_of(question: Question) -> Check {
    match question {
        Question::SsmEndpoint => Check::SsmEndpoint,
        Question::RolesAnywhereEndpoint => Check::RolesAnywhereEndpoint,
        Question::Caller => Check::AwsAuthentication,
        Question::ApiEndpointResolved => Check::ApiEndpointResolution,
        Question::ApiEndpoint => Check::ApiEndpoint,
        Question::ApiAuthentication => Check::ApiAuthentication,
        Question::AccessEntries => Check::ClusterAccess,
        Question::KubeletCertificate => Check::KubeletCertificate,
        Question::KubeletActive => Check::NodeInactive,
        Question::ProxyFiles => Check::Proxy,
    }
}
