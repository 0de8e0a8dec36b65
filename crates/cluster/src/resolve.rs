//! ClusterConfig and what is known of AWS make a [`Cluster`]: nothing is left open in it.

mod deployed;
mod outposts;
mod partition;
mod vpc;
mod zones;

use hybridge_model::Cidr4;
use hybridge_report::Finding;

pub use partition::{PARTITIONS, Partition};

use crate::config::{Annotations, ClusterConfig, Provider, RemoteNetwork, RemoteNetworkConfig};
use crate::world::{LiveCidrs, World};

/// Version of Kubernetes when neither file nor EKS says one (eksctl 0.230's default).
pub const DEFAULT_VERSION: &str = "1.34";

/// Network of a VPC that is made, when the file says none (eksctl's default).
pub const DEFAULT_VPC_CIDR: &str = "192.168.0.0/16";

/// What is wanted, whole: every default filled in, every given subnet looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The file.
    pub config: ClusterConfig,
    /// Its annotations.
    pub annotations: Annotations,
    /// `aws`, `aws-us-gov` and so on.
    pub partition: &'static str,
    /// Minor version of Kubernetes.
    pub version: String,
    /// Zones of subnets that are made, in order.
    pub zones: Vec<String>,
    /// The VPC.
    pub vpc: ClusterVpc,
    /// Services; none: EKS chooses.
    pub service_cidr: Option<Cidr4>,
    /// Networks of hybrid nodes, in the file's order.
    pub node_cidrs: Vec<Cidr4>,
    /// Networks of their pods, in the file's order.
    pub pod_cidrs: Vec<Cidr4>,
    /// What connects the VPC with the site.
    pub gateway: Option<VpcGateway>,
    /// Where hybrid nodes get their role from; none: no remote networks.
    pub role: Option<HybridRole>,
    /// PEM certificates of a trust anchor that is made.
    pub ca_bundle: Option<String>,
    /// Others made it: neither eksctl nor we have a stack of it. All that we make is a hybrid stack beside it.
    pub foreign: bool,
    /// What was assumed, and what is left out.
    pub warnings: Vec<Finding>,
}

/// The VPC of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterVpc {
    /// `vpc-…` of one that exists; none: it is made.
    pub id: Option<String>,
    /// Its networks; the first is the one that is made. Empty: of a given VPC that nothing is known of yet.
    pub cidrs: Vec<Cidr4>,
    /// Private subnets, by zone in order.
    pub private: Vec<ClusterSubnet>,
    /// Public subnets, by zone in order.
    pub public: Vec<ClusterSubnet>,
}

/// A subnet of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterSubnet {
    /// Its key in the file; of one that is made: its zone.
    pub name: String,
    /// `subnet-…` of one that exists; none: it is made.
    pub id: Option<String>,
    /// Zone.
    pub zone: String,
    /// Network; none: of a given subnet that nothing is known of yet.
    pub cidr: Option<Cidr4>,
    /// `rtb-…` of a given subnet: its own table, or the VPC's main one; none: it is made, or not known.
    pub route_table: Option<String>,
}

/// A gateway that connects the VPC with networks outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VpcGateway {
    /// `tgw-…`.
    Transit(String),
    /// `vgw-…`.
    VirtualPrivate(String),
}

/// Where hybrid nodes get their role from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HybridRole {
    /// It is made for this provider.
    Made(Provider),
    /// It exists.
    Given {
        /// ARN.
        arn: String,
        /// Who hands it out.
        provider: Provider,
    },
}

impl HybridRole {
    /// Who hands it out.
    pub fn provider(&self) -> Provider {
        match self {
            Self::Made(provider) | Self::Given { provider, .. } => *provider,
        }
    }
}

/// Completes the file. What is only assumed or left out is in [`Cluster::warnings`]; anything that stops a plan is an error, all at once.
pub fn resolve(config: &ClusterConfig, annotations: &Annotations, world: &World) -> Result<Cluster, Vec<Finding>> {
    let mut findings = Vec::new();
    let foreign = made_by_others(config, world);
    let remote = remote_networks(config, world);
    let partition = Partition::of_region(&config.metadata.region);
    let wanted = |networks: &Option<Vec<RemoteNetwork>>| -> Vec<String> {
        networks.iter().flatten().flat_map(|network| network.cidrs.clone()).collect()
    };
    let node_cidrs = parse_all("remoteNetworkConfig.remoteNodeNetworks", &wanted(&remote.remote_node_networks), &mut findings);
    let pod_cidrs = parse_all("remoteNetworkConfig.remotePodNetworks", &wanted(&remote.remote_pod_networks), &mut findings);
    let hybrid = !node_cidrs.is_empty() || !pod_cidrs.is_empty();
    if hybrid && partition.hybrid.is_none() {
        findings.push(partition.refusal(&config.metadata.region));
    }
    let service = &config.kubernetes_network_config.service_ipv4_cidr;
    let service_cidr = if service.is_empty() { None } else { parse("kubernetesNetworkConfig.serviceIPv4CIDR", service, &mut findings) };
    let zones = zones::zones(config, world, &mut findings);
    let vpc = vpc::vpc(config, world, &zones, foreign, &mut findings);
    let version = version(config, world, &mut findings);
    let gateway = hybrid.then(|| gateway(&remote.vpc_gateway_id, &mut findings)).flatten();
    let cluster = Cluster {
        role: hybrid.then(|| role(&remote)),
        ca_bundle: (!remote.iam.ca_bundle_cert.is_empty()).then(|| remote.iam.ca_bundle_cert.clone()),
        config: config.clone(),
        annotations: annotations.clone(),
        partition: partition.name,
        zones: if vpc.id.is_none() { zones } else { Vec::new() },
        version,
        vpc,
        service_cidr,
        node_cidrs,
        pod_cidrs,
        gateway,
        foreign,
        warnings: Vec::new(),
    };
    warn(&cluster, &mut findings);
    outposts::check(&cluster, world, &mut findings);
    if findings.iter().any(|finding| finding.severity == hybridge_report::Severity::Error) {
        findings.sort_by_key(|finding| finding.severity != hybridge_report::Severity::Error);
        return Err(findings);
    }
    Ok(Cluster { warnings: findings, ..cluster })
}

/// A live cluster of which there is neither eksctl's stack nor ours.
fn made_by_others(config: &ClusterConfig, world: &World) -> bool {
    let stack = stack_name(&config.metadata.name);
    let has_stack = world.stacks.iter().any(|known| known.stack_name == stack);
    world.cluster.is_some() && !has_stack && !world.deployed.as_ref().is_some_and(deployed::has_control_plane)
}

/// What the file says; what it does not say stays as the deployed template, or EKS, has it.
fn remote_networks(config: &ClusterConfig, world: &World) -> RemoteNetworkConfig {
    let said = config.remote_network_config.clone();
    if said.as_ref().is_some_and(|remote| remote.remote_node_networks.is_some() && remote.remote_pod_networks.is_some()) {
        return said.unwrap_or_default();
    }
    let deployed = world.deployed.as_ref().and_then(deployed::remote_networks).unwrap_or_default();
    let live = world.cluster.as_ref().and_then(|cluster| cluster.remote_network_config.as_ref());
    let networks = |live: &[LiveCidrs]| live.iter().map(|network| RemoteNetwork { cidrs: network.cidrs.clone() }).collect::<Vec<_>>();
    // Live values are younger than the stack's: eksctl changes EKS itself.
    let nodes = live.map(|live| networks(&live.remote_node_networks)).or(deployed.remote_node_networks.clone());
    let pods = live.map(|live| networks(&live.remote_pod_networks)).or(deployed.remote_pod_networks.clone());
    let mut remote = said.unwrap_or(RemoteNetworkConfig { remote_node_networks: None, remote_pod_networks: None, ..deployed });
    remote.remote_node_networks = remote.remote_node_networks.or(nodes);
    remote.remote_pod_networks = remote.remote_pod_networks.or(pods);
    remote
}

fn role(remote: &RemoteNetworkConfig) -> HybridRole {
    let provider = remote.iam.provider;
    if remote.iam.role_arn.is_empty() {
        HybridRole::Made(provider)
    } else {
        HybridRole::Given { arn: remote.iam.role_arn.clone(), provider }
    }
}

fn gateway(id: &str, findings: &mut Vec<Finding>) -> Option<VpcGateway> {
    if id.is_empty() {
        None
    } else if id.starts_with("tgw-") {
        Some(VpcGateway::Transit(id.to_owned()))
    } else if id.starts_with("vgw-") {
        Some(VpcGateway::VirtualPrivate(id.to_owned()))
    } else {
        let what = format!("{id} is neither a transit gateway (tgw-…) nor a virtual private gateway (vgw-…)");
        findings.push(Finding::error("gateway.unknown", "remoteNetworkConfig.vpcGatewayID", what));
        None
    }
}

fn version(config: &ClusterConfig, world: &World, findings: &mut Vec<Finding>) -> String {
    let default = || {
        let eks = world.cluster_versions.iter().find(|version| version.default_version);
        eks.map_or_else(|| DEFAULT_VERSION.to_owned(), |version| version.cluster_version.clone())
    };
    match config.metadata.version.as_str() {
        // A cluster that is there is not upgraded because nothing was said.
        "" => world.cluster.as_ref().map_or_else(default, |cluster| cluster.version.clone()),
        "default" | "auto" => default(),
        "latest" => {
            let minor = |version: &str| version.rsplit('.').next().and_then(|minor| minor.parse::<u32>().ok());
            let latest = world.cluster_versions.iter().max_by_key(|version| minor(&version.cluster_version));
            latest.map(|version| version.cluster_version.clone()).unwrap_or_else(|| {
                let what = "which version is the latest is not known without asking EKS";
                findings.push(Finding::error("version.latest", "metadata.version", what).fix("name the version, such as \"1.34\""));
                DEFAULT_VERSION.to_owned()
            })
        }
        named => named.to_owned(),
    }
}

/// What works otherwise than it may look.
fn warn(cluster: &Cluster, findings: &mut Vec<Finding>) {
    let annotations = &cluster.annotations;
    let made_for_ira = cluster.role == Some(HybridRole::Made(Provider::Ira));
    if let (true, Some(profile)) = (made_for_ira, &annotations.profile_arn) {
        let what = format!("the role is made by this stack, so {profile} cannot list it yet");
        let fix = "add the role to the profile when the stack is there, or leave the annotation out: then a profile is made";
        findings.push(Finding::warning("profile.role", "metadata.annotations.hybridge/profile-arn", what).fix(fix));
    }
    let unused = matches!(cluster.role, Some(HybridRole::Given { provider: Provider::Ira, .. })) && cluster.ca_bundle.is_some();
    if unused {
        let what = "with roleARN no trust anchor is made, so the certificates are not used";
        let fix = "name your trust anchor and profile in metadata.annotations: hybridge/trust-anchor-arn, hybridge/profile-arn";
        findings.push(Finding::warning("ca.unused", "remoteNetworkConfig.iam.caBundleCert", what).fix(fix));
    }
}

fn parse_all(place: &str, texts: &[String], findings: &mut Vec<Finding>) -> Vec<Cidr4> {
    let mut cidrs = Vec::new();
    for cidr in texts.iter().filter_map(|text| parse(place, text, findings)) {
        // The same network twice is the same rule twice, which EC2 refuses.
        if !cidrs.contains(&cidr) {
            cidrs.push(cidr);
        }
    }
    cidrs
}

fn parse(place: &str, text: &str, findings: &mut Vec<Finding>) -> Option<Cidr4> {
    text.parse::<Cidr4>().map_err(|error| findings.push(Finding::error("cidr.invalid", place, error.to_string()).fix(error.fix()))).ok()
}

/// Name of a cluster's own stack, as eksctl has it.
pub fn stack_name(cluster: &str) -> String {
    format!("eksctl-{cluster}-cluster")
}

/// Name of our stack beside a cluster that others made. It begins with neither `eksctl-` nor `EKS-`, so none of eksctl's patterns for
/// stacks that it deletes matches it, whatever the cluster is called.
pub fn hybrid_stack_name(cluster: &str) -> String {
    format!("hybridge-{cluster}-hybrid")
}

/// Tag of that stack; its value is the cluster's name. It has none of eksctl's.
pub const HYBRID_STACK_TAG: &str = "hybridge/cluster-name";

impl Cluster {
    /// Name of the cluster's own stack, as eksctl has it.
    pub fn stack_name(&self) -> String {
        stack_name(&self.config.metadata.name)
    }

    /// Name of our stack beside a cluster that others made ([`hybrid_stack_name`]).
    pub fn hybrid_stack_name(&self) -> String {
        hybrid_stack_name(&self.config.metadata.name)
    }

    /// Whether hybrid nodes are wanted.
    pub fn is_hybrid(&self) -> bool {
        self.role.is_some()
    }

    /// All networks outside, nodes' first, each once.
    pub fn remote_cidrs(&self) -> Vec<Cidr4> {
        let mut cidrs = self.node_cidrs.clone();
        cidrs.extend(self.pod_cidrs.iter().filter(|cidr| !self.node_cidrs.contains(cidr)));
        cidrs
    }

    /// Whether EKS Auto Mode is on.
    pub fn auto_mode(&self) -> bool {
        self.config.auto_mode_config.enabled == Some(true)
    }

    /// Subnets that the control plane's interfaces may be in.
    pub fn control_plane_subnets(&self) -> Vec<&ClusterSubnet> {
        let named = &self.config.vpc.control_plane_subnet_ids;
        let all = self.vpc.public.iter().chain(&self.vpc.private);
        if !named.is_empty() {
            return all.filter(|subnet| subnet.id.as_ref().is_some_and(|id| named.contains(id))).collect();
        }
        // eksctl leaves public subnets out for Auto Mode in a VPC that it makes, and only there.
        let private_only = self.config.vpc.control_plane_on_private_subnets == Some(true) || (self.auto_mode() && self.vpc.id.is_none());
        if private_only { self.vpc.private.iter().collect() } else { all.collect() }
    }
}

#[cfg(test)]
mod tests;
