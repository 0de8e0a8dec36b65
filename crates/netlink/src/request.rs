//! From the model's changes to the kernel's messages, and to the command line that does the same.

use hybridge_model::MacAddr;
use hybridge_model::kernel::{Change, FdbEntry, Neighbour, NextHop, Route, VxlanSpec};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

/// A message and its flags, without REQUEST and ACK.
pub(crate) type Request = (RouteNetlinkMessage, u16);

const SET: u16 = NLM_F_CREATE | NLM_F_REPLACE;

/// Makes a device, sets its MTU and brings it up, all or nothing.
pub(crate) fn create_vxlan(spec: &VxlanSpec) -> Request {
    let vxlan = spec.vxlan;
    let mut parameters = vec![InfoVxlan::Id(vxlan.vni), InfoVxlan::Port(vxlan.port), InfoVxlan::Learning(vxlan.learning)];
    // The outer UDP checksum is left out, as RFC 7348 §5 asks for: where source NAT changes the outer port of a packet whose inner
    // checksum is still to be computed, the kernel would otherwise send a wrong one.
    parameters.push(InfoVxlan::UDPCsum(false));
    parameters.extend(vxlan.local.map(InfoVxlan::Local));
    parameters.extend(vxlan.external.then_some(InfoVxlan::CollectMetadata(true)));
    let mut message = LinkMessage::default();
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message.attributes = vec![
        LinkAttribute::IfName(spec.name.clone()),
        LinkAttribute::Mtu(spec.mtu),
        LinkAttribute::Address(spec.mac.octets().to_vec()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Vxlan), LinkInfo::Data(InfoData::Vxlan(parameters))]),
    ];
    (RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
}

/// Sets state and MTU.
pub(crate) fn set_link(name: &str, up: bool, mtu: u32) -> Request {
    let mut message = LinkMessage::default();
    message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
    message.header.change_mask = LinkFlags::Up;
    message.attributes = vec![LinkAttribute::IfName(name.into()), LinkAttribute::Mtu(mtu)];
    (RouteNetlinkMessage::SetLink(message), 0)
}

/// Removes a device.
pub(crate) fn delete_link(name: &str) -> Request {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.into()));
    (RouteNetlinkMessage::DelLink(message), 0)
}

/// Adds or replaces a route; `None` for [`NextHop::Other`].
pub(crate) fn set_route(route: &Route, device: u32) -> Option<Request> {
    let mut message = self::route(route);
    match route.via {
        NextHop::Device(gateway) => {
            message.header.kind = RouteType::Unicast;
            message.header.flags = RouteFlags::Onlink;
            message.attributes.extend([RouteAttribute::Gateway(RouteAddress::Inet(gateway)), RouteAttribute::Oif(device)]);
        }
        NextHop::Unreachable => message.header.kind = RouteType::Unreachable,
        NextHop::Other => return None,
    }
    Some((RouteNetlinkMessage::NewRoute(message), SET))
}

/// Removes a route. Of [`NextHop::Other`], the first with its destination, metric and protocol.
pub(crate) fn delete_route(route: &Route, device: u32) -> Request {
    let mut message = self::route(route);
    // As `ip route del` does: the scope need not match.
    message.header.scope = RouteScope::NoWhere;
    match route.via {
        NextHop::Device(gateway) => {
            message.header.kind = RouteType::Unicast;
            message.attributes.extend([RouteAttribute::Gateway(RouteAddress::Inet(gateway)), RouteAttribute::Oif(device)]);
        }
        NextHop::Unreachable => message.header.kind = RouteType::Unreachable,
        NextHop::Other => {}
    }
    (RouteNetlinkMessage::DelRoute(message), 0)
}

fn route(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.destination_prefix_length = route.destination.prefix();
    message.header.protocol = RouteProtocol::from(route.protocol);
    message.attributes.push(RouteAttribute::Priority(route.metric));
    // The kernel writes the default route without a destination.
    if route.destination.prefix() > 0 {
        message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(route.destination.network())));
    }
    message
}

/// Adds or replaces a neighbour; one that is not permanent starts as reachable.
pub(crate) fn set_neighbour(neighbour: &Neighbour, device: u32) -> Request {
    let mut message = self::neighbour(neighbour, device);
    message.header.state = state(neighbour.permanent);
    message.attributes.push(link_layer_address(neighbour.mac));
    (RouteNetlinkMessage::NewNeighbour(message), SET)
}

/// Removes a neighbour, whatever its Ethernet address.
pub(crate) fn delete_neighbour(neighbour: &Neighbour, device: u32) -> Request {
    (RouteNetlinkMessage::DelNeighbour(self::neighbour(neighbour, device)), 0)
}

fn neighbour(neighbour: &Neighbour, device: u32) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = device;
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(neighbour.address)));
    message
}

/// Adds a forwarding entry, or replaces the first remote of its MAC.
pub(crate) fn set_fdb(entry: &FdbEntry, device: u32) -> Request {
    let mut message = fdb(entry, device);
    message.header.state = state(entry.permanent);
    (RouteNetlinkMessage::NewNeighbour(message), SET)
}

/// Removes one remote of a MAC.
pub(crate) fn delete_fdb(entry: &FdbEntry, device: u32) -> Request {
    (RouteNetlinkMessage::DelNeighbour(fdb(entry, device)), 0)
}

fn fdb(entry: &FdbEntry, device: u32) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = device;
    message.header.flags = NeighbourFlags::Own;
    message.attributes = vec![link_layer_address(entry.mac), NeighbourAttribute::Destination(NeighbourAddress::Inet(entry.remote))];
    message
}

fn state(permanent: bool) -> NeighbourState {
    if permanent { NeighbourState::Permanent } else { NeighbourState::Reachable }
}

fn link_layer_address(mac: MacAddr) -> NeighbourAttribute {
    NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec())
}

/// The command line that does the same.
pub(crate) fn command(change: &Change, device: &str) -> String {
    match change {
        Change::CreateVxlan(VxlanSpec { name, mac, mtu, vxlan }) => {
            let local = vxlan.local.map(|address| format!(" local {address}")).unwrap_or_default();
            let learning = if vxlan.learning { "learning" } else { "nolearning" };
            let external = if vxlan.external { " external" } else { "" };
            let (vni, port) = (vxlan.vni, vxlan.port);
            format!("ip link add {name} address {mac} mtu {mtu} up type vxlan id {vni} dstport {port}{local} {learning}{external}")
        }
        Change::SetLink { name, up, mtu } => format!("ip link set {name} {} mtu {mtu}", if *up { "up" } else { "down" }),
        Change::DeleteLink { name } => format!("ip link del {name}"),
        Change::SetRoute(route) => format!("ip route replace {}", route_words(route, device)),
        Change::DeleteRoute(route) => format!("ip route del {}", route_words(route, device)),
        Change::SetNeighbour(Neighbour { address, mac, permanent }) => {
            format!("ip neigh replace {address} lladdr {mac} dev {device} nud {}", if *permanent { "permanent" } else { "reachable" })
        }
        Change::DeleteNeighbour(Neighbour { address, .. }) => format!("ip neigh del {address} dev {device}"),
        Change::SetFdb(FdbEntry { mac, remote, permanent }) => {
            format!("bridge fdb replace {mac} dev {device} dst {remote} self {}", if *permanent { "permanent" } else { "dynamic" })
        }
        Change::DeleteFdb(FdbEntry { mac, remote, .. }) => format!("bridge fdb del {mac} dev {device} dst {remote} self"),
    }
}

fn route_words(route: &Route, device: &str) -> String {
    let Route { destination, metric, via, protocol } = route;
    let end = format!("proto {protocol} metric {metric}");
    match via {
        NextHop::Device(gateway) => format!("{destination} via {gateway} dev {device} onlink {end}"),
        NextHop::Unreachable => format!("unreachable {destination} {end}"),
        NextHop::Other => format!("{destination} {end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hybridge_model::kernel::Vxlan;

    #[test]
    fn a_change_is_written_as_the_command_that_does_the_same() {
        let mac = "02:00:c0:a8:0a:0b".parse().unwrap();
        let ip = "192.168.10.11".parse().unwrap();
        let destination = "10.250.1.0/24".parse().unwrap();
        let route = |via, metric| Route { destination, metric, via, protocol: 104 };
        let vxlan = Vxlan { vni: 2, port: 8472, local: Some(ip), learning: false, external: false };
        let fdb = FdbEntry { mac, remote: ip, permanent: true };
        let neighbour = Neighbour { address: ip, mac, permanent: true };
        let cases = [
            (
                Change::CreateVxlan(VxlanSpec { name: "v0".into(), mac, mtu: 1450, vxlan }),
                "ip link add v0 address 02:00:c0:a8:0a:0b mtu 1450 up type vxlan id 2 dstport 8472 local 192.168.10.11 nolearning",
            ),
            (Change::SetLink { name: "v0".into(), up: true, mtu: 1400 }, "ip link set v0 up mtu 1400"),
            (Change::DeleteLink { name: "v0".into() }, "ip link del v0"),
            (
                Change::SetRoute(route(NextHop::Device(ip), 0)),
                "ip route replace 10.250.1.0/24 via 192.168.10.11 dev v0 onlink proto 104 metric 0",
            ),
            (Change::DeleteRoute(route(NextHop::Unreachable, 9)), "ip route del unreachable 10.250.1.0/24 proto 104 metric 9"),
            (Change::SetNeighbour(neighbour), "ip neigh replace 192.168.10.11 lladdr 02:00:c0:a8:0a:0b dev v0 nud permanent"),
            (Change::DeleteNeighbour(neighbour), "ip neigh del 192.168.10.11 dev v0"),
            (Change::SetFdb(fdb), "bridge fdb replace 02:00:c0:a8:0a:0b dev v0 dst 192.168.10.11 self permanent"),
            (Change::DeleteFdb(fdb), "bridge fdb del 02:00:c0:a8:0a:0b dev v0 dst 192.168.10.11 self"),
        ];
        for (change, expected) in cases {
            assert_eq!(command(&change, "v0"), expected);
        }
    }
}
