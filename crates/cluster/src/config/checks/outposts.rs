//! Outposts servers.

use hybridge_model::Cidr4;

use super::Checks;
use crate::config::outposts::{OutpostSubnet, OutpostsServer, PATH};

/// Addresses of a subnet that are AWS's own.
const RESERVED: u64 = 5;
/// Addresses that a node takes from its subnet: one of its own, and one that EC2 shows for the LNI, which nobody can use.
const OF_A_NODE: u64 = 2;

/// Networks that are there beside those of servers, by what they are.
pub(super) struct Beside<'a> {
    /// The VPC; none: it is given, or not known.
    pub(super) vpc: Option<Cidr4>,
    /// Subnets that are made for the cluster and for gateways.
    pub(super) subnets: &'a [Cidr4],
    /// Every other network that the file names, with its path.
    pub(super) others: &'a [(String, Cidr4)],
}

pub(super) fn check(checks: &mut Checks<'_>, beside: &Beside<'_>) {
    let servers = checks.annotations.outposts_servers.clone();
    if servers.is_empty() {
        return;
    }
    if checks.config.kubernetes_network_config.service_ipv4_cidr.is_empty() {
        let what = "needs kubernetesNetworkConfig.serviceIPv4CIDR: nodes of one's own are told the network of services in their user data";
        checks.error("outposts.services", PATH, what).fix("write kubernetesNetworkConfig: {serviceIPv4CIDR: 10.100.0.0/16}");
    }
    if checks.config.access_config.authentication_mode == "CONFIG_MAP" {
        let what = "needs access entries: its nodes join by one of type EC2_LINUX, and authenticationMode CONFIG_MAP has none";
        checks.error("outposts.access", PATH, what).fix("write accessConfig: {authenticationMode: API}");
    }
    for (index, server) in servers.iter().enumerate() {
        names(checks, index, &servers);
        place(checks, index, server);
        lni(checks, index, &servers);
        sizes(checks, index, server);
        subnet(checks, index, &servers, beside);
        lan(checks, index, &servers, beside);
    }
}

fn wrong(checks: &mut Checks<'_>, (code, index, key): (&'static str, usize, &str), text: &str, what: String, fix: &str) {
    checks.problems.look_at(&OutpostsServer::path(index, key));
    checks.problems.error(code, checks.places.at(PATH), text, what).fix(fix);
}

/// Names that would be the same stack, or the same resource of one: identifiers of resources have letters and digits only.
fn names(checks: &mut Checks<'_>, index: usize, servers: &[OutpostsServer]) {
    let name = &servers[index].name;
    let plain = |text: &str| text.replace('-', "");
    let groups: Vec<String> = checks.config.managed_node_groups.iter().map(|group| group.name.clone()).collect();
    if servers[..index].iter().any(|other| plain(&other.name) == plain(name)) || groups.contains(name) {
        let what = "is the name of another group, perhaps with other hyphens".to_owned();
        wrong(checks, ("outposts.name", index, "name"), name, what, "give each group a name of its own");
    }
}

fn place(checks: &mut Checks<'_>, index: usize, server: &OutpostsServer) {
    let region = checks.config.metadata.region.clone();
    if region.is_empty() {
        return;
    }
    if server.outpost_arn.split(':').nth(3) != Some(region.as_str()) {
        let what = format!("is not of the cluster's region {region}");
        let fix = "an Outpost belongs to one region: make the cluster there";
        wrong(checks, ("outposts.region", index, "outpostArn"), &server.outpost_arn, what, fix);
    }
    let letter = server.zone.strip_prefix(&region);
    if !letter.is_some_and(|letter| letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_lowercase())) {
        let what = format!("is no zone of {region}");
        wrong(checks, ("outposts.zone", index, "zone"), &server.zone, what, "write the zone that `aws outposts get-outpost` tells");
    }
}

fn lni(checks: &mut Checks<'_>, index: usize, servers: &[OutpostsServer]) {
    let server = &servers[index];
    let (at, last) = (server.lni_device_index, server.instance_type.last_index());
    let place = |code| (code, index, "lniDeviceIndex");
    if at == 0 || at > last {
        let what = match at {
            0 => "is the primary interface, which is never an LNI".to_owned(),
            _ => format!("is beyond the interfaces of {}: it has {}, counted from 0", server.instance_type.name, last + 1),
        };
        wrong(checks, place("outposts.device-index"), &at.to_string(), what, &format!("write {last}, or leave it out"));
    } else if at < last {
        let what = "is low: aws-node attaches interfaces for pods at the lowest free index, and one that comes to be there is on the LAN";
        checks.problems.look_at(&OutpostsServer::path(index, "lniDeviceIndex"));
        checks.problems.warning("outposts.device-index-low", checks.places.at(PATH), &at.to_string(), what).fix(format!("write {last}"));
    }
    if let Some(other) = servers[..index].iter().find(|other| other.subnet == server.subnet && other.lni_device_index != at) {
        let what = format!("differs from {} of {}: a subnet has one index for all its instances", other.lni_device_index, other.name);
        let fix = format!("write lniDeviceIndex: {} for both, or take another subnet", at.min(other.lni_device_index));
        wrong(checks, place("outposts.device-index-conflict"), &at.to_string(), what, &fix);
    }
}

fn sizes(checks: &mut Checks<'_>, index: usize, server: &OutpostsServer) {
    let (min, desired, max) = (server.min_size, server.desired_capacity, server.max_size);
    if min > desired || desired > max || max == 0 {
        let what = format!("of {min} at least, {desired} wanted and {max} at most cannot be");
        let fix = "write minSize ≤ desiredCapacity ≤ maxSize, and at most one node at least";
        wrong(checks, ("outposts.size", index, "maxSize"), "", what, fix);
    }
}

fn subnet(checks: &mut Checks<'_>, index: usize, servers: &[OutpostsServer], beside: &Beside<'_>) {
    let at = |code| (code, index, "subnet");
    let server = &servers[index];
    let cidr = match (&server.subnet, checks.makes_vpc()) {
        (OutpostSubnet::Given(_), false) => return,
        (OutpostSubnet::Given(id), true) => {
            let what = "exists, and the VPC is made: it cannot be in it".to_owned();
            return wrong(checks, at("outposts.subnet-given"), id, what, "write a network for it, such as 192.168.250.0/26");
        }
        (OutpostSubnet::Made(cidr), false) => {
            let what = "would be made in a VPC that is given, whose routes are not ours".to_owned();
            let fix = "make the subnet with the Outpost's ARN yourself, and write subnet-…";
            return wrong(checks, at("outposts.subnet-made"), &cidr.to_string(), what, fix);
        }
        (OutpostSubnet::Made(cidr), true) => *cidr,
    };
    let room = (1_u64 << (32 - u32::from(cidr.prefix()))).saturating_sub(RESERVED);
    let needed = OF_A_NODE * u64::from(server.max_size);
    let earlier = servers[..index].iter().filter_map(|other| match &other.subnet {
        OutpostSubnet::Made(other) => Some(*other),
        OutpostSubnet::Given(_) => None,
    });
    let taken: Vec<Cidr4> = beside.subnets.iter().copied().chain(earlier).collect();
    let what = if !(16..=28).contains(&cidr.prefix()) {
        "is no size for a subnet: /16 to /28 are".to_owned()
    } else if room < needed {
        format!("has {room} addresses for {needed}: each of {} nodes takes one, and one more for its LNI", server.max_size)
    } else if let Some(vpc) = beside.vpc.filter(|vpc| !vpc.covers(cidr)) {
        format!("lies outside of the VPC ({vpc})")
    } else if let Some(other) = taken.iter().find(|other| other.overlaps(cidr)) {
        format!("overlaps {other}, another subnet")
    } else {
        return;
    };
    wrong(checks, at("outposts.subnet"), &cidr.to_string(), what, "write a network of the VPC that no other subnet has");
}

/// A LAN with addresses of the VPC, of services or of remote networks would be on both sides of each node.
fn lan(checks: &mut Checks<'_>, index: usize, servers: &[OutpostsServer], beside: &Beside<'_>) {
    let subnets = servers.iter().filter_map(|server| match &server.subnet {
        OutpostSubnet::Made(cidr) => Some((format!("subnet of {}", server.name), *cidr)),
        OutpostSubnet::Given(_) => None,
    });
    let others: Vec<(String, Cidr4)> = beside.others.iter().cloned().chain(subnets).collect();
    for lan in &servers[index].lan_cidrs {
        if let Some((path, other)) = others.iter().find(|(_, other)| other.overlaps(*lan)) {
            let what = format!("overlaps {other} ({path}): a node could not tell which side an address is on");
            wrong(
                checks,
                ("outposts.lan", index, "lanCidrs"),
                &lan.to_string(),
                what,
                "choose the VPC's networks beside those of the site",
            );
        }
    }
}
