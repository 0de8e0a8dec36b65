//! Addresses: zones, room in subnets, networks that overlap.

use std::collections::BTreeSet;

use hybridge_model::Cidr4;

use super::{Check, Told, View, When};
use crate::config::space::propose_vpc;
use crate::world::Subnet;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "subnets.zones",
        about: "EKS is given subnets in two zones or more, none of them in a zone that it refuses",
        when: When::Always,
        needs: &["DescribeSubnets"],
        run: zones,
    },
    Check {
        code: "subnets.addresses",
        about: "subnets that EKS is given have free addresses for its interfaces",
        when: When::Always,
        needs: &["DescribeSubnets"],
        run: room,
    },
    Check {
        code: "vpc.overlap",
        about: "remote networks overlap neither the VPC's networks nor the services'",
        when: When::Always,
        needs: &["DescribeVpcs"],
        run: overlap,
    },
];

/// Zones that EKS takes no control-plane subnets in (AWS's user guide, network requirements).
const REFUSED: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];
/// EKS asks for so many free addresses, and recommends so many.
const ROOM: (u32, u32) = (6, 16);

fn subnets<'a>(view: &'a View<'_>, told: &mut Told) -> Vec<&'a Subnet> {
    let mut known = Vec::new();
    for id in crate::path::network::control_plane_subnets(view.cluster, &view.world) {
        match view.network().subnet(&id) {
            Some(subnet) => known.push(subnet),
            None => told.unknown(&id, "nothing is known of the subnet"),
        }
    }
    known
}

/// P12.
fn zones(view: &View<'_>, told: &mut Told) {
    let subnets = subnets(view, told);
    if subnets.is_empty() {
        let wanted = &view.cluster.zones;
        if wanted.len() == 1 {
            told.error("availabilityZones", format!("only {} is named; EKS needs two zones", wanted[0]), "name another zone");
        } else if wanted.is_empty() {
            told.unknown("vpc.subnets", "which zones the control plane has is not known");
        }
        return;
    }
    let zone_id = |subnet: &Subnet| {
        let by_name = view.world.availability_zones.iter().find(|zone| zone.zone_name == subnet.availability_zone);
        if subnet.availability_zone_id.is_empty() {
            by_name.map_or(String::new(), |zone| zone.zone_id.clone())
        } else {
            subnet.availability_zone_id.clone()
        }
    };
    let zones: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.availability_zone.as_str()).collect();
    let complete = !told.unknown;
    if zones.len() < 2 && complete {
        let all = zones.into_iter().collect::<Vec<_>>().join(", ");
        told.error(
            "vpc.subnets",
            format!("all subnets of the control plane lie in {all}; EKS needs two zones"),
            "give a subnet in another zone",
        );
    }
    for subnet in subnets {
        let zone = zone_id(subnet);
        if REFUSED.contains(&zone.as_str()) {
            let (id, name) = (&subnet.subnet_id, &subnet.availability_zone);
            told.error(id, format!("it lies in {name} ({zone}), where EKS makes no interfaces"), "give a subnet in another zone");
        }
    }
}

/// P12. Of a subnet that is made, EC2 keeps five addresses.
fn room(view: &View<'_>, told: &mut Told) {
    for subnet in subnets(view, told) {
        let whole =
            subnet.cidr_block.parse::<Cidr4>().ok().map(|network| (1u32 << (32 - u32::from(network.prefix())).min(31)).saturating_sub(5));
        let made = view.before.subnets.iter().all(|it| it.subnet_id != subnet.subnet_id);
        let Some(free) = subnet.available_ip_address_count.or(whole.filter(|_| made)) else {
            told.unknown(&subnet.subnet_id, "how many of its addresses are free is not known");
            continue;
        };
        let place = &subnet.subnet_id;
        if free < ROOM.0 && view.before.cluster.is_none() {
            told.error(
                place,
                format!("{free} addresses are free; EKS needs {} in each subnet that it is given", ROOM.0),
                "free addresses, or give another subnet",
            );
        } else if free < ROOM.1 {
            let what = format!("{free} addresses are free; upgrades need {}, and AWS recommends {}", ROOM.0, ROOM.1);
            told.warning(place, what, "free addresses, or give another subnet");
        }
    }
}

/// P2, as far as AWS alone knows: further networks of a given VPC, and the services' network that EKS chose.
fn overlap(view: &View<'_>, told: &mut Told) {
    let id = view.vpc();
    let mut own: Vec<(String, Cidr4)> =
        view.network().vpc_networks(&id).into_iter().map(|network| (format!("the network of {id}"), network)).collect();
    if own.is_empty() && view.cluster.vpc.id.is_some() {
        told.unknown(&id, "which networks the VPC has beside those of the file is not known");
    }
    if own.is_empty() {
        own = view.cluster.vpc.cidrs.iter().map(|network| ("the VPC's network".to_owned(), *network)).collect();
    }
    if own.is_empty() && !view.without_remote() {
        told.unknown("vpc", "the VPC's networks are not known, so whether remote networks overlap them is not either");
    }
    let live = view.before.cluster.as_ref().and_then(|live| live.kubernetes_network_config.service_ipv4_cidr.parse().ok());
    own.extend(live.or(view.cluster.service_cidr).map(|network| ("the services' network".to_owned(), network)));
    for (key, networks) in [("remoteNodeNetworks", &view.cluster.node_cidrs), ("remotePodNetworks", &view.cluster.pod_cidrs)] {
        for remote in networks {
            for (name, network) in own.iter().filter(|(_, network)| network.overlaps(*remote)) {
                let fix = match free_vpc(view) {
                    Some(free) if view.cluster.vpc.id.is_none() && view.before.cluster.is_none() && !name.contains("services") => {
                        format!("set vpc.cidr to {free}, which nothing here overlaps")
                    }
                    Some(_) | None => "use other networks at the site, or leave the overlapping part out of the list".into(),
                };
                told.error(format!("remoteNetworkConfig.{key}"), format!("{remote} overlaps {name}, {network}"), fix);
            }
        }
    }
}

/// A network for a VPC that overlaps nothing that is known of: another VPC that AWS told of may be wanted as a neighbour later.
fn free_vpc(view: &View<'_>) -> Option<Cidr4> {
    let vpcs = view.world.vpcs.iter().flat_map(|vpc| view.network().vpc_networks(&vpc.vpc_id));
    let taken: Vec<Cidr4> = view.remote().chain(view.cluster.service_cidr).chain(vpcs).collect();
    propose_vpc(&taken)
}
