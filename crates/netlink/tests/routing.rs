//! Addresses and policy routing against a real kernel: what is read is what was set, everything can be done twice, and what others
//! do is told.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::net::Ipv4Addr;
use std::pin::pin;
use std::process::Command;
use std::time::Duration;

use futures::{Stream, StreamExt};
use hybridge_model::Cidr4;
use hybridge_model::routing::{InterfaceAddress, Routing, RoutingChange, Rule, Selector, TableRoute};
use hybridge_netlink::{Netlink, NetlinkError, RoutingEvent, routing_events};
use support::{Foreigner, in_namespace};

const TABLE: u32 = 2100;
const OURS: u8 = 105;

/// A connection, a bridge that plays the LNI, its index.
async fn with_lni() -> (Netlink, u32) {
    let netlink = Netlink::connect().unwrap();
    let link = Foreigner::new().bridge("lni0", Ipv4Addr::new(172, 31, 0, 9), 24).await;
    set(&netlink, &[RoutingChange::SetLink { link, mtu: 1400 }, RoutingChange::SetAddress(address(link))]).await;
    (netlink, link)
}

async fn set(netlink: &Netlink, changes: &[RoutingChange]) {
    let failures = netlink.apply_routing(changes).await;
    assert!(failures.is_empty(), "{:#?}", failures[0]);
}

fn address(link: u32) -> InterfaceAddress {
    InterfaceAddress { link, address: Ipv4Addr::new(192, 168, 2, 10), prefix: 24 }
}

fn cidr(text: &str) -> Cidr4 {
    text.parse().unwrap()
}

fn attached(link: u32, metric: u32) -> TableRoute {
    let source = Some(address(link).address);
    TableRoute { table: TABLE, destination: cidr("192.168.2.0/24"), metric, via: None, link, source, protocol: OURS }
}

fn default_route(link: u32, last: u8) -> TableRoute {
    let via = Some(Ipv4Addr::new(192, 168, 2, last));
    TableRoute { destination: cidr("0.0.0.0/0"), via, source: None, ..attached(link, 0) }
}

fn rule(priority: u32, selector: Selector) -> Rule {
    Rule { priority, selector, table: TABLE, protocol: OURS }
}

fn mark() -> Selector {
    Selector::Mark { mark: 0x2000, mask: 0x2000 }
}

/// What is ours in a reading.
fn ours(routing: &Routing) -> (Vec<TableRoute>, Vec<Rule>) {
    let routes = routing.routes.iter().filter(|route| route.table == TABLE).copied().collect();
    (routes, routing.rules.iter().filter(|rule| rule.table == TABLE).cloned().collect())
}

#[test]
fn each_change_is_read_back_and_done_twice_is_the_same_as_once() {
    in_namespace(|| async {
        let (netlink, link) = with_lni().await;
        let second = InterfaceAddress { address: Ipv4Addr::new(10, 9, 8, 7), prefix: 32, ..address(link) };
        let pairs = [
            (RoutingChange::SetAddress(second), RoutingChange::DeleteAddress(second)),
            (RoutingChange::SetRoute(attached(link, 0)), RoutingChange::DeleteRoute(attached(link, 0))),
            (RoutingChange::SetRoute(attached(link, 7)), RoutingChange::DeleteRoute(attached(link, 7))),
            (RoutingChange::SetRoute(default_route(link, 1)), RoutingChange::DeleteRoute(default_route(link, 1))),
            (RoutingChange::SetRule(rule(600, mark())), RoutingChange::DeleteRule(rule(600, mark()))),
            (
                RoutingChange::SetRule(rule(601, Selector::To(cidr("192.168.50.0/24")))),
                RoutingChange::DeleteRule(rule(601, Selector::To(cidr("192.168.50.0/24")))),
            ),
            (
                RoutingChange::SetRule(rule(602, Selector::From(cidr("192.168.2.10/32")))),
                RoutingChange::DeleteRule(rule(602, Selector::From(cidr("192.168.2.10/32")))),
            ),
        ];
        let before = netlink.routing().await.unwrap();
        assert!(before.carrier.contains(&1) && before.links.iter().any(|it| (it.index, it.up, it.mtu) == (link, true, 1400)));
        for (add, delete) in pairs {
            set(&netlink, std::slice::from_ref(&add)).await;
            let once = netlink.routing().await.unwrap();
            let there = match &add {
                RoutingChange::SetAddress(address) => once.addresses.contains(address),
                RoutingChange::SetRoute(route) => once.routes.contains(route),
                RoutingChange::SetRule(rule) => once.rules.contains(rule),
                RoutingChange::SetLink { .. }
                | RoutingChange::DeleteAddress(_)
                | RoutingChange::DeleteRoute(_)
                | RoutingChange::DeleteRule(_) => false,
            };
            assert!(there, "{add:?} is not in {once:#?}");
            set(&netlink, &[add.clone(), add.clone()]).await;
            assert_eq!(netlink.routing().await.unwrap(), once, "{add:?}");
            set(&netlink, &[delete.clone(), delete.clone()]).await;
            assert_eq!(netlink.routing().await.unwrap(), before, "{delete:?}");
        }
    });
}

#[test]
fn a_route_replaces_what_has_its_table_destination_and_metric() {
    in_namespace(|| async {
        let (netlink, link) = with_lni().await;
        let [first, second] = [1, 2].map(|last| default_route(link, last));
        set(&netlink, &[first, second].map(RoutingChange::SetRoute)).await;
        assert_eq!(ours(&netlink.routing().await.unwrap()).0, [second]);

        // Somebody puts his own before ours: ours comes to the front, his is gone.
        let message = format!("ip route prepend default via 192.168.2.3 dev lni0 onlink table {TABLE} proto static");
        run(&message);
        assert_eq!(ours(&netlink.routing().await.unwrap()).0.len(), 2);
        set(&netlink, &[RoutingChange::SetRoute(second)]).await;
        assert_eq!(ours(&netlink.routing().await.unwrap()).0, [second]);

        // Metric 0 is one metric, not any.
        set(&netlink, &[RoutingChange::SetRoute(attached(link, 7)), RoutingChange::DeleteRoute(attached(link, 0))]).await;
        assert_eq!(ours(&netlink.routing().await.unwrap()).0, [second, attached(link, 7)]);
    });
}

#[test]
fn foreign_rules_are_seen_as_they_are_and_left_alone() {
    in_namespace(|| async {
        let (netlink, _) = with_lni().await;
        for text in [
            "ip rule add from 10.0.0.7 to 10.1.0.0/16 lookup 2100 priority 600",
            "ip rule add not fwmark 0x80/0x80 lookup 2100 priority 600",
            "ip rule add iif lni0 lookup 2100 priority 600",
            "ip rule add from 10.0.0.0/8 unreachable priority 600",
        ] {
            run(text);
        }
        let set_and_gone = [RoutingChange::SetRule(rule(600, mark())), RoutingChange::DeleteRule(rule(600, mark()))];
        let before = netlink.routing().await.unwrap();
        set(&netlink, &set_and_gone).await;
        let after = netlink.routing().await.unwrap();
        assert_eq!(after, before);
        let texts: Vec<_> = ours(&after).1.into_iter().map(|rule| rule.selector).collect();
        let other = |text: &str| Selector::Other(text.into());
        let expected = [other("from 10.0.0.7/32 to 10.1.0.0/16"), other("not fwmark 0x80/0x80"), other("iif lni0")];
        assert!(expected.iter().all(|selector| texts.contains(selector)), "{texts:?}");
        // The one that leads nowhere.
        assert!(after.rules.iter().any(|rule| (rule.priority, rule.table) == (600, 0)));

        // Those that lead to the table can be removed, one after the other.
        let deletions: Vec<_> = after.rules.iter().filter(|rule| rule.table == TABLE).cloned().map(RoutingChange::DeleteRule).collect();
        set(&netlink, &deletions).await;
        assert!(ours(&netlink.routing().await.unwrap()).1.is_empty());
    });
}

#[test]
fn a_failure_is_reported_and_the_rest_goes_on() {
    in_namespace(|| async {
        let (netlink, link) = with_lni().await;
        let changes = [
            RoutingChange::SetLink { link: 99, mtu: 1500 },
            RoutingChange::SetRoute(attached(99, 0)),
            RoutingChange::SetRule(rule(600, Selector::Other("iif lni0".into()))),
            RoutingChange::DeleteAddress(address(99)),
            RoutingChange::DeleteRoute(attached(99, 0)),
            RoutingChange::SetRoute(attached(link, 0)),
        ];
        let failures = netlink.apply_routing(&changes).await;
        assert_eq!(failures.iter().map(|failure| &failure.change).collect::<Vec<_>>(), changes[..3].iter().collect::<Vec<_>>());
        assert_eq!(failures[0].error.to_string(), "`ip link set if99 up mtu 1500` was refused");
        assert!(matches!(failures[2].error, NetlinkError::Meaningless { .. }));
        assert_eq!(ours(&netlink.routing().await.unwrap()).0, [attached(link, 0)]);
    });
}

fn run(command: &str) {
    let mut words = command.split_whitespace();
    let status = Command::new(words.next().unwrap()).args(words).status().unwrap();
    assert!(status.success(), "{command}");
}

/// The first event that is `wanted`.
async fn until(events: &mut (impl Stream<Item = RoutingEvent> + Unpin), wanted: impl Fn(&RoutingEvent) -> bool) -> RoutingEvent {
    let find = async {
        while let Some(event) = events.next().await {
            if wanted(&event) {
                return event;
            }
        }
        panic!("the stream ended")
    };
    tokio::time::timeout(Duration::from_secs(5), find).await.expect("no such event came")
}

#[test]
fn what_others_do_is_told() {
    in_namespace(|| async {
        let (netlink, link) = with_lni().await;
        let mut events = pin!(routing_events().unwrap());
        let wanted = rule(600, mark());
        let changes = [
            RoutingChange::SetRoute(attached(link, 0)),
            RoutingChange::SetRule(wanted.clone()),
            RoutingChange::DeleteRoute(attached(link, 0)),
            RoutingChange::DeleteRule(wanted.clone()),
            RoutingChange::DeleteAddress(address(link)),
        ];
        set(&netlink, &changes).await;
        for gone in [false, true] {
            until(&mut events, |event| *event == RoutingEvent::Route { route: attached(link, 0), gone }).await;
            until(&mut events, |event| *event == RoutingEvent::Rule { rule: wanted.clone(), gone }).await;
        }
        until(&mut events, |event| *event == RoutingEvent::Address { address: address(link), gone: true }).await;

        std::fs::write("/proc/sys/net/ipv4/conf/lni0/rp_filter", "2").unwrap();
        until(&mut events, |event| *event == RoutingEvent::Settings { link: link as i32 }).await;

        run("ip link set lni0 down");
        until(&mut events, |event| matches!(event, RoutingEvent::Link { link, gone: false, .. } if link.name == "lni0" && !link.up)).await;
        run("ip link del lni0");
        until(&mut events, |event| matches!(event, RoutingEvent::Link { link, gone: true, .. } if link.name == "lni0")).await;

        // Routing and nftables come by sockets of their own; what each tells is in order.
        run("nft add table inet hybridge_lni");
        until(&mut events, |event| *event == RoutingEvent::NftTable { table: "hybridge_lni".into() }).await;
        until(&mut events, |event| *event == RoutingEvent::NftDone { process: "nft".into() }).await;
        run("nft add chain inet hybridge_lni pre");
        until(&mut events, |event| *event == RoutingEvent::NftTable { table: "hybridge_lni".into() }).await;
        until(&mut events, |event| *event == RoutingEvent::NftDone { process: "nft".into() }).await;
        run("nft flush ruleset");
        until(&mut events, |event| *event == RoutingEvent::NftTable { table: "hybridge_lni".into() }).await;
    });
}
