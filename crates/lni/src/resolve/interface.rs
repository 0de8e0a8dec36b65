//! Which interface it is: device index → MAC address → link.

use std::net::Ipv4Addr;

use hybridge_model::MacAddr;
use hybridge_model::kernel::Link;
use hybridge_report::Finding;

use super::Parent;
use crate::desired::MAIN;
use crate::facts::{Ec2Interface, Facts};
use crate::profile::{Match, Profile};
use crate::state::{PROTOCOL, vlan_name};

/// What was found.
pub(super) struct Found<'a> {
    /// The LNI's, or its VLAN's.
    pub(super) link: &'a Link,
    pub(super) mac: MacAddr,
    pub(super) parent: Option<Parent>,
}

/// The one interface that the profile means.
pub(super) fn find<'a>(profile: &Profile, facts: &'a Facts) -> Result<Found<'a>, Finding> {
    let mac = match profile.which {
        Match::DeviceIndex(index) => of_index(index, facts)?,
        Match::Mac(mac) => mac,
    };
    if facts.interfaces.iter().any(|interface| interface.mac == mac && interface.device_index == 0) {
        return Err(primary(&format!("{mac} is the machine's first interface (device index 0)")));
    }
    let link = one_link(profile, facts, mac)?;
    if facts.interfaces.is_empty() && default_link(facts) == Some(link.index) {
        return Err(primary(&format!("{} carries the machine's default route", link.name)));
    }
    let (link, parent) = match profile.vlan {
        None => (link, None),
        Some(vlan) => (of_vlan(vlan, link, facts)?, Some(Parent { link: link.index, name: link.name.clone() })),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
    match link.name.chars().all(plain) {
        true => Ok(Found { link, mac, parent }),
        false => {
            let what = format!("{:?} has characters that rules of nftables cannot name", link.name);
            Err(Finding::error("lni.name", "lni.match", what).fix("rename it with letters, digits, `_` and `-`: `ip link set … name lni0`"))
        }
    }
}

fn of_index(index: u8, facts: &Facts) -> Result<MacAddr, Finding> {
    let place = "lni.match.deviceIndex";
    if facts.interfaces.is_empty() {
        let why = facts.missing.get("interfaces").map_or("it names no interface", String::as_str);
        let what = format!("EC2's instance metadata does not tell which interface has device index {index}: {why}");
        return Err(Finding::error("lni.metadata", place, what).fix("mend the way to 169.254.169.254, or write match: {mac: …}"));
    }
    let those: Vec<&Ec2Interface> = facts.interfaces.iter().filter(|interface| interface.device_index == index).collect();
    match those.as_slice() {
        [one] => Ok(one.mac),
        [] => {
            let there: Vec<String> = facts.interfaces.iter().map(|one| format!("{} ({}, {})", one.device_index, one.id, one.mac)).collect();
            let what = format!("no interface has device index {index}; there are {}", there.join(", "));
            let fix = format!("attach an interface at index {index} of a subnet whose EnableLniAtDeviceIndex is {index}");
            Err(Finding::error("lni.interface-missing", place, what).fix(fix))
        }
        several => {
            let those: Vec<String> = several.iter().map(|one| format!("{} ({})", one.id, one.mac)).collect();
            let what = format!("several interfaces have device index {index}, on several network cards: {}", those.join(", "));
            Err(Finding::error("lni.interface-two", place, what).fix("write match: {mac: …} with the LNI's"))
        }
    }
}

fn one_link<'a>(profile: &Profile, facts: &'a Facts, mac: MacAddr) -> Result<&'a Link, Finding> {
    let own = profile.vlan.map(vlan_name);
    let those: Vec<&Link> = facts
        .routing
        .links
        .iter()
        .filter(|link| link.mac == Some(mac) && link.vxlan.is_none() && Some(&link.name) != own.as_ref())
        .collect();
    match those.as_slice() {
        [one] => Ok(one),
        [] => {
            let named = |link: &Link| link.mac.filter(|mac| mac.octets() != [0; 6]).map(|mac| format!("{} ({mac})", link.name));
            let there: Vec<String> = facts.routing.links.iter().filter_map(named).collect();
            let what = format!("no interface has the MAC address {mac}; there are {}", there.join(", "));
            let fix = "wait until the interface is attached, or look at `ip link`; an interface that was moved into a pod is not here";
            Err(Finding::error("lni.link-missing", "lni.match", what).fix(fix))
        }
        several => {
            let those: Vec<&str> = several.iter().map(|link| link.name.as_str()).collect();
            let what = format!("several interfaces have the MAC address {mac}: {}", those.join(", "));
            let fix = "take away what was put on top of the LNI (a VLAN of its own is written as lni.vlan), or give it another address";
            Err(Finding::error("lni.interface-two", "lni.match", what).fix(fix))
        }
    }
}

fn of_vlan<'a>(vlan: u16, below: &Link, facts: &'a Facts) -> Result<&'a Link, Finding> {
    let name = vlan_name(vlan);
    facts.routing.links.iter().find(|link| link.name == name).ok_or_else(|| {
        let what = format!("there is no interface {name} for VLAN {vlan}");
        let fix = format!(
            "write the files of `hybridge lni render`, which make it when the machine starts; until then: ip link add link {} name {name} type vlan id {vlan}",
            below.name
        );
        Finding::error("lni.vlan-link", "lni.vlan", what).fix(fix)
    })
}

fn primary(what: &str) -> Finding {
    Finding::error("lni.primary", "lni.match", format!("{what}: it is the node's way to the VPC, and never an LNI"))
        .fix("name the interface that is attached at the subnet's EnableLniAtDeviceIndex")
}

/// The link of the machine's default route, which is not ours.
fn default_link(facts: &Facts) -> Option<u32> {
    default_route(facts).map(|route| route.link)
}

/// The machine's default route: of those that are not ours the one with the lowest metric.
pub(super) fn default_route(facts: &Facts) -> Option<&hybridge_model::routing::TableRoute> {
    let everywhere = |route: &&hybridge_model::routing::TableRoute| {
        route.table == MAIN && route.destination.prefix() == 0 && route.destination.network() == Ipv4Addr::UNSPECIFIED
    };
    facts.routing.routes.iter().filter(everywhere).filter(|route| route.protocol != PROTOCOL).min_by_key(|route| route.metric)
}
