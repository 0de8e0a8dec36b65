//! Puts configuration and facts together: a whole cluster, a node with a name, known versions.

mod wanted;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_report::Finding;
use ipnet::IpNet;

use crate::config::{NodeConfig, Shape};
use crate::facts::{ClusterFacts, Facts, InstanceFacts};
use crate::hosts::endpoint_host;
use crate::hybrid::ssm;
use crate::node::{Cluster, Node, Plugins};
use crate::version::Version;

pub use wanted::{CertificateFiles, Question, Wanted, wanted};

/// Name of the gate that calls EC2 nodes by their instance id.
pub const INSTANCE_ID_NODE_NAME: &str = "InstanceIdNodeName";

/// A node, owned; [`Resolved::node`] lends it to the writers of files.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What the user asks.
    pub config: NodeConfig,
    /// What is known.
    pub facts: Facts,
    /// The cluster, whole.
    pub cluster: Cluster,
    /// The node's name in Kubernetes.
    pub name: String,
    /// Region of the cluster.
    pub region: String,
    /// Installed kubelet.
    pub kubelet: Version,
    /// Installed containerd.
    pub containerd: Version,
    /// Built in, or others'.
    pub plugins: Plugins,
    /// Where hybridge itself is.
    pub executable: String,
}

impl Resolved {
    /// What files are written from.
    pub fn node(&self) -> Node<'_> {
        Node {
            config: &self.config,
            facts: &self.facts,
            cluster: &self.cluster,
            name: &self.name,
            region: &self.region,
            kubelet: self.kubelet,
            containerd: self.containerd,
            plugins: self.plugins,
            executable: &self.executable,
        }
    }
}

/// Puts `config` and `facts` together.
///
/// A hybrid node with an SSM activation must be registered by then, as its name is the registration's: carry out
/// [`crate::plan::first`], gather facts again, then come here.
///
/// # Errors
/// All that is missing, not only the first thing.
pub fn resolve(config: &NodeConfig, facts: &Facts, plugins: Plugins, executable: &str) -> Result<Resolved, Vec<Finding>> {
    let mut findings = Vec::new();
    let instance = instance(config, facts, &mut findings);
    let cluster = cluster(config, facts, &mut findings);
    let name = name(config, facts, instance, &mut findings);
    let region = region(config, instance, &mut findings);
    let kubelet = installed(config, facts, "kubelet", facts.kubelet, &mut findings);
    let containerd = installed(config, facts, "containerd", facts.containerd, &mut findings);
    match (cluster, name, region, kubelet, containerd) {
        (Some(cluster), Some(name), Some(region), Some(kubelet), Some(containerd)) if findings.is_empty() => Ok(Resolved {
            config: config.clone(),
            facts: facts.clone(),
            cluster,
            name,
            region,
            kubelet,
            containerd,
            plugins,
            executable: executable.to_owned(),
        }),
        _ => Err(findings),
    }
}

/// What IMDS says of the machine, which every node without a `hybrid:` block needs.
fn instance<'a>(config: &NodeConfig, facts: &'a Facts, findings: &mut Vec<Finding>) -> Option<&'a InstanceFacts> {
    if config.hybrid.is_some() {
        return None;
    }
    if facts.instance.is_none() {
        let what = format!("nothing is known of this EC2 instance{}", why(facts, "instance"));
        findings.push(Finding::error("facts.instance", "instance metadata", what).fix(
            "allow the instance's metadata service (aws ec2 modify-instance-metadata-options --http-endpoint enabled); on a machine outside EC2 write a `hybrid:` block",
        ));
    }
    facts.instance.as_ref()
}

/// Whether the document says all of its cluster that a node needs.
pub(crate) fn cluster_is_whole(config: &NodeConfig) -> bool {
    let cluster = &config.cluster;
    ![&cluster.api_server_endpoint, &cluster.certificate_authority, &cluster.cidr].into_iter().any(String::is_empty)
}

/// URL of the API server: the document's, else that of DescribeCluster, else empty.
pub fn endpoint<'a>(config: &'a NodeConfig, described: Option<&'a ClusterFacts>) -> &'a str {
    let given = config.cluster.api_server_endpoint.as_str();
    if given.is_empty() { described.map(|cluster| cluster.endpoint.as_str()).unwrap_or_default() } else { given }
}

/// The cluster's certificates, PEM, from the same two places; none if that is no base64 of a text.
pub fn authority(config: &NodeConfig, described: Option<&ClusterFacts>) -> Option<String> {
    let given = config.cluster.certificate_authority.as_str();
    pem(if given.is_empty() { described.map(|cluster| cluster.certificate_authority.as_str()).unwrap_or_default() } else { given })
}

fn cluster(config: &NodeConfig, facts: &Facts, findings: &mut Vec<Finding>) -> Option<Cluster> {
    let given = &config.cluster;
    let before = findings.len();
    let described = if cluster_is_whole(config) { None } else { Some(described(config, facts, findings)?) };
    let or =
        |given: &str, described: Option<&str>| if given.is_empty() { described.unwrap_or_default().to_owned() } else { given.to_owned() };
    let endpoint = endpoint(config, described).to_owned();
    let cidr = or(&given.cidr, described.and_then(|cluster| cluster.service_ipv4_cidr.as_deref()));
    let host = endpoint_host(&endpoint);
    if host.is_none() {
        findings.push(
            Finding::error("cluster.endpoint", "spec.cluster.apiServerEndpoint", format!("{endpoint:?} is no URL of an API server"))
                .fix("write it as `aws eks describe-cluster` shows it, https://….eks.amazonaws.com"),
        );
    }
    let certificate_authority = authority(config, described);
    if certificate_authority.is_none() {
        findings.push(
            Finding::error("cluster.certificate-authority", "spec.cluster.certificateAuthority", "is no base64 of PEM text")
                .fix("write certificateAuthority.data as `aws eks describe-cluster` shows it"),
        );
    }
    let service_cidr = cidr.parse::<IpNet>().ok();
    if service_cidr.is_none() {
        findings.push(
            Finding::error("cluster.cidr", "spec.cluster.cidr", format!("{cidr:?} is no service range"))
                .fix("write kubernetesNetworkConfig.serviceIpv4Cidr (or serviceIpv6Cidr) of the cluster, such as 10.100.0.0/16"),
        );
    }
    let outpost_id = (given.enable_outpost == Some(true)).then(|| given.id.clone());
    match (host, certificate_authority, service_cidr) {
        (Some(host), Some(certificate_authority), Some(service_cidr)) if findings.len() == before => {
            Some(Cluster { name: given.name.clone(), outpost_id, endpoint, host, certificate_authority, service_cidr })
        }
        _ => None,
    }
}

/// DescribeCluster's answer, if a node outside can use it.
fn described<'a>(config: &NodeConfig, facts: &'a Facts, findings: &mut Vec<Finding>) -> Option<&'a ClusterFacts> {
    let place = format!("cluster {}", config.cluster.name);
    if config.hybrid.is_none() && config.shape == Shape::Ec2 {
        let what = "apiServerEndpoint, certificateAuthority and cidr are not all given";
        findings.push(Finding::error("cluster.incomplete", "spec.cluster", what).fix("write all three; on EC2 they are not asked of AWS"));
        return None;
    }
    let Some(cluster) = &facts.cluster else {
        findings.push(Finding::error("cluster.unknown", place, format!("EKS did not describe it{}", why(facts, "cluster"))).fix(
            "allow the node's role eks:DescribeCluster, check spec.cluster.name and spec.cluster.region, or write apiServerEndpoint, certificateAuthority and cidr",
        ));
        return None;
    };
    let before = findings.len();
    if cluster.status != "ACTIVE" {
        findings.push(
            Finding::error("cluster.inactive", place.as_str(), format!("is {}; nodes join an ACTIVE cluster only", cluster.status))
                .fix("wait for it: aws eks wait cluster-active"),
        );
    }
    if cluster.remote_node_networks.as_ref().is_none_or(Vec::is_empty) {
        findings.push(
            Finding::error("cluster.remote-networks", place.as_str(), "has no remoteNetworkConfig, so it takes no nodes from outside")
                .fix("set it: aws eks update-cluster-config --remote-network-config remoteNodeNetworks=[{cidrs=[…]}],remotePodNetworks=[{cidrs=[…]}]"),
        );
    }
    if config.cluster.cidr.is_empty() && cluster.service_ipv4_cidr.is_none() {
        findings.push(
            Finding::error("cluster.ipv6", place, "has no IPv4 service range; nodes outside need one")
                .fix("use a cluster with ipFamily ipv4, or write spec.cluster.cidr"),
        );
    }
    (findings.len() == before).then_some(cluster)
}

fn name(config: &NodeConfig, facts: &Facts, instance: Option<&InstanceFacts>, findings: &mut Vec<Finding>) -> Option<String> {
    if let Some(hybrid) = &config.hybrid {
        if let Some(roles_anywhere) = &hybrid.iam_roles_anywhere {
            return Some(roles_anywhere.node_name.clone());
        }
        return match ssm::registration(facts) {
            Ok(Some(registration)) => Some(registration.instance),
            Ok(None) => {
                findings.push(
                    Finding::error(
                        "ssm.unregistered",
                        ssm::REGISTRATION,
                        "this machine is not registered with Systems Manager, so it has no name yet",
                    )
                    .fix("run `hybridge node init` without --skip preprocess: its first part registers the machine"),
                );
                None
            }
            Err(finding) => {
                findings.push(finding);
                None
            }
        };
    }
    let instance = instance?;
    if config.feature_gates.get(INSTANCE_ID_NODE_NAME) == Some(&true) {
        return Some(instance.id.clone());
    }
    let name = instance.private_dns_name.clone().filter(|name| !name.is_empty());
    if name.is_none() {
        let what = format!("the private DNS name of {} is not known{}", instance.id, why(facts, "instance.privateDnsName"));
        findings.push(Finding::error("node.name", "instance", what).fix(format!(
            "allow the node's role ec2:DescribeInstances, or set spec.featureGates.{INSTANCE_ID_NODE_NAME}: true to call nodes by their instance id"
        )));
    }
    name
}

fn region(config: &NodeConfig, instance: Option<&InstanceFacts>, findings: &mut Vec<Finding>) -> Option<String> {
    let given = Some(config.cluster.region.clone()).filter(|region| !region.is_empty());
    let known = given.or_else(|| instance.map(|instance| instance.region.clone())).filter(|region| !region.is_empty());
    // Without an instance that was said already.
    if known.is_none() && (config.hybrid.is_some() || instance.is_some()) {
        findings.push(
            Finding::error("cluster.region", "spec.cluster.region", "is not known")
                .fix("write the region of the cluster, such as eu-central-1"),
        );
    }
    known
}

fn installed(
    config: &NodeConfig,
    facts: &Facts,
    program: &'static str,
    version: Option<Version>,
    findings: &mut Vec<Finding>,
) -> Option<Version> {
    if version.is_none() {
        let fix = if config.hybrid.is_some() {
            "install kubelet and containerd: nodeadm install KUBERNETES_VERSION --credential-provider ssm|iam-ra"
        } else {
            "start the instance from an EKS optimized AMI, or install kubelet and containerd in your image"
        };
        let what = format!("is not installed, or does not say its version{}", why(facts, program));
        findings.push(Finding::error("node.not-installed", program, what).fix(fix));
    }
    version
}

/// Why a fact is missing, to stand at the end of a sentence.
fn why(facts: &Facts, fact: &str) -> String {
    facts.missing.get(fact).map(|why| format!(": {why}")).unwrap_or_default()
}

/// The text inside of base64. Whether it is a certificate is for who reads it: upstream writes whatever it is.
fn pem(base64: &str) -> Option<String> {
    let compact: String = base64.split_whitespace().collect();
    String::from_utf8(STANDARD.decode(compact).ok()?).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
