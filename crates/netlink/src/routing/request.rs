//! From changes of addresses and policy routing to the kernel's messages, and to the command line that does the same.

use std::net::{IpAddr, Ipv4Addr};

use hybridge_model::Cidr4;
use hybridge_model::routing::{InterfaceAddress, RoutingChange, Rule, Selector, TableRoute};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::request::Request;

const SET: u16 = NLM_F_CREATE | NLM_F_REPLACE;

/// The kernel's message; `None` for a rule that cannot be set.
pub(crate) fn request(change: &RoutingChange) -> Option<Request> {
    Some(match change {
        RoutingChange::SetLink { link, mtu } => (RouteNetlinkMessage::SetLink(link_up(*link, *mtu)), 0),
        RoutingChange::SetAddress(address) => (RouteNetlinkMessage::NewAddress(self::address(address)), SET),
        RoutingChange::DeleteAddress(address) => (RouteNetlinkMessage::DelAddress(self::address(address)), 0),
        RoutingChange::SetRoute(route) => (RouteNetlinkMessage::NewRoute(new_route(route)), SET),
        RoutingChange::DeleteRoute(route) => {
            let mut message = self::route(route);
            // As `ip route del` does: the scope need not match.
            message.header.scope = RouteScope::NoWhere;
            (RouteNetlinkMessage::DelRoute(message), 0)
        }
        RoutingChange::SetRule(rule) => (RouteNetlinkMessage::NewRule(new_rule(rule)?), NLM_F_CREATE | NLM_F_EXCL),
        // Of those that cannot be set, the first with that priority, table and protocol.
        RoutingChange::DeleteRule(rule) => (RouteNetlinkMessage::DelRule(new_rule(rule).unwrap_or_else(|| rule_without_selector(rule))), 0),
    })
}

fn link_up(link: u32, mtu: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = link;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message.attributes.push(LinkAttribute::Mtu(mtu));
    message
}

fn address(address: &InterfaceAddress) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = address.prefix;
    message.header.index = address.link;
    let ip = IpAddr::V4(address.address);
    message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
    // Networks of two addresses or one have no broadcast address (RFC 3021).
    if address.prefix < 31 {
        let host_bits = u32::MAX.checked_shr(address.prefix.into()).unwrap_or(0);
        message.attributes.push(AddressAttribute::Broadcast(Ipv4Addr::from_bits(address.address.to_bits() | host_bits)));
    }
    message
}

fn new_route(route: &TableRoute) -> RouteMessage {
    let mut message = self::route(route);
    if route.via.is_some() {
        // The gateway is on the link whether or not the route to it is already there.
        message.header.flags = RouteFlags::Onlink;
    } else {
        message.header.scope = RouteScope::Link;
    }
    message
}

fn route(route: &TableRoute) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.kind = RouteType::Unicast;
    message.header.protocol = RouteProtocol::from(route.protocol);
    message.header.destination_prefix_length = route.destination.prefix();
    // Numbers above a byte stand in the attribute only.
    message.header.table = u8::try_from(route.table).unwrap_or(0);
    let attributes = &mut message.attributes;
    attributes.extend([RouteAttribute::Table(route.table), RouteAttribute::Priority(route.metric), RouteAttribute::Oif(route.link)]);
    attributes.extend(route.via.map(|gateway| RouteAttribute::Gateway(RouteAddress::Inet(gateway))));
    attributes.extend(route.source.map(|source| RouteAttribute::PrefSource(RouteAddress::Inet(source))));
    // The kernel writes the default route without a destination.
    if route.destination.prefix() > 0 {
        attributes.push(RouteAttribute::Destination(RouteAddress::Inet(route.destination.network())));
    }
    message
}

fn new_rule(rule: &Rule) -> Option<RuleMessage> {
    let mut message = rule_without_selector(rule);
    let address = |network: &Cidr4| IpAddr::V4(network.network());
    match &rule.selector {
        Selector::Mark { mark, mask } => message.attributes.extend([RuleAttribute::FwMark(*mark), RuleAttribute::FwMask(*mask)]),
        Selector::From(network) if network.prefix() == 0 => {}
        Selector::To(network) if network.prefix() == 0 => {}
        Selector::From(network) => {
            message.header.src_len = network.prefix();
            message.attributes.push(RuleAttribute::Source(address(network)));
        }
        Selector::To(network) => {
            message.header.dst_len = network.prefix();
            message.attributes.push(RuleAttribute::Destination(address(network)));
        }
        Selector::Other(_) => return None,
    }
    Some(message)
}

fn rule_without_selector(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.action = if rule.table == 0 { RuleAction::Unspec } else { RuleAction::ToTable };
    message.attributes.push(RuleAttribute::Priority(rule.priority));
    if rule.table != 0 {
        message.attributes.push(RuleAttribute::Table(rule.table));
    }
    if rule.protocol != 0 {
        message.attributes.push(RuleAttribute::Protocol(RouteProtocol::from(rule.protocol)));
    }
    message
}
