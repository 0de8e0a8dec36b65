//! The rules (EKS user guide, "Prepare networking for hybrid nodes"; ports of Cilium from its system requirements).

use super::super::{Known, gateway};
use crate::config::Provider;

/// A rule of a firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// When it is needed.
    pub phase: Phase,
    /// Which way connections are opened.
    pub direction: Direction,
    /// `tcp`, `udp`, `tcp+udp` or `icmp`.
    pub protocol: &'static str,
    /// Destination ports.
    pub ports: &'static str,
    /// Networks or addresses.
    pub from: Vec<String>,
    /// Networks, addresses or host names.
    pub to: Vec<String>,
    /// What breaks without it.
    pub purpose: String,
}

/// When a rule is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// As long as there are nodes.
    Running,
    /// While software is brought to a machine.
    Installing,
}

/// Which way connections are opened, as seen from the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the site to AWS.
    Out,
    /// From AWS to the site.
    In,
    /// Either.
    Both,
    /// Between machines of the site.
    Within,
}

impl Direction {
    /// As the sheet says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
            Self::Both => "both",
            Self::Within => "within the site",
        }
    }
}

/// Ports on which webhooks and aggregated APIs commonly listen in pods.
const WEBHOOKS: &str = "443, 4443, 8443, 9443, 10250, 10251";

/// All rules of a cluster.
pub fn rules(known: &Known<'_>) -> Vec<Rule> {
    let places = Places::new(known);
    let mut rules = control_plane(known, &places);
    rules.extend(credentials(known, &places));
    rules.extend(pods(known, &places));
    rules.extend(installing(known, &places));
    rules
}

/// Who talks.
struct Places {
    nodes: Vec<String>,
    pods: Vec<String>,
    vpc: Vec<String>,
    /// The control plane's interfaces, else the networks of their subnets.
    control_plane: Vec<String>,
    gateways: Vec<String>,
}

impl Places {
    fn new(known: &Known<'_>) -> Self {
        let texts = |cidrs: &[hybridge_model::Cidr4]| cidrs.iter().map(ToString::to_string).collect::<Vec<_>>();
        let vpc = texts(&known.vpc_cidrs());
        let mut control_plane: Vec<String> =
            known.interfaces().iter().map(|interface| format!("{}/32", interface.private_ip_address)).collect();
        if control_plane.is_empty() {
            let subnets = known.cluster.vpc.private.iter().chain(&known.cluster.vpc.public);
            control_plane = subnets.filter_map(|subnet| subnet.cidr).map(|cidr| cidr.to_string()).collect();
        }
        if control_plane.is_empty() {
            control_plane.clone_from(&vpc);
        }
        let own = &known.cluster.annotations.gateway_subnets;
        let private = known.cluster.vpc.private.iter().filter_map(|subnet| subnet.cidr).map(|cidr| cidr.to_string()).collect::<Vec<_>>();
        let gateways = [own, &private, &vpc].into_iter().find(|networks| !networks.is_empty()).cloned().unwrap_or_default();
        Self { nodes: texts(&known.cluster.node_cidrs), pods: texts(&known.cluster.pod_cidrs), vpc, control_plane, gateways }
    }

    fn nodes_and_pods(&self) -> Vec<String> {
        self.nodes.iter().chain(&self.pods).cloned().collect()
    }
}

fn rule(direction: Direction, (protocol, ports): (&'static str, &'static str), from: &[String], to: &[String], purpose: &str) -> Rule {
    Rule { phase: Phase::Running, direction, protocol, ports, from: from.to_vec(), to: to.to_vec(), purpose: purpose.to_owned() }
}

/// Whether the API server's name leads to addresses of the VPC. With both endpoints it leads to public ones outside the VPC.
fn by_private_endpoint(known: &Known<'_>) -> bool {
    match known.live() {
        Some(live) => live.resources_vpc_config.endpoint_private_access && !live.resources_vpc_config.endpoint_public_access,
        None => {
            let endpoints = &known.cluster.config.vpc.cluster_endpoints;
            known.cluster.config.private_cluster.enabled
                || (endpoints.private_access == Some(true) && endpoints.public_access == Some(false))
        }
    }
}

fn control_plane(known: &Known<'_>, places: &Places) -> Vec<Rule> {
    let api = if by_private_endpoint(known) {
        places.control_plane.clone()
    } else {
        vec![known.endpoint_host().unwrap_or("the cluster's public endpoint").to_owned()]
    };
    let https = ("tcp", "443");
    let mut rules = vec![
        rule(Direction::Out, https, &places.nodes, &api, "kubelet and kube-proxy to the API server"),
        rule(Direction::In, ("tcp", "10250"), &places.control_plane, &places.nodes, "kubectl logs, exec and port-forward; metrics"),
    ];
    if !places.pods.is_empty() {
        rules.insert(1, rule(Direction::Out, https, &places.pods, &api, "pods to the API server"));
        if !gateway_carries(known) {
            let purpose = "webhooks and aggregated APIs that run in hybrid pods; the ports are those of what is installed";
            rules.push(rule(Direction::In, ("tcp", WEBHOOKS), &places.control_plane, &places.pods, purpose));
        }
    }
    rules
}

/// Whether packets of hybrid pods go through gateways, in tunnels.
fn gateway_carries(known: &Known<'_>) -> bool {
    known.cluster.annotations.pod_routes_by_gateway || !known.cluster.annotations.gateway_subnets.is_empty()
}

fn credentials(known: &Known<'_>, places: &Places) -> Vec<Rule> {
    let host = |service: &str| format!("{service}.{}.{}", known.region(), known.dns_suffix());
    let https = ("tcp", "443");
    let out = |to: &[&str], purpose: &str| {
        rule(Direction::Out, https, &places.nodes, &to.iter().map(|service| host(service)).collect::<Vec<_>>(), purpose)
    };
    let mut rules = match known.provider() {
        Some(Provider::Ssm) => vec![
            out(&["ssm"], "credentials of nodes by Systems Manager"),
            out(&["ssmmessages", "ec2messages"], "Session Manager and Run Command, if they are used"),
        ],
        Some(Provider::Ira) => vec![out(&["rolesanywhere"], "credentials of nodes by IAM Roles Anywhere")],
        None => Vec::new(),
    };
    rules.push(out(&["sts"], "joining: whose credentials these are, and what time it is"));
    let from = if places.pods.is_empty() { places.nodes.clone() } else { places.nodes_and_pods() };
    rules.push(rule(Direction::Out, https, &from, &[host("sts")], "roles of service accounts (IRSA), if they are used"));
    let purpose = "EKS Pod Identity, if it is used";
    rules.push(rule(Direction::Out, https, &places.nodes, &[host("eks-auth")], purpose));
    let registry = [
        format!("api.ecr.{}.{}", known.region(), known.dns_suffix()),
        format!("*.dkr.ecr.{}.{}", known.region(), known.dns_suffix()),
        format!("*.s3.{}.{}", known.region(), known.dns_suffix()),
        "public.ecr.aws".to_owned(),
        "*.cloudfront.net".to_owned(),
    ];
    rules.push(rule(Direction::Out, https, &places.nodes, &registry, "images from ECR and ECR Public, such as Cilium's"));
    rules
}

fn pods(known: &Known<'_>, places: &Places) -> Vec<Rule> {
    let mut rules = vec![
        rule(Direction::Within, ("udp", "8472"), &places.nodes, &places.nodes, "Cilium's tunnels (VXLAN)"),
        rule(Direction::Within, ("tcp", "4240"), &places.nodes, &places.nodes, "Cilium's health checks"),
        rule(Direction::Within, ("icmp", "echo"), &places.nodes, &places.nodes, "Cilium's health checks"),
    ];
    if places.pods.is_empty() {
        return rules;
    }
    rules.push(rule(Direction::Within, ("tcp+udp", "53"), &places.pods, &places.pods, "DNS, as far as firewalls see packets of pods"));
    let purpose =
        format!("tunnels between gateways ({}) and hybrid nodes, which carry all packets between VPC and hybrid pods", gateway::RELEASE);
    let tunnel = ("udp", "8472");
    rules.push(rule(Direction::In, tunnel, &places.gateways, &places.nodes, &purpose));
    rules.push(rule(Direction::Out, tunnel, &places.nodes, &places.gateways, &purpose));
    if !gateway_carries(known) {
        rules.push(rule(
            Direction::Both,
            ("tcp+udp", "53"),
            &places.pods,
            &places.vpc,
            "DNS between hybrid and cloud pods, without gateways",
        ));
    }
    rules
}

fn installing(known: &Known<'_>, places: &Places) -> Vec<Rule> {
    let regional = |service: &str| format!("{service}.{}.{}", known.region(), known.dns_suffix());
    let mut hosts = vec![
        ("hybrid-assets.eks.amazonaws.com".to_owned(), "kubelet, CNI plug-ins and other programs"),
        (regional("eks"), "what cluster this is"),
        (regional("api.ecr"), "images"),
    ];
    match known.provider() {
        Some(Provider::Ssm) => {
            hosts.push((format!("amazon-ssm-{}.s3.{}.{}", known.region(), known.region(), known.dns_suffix()), "Systems Manager's agent"))
        }
        Some(Provider::Ira) => hosts.push(("rolesanywhere.amazonaws.com".to_owned(), "the signing helper of IAM Roles Anywhere")),
        None => {}
    }
    let mut rules: Vec<Rule> =
        hosts.into_iter().map(|(host, purpose)| rule(Direction::Out, ("tcp", "443"), &places.nodes, &[host], purpose)).collect();
    let mirrors = ["the package mirrors of the machines' distribution".to_owned()];
    rules.push(rule(Direction::Out, ("tcp", "80, 443"), &places.nodes, &mirrors, "containerd and other packages"));
    for rule in &mut rules {
        rule.phase = Phase::Installing;
    }
    rules
}
