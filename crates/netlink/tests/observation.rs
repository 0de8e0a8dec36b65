//! What others did to the kernel is seen, and can be undone.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::net::Ipv4Addr;

use hybridge_model::MacAddr;
use hybridge_model::kernel::{Change, FdbEntry, Neighbour, NextHop, Route};
use hybridge_netlink::Netlink;
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use support::*;

fn foreign_fdb(device: u32, mac: MacAddr, remote: u8, port: Option<u16>) -> RouteNetlinkMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = device;
    message.header.flags = NeighbourFlags::Own;
    message.header.state = NeighbourState::Permanent;
    message.attributes = vec![
        NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()),
        NeighbourAttribute::Destination(NeighbourAddress::Inet(ip(remote))),
    ];
    message.attributes.extend(port.map(NeighbourAttribute::Port));
    RouteNetlinkMessage::NewNeighbour(message)
}

/// A unicast route of the main table with protocol `static`.
fn foreign_route(n: u8, attributes: Vec<RouteAttribute>) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = 254;
    message.header.protocol = RouteProtocol::Static;
    message.header.kind = RouteType::Unicast;
    message.header.destination_prefix_length = 24;
    message.attributes = attributes;
    message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(cidr(n).network())));
    message
}

fn onlink(n: u8, gateway: u8, device: u32) -> RouteMessage {
    let mut message = foreign_route(n, vec![RouteAttribute::Gateway(RouteAddress::Inet(ip(gateway))), RouteAttribute::Oif(device)]);
    message.header.flags = RouteFlags::Onlink;
    message
}

async fn device_index(netlink: &Netlink) -> u32 {
    snapshot(netlink).await.link(DEVICE).unwrap().index
}

#[test]
fn links_show_addresses_and_kind() {
    in_namespace(|| async {
        let netlink = with_device().await;
        Foreigner::new().bridge("b0", Ipv4Addr::new(10, 0, 1, 10), 24).await;
        let seen = snapshot(&netlink).await;
        assert_eq!(seen.links.iter().map(|link| link.name.as_str()).collect::<Vec<_>>(), ["lo", DEVICE, "b0"]);
        assert_eq!(seen.link_with(Ipv4Addr::LOCALHOST).unwrap().mac, None);
        let bridge = seen.link_with(Ipv4Addr::new(10, 0, 1, 10)).unwrap();
        assert!(bridge.name == "b0" && bridge.vxlan.is_none() && bridge.mac.is_some() && bridge.up && bridge.mtu == 1500);
    });
}

#[test]
fn foreign_forwarding_entries_are_seen_and_can_be_removed() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let foreigner = Foreigner::new();
        let device = device_index(&netlink).await;
        let zero = MacAddr::new([0; 6]);
        apply(&netlink, &[Change::SetFdb(fdb(1, 1))]).await;
        // Flooding to two remotes, and a remote with a port of its own. (Only flooding knows several remotes.)
        foreigner.request(foreign_fdb(device, zero, 3, None), NLM_F_CREATE | NLM_F_APPEND).await;
        foreigner.request(foreign_fdb(device, zero, 4, None), NLM_F_CREATE | NLM_F_APPEND).await;
        foreigner.request(foreign_fdb(device, mac(5), 5, Some(4789)), NLM_F_CREATE).await;

        let seen = snapshot(&netlink).await.fdb;
        let entry = |mac, remote| FdbEntry { mac, remote, permanent: true };
        let expected = [entry(zero, ip(3)), entry(zero, ip(4)), fdb(1, 1), entry(mac(5), Ipv4Addr::UNSPECIFIED)];
        assert_eq!(seen.iter().copied().collect::<Vec<_>>(), expected);

        let extra: Vec<_> = seen.into_iter().filter(|entry| *entry != fdb(1, 1)).map(Change::DeleteFdb).collect();
        apply(&netlink, &extra).await;
        assert_eq!(snapshot(&netlink).await.fdb.into_iter().collect::<Vec<_>>(), [fdb(1, 1)]);
    });
}

#[test]
fn foreign_routes_are_seen_where_they_concern_us_and_can_be_removed() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let foreigner = Foreigner::new();
        let device = device_index(&netlink).await;
        let bridge = foreigner.bridge("b0", ip(200), 24).await;
        let route_of = |message| RouteNetlinkMessage::NewRoute(message);

        // On the device: like ours; without a gateway; with an MTU of its own.
        foreigner.create(route_of(onlink(1, 1, device))).await;
        let mut direct = foreign_route(2, vec![RouteAttribute::Oif(device)]);
        direct.header.scope = RouteScope::Link;
        foreigner.create(route_of(direct)).await;
        let mut preferred = onlink(3, 3, device);
        preferred.attributes.push(RouteAttribute::PrefSource(RouteAddress::Inet(ip(200))));
        foreigner.create(route_of(preferred)).await;
        // Elsewhere, but with our protocol number.
        let mut elsewhere = onlink(4, 4, bridge);
        elsewhere.header.protocol = RouteProtocol::Other(PROTOCOL);
        foreigner.create(route_of(elsewhere)).await;
        // None of our business: another device, another table, another kind of ours in another table.
        foreigner.create(route_of(onlink(5, 5, bridge))).await;
        let mut table = onlink(6, 6, device);
        table.header.table = 100;
        table.header.protocol = RouteProtocol::Other(PROTOCOL);
        foreigner.create(route_of(table.clone())).await;

        let seen = snapshot(&netlink).await.routes;
        let other = |n, protocol| Route { protocol, ..route(n, 0, NextHop::Other) };
        let static_one = Route { protocol: 4, ..route(1, 0, via(1)) };
        assert_eq!(seen.iter().copied().collect::<Vec<_>>(), [static_one, other(2, 4), other(3, 4), other(4, PROTOCOL)]);

        apply(&netlink, &seen.into_iter().map(Change::DeleteRoute).collect::<Vec<_>>()).await;
        assert!(snapshot(&netlink).await.routes.is_empty());
        // The others are still there: deleting them by hand succeeds.
        foreigner.request(RouteNetlinkMessage::DelRoute(onlink(5, 5, bridge)), 0).await;
        foreigner.request(RouteNetlinkMessage::DelRoute(table), 0).await;
    });
}

#[test]
fn a_wanted_route_behind_a_foreign_one_is_brought_to_the_front() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let foreigner = Foreigner::new();
        let device = device_index(&netlink).await;
        apply(&netlink, &[Change::SetRoute(route(1, 0, via(1)))]).await;
        // `ip route prepend`: CREATE without EXCL, REPLACE and APPEND.
        foreigner.create(RouteNetlinkMessage::NewRoute(onlink(1, 9, device))).await;
        let prepended = Route { protocol: 4, ..route(1, 0, via(9)) };
        assert_eq!(snapshot(&netlink).await.routes.into_iter().collect::<Vec<_>>(), [route(1, 0, via(1)), prepended]);
        apply(&netlink, &[Change::SetRoute(route(1, 0, via(1)))]).await;
        assert_eq!(snapshot(&netlink).await.routes.into_iter().collect::<Vec<_>>(), [route(1, 0, via(1))]);
    });
}

#[test]
fn foreign_neighbours_are_seen_with_their_state() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let foreigner = Foreigner::new();
        let device = device_index(&netlink).await;
        let bridge = foreigner.bridge("b0", Ipv4Addr::new(10, 0, 1, 10), 24).await;
        let message = |device, address, state| {
            let mut message = NeighbourMessage::default();
            message.header.family = AddressFamily::Inet;
            message.header.ifindex = device;
            message.header.state = state;
            message.attributes = vec![
                NeighbourAttribute::Destination(NeighbourAddress::Inet(ip(address))),
                NeighbourAttribute::LinkLayerAddress(mac(address).octets().to_vec()),
            ];
            RouteNetlinkMessage::NewNeighbour(message)
        };
        foreigner.create(message(device, 1, NeighbourState::Stale)).await;
        foreigner.create(message(device, 2, NeighbourState::Permanent)).await;
        foreigner.create(message(bridge, 3, NeighbourState::Permanent)).await;
        let stale = Neighbour { permanent: false, ..neighbour(1, 1) };
        assert_eq!(snapshot(&netlink).await.neighbours.into_iter().collect::<Vec<_>>(), [stale, neighbour(2, 2)]);

        // Setting it makes it permanent.
        apply(&netlink, &[Change::SetNeighbour(neighbour(1, 1)), Change::DeleteNeighbour(neighbour(2, 2))]).await;
        assert_eq!(snapshot(&netlink).await.neighbours.into_iter().collect::<Vec<_>>(), [neighbour(1, 1)]);
    });
}

#[test]
fn a_reading_that_is_given_up_does_not_disturb_the_next() {
    in_namespace(|| async {
        let netlink = with_device().await;
        // More than one datagram each.
        let changes: Vec<_> =
            (0..=255).flat_map(|n| [Change::SetRoute(route(n, 0, via(1))), Change::SetRoute(route(n, 1, via(1)))]).collect();
        apply(&netlink, &changes).await;
        let whole = snapshot(&netlink).await;
        assert_eq!(whole.routes.len(), 512);
        for polls in 1..20 {
            let mut reading = Box::pin(snapshot(&netlink));
            for _ in 0..polls {
                // Without a chance for the reactor, a reading stays where it waits for the socket.
                if futures::poll!(&mut reading).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(reading);
            let mut writing = Box::pin(netlink.apply(&changes, DEVICE));
            let _ = futures::poll!(&mut writing);
            drop(writing);
            assert_eq!(snapshot(&netlink).await, whole);
        }
    });
}

#[test]
fn a_reading_during_changes_is_whole() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let constant: Vec<_> = (0..=255).map(|n| Change::SetRoute(route(n, 7, via(1)))).collect();
        apply(&netlink, &constant).await;
        let writer = tokio::spawn(async {
            let netlink = Netlink::connect().unwrap();
            for n in 0..=255 {
                apply(&netlink, &[Change::SetRoute(route(n, 0, via(2)))]).await;
                apply(&netlink, &[Change::DeleteRoute(route(n, 0, via(2)))]).await;
            }
        });
        while !writer.is_finished() {
            let seen = snapshot(&netlink).await.routes;
            assert_eq!(seen.iter().filter(|route| route.metric == 7).count(), 256);
            tokio::task::yield_now().await;
        }
        writer.await.unwrap();
    });
}

#[test]
fn ip_forward_is_read_from_this_namespace() {
    in_namespace(|| async {
        for (text, expected) in [("1", true), ("0", false)] {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", text).unwrap();
            assert_eq!(hybridge_netlink::ip_forward().unwrap(), expected);
        }
    });
}
