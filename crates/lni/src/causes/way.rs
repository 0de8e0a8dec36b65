//! Which way the kernel sends a packet: its rules in their order, the longest prefix of the table that a rule leads to.

use std::net::Ipv4Addr;

use hybridge_model::routing::{Routing, Selector, TableRoute};

/// What the kernel looks at when it routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) from: Ipv4Addr,
    pub(super) to: Ipv4Addr,
    pub(super) mark: u32,
}

/// The route that the packet takes; none where there is no way.
///
/// Rules that look at anything else than addresses and mark are taken for rules of other packets.
pub(super) fn way<'a>(routing: &'a Routing, packet: &Packet) -> Option<&'a TableRoute> {
    // The set is in the order of priorities.
    routing.rules.iter().filter(|rule| matches(&rule.selector, packet)).find_map(|rule| {
        let fitting = routing.routes.iter().filter(|route| route.table == rule.table && route.destination.contains(packet.to));
        fitting.min_by_key(|route| (u8::MAX - route.destination.prefix(), route.metric))
    })
}

fn matches(selector: &Selector, packet: &Packet) -> bool {
    match selector {
        Selector::Mark { mark, mask } => packet.mark & mask == *mark,
        Selector::From(from) => from.contains(packet.from),
        Selector::To(to) => to.contains(packet.to),
        Selector::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use hybridge_model::routing::Rule;

    use super::*;

    #[test]
    fn the_first_rule_whose_table_has_a_route_wins_and_in_it_the_longest_prefix() {
        let rule = |priority, selector, table| Rule { priority, selector, table, protocol: 0 };
        let route = |table, destination: &str, metric, link| TableRoute {
            table,
            destination: destination.parse().unwrap(),
            metric,
            via: None,
            link,
            source: None,
            protocol: 0,
        };
        let all = "0.0.0.0/0".parse().unwrap();
        let routing = Routing {
            rules: [
                rule(100, Selector::Other("iif lo".into()), 7),
                rule(600, Selector::Mark { mark: 0x2000, mask: 0x2000 }, 2100),
                rule(700, Selector::From("10.0.0.9/32".parse().unwrap()), 2),
                rule(32766, Selector::From(all), 254),
            ]
            .into(),
            routes: [
                route(7, "0.0.0.0/0", 0, 99),
                route(2100, "192.168.0.0/16", 0, 1),
                route(2, "0.0.0.0/0", 0, 2),
                route(254, "0.0.0.0/0", 10, 4),
                route(254, "0.0.0.0/0", 5, 3),
                route(254, "192.168.2.0/24", 100, 5),
            ]
            .into(),
            ..Routing::default()
        };
        let table = [
            ("10.0.0.1", "8.8.8.8", 0, 3),
            ("10.0.0.1", "192.168.2.7", 0, 5),
            ("10.0.0.9", "192.168.2.7", 0, 2),
            ("10.0.0.9", "192.168.2.7", 0x2080, 1),
            // The table has no route for it, so the next rule is looked at.
            ("10.0.0.9", "8.8.8.8", 0x2000, 2),
        ];
        for (from, to, mark, link) in table {
            let packet = Packet { from: from.parse().unwrap(), to: to.parse().unwrap(), mark };
            assert_eq!(way(&routing, &packet).map(|route| route.link), Some(link), "{packet:?}");
        }
        assert_eq!(way(&Routing::default(), &Packet { from: Ipv4Addr::LOCALHOST, to: Ipv4Addr::LOCALHOST, mark: 0 }), None);
    }
}
