//! A node as it is to be: configuration and facts put together, so that what is written for it follows from one value.

use ipnet::IpNet;

use crate::config::NodeConfig;
use crate::facts::Facts;
use crate::version::Version;

/// Who answers the kubelet's questions for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugins {
    /// This executable.
    Builtin,
    /// aws, aws-iam-authenticator, aws_signing_helper, ecr-credential-provider, as the two nodeadms have it.
    External,
}

/// All that the writers of files need.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// What the user asks.
    pub config: &'a NodeConfig,
    /// What is known.
    pub facts: &'a Facts,
    /// The cluster, whole.
    pub cluster: &'a Cluster,
    /// The node's name in Kubernetes.
    pub name: &'a str,
    /// Region of the cluster.
    pub region: &'a str,
    /// Installed kubelet.
    pub kubelet: Version,
    /// Installed containerd.
    pub containerd: Version,
    /// Built in, or others'.
    pub plugins: Plugins,
    /// Where hybridge itself is (`/usr/local/bin/hybridge`).
    pub executable: &'a str,
}

/// What a node must know of its cluster, from the configuration or, for hybrid nodes, DescribeCluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Name.
    pub name: String,
    /// Id, of local clusters on Outposts only.
    pub outpost_id: Option<String>,
    /// URL of the API server.
    pub endpoint: String,
    /// Host of that URL.
    pub host: String,
    /// PEM.
    pub certificate_authority: String,
    /// Service range.
    pub service_cidr: IpNet,
}
