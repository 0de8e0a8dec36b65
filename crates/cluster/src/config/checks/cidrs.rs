//! Networks: each for itself, and all against each other.

use hybridge_model::{Cidr4, CidrError};

use super::Checks;
use super::outposts;
use crate::config::space::{DEFAULT_VPC, VPC_PREFIXES, default_services, is_carrier_grade_nat, is_private, propose_vpc};
use crate::config::{RemoteNetwork, Subnet};

/// Quota of EKS: networks of nodes, and of pods.
const MOST: usize = 15;
const VPC: &str = "vpc.cidr";
const SERVICES: &str = "kubernetesNetworkConfig.serviceIPv4CIDR";
const GATEWAY_SUBNETS: &str = "metadata.annotations.hybridge/gateway-subnets";

/// Whose a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Nodes,
    Pods,
    Vpc,
    Services,
    Extra,
}

/// A network of the file.
#[derive(Clone, Debug)]
struct Network {
    whose: Whose,
    path: String,
    cidr: Cidr4,
}

pub(super) fn check(checks: &mut Checks<'_>) {
    let mut networks = Vec::new();
    if let Some(remote) = &checks.config.remote_network_config {
        remote_networks(checks, &remote.remote_node_networks, Whose::Nodes, &mut networks);
        remote_networks(checks, &remote.remote_pod_networks, Whose::Pods, &mut networks);
    }
    let vpc = vpc(checks);
    let services = services(checks);
    networks.extend(vpc.clone());
    networks.extend(services.clone());
    for (index, text) in checks.config.vpc.extra_cidrs.iter().enumerate() {
        let path = format!("vpc.extraCIDRs[{index}]");
        networks.extend(syntax(checks, &path, text).map(|cidr| Network { whose: Whose::Extra, path, cidr }));
    }
    for (index, text) in checks.config.vpc.public_access_cidrs.iter().enumerate() {
        syntax(checks, &format!("vpc.publicAccessCIDRs[{index}]"), text);
    }
    overlaps(checks, &networks);
    default_service_networks(checks, &networks, services.is_some());
    subnets(checks);
    let vpc = vpc.map(|vpc| vpc.cidr);
    gateway_subnets(checks, vpc);
    let others: Vec<(String, Cidr4)> = networks.iter().map(|network| (network.path.clone(), network.cidr)).collect();
    let mut made: Vec<Cidr4> = vpc.map(|vpc| made_subnets(vpc, zones(checks))).unwrap_or_default();
    made.extend(checks.annotations.gateway_subnets.iter().filter_map(|text| text.parse::<Cidr4>().ok()));
    outposts::check(checks, &outposts::Beside { vpc, subnets: &made, others: &others });
}

/// A network as it has to be written; none for an empty text.
fn syntax(checks: &mut Checks<'_>, path: &str, text: &str) -> Option<Cidr4> {
    if text.is_empty() {
        if checks.sound(path) && checks.places.has(path) {
            checks.error("cidr.invalid", path, "is empty where an IPv4 network is expected").fix("write it as 10.80.0.0/16");
        }
        return None;
    }
    let (code, what, fix) = match text.parse::<Cidr4>() {
        Ok(cidr) if cidr.to_string() == text => return Some(cidr),
        Ok(cidr) => ("cidr.invalid", "is not written as AWS wants it", format!("write {cidr}")),
        Err(CidrError::HostBits { network, .. }) => {
            ("cidr.host-bits", "has bits set behind its prefix: it is an address in a network, not a network", format!("write {network}"))
        }
        Err(CidrError::Ipv6(_)) => ("cidr.family", "is IPv6; hybrid nodes have IPv4 only", "write an IPv4 network".to_owned()),
        Err(CidrError::NoPrefix(_)) => {
            ("cidr.invalid", "has no prefix length", format!("write {text}/32 for this one address, or the whole network"))
        }
        Err(CidrError::Syntax(_)) => ("cidr.invalid", "is no IPv4 network", "write it as 10.80.0.0/16".to_owned()),
    };
    checks.wrong(code, path, text, what).fix(fix);
    None
}

fn remote_networks(checks: &mut Checks<'_>, of: &Option<Vec<RemoteNetwork>>, whose: Whose, networks: &mut Vec<Network>) {
    let key = if whose == Whose::Nodes { "remoteNodeNetworks" } else { "remotePodNetworks" };
    for (index, network) in of.iter().flatten().enumerate() {
        let path = format!("remoteNetworkConfig.{key}[{index}]");
        let list = format!("{path}.cidrs");
        if network.cidrs.is_empty() && checks.sound(&path) && checks.sound(&list) {
            checks.error("cidr.none", &list, "has no network in it").fix("write cidrs: [10.80.0.0/16], or leave the whole key out");
        }
        if network.cidrs.len() > MOST {
            let what = format!("has {} networks; EKS takes {MOST}", network.cidrs.len());
            checks.error("cidr.many", &list, what).fix("write larger networks that hold several of them");
        }
        for (index, text) in network.cidrs.iter().enumerate() {
            let path = format!("{list}[{index}]");
            let Some(cidr) = syntax(checks, &path, text) else { continue };
            remote_network(checks, &path, cidr);
            networks.push(Network { whose, path, cidr });
        }
    }
}

/// `RemoteNodeNetwork` of EKS's API: RFC 1918, /8 to /32.
fn remote_network(checks: &mut Checks<'_>, path: &str, cidr: Cidr4) {
    let text = cidr.to_string();
    if cidr.prefix() < 8 {
        checks
            .wrong("cidr.size", path, &text, "is larger than /8, the largest network that EKS takes")
            .fix("write the networks that the site has");
    } else if is_carrier_grade_nat(cidr) {
        if !checks.annotations.carrier_grade_nat {
            let what = "is of 100.64.0.0/10 (RFC 6598), which is for carriers and taken by EKS lately only";
            let fix = "take a network of RFC 1918, or write the annotation hybridge/carrier-grade-nat: allowed";
            checks.wrong("cidr.carrier", path, &text, what).fix(fix);
        }
    } else if !is_private(cidr) {
        let what = "is not private (RFC 1918): EKS takes networks of 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 only";
        checks.wrong("cidr.public", path, &text, what).fix("write the private network that the nodes or pods have their addresses in");
    }
}

fn vpc(checks: &mut Checks<'_>) -> Option<Network> {
    let text = checks.config.vpc.cidr.as_str();
    if text.is_empty() {
        let made = checks.makes_vpc() && checks.sound(VPC) && checks.sound("vpc") && checks.sound("vpc.subnets") && checks.sound("vpc.id");
        let cidr = DEFAULT_VPC.parse().expect("it is one");
        return made.then(|| Network { whose: Whose::Vpc, path: VPC.to_owned(), cidr });
    }
    let cidr = syntax(checks, VPC, text)?;
    if checks.makes_vpc() && !VPC_PREFIXES.contains(&cidr.prefix()) {
        let what = format!("VPC CIDR prefix must be between /16 and /24, and {VPC} has /{}", cidr.prefix());
        checks.error("vpc.size", VPC, what).fix("write a network such as 10.10.0.0/16");
    }
    if !is_private(cidr) && !is_carrier_grade_nat(cidr) {
        let what = "is not private: whoever has these addresses on the internet cannot be reached from the VPC";
        checks.warning("vpc.public", VPC, text, what).fix("write a network of RFC 1918");
    }
    Some(Network { whose: Whose::Vpc, path: VPC.to_owned(), cidr })
}

/// `serviceIpv4Cidr` of `KubernetesNetworkConfigRequest`.
fn services(checks: &mut Checks<'_>) -> Option<Network> {
    let text = checks.config.kubernetes_network_config.service_ipv4_cidr.as_str();
    if text.is_empty() {
        return None;
    }
    let cidr = syntax(checks, SERVICES, text)?;
    if !is_private(cidr) || !(12..=24).contains(&cidr.prefix()) {
        let what = "is no network for services: EKS takes /12 to /24 of 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16";
        checks.wrong("service.range", SERVICES, text, what).fix("write one such as 10.100.0.0/16, or leave it out");
    }
    Some(Network { whose: Whose::Services, path: SERVICES.to_owned(), cidr })
}

/// Every network against the nearest one that holds it: of two networks that overlap, one holds the other.
fn overlaps(checks: &mut Checks<'_>, networks: &[Network]) {
    let mut sorted: Vec<&Network> = networks.iter().collect();
    // The larger first; of the same, the earlier in the file.
    sorted.sort_by_key(|network| (network.cidr.network(), network.cidr.prefix()));
    let mut around: Vec<&Network> = Vec::new();
    for inner in sorted {
        while around.last().is_some_and(|outer| !outer.cidr.covers(inner.cidr)) {
            around.pop();
        }
        for outer in around.iter().rev() {
            if clash(checks, outer, inner, networks) {
                break;
            }
        }
        // What comes again is not looked at again: so many nest at most as there are prefixes.
        if !around.iter().any(|outer| outer.cidr == inner.cidr && outer.whose == inner.whose) {
            around.push(inner);
        }
    }
}

/// Tells of two networks that overlap, if they must not.
fn clash(checks: &mut Checks<'_>, one: &Network, two: &Network, all: &[Network]) -> bool {
    use Whose::{Extra, Nodes, Pods, Services, Vpc};
    let same = one.cidr == two.cidr;
    let (about, other) = if rank(two.whose) <= rank(one.whose) { (two, one) } else { (one, two) };
    let (text, place) = (about.cidr.to_string(), checks.places.place(&other.path));
    match (about.whose, other.whose) {
        (Nodes | Pods, Nodes | Pods) | (Extra, Extra) | (Extra, Nodes | Pods) if same => {
            let what = format!("is also in {} ({place}): each network counts once", other.path);
            checks.wrong("cidr.duplicate", &about.path, &text, what).fix("take one of them out");
        }
        (Extra, Extra) => return false,
        (Extra, Vpc | Services) | (Vpc | Services, Extra) => {
            let what = format!("overlaps {} ({}), whose addresses may reach the control plane anyway", other.path, other.cidr);
            checks.warning("cidr.extra", &about.path, &text, what).fix("take it out, or write the part that is meant");
        }
        (Nodes | Pods, Vpc) | (Vpc, Nodes | Pods) => overlap_with_vpc(checks, about, other, all),
        (Vpc | Services, Vpc | Services) | (Nodes | Pods | Extra, _) | (_, Nodes | Pods) => {
            let what = format!("overlaps {} in {} ({place})", other.cidr, other.path);
            checks.wrong("cidr.overlap", &about.path, &text, what).fix("write networks that have no address in common");
        }
    }
    true
}

/// Of two networks, the one with the smaller rank is where the finding is.
fn rank(whose: Whose) -> u8 {
    match whose {
        Whose::Extra => 0,
        Whose::Pods => 1,
        Whose::Nodes => 2,
        Whose::Services => 3,
        Whose::Vpc => 4,
    }
}

/// EKS: "Invalid remote node network: CIDR 10.0.0.0/16 overlaps with VPC CIDR 10.0.0.0/16".
fn overlap_with_vpc(checks: &mut Checks<'_>, about: &Network, vpc: &Network, all: &[Network]) {
    let text = about.cidr.to_string();
    let taken: Vec<Cidr4> = all.iter().filter(|network| network.whose != Whose::Vpc).map(|network| network.cidr).collect();
    let proposed = propose_vpc(&taken).map_or("no private network is free for a VPC: write smaller networks".to_owned(), |free| {
        format!("write vpc.cidr: {free}, which is free in this file")
    });
    if checks.config.vpc.cidr.is_empty() {
        let what = format!("overlaps the VPC CIDR {DEFAULT_VPC}, which is taken as vpc.cidr is not set");
        checks.wrong("vpc.default-overlap", &about.path, &text, what).fix(proposed);
        return;
    }
    let what = format!("overlaps with VPC CIDR {} in vpc.cidr ({})", vpc.cidr, checks.places.place(VPC));
    let fix = if checks.makes_vpc() { proposed } else { "routes cannot tell the two apart: renumber one of them".to_owned() };
    checks.wrong("cidr.overlap", &about.path, &text, what).fix(fix);
}

/// EKS takes one of two networks for services if nothing is said.
fn default_service_networks(checks: &mut Checks<'_>, networks: &[Network], said: bool) {
    if said || !checks.sound(SERVICES) {
        return;
    }
    let remote = networks.iter().filter(|network| matches!(network.whose, Whose::Nodes | Whose::Pods));
    let clash = remote
        .flat_map(|network| default_services().map(|services| (network, services)))
        .find(|(network, services)| network.cidr.overlaps(*services));
    if let Some((network, services)) = clash {
        let what = format!("overlaps {services}, which EKS may take for services as kubernetesNetworkConfig.serviceIPv4CIDR is not set");
        checks
            .warning("service.default-overlap", &network.path.clone(), &network.cidr.to_string(), what)
            .fix("write serviceIPv4CIDR: a network that is free at the site and in the VPC");
    }
}

/// Networks of given subnets.
fn subnets(checks: &mut Checks<'_>) {
    let subnets = &checks.config.vpc.subnets;
    let vpc = checks.config.vpc.cidr.parse::<Cidr4>().ok();
    let each = |kind: &'static str, of: &'_ std::collections::BTreeMap<String, Subnet>| {
        of.iter().map(|(name, subnet)| (format!("vpc.subnets.{kind}.{name}.cidr"), subnet.cidr.clone())).collect::<Vec<_>>()
    };
    for (path, text) in each("private", &subnets.private).into_iter().chain(each("public", &subnets.public)) {
        if text.is_empty() {
            continue;
        }
        if let (Some(cidr), Some(vpc)) = (syntax(checks, &path, &text), vpc)
            && !vpc.covers(cidr)
        {
            let what = format!("lies outside of vpc.cidr ({vpc})");
            checks.warning("subnets.outside", &path, &text, what).fix("leave vpc.cidr out if the VPC has several networks");
        }
    }
}

/// Subnets for gateways, beside those that are made for the cluster.
fn gateway_subnets(checks: &mut Checks<'_>, vpc: Option<Cidr4>) {
    let texts = &checks.annotations.gateway_subnets;
    if texts.is_empty() {
        return;
    }
    if !checks.makes_vpc() {
        checks
            .error("gateway-subnets.vpc", GATEWAY_SUBNETS, "is for a VPC that is made, and this one is given")
            .fix("make the subnets yourself");
        return;
    }
    let zones = zones(checks);
    if texts.len() != zones {
        let what = format!("names {} networks for {zones} zones", texts.len());
        checks.error("gateway-subnets.zones", GATEWAY_SUBNETS, what).fix("write one network a zone, in the zones' order");
    }
    let made: Vec<Cidr4> = vpc.map(|vpc| made_subnets(vpc, zones)).unwrap_or_default();
    let mut before: Vec<Cidr4> = Vec::new();
    for text in texts {
        let Some(cidr) = syntax(checks, GATEWAY_SUBNETS, text) else { continue };
        let what = if !(16..=28).contains(&cidr.prefix()) {
            "is no size for a subnet: /16 to /28 are".to_owned()
        } else if let Some(vpc) = vpc.filter(|vpc| !vpc.covers(cidr)) {
            format!("lies outside of the VPC ({vpc})")
        } else if let Some(other) = made.iter().find(|other| other.overlaps(cidr)) {
            format!("overlaps {other}, a subnet that is made for the cluster")
        } else if let Some(other) = before.iter().find(|other| other.overlaps(cidr)) {
            format!("overlaps {other}, another of these")
        } else {
            before.push(cidr);
            continue;
        };
        let fix = vpc
            .and_then(|vpc| spare(vpc, zones))
            .map_or("take fewer zones: the VPC has no room".to_owned(), |free| format!("{free} is free for them"));
        checks.wrong("gateway-subnets.network", GATEWAY_SUBNETS, text, what).fix(fix);
    }
}

/// How many zones the cluster will have: eksctl takes three, two in us-east-1.
fn zones(checks: &Checks<'_>) -> usize {
    match (checks.config.availability_zones.len(), checks.config.metadata.region.as_str()) {
        (0, "us-east-1") => 2,
        (0, _) => 3,
        (zones, _) => zones,
    }
}

/// The networks of the subnets that are made, as eksctl splits a VPC (`pkg/vpc/vpc.go`): eight blocks for up to four zones, sixteen for up
/// to eight.
fn made_subnets(vpc: Cidr4, zones: usize) -> Vec<Cidr4> {
    blocks(vpc, zones).take(zones * 2).collect()
}

/// The first block that is not made a subnet.
fn spare(vpc: Cidr4, zones: usize) -> Option<Cidr4> {
    blocks(vpc, zones).nth(zones * 2)
}

fn blocks(vpc: Cidr4, zones: usize) -> impl Iterator<Item = Cidr4> {
    vpc.split(vpc.prefix() + if zones <= 4 { 3 } else { 4 })
}
