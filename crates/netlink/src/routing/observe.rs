//! From the kernel's messages about links, addresses, routes and rules to the model.

#![allow(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes grow with every release; those not named do not matter here")]

use std::net::{IpAddr, Ipv4Addr};

use hybridge_model::Cidr4;
use hybridge_model::kernel::Link;
use hybridge_model::routing::{InterfaceAddress, Rule, Selector, TableRoute, Vlan};
use netlink_packet_core::Parseable;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteType};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

/// The table `local`, which the kernel keeps itself.
const LOCAL: u32 = 255;

/// A link with what only LNIs ask about.
pub(crate) struct FoundLink {
    pub(crate) link: Link,
    pub(crate) carrier: bool,
    pub(crate) vlan: Option<Vlan>,
}

pub(crate) fn routes() -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    RouteNetlinkMessage::GetRoute(message)
}

pub(crate) fn rules() -> RouteNetlinkMessage {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    RouteNetlinkMessage::GetRule(message)
}

pub(crate) fn decode_link(payload: &[u8]) -> Option<FoundLink> {
    let link = crate::observe::decode_link(payload)?;
    // What this build cannot read of a link of another kind hides its VLAN and nothing else.
    let message = LinkMessage::parse(payload);
    let carrier = crate::observe::link_flags(payload).is_some_and(|flags| flags.contains(LinkFlags::LowerUp));
    let (mut parent, mut id) = (None, None);
    for attribute in message.into_iter().flat_map(|message| message.attributes) {
        match attribute {
            LinkAttribute::Link(index) => parent = Some(index),
            LinkAttribute::LinkInfo(infos) => id = infos.iter().find_map(vlan_id),
            _ => {}
        }
    }
    let vlan = parent.zip(id).map(|(parent, id)| Vlan { parent, id });
    Some(FoundLink { link, carrier, vlan })
}

fn vlan_id(info: &LinkInfo) -> Option<u16> {
    let LinkInfo::Data(InfoData::Vlan(attributes)) = info else { return None };
    attributes.iter().find_map(|attribute| match attribute {
        InfoVlan::Id(id) => Some(*id),
        _ => None,
    })
}

pub(crate) fn decode_address(payload: &[u8]) -> Option<InterfaceAddress> {
    let message = AddressMessage::parse(payload).ok()?;
    let (mut local, mut other_end) = (None, None);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => local = Some(address),
            AddressAttribute::Address(IpAddr::V4(address)) => other_end = Some(address),
            _ => {}
        }
    }
    let (link, prefix) = (message.header.index, message.header.prefix_len);
    Some(InterfaceAddress { link, address: local.or(other_end)?, prefix })
}

/// A unicast route of any table but `local`. Left out are those that the model cannot name: several next hops, one type of service.
pub(crate) fn decode_route(payload: &[u8]) -> Option<TableRoute> {
    let RouteMessage { header, attributes, .. } = RouteMessage::parse(payload).ok()?;
    let unicast = header.address_family == AddressFamily::Inet && header.kind == RouteType::Unicast;
    if !unicast || header.tos != 0 || header.flags.contains(RouteFlags::Cloned) {
        return None;
    }
    let (mut network, mut metric, mut table) = (Ipv4Addr::UNSPECIFIED, 0, u32::from(header.table));
    let (mut via, mut link, mut source) = (None, None, None);
    for attribute in attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => network = address,
            RouteAttribute::Priority(priority) => metric = priority,
            RouteAttribute::Table(number) => table = number,
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => via = Some(address),
            RouteAttribute::PrefSource(RouteAddress::Inet(address)) => source = Some(address),
            RouteAttribute::Oif(index) => link = Some(index),
            _ => {}
        }
    }
    let destination = Cidr4::containing(network, header.destination_prefix_length)?;
    let protocol = header.protocol.into();
    (table != LOCAL).then_some(TableRoute { table, destination, metric, via, link: link?, source, protocol })
}

/// An IPv4 rule.
pub(crate) fn decode_rule(payload: &[u8]) -> Option<Rule> {
    let RuleMessage { header, attributes, .. } = RuleMessage::parse(payload).ok()?;
    if header.family != AddressFamily::Inet {
        return None;
    }
    let mut rule = Rule { priority: 0, selector: Selector::From(Cidr4::containing(Ipv4Addr::UNSPECIFIED, 0)?), table: 0, protocol: 0 };
    let (mut table, mut mark, mut mask) = (u32::from(header.table), None, None);
    let mut selectors = Vec::new();
    let mut others = Vec::new();
    if header.tos != 0 {
        others.push(format!("tos {:#x}", header.tos));
    }
    for attribute in attributes {
        match attribute {
            RuleAttribute::Priority(priority) => rule.priority = priority,
            RuleAttribute::Protocol(protocol) => rule.protocol = protocol.into(),
            RuleAttribute::Table(number) => table = number,
            RuleAttribute::FwMark(value) => mark = Some(value),
            RuleAttribute::FwMask(value) => mask = Some(value),
            RuleAttribute::Source(IpAddr::V4(address)) => selectors.push(Selector::From(Cidr4::containing(address, header.src_len)?)),
            RuleAttribute::Destination(IpAddr::V4(address)) => selectors.push(Selector::To(Cidr4::containing(address, header.dst_len)?)),
            RuleAttribute::Iifname(name) => others.push(format!("iif {name}")),
            RuleAttribute::Oifname(name) => others.push(format!("oif {name}")),
            // The kernel writes -1 for "none".
            RuleAttribute::SuppressPrefixLen(u32::MAX) | RuleAttribute::SuppressIfGroup(u32::MAX) => {}
            other => others.push(format!("{other:?}").to_lowercase()),
        }
    }
    if header.action == RuleAction::ToTable {
        rule.table = table;
    }
    if mark.is_some() || mask.is_some() {
        selectors.push(Selector::Mark { mark: mark.unwrap_or(0), mask: mask.unwrap_or(u32::MAX) });
    }
    selectors.sort();
    let inverted = header.flags.contains(RuleFlags::Invert);
    rule.selector = match (selectors.len(), others.is_empty() && !inverted) {
        (0, true) => rule.selector,
        (1, true) => selectors.remove(0),
        (_, _) => {
            let all = inverted.then(|| "not".to_owned()).into_iter().chain(selectors.iter().map(Selector::to_string)).chain(others);
            Selector::Other(all.collect::<Vec<_>>().join(" "))
        }
    };
    Some(rule)
}
