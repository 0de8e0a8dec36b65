//! Networks of the LAN, the LNI's own address, and routers.

use hybridge_model::Cidr4;

use super::super::whole::Mode;
use super::{Checks, ends};

/// Networks that are no LAN of anybody.
const SPECIAL: [(&str, &str); 5] = [
    ("0.0.0.0/8", "this host"),
    ("127.0.0.0/8", "the loopback interface"),
    ("169.254.0.0/16", "link-local addresses, where EC2's instance metadata is"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "nobody"),
];

/// `lan.cidrs`.
pub(super) fn lan(checks: &mut Checks<'_>) {
    let cidrs = &checks.draft.lan.cidrs;
    if cidrs.is_empty() && checks.places.sound("lan.cidrs") && checks.places.sound("lan") {
        let what = "names no network: what goes there is sent to the LNI, and pools must be in the first";
        checks.error("lni.lan", "lan", "", what).fix("write cidrs: [192.168.2.0/24] with the LAN's network");
    }
    for (index, cidr) in cidrs.iter().enumerate() {
        let (path, text) = (format!("lan.cidrs[{index}]"), cidr.to_string());
        let special = SPECIAL.iter().find(|(network, _)| network.parse::<Cidr4>().is_ok_and(|network| network.overlaps(*cidr)));
        if cidr.prefix() < 8 {
            let what = "is too large for a LAN: all that goes there would leave by the LNI";
            checks.error("lni.lan-range", &path, &text, what).fix("name the networks that are behind the LNI");
        } else if let Some((network, whose)) = special {
            checks.error("lni.lan-range", &path, &text, format!("lies in {network}, which is for {whose}")).fix("write the LAN's network");
        } else if index == 0 && cidr.prefix() > 30 {
            let what = "has no room for the node, a router and Services";
            checks.error("lni.lan-range", &path, &text, what).fix("write the whole network that holds the LNI's address");
        }
        let Some(other) = cidrs[..index].iter().find(|other| other.overlaps(*cidr)) else { continue };
        let (code, what) = match other == cidr {
            true => ("lni.duplicate", "is in the list already".to_owned()),
            false => ("lni.overlap", format!("overlaps {other}")),
        };
        checks.error(code, &path, &text, what).fix("keep the larger one");
    }
}

/// The static address.
pub(super) fn own(checks: &mut Checks<'_>) {
    let (Some(own), Some(Mode::Static)) = (checks.draft.address.cidr, checks.draft.address.mode) else { return };
    let (path, text, network) = ("address.cidr", own.to_string(), own.network());
    for (name, end) in ends(network) {
        if own.address == end {
            checks.error("lni.address", path, &text, format!("is {name}")).fix("write an address between the first and the last");
        }
    }
    if let Some(first) = checks.own_network().filter(|first| *first != network) {
        let what = format!("is in {network}, but the first of lan.cidrs, which holds the LNI's address, is {first}");
        let fix = match first.contains(own.address) {
            true => format!("write {}/{}", own.address, first.prefix()),
            false => format!("write an address of {first}, or put {network} first into lan.cidrs"),
        };
        checks.error("lni.address-network", path, &text, what).fix(fix);
    }
    if let Some(range) = checks.draft.lan.dhcp_range.filter(|range| range.contains(own.address)) {
        let what = format!("is in lan.dhcpRange, {range}: the LAN's DHCP server may give it to somebody else");
        checks
            .error("lni.address-in-dhcp", path, &text, what)
            .fix("take one outside, or mode: dhcp with a reservation for the MAC address");
    }
}

/// Routers.
pub(super) fn gateways(checks: &mut Checks<'_>) {
    let own = checks.draft.address.cidr;
    let network = checks.own_network().or(own.map(|own| own.network()));
    let named = checks.gateways();
    for (path, gateway) in &named {
        let text = gateway.to_string();
        if let Some(network) = network.filter(|network| !network.contains(*gateway)) {
            let what = format!("is not in {network}, so the LNI cannot reach it");
            checks.error("lni.gateway", path, &text, what).fix(format!("write the router's address in {network}"));
        } else if let Some((name, _)) = network.and_then(|network| ends(network).into_iter().find(|(_, end)| end == gateway)) {
            checks.error("lni.gateway", path, &text, format!("is {name}")).fix("write the router's address");
        }
        if own.is_some_and(|own| own.address == *gateway) {
            checks.error("lni.gateway", path, &text, "is the LNI's own address").fix("write the router's address");
        }
    }
    if let [(_, one), (path, two)] = named.as_slice()
        && one != two
    {
        let what = format!("contradicts address.gateway, which is {one}");
        checks.error("lni.gateway", path, &two.to_string(), what).fix("keep address.gateway");
    }
    let fixed = checks.draft.address.mode == Some(Mode::Static) && named.is_empty();
    if fixed && checks.draft.lan.cidrs.len() > 1 && checks.places.sound("address") && checks.places.sound("lan") {
        let behind = checks.draft.lan.cidrs[1];
        let what = format!("has no gateway, so nothing leads to {behind}, which lies behind a router");
        checks.error("lni.gateway-missing", "address", "", what).fix("write gateway: with the address of the LAN's router");
    }
}
