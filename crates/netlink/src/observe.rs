//! From the kernel's messages to what the model knows of them.
//!
//! Attributes are decoded one by one where a host may have objects of any kind, so that one that this build does not understand
//! hides nothing but itself.

#![allow(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes grow with every release; those not named do not matter here")]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use hybridge_model::kernel::{FdbEntry, Link, Neighbour, NextHop, Route, Vxlan};
use hybridge_model::{Cidr4, MacAddr};
use netlink_packet_core::{NlasIterator, Parseable, ParseableParametrized};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoVxlan, LinkAttribute, LinkExtentMask, LinkFlags, LinkHeader, LinkInfo, LinkLayerType, LinkMessage, Stats64,
};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteType};

use crate::LinkCounters;

/// Length of `struct ifinfomsg`, after which attributes begin.
const LINK_HEADER: usize = 16;

/// Asks for every link, without counters.
pub(crate) fn links() -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    RouteNetlinkMessage::GetLink(message)
}

/// Asks for one link.
pub(crate) fn link(name: &str) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.into()));
    RouteNetlinkMessage::GetLink(message)
}

/// Asks for every IPv4 address.
pub(crate) fn addresses() -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    RouteNetlinkMessage::GetAddress(message)
}

/// Asks for the IPv4 routes of the main table over one device.
pub(crate) fn routes_over(device: u32) -> RouteNetlinkMessage {
    let mut message = main_table();
    message.attributes.push(RouteAttribute::Oif(device));
    RouteNetlinkMessage::GetRoute(message)
}

/// Asks for the IPv4 routes of the main table with a protocol number.
pub(crate) fn routes_of(protocol: u8) -> RouteNetlinkMessage {
    let mut message = main_table();
    message.header.protocol = RouteProtocol::from(protocol);
    RouteNetlinkMessage::GetRoute(message)
}

fn main_table() -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message
}

/// Asks for the IPv4 neighbours on one device.
pub(crate) fn neighbours(device: u32) -> RouteNetlinkMessage {
    neighbours_of(AddressFamily::Inet, device)
}

/// Asks for the forwarding entries of one device.
pub(crate) fn fdb(device: u32) -> RouteNetlinkMessage {
    neighbours_of(AddressFamily::Bridge, device)
}

fn neighbours_of(family: AddressFamily, device: u32) -> RouteNetlinkMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family;
    message.attributes.push(NeighbourAttribute::IfIndex(device));
    RouteNetlinkMessage::GetNeighbour(message)
}

/// The flags of a link message.
pub(crate) fn link_flags(payload: &[u8]) -> Option<LinkFlags> {
    LinkHeader::parse(payload).ok().map(|header| header.flags)
}

/// The parts of a link message that matter here.
fn link_parts(payload: &[u8]) -> Option<(LinkHeader, impl Iterator<Item = LinkAttribute>)> {
    let header = LinkHeader::parse(payload).ok()?;
    let family = header.interface_family;
    let wanted = [libc::IFLA_IFNAME, libc::IFLA_MTU, libc::IFLA_ADDRESS, libc::IFLA_LINKINFO, libc::IFLA_STATS64];
    let attributes = NlasIterator::new(payload.get(LINK_HEADER..)?)
        .flatten()
        .filter(move |attribute| wanted.contains(&attribute.kind()))
        .filter_map(move |attribute| LinkAttribute::parse_with_param(&attribute, family).ok())
        .collect::<Vec<_>>();
    Some((header, attributes.into_iter()))
}

/// A link, without its addresses.
pub(crate) fn decode_link(payload: &[u8]) -> Option<Link> {
    let (header, attributes) = link_parts(payload)?;
    let mut link = Link {
        index: header.index,
        name: String::new(),
        up: header.flags.contains(LinkFlags::Up),
        mtu: 0,
        mac: None,
        addresses: BTreeSet::new(),
        vxlan: None,
    };
    for attribute in attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Address(octets) if header.link_layer_type == LinkLayerType::Ether => link.mac = mac(&octets),
            LinkAttribute::LinkInfo(infos) => link.vxlan = infos.iter().find_map(vxlan),
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

fn vxlan(info: &LinkInfo) -> Option<Vxlan> {
    let LinkInfo::Data(InfoData::Vxlan(attributes)) = info else { return None };
    let mut vxlan = Vxlan { vni: 0, port: 0, local: None, learning: false, external: false };
    for attribute in attributes {
        match attribute {
            InfoVxlan::Id(vni) => vxlan.vni = *vni,
            InfoVxlan::Port(port) => vxlan.port = *port,
            InfoVxlan::Local(address) => vxlan.local = Some(*address),
            InfoVxlan::Learning(learning) => vxlan.learning = *learning,
            InfoVxlan::CollectMetadata(external) => vxlan.external = *external,
            _ => {}
        }
    }
    Some(vxlan)
}

fn mac(octets: &[u8]) -> Option<MacAddr> {
    octets.try_into().ok().map(MacAddr::new)
}

/// A link's counters.
pub(crate) fn decode_counters(payload: &[u8]) -> Option<LinkCounters> {
    let (header, mut attributes) = link_parts(payload)?;
    let stats = attributes.find_map(|attribute| match attribute {
        LinkAttribute::Stats64(stats) => Some(stats),
        _ => None,
    });
    let Stats64 { rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped, rx_errors, tx_errors, .. } = stats?;
    let up = header.flags.contains(LinkFlags::Up);
    Some(LinkCounters { up, rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped, rx_errors, tx_errors })
}

/// A link's index and one of its IPv4 addresses.
pub(crate) fn decode_address(payload: &[u8]) -> Option<(u32, Ipv4Addr)> {
    let message = AddressMessage::parse(payload).ok()?;
    let (mut local, mut other_end) = (None, None);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => local = Some(address),
            // The same as the local address, except on a point-to-point link.
            AddressAttribute::Address(IpAddr::V4(address)) => other_end = Some(address),
            _ => {}
        }
    }
    Some((message.header.index, local.or(other_end)?))
}

/// A route of the main table, seen from `device` (0 for none).
///
/// Routes that apply to one type of service only are left out: they cannot be named in the model.
pub(crate) fn decode_route(payload: &[u8], device: u32) -> Option<Route> {
    let header = RouteHeader::parse(payload).ok()?;
    let ours = header.address_family == AddressFamily::Inet && header.table == RouteHeader::RT_TABLE_MAIN;
    if !ours || header.tos != 0 || header.flags.contains(RouteFlags::Cloned) {
        return None;
    }
    let (mut network, mut metric) = (Ipv4Addr::UNSPECIFIED, 0);
    let (mut gateway, mut output, mut special) = (None, None, false);
    for attribute in RouteMessage::parse(payload).ok()?.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => network = address,
            RouteAttribute::Priority(priority) => metric = priority,
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => gateway = Some(address),
            RouteAttribute::Oif(index) => output = Some(index),
            RouteAttribute::Table(_) | RouteAttribute::CacheInfo(_) => {}
            // Several next hops, a next hop object, an IPv6 gateway, an encapsulation, a source address, an MTU …
            _ => special = true,
        }
    }
    let via = match (header.kind, gateway) {
        (RouteType::Unreachable, _) if !special => NextHop::Unreachable,
        (RouteType::Unicast, Some(gateway)) if !special && output == Some(device) && header.flags.contains(RouteFlags::Onlink) => {
            NextHop::Device(gateway)
        }
        _ => NextHop::Other,
    };
    let destination = Cidr4::containing(network, header.destination_prefix_length)?;
    Some(Route { destination, metric, via, protocol: header.protocol.into() })
}

/// A neighbour whose Ethernet address is known, whether it was learned or set.
pub(crate) fn decode_neighbour(payload: &[u8]) -> Option<Neighbour> {
    let NeighbourMessage { header, attributes, .. } = NeighbourMessage::parse(payload).ok()?;
    // NOARP: what the kernel knows without asking, such as multicast and broadcast.
    if matches!(header.state, NeighbourState::Incomplete | NeighbourState::Failed | NeighbourState::Noarp | NeighbourState::None) {
        return None;
    }
    let address = attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(*address),
        _ => None,
    })?;
    Some(Neighbour { address, mac: link_layer_address(&attributes)?, permanent: header.state == NeighbourState::Permanent })
}

/// A forwarding entry; one for each remote of a MAC. (The kernel keeps several for multicast and the all-zero MAC only.)
///
/// A remote that is not an IPv4 address alone (IPv6, a port, VNI or interface of its own, a next hop object) is shown as 0.0.0.0,
/// for which [`Change::DeleteFdb`](hybridge_model::kernel::Change::DeleteFdb) removes all entries of the MAC.
pub(crate) fn decode_fdb(payload: &[u8], device: u32) -> Option<FdbEntry> {
    let NeighbourMessage { header, attributes, .. } = NeighbourMessage::parse(payload).ok()?;
    if header.ifindex != device || !header.flags.contains(NeighbourFlags::Own) {
        return None;
    }
    let mut remote = None;
    let mut special = false;
    for attribute in &attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Other(octets)) => {
                remote = <[u8; 4]>::try_from(octets.as_slice()).ok().map(Ipv4Addr::from);
            }
            NeighbourAttribute::Port(_) | NeighbourAttribute::Vni(_) | NeighbourAttribute::IfIndex(_) => special = true,
            _ => {}
        }
    }
    let remote = remote.filter(|_| !special).unwrap_or(Ipv4Addr::UNSPECIFIED);
    Some(FdbEntry { mac: link_layer_address(&attributes)?, remote, permanent: header.state == NeighbourState::Permanent })
}

fn link_layer_address(attributes: &[NeighbourAttribute]) -> Option<MacAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(octets) => mac(octets),
        _ => None,
    })
}
