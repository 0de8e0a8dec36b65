//! The VPC: made and divided, or given and looked up.

use std::collections::{BTreeMap, BTreeSet};

use hybridge_model::Cidr4;
use hybridge_report::Finding;

use super::{ClusterSubnet, ClusterVpc, DEFAULT_VPC_CIDR, deployed, parse};
use crate::config::{ClusterConfig, Subnet, Subnets};
use crate::world::{self, World};

pub(super) fn vpc(config: &ClusterConfig, world: &World, zones: &[String], foreign: bool, findings: &mut Vec<Finding>) -> ClusterVpc {
    let named = &config.vpc.subnets;
    if *named == Subnets::default() && config.vpc.id.is_empty() && !foreign {
        return made(config, world, zones, findings);
    }
    if *named == Subnets::default() && foreign {
        return live(config, world, findings);
    }
    given(config, world, findings)
}

/// One of our own, divided as eksctl divides: public subnets first, then private ones, each in the zones' order.
fn made(config: &ClusterConfig, world: &World, zones: &[String], findings: &mut Vec<Finding>) -> ClusterVpc {
    let place = "vpc.cidr";
    let standing = world.deployed.as_ref().and_then(deployed::vpc_cidr);
    let text = if config.vpc.cidr.is_empty() { standing.unwrap_or_else(|| DEFAULT_VPC_CIDR.to_owned()) } else { config.vpc.cidr.clone() };
    // eksctl clears host bits without a word; that they are there is told where the file is checked.
    let cidr = match text.parse::<Cidr4>() {
        Err(hybridge_model::CidrError::HostBits { network, .. }) => network,
        Err(_) | Ok(_) => match parse(place, &text, findings) {
            Some(cidr) => cidr,
            None => return ClusterVpc::default(),
        },
    };
    if !(16..=24).contains(&cidr.prefix()) {
        let what = format!("VPC CIDR prefix must be between /16 and /24, and {cidr} is not");
        findings.push(Finding::error("vpc.size", place, what));
        return ClusterVpc::default();
    }
    let count = zones.len();
    let more = match count * 2 {
        0..=8 => 3,
        9..=16 => 4,
        wanted => {
            let what = format!("cannot create more than 16 subnets, {wanted} requested");
            findings.push(Finding::error("zones.many", "availabilityZones", what).fix("name eight zones at most"));
            return ClusterVpc::default();
        }
    };
    let blocks: Vec<Cidr4> = cidr.split(cidr.prefix() + more).take(count * 2).collect();
    let subnet = |(zone, cidr): (&String, &Cidr4)| ClusterSubnet {
        name: zone.clone(),
        zone: zone.clone(),
        cidr: Some(*cidr),
        ..ClusterSubnet::default()
    };
    let public = if config.private_cluster.enabled { Vec::new() } else { zones.iter().zip(&blocks).map(subnet).collect() };
    let private = zones.iter().zip(&blocks[count..]).map(subnet).collect();
    ClusterVpc { id: None, cidrs: vec![cidr], private, public }
}

/// Subnets of the file, looked up.
fn given(config: &ClusterConfig, world: &World, findings: &mut Vec<Finding>) -> ClusterVpc {
    let named = &config.vpc.subnets;
    let private = look_up((config, world), "private", &named.private, findings);
    let public = look_up((config, world), "public", &named.public, findings);
    let vpcs: BTreeSet<&String> = private.iter().chain(&public).filter_map(|(_, vpc)| vpc.as_ref()).collect();
    let id = vpc_id(config, &vpcs, findings);
    if private.is_empty() && public.is_empty() {
        let what = "subnets of the given VPC must be named";
        let fix = "name two in two zones under vpc.subnets.private or vpc.subnets.public";
        findings.push(Finding::error("vpc.subnets", "vpc.subnets", what).fix(fix));
    }
    let cidrs = id.as_ref().map(|id| networks(id, world, findings)).unwrap_or_default();
    let plain = |subnets: Vec<Found>| subnets.into_iter().map(|(subnet, _)| subnet).collect();
    // Never none: then one of our own would be made.
    ClusterVpc { id: Some(id.unwrap_or_default()), cidrs, private: plain(private), public: plain(public) }
}

/// A subnet, and its VPC if that is known.
type Found = (ClusterSubnet, Option<String>);

fn look_up(known: (&ClusterConfig, &World), kind: &str, subnets: &BTreeMap<String, Subnet>, findings: &mut Vec<Finding>) -> Vec<Found> {
    let one = |(name, subnet): (&String, &Subnet)| find(known, &format!("vpc.subnets.{kind}.{name}"), subnet, findings);
    let mut found: Vec<Found> = subnets.iter().map(one).collect();
    found.sort_by(|(a, _), (b, _)| (&a.zone, &a.name).cmp(&(&b.zone, &b.name)));
    found
}

fn vpc_id(config: &ClusterConfig, found: &BTreeSet<&String>, findings: &mut Vec<Finding>) -> Option<String> {
    let mut found = found.iter();
    match (config.vpc.id.as_str(), found.next(), found.next()) {
        (_, Some(one), Some(other)) => {
            let what = format!("subnets are in more than one VPC: {one} and {other}");
            findings.push(Finding::error("vpc.several", "vpc.subnets", what));
            None
        }
        ("", Some(only), None) => Some((*only).clone()),
        ("", None, _) => {
            if !findings.iter().any(|finding| finding.code == "subnet.unknown") {
                let what = "which VPC the subnets are in is not known";
                findings
                    .push(Finding::error("vpc.unknown", "vpc.subnets", what).fix("set vpc.id, or plan with --facts or without --offline"));
            }
            None
        }
        (named, Some(only), None) if named != only.as_str() => {
            let what = format!("subnets are in {only}, not in {named}");
            findings.push(Finding::error("vpc.other", "vpc.id", what));
            None
        }
        (named, ..) => Some(named.to_owned()),
    }
}

/// A subnet by identifier, else by network and zone, else by zone. The last part of its place is its name.
fn find((config, world): (&ClusterConfig, &World), place: &str, subnet: &Subnet, findings: &mut Vec<Finding>) -> Found {
    let name = place.splitn(4, '.').last().unwrap_or_default();
    let zone = if subnet.az.is_empty() { name } else { subnet.az.as_str() };
    let cidr = if subnet.cidr.is_empty() { None } else { parse(place, &subnet.cidr, findings) };
    let matches = |known: &&world::Subnet| {
        if !subnet.id.is_empty() {
            return known.subnet_id == subnet.id;
        }
        let in_vpc = config.vpc.id.is_empty() || known.vpc_id == config.vpc.id;
        in_vpc && known.availability_zone == zone && (cidr.is_none() || known.cidr_block.parse().ok() == cidr)
    };
    let mut known = world.subnets.iter().filter(matches);
    let unknown =
        |id: &str| ClusterSubnet { name: name.to_owned(), id: Some(id.to_owned()), zone: zone.to_owned(), cidr, route_table: None };
    match (known.next(), known.next()) {
        (Some(only), None) => (looked_up(name, only, world), Some(only.vpc_id.clone())),
        (Some(one), Some(other)) => {
            let what = format!("both {} and {} are in {zone}", one.subnet_id, other.subnet_id);
            findings.push(Finding::error("subnet.ambiguous", place, what).fix("name the subnet's id"));
            (unknown(""), None)
        }
        (None, _) if world.subnets.is_empty() && !subnet.id.is_empty() && !answered(world, "DescribeSubnets") => {
            let what = format!("{} is not looked up, so its network and routes are not known", subnet.id);
            findings.push(Finding::warning("subnet.unseen", place, what).fix("plan with --facts or without --offline"));
            (unknown(&subnet.id), None)
        }
        (None, _) => {
            let wanted = if subnet.id.is_empty() { format!("a subnet of {zone} {}", subnet.cidr) } else { subnet.id.clone() };
            let what = format!("there is no {}", wanted.trim_end());
            findings.push(Finding::error("subnet.unknown", place, what).fix("look at `aws ec2 describe-subnets`: id, zone and network"));
            (unknown(&subnet.id), None)
        }
    }
}

fn looked_up(name: &str, subnet: &world::Subnet, world: &World) -> ClusterSubnet {
    ClusterSubnet {
        name: name.to_owned(),
        id: Some(subnet.subnet_id.clone()),
        zone: subnet.availability_zone.clone(),
        cidr: subnet.cidr_block.parse().ok(),
        route_table: route_table(subnet, world).map(|table| table.route_table_id.clone()),
    }
}

/// Whether AWS was asked and answered, so that what is not known does not exist.
fn answered(world: &World, operation: &str) -> bool {
    world.caller.is_some() && crate::preflight::unanswered(world, operation).is_none()
}

/// The table that a subnet uses: its own, else the VPC's main one.
fn route_table<'a>(subnet: &world::Subnet, world: &'a World) -> Option<&'a world::RouteTable> {
    let of_vpc = || world.route_tables.iter().filter(|table| table.vpc_id == subnet.vpc_id);
    let own = of_vpc().find(|table| table.associations.iter().any(|association| association.subnet_id == subnet.subnet_id));
    own.or_else(|| of_vpc().find(|table| table.associations.iter().any(|association| association.main)))
}

fn networks(id: &str, world: &World, findings: &mut Vec<Finding>) -> Vec<Cidr4> {
    let Some(vpc) = world.vpcs.iter().find(|vpc| vpc.vpc_id == id) else {
        if !world.vpcs.is_empty() || answered(world, "DescribeVpcs") {
            let finding = Finding::error("vpc.unknown", "vpc.id", format!("there is no {id}"));
            findings.push(finding.fix("look at `aws ec2 describe-vpcs`: is it another region or another account?"));
        }
        return Vec::new();
    };
    let associated = vpc.cidr_block_association_set.iter().map(|association| association.cidr_block.as_str());
    let mut cidrs: Vec<Cidr4> = Vec::new();
    for cidr in std::iter::once(vpc.cidr_block.as_str()).chain(associated).filter_map(|text| text.parse().ok()) {
        if !cidrs.contains(&cidr) {
            cidrs.push(cidr);
        }
    }
    cidrs
}

/// The VPC of a cluster that others made, as EKS says.
fn live(config: &ClusterConfig, world: &World, findings: &mut Vec<Finding>) -> ClusterVpc {
    let Some(network) = world.cluster.as_ref().map(|cluster| &cluster.resources_vpc_config) else {
        return ClusterVpc::default();
    };
    let id = network.vpc_id.clone();
    if !config.vpc.id.is_empty() && config.vpc.id != id {
        findings.push(Finding::error("vpc.other", "vpc.id", format!("the cluster is in {id}, not in {}", config.vpc.id)));
    }
    let mut subnets = ClusterVpc { cidrs: networks(&id, world, findings), id: Some(id), ..ClusterVpc::default() };
    for wanted in &network.subnet_ids {
        match world.subnets.iter().find(|subnet| subnet.subnet_id == *wanted) {
            Some(subnet) if is_public(subnet, world) => subnets.public.push(looked_up(&subnet.availability_zone, subnet, world)),
            Some(subnet) => subnets.private.push(looked_up(&subnet.availability_zone, subnet, world)),
            None => subnets.private.push(ClusterSubnet { name: wanted.clone(), id: Some(wanted.clone()), ..ClusterSubnet::default() }),
        }
    }
    subnets.private.sort_by(|a, b| (&a.zone, &a.id).cmp(&(&b.zone, &b.id)));
    subnets.public.sort_by(|a, b| (&a.zone, &a.id).cmp(&(&b.zone, &b.id)));
    subnets
}

/// A subnet with a route to an internet gateway.
fn is_public(subnet: &world::Subnet, world: &World) -> bool {
    route_table(subnet, world).is_some_and(|table| table.routes.iter().any(|route| route.gateway_id.starts_with("igw-")))
}
