//! Events come for what concerns us and not for the rest.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use hybridge_model::kernel::{Change, NextHop, Route, VxlanSpec};
use hybridge_netlink::{Event, events};
use support::*;

/// The next event; `None` if none comes within 300 ms.
async fn soon(events: &mut (impl Stream<Item = Event> + Unpin)) -> Option<Event> {
    tokio::time::timeout(Duration::from_millis(300), events.next()).await.ok().map(|event| event.expect("the stream does not end"))
}

/// Events until none comes any more.
async fn settle(events: &mut (impl Stream<Item = Event> + Unpin)) {
    while soon(events).await.is_some() {}
}

#[test]
fn every_change_behind_our_back_is_told() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let mut events = pin!(events(DEVICE, PROTOCOL).unwrap());
        let foreign_route = Route { protocol: 4, ..route(2, 0, via(2)) };
        let guard = route(3, u32::MAX, NextHop::Unreachable);
        for change in [
            Change::SetRoute(route(1, 0, via(1))),
            Change::SetRoute(foreign_route),
            Change::SetRoute(guard),
            Change::SetNeighbour(neighbour(1, 1)),
            Change::SetFdb(fdb(1, 1)),
            Change::DeleteRoute(route(1, 0, via(1))),
            Change::DeleteRoute(foreign_route),
            Change::DeleteRoute(guard),
            Change::DeleteNeighbour(neighbour(1, 1)),
            Change::DeleteFdb(fdb(1, 1)),
            Change::SetLink { name: DEVICE.into(), up: true, mtu: 1400 },
            Change::SetLink { name: DEVICE.into(), up: false, mtu: 1400 },
            Change::DeleteLink { name: DEVICE.into() },
        ] {
            apply(&netlink, std::slice::from_ref(&change)).await;
            assert_eq!(soon(&mut events).await, Some(Event::Changed), "{change:?}");
            settle(&mut events).await;
        }
    });
}

#[test]
fn a_device_made_again_is_followed() {
    in_namespace(|| async {
        let netlink = hybridge_netlink::Netlink::connect().unwrap();
        let mut events = pin!(events(DEVICE, PROTOCOL).unwrap());
        for _ in 0..2 {
            apply(&netlink, &[Change::CreateVxlan(spec())]).await;
            assert_eq!(soon(&mut events).await, Some(Event::Changed));
            settle(&mut events).await;
            apply(&netlink, &[Change::SetFdb(fdb(1, 1))]).await;
            assert_eq!(soon(&mut events).await, Some(Event::Changed));
            apply(&netlink, &[Change::DeleteLink { name: DEVICE.into() }]).await;
            settle(&mut events).await;
        }
    });
}

#[test]
fn what_others_do_elsewhere_is_not_told() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let foreigner = Foreigner::new();
        foreigner.vxlan("other", 9, 4789, false).await;
        let mut events = pin!(events(DEVICE, PROTOCOL).unwrap());
        foreigner.bridge("b0", Ipv4Addr::new(10, 0, 1, 10), 24).await;
        let elsewhere = [
            Change::SetNeighbour(neighbour(1, 1)),
            Change::SetFdb(fdb(1, 1)),
            Change::SetRoute(Route { protocol: 4, ..route(1, 0, via(1)) }),
            Change::DeleteRoute(Route { protocol: 4, ..route(1, 0, via(1)) }),
        ];
        let failures = netlink.apply(&elsewhere, "other").await;
        assert!(failures.is_empty(), "{failures:?}");
        assert_eq!(soon(&mut events).await, None);
        // But a VXLAN device may be in the way, wherever it is.
        foreigner.vxlan("another", 8, 4789, false).await;
        assert_eq!(soon(&mut events).await, Some(Event::Changed));
    });
}

#[test]
fn many_changes_give_few_events_and_too_many_an_overrun() {
    in_namespace(|| async {
        let netlink = with_device().await;
        let mut events = pin!(events(DEVICE, PROTOCOL).unwrap());
        let changes: Vec<_> = (0..=255).map(|n| Change::SetRoute(route(n, 0, via(1)))).collect();
        apply(&netlink, &changes).await;
        assert_eq!(soon(&mut events).await, Some(Event::Changed));
        assert_eq!(soon(&mut events).await, None);

        for metric in 1..40 {
            let changes: Vec<_> = (0..=255).map(|n| Change::SetRoute(route(n, metric, via(1)))).collect();
            apply(&netlink, &changes).await;
        }
        let mut seen = Vec::new();
        while let Some(event) = soon(&mut events).await {
            seen.push(event);
        }
        assert!(seen.contains(&Event::Overrun) && seen.len() < 10, "{seen:?}");
        // And it goes on.
        apply(&netlink, &[Change::CreateVxlan(VxlanSpec { mtu: 1300, ..spec() })]).await;
        assert_eq!(soon(&mut events).await, Some(Event::Changed));
    });
}
