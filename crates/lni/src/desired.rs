//! What should be in the kernel.
//!
//! An address is set as people set it, without `noprefixroute`: the kernel adds the attached network to the main table by itself, and
//! takes it away with the address. Nothing depends on that route, as the rules send what goes to the LAN to the LNI's own table first; but
//! while somebody has taken the rules, hosts of the same network still get their answers by the LNI. And as the flag is no part of an
//! address's name, one that networkd or NetworkManager has set with it is as good as ours: there is nothing to fight about.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use hybridge_model::Cidr4;
use hybridge_model::routing::{InterfaceAddress, Rule, Selector, TableRoute};

use crate::lease::Lease;
use crate::nft;
use crate::profile::{Addressing, HostAddress, Profile};
use crate::resolve::Lni;
use crate::state::{PROTOCOL, State};

/// Number of the main table.
pub const MAIN: u32 = 254;
/// Metric of the LNI's default route in the main table, where one is asked for: before that of networkd on AL2023 (512), of
/// NetworkManager (100), and of netplan (100).
pub const DEFAULT_METRIC: u32 = 50;

/// What should be in the kernel. Without an address (DHCP, no lease yet), rules, sysctls and the firewall are there, address and routes
/// not. A default route needs the attached one to be there first.
pub fn desired(lni: &Lni, lease: Option<&Lease>) -> State {
    let address = address(&lni.profile, lease);
    State {
        link: lni.link,
        up: true,
        mtu: u32::from(lni.profile.mtu),
        addresses: address
            .iter()
            .map(|address| InterfaceAddress { link: lni.link, address: address.address, prefix: address.prefix })
            .collect(),
        routes: address.map(|address| routes(lni, address, gateway(&lni.profile, lease))).unwrap_or_default(),
        rules: rules(&lni.profile),
        sysctls: sysctls(&lni.name),
        ruleset: Some(nft::ruleset(lni)),
    }
}

/// The address that the LNI should have.
pub fn address(profile: &Profile, lease: Option<&Lease>) -> Option<HostAddress> {
    match &profile.address {
        Addressing::Static { cidr, .. } => Some(*cidr),
        Addressing::Dhcp { .. } => lease.map(|lease| lease.address),
    }
}

/// The LAN's router: of the lease or the static address, else of the LAN. One outside the network of the address cannot be reached and
/// counts as none.
pub fn gateway(profile: &Profile, lease: Option<&Lease>) -> Option<Ipv4Addr> {
    let network = address(profile, lease)?.network();
    let named = match &profile.address {
        Addressing::Static { gateway, .. } => gateway.iter().copied().collect(),
        Addressing::Dhcp { .. } => lease.map(|lease| lease.routers.clone()).unwrap_or_default(),
    };
    named.into_iter().chain(profile.lan.gateway).find(|gateway| network.contains(*gateway))
}

/// Replies of what came in by the LNI carry the mark; new connections to the LAN are told by their destination.
///
/// They stand between the VPC CNI's rules that lead to pods (512) and those that lead from them (1024, 1536).
pub fn rules(profile: &Profile) -> BTreeSet<Rule> {
    let routing = profile.routing;
    let rule = |priority, selector| Rule { priority, selector, table: routing.table, protocol: PROTOCOL };
    let marked = rule(routing.rule_priority, Selector::Mark { mark: routing.mark, mask: routing.mark });
    let to = profile.lan.cidrs.iter().map(|cidr| rule(routing.rule_priority + 1, Selector::To(*cidr)));
    std::iter::once(marked).chain(to).collect()
}

/// Sysctls of the interface: what arrives is not held against the routes (loose, which needs an address to be there), ARP neither answers
/// for nor asks with addresses of other interfaces.
///
/// The kernel takes the larger one of `all` and the interface for each of the three.
pub fn sysctls(name: &str) -> BTreeMap<String, String> {
    let values = [("rp_filter", "2"), ("arp_ignore", "1"), ("arp_announce", "2")];
    values.into_iter().map(|(key, value)| (format!("net.ipv4.conf.{name}.{key}"), value.to_owned())).collect()
}

fn routes(lni: &Lni, address: HostAddress, gateway: Option<Ipv4Addr>) -> BTreeSet<TableRoute> {
    let everywhere = Cidr4::containing(Ipv4Addr::UNSPECIFIED, 0).expect("no prefix is shorter");
    let route = |table, destination, metric, via| TableRoute {
        table,
        destination,
        metric,
        via,
        link: lni.link,
        source: Some(address.address),
        protocol: PROTOCOL,
    };
    let table = lni.profile.routing.table;
    let mut routes = BTreeSet::from([route(table, address.network(), 0, None)]);
    let Some(gateway) = gateway else { return routes };
    routes.insert(route(table, everywhere, 0, Some(gateway)));
    if matches!(lni.profile.address, Addressing::Dhcp { use_default_route: true, .. }) {
        routes.insert(route(MAIN, everywhere, DEFAULT_METRIC, Some(gateway)));
        routes.extend(lni.vpc_routes.iter().copied());
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::tests::lni;

    fn dhcp(use_default_route: bool) -> impl FnOnce(&mut Lni) {
        move |lni| lni.profile.address = Addressing::Dhcp { use_dns: false, use_default_route }
    }

    fn lease(address: &str, routers: &[&str]) -> Lease {
        let at = |seconds| jiff::Timestamp::from_second(seconds).unwrap();
        let (address, prefix) = address.split_once('/').unwrap();
        Lease {
            address: HostAddress { address: address.parse().unwrap(), prefix: prefix.parse().unwrap() },
            routers: routers.iter().map(|router| router.parse().unwrap()).collect(),
            dns: Vec::new(),
            server: Ipv4Addr::new(192, 168, 2, 1),
            since: at(0),
            renew: at(1800),
            rebind: at(3150),
            expires: at(3600),
        }
    }

    /// `table destination [via gateway] metric` in the order of the set.
    fn told(state: &State) -> Vec<String> {
        let via = |route: &TableRoute| route.via.map(|via| format!(" via {via}")).unwrap_or_default();
        state.routes.iter().map(|route| format!("{} {}{} {}", route.table, route.destination, via(route), route.metric)).collect()
    }

    #[test]
    fn all_of_a_static_lni() {
        let state = desired(&lni(|_| ()), None);
        assert_eq!((state.link, state.up, state.mtu), (3, true, 1500));
        assert_eq!(state.addresses, BTreeSet::from([InterfaceAddress { link: 3, address: Ipv4Addr::new(192, 168, 2, 10), prefix: 24 }]));
        assert_eq!(told(&state), ["2100 0.0.0.0/0 via 192.168.2.1 0", "2100 192.168.2.0/24 0"]);
        assert!(state.routes.iter().all(|route| route.source == Some(Ipv4Addr::new(192, 168, 2, 10)) && route.protocol == 105));
        let rules: Vec<_> = state.rules.iter().map(|rule| (rule.priority, rule.selector.clone(), rule.table, rule.protocol)).collect();
        let to = |cidr: &str| Selector::To(cidr.parse().unwrap());
        assert_eq!(
            rules,
            [
                (600, Selector::Mark { mark: 0x2000, mask: 0x2000 }, 2100, 105),
                (601, to("192.168.2.0/24"), 2100, 105),
                (601, to("192.168.50.0/24"), 2100, 105),
            ]
        );
        let sysctls: Vec<_> = state.sysctls.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(sysctls, ["net.ipv4.conf.eth1.arp_announce=2", "net.ipv4.conf.eth1.arp_ignore=1", "net.ipv4.conf.eth1.rp_filter=2"]);
        assert!(state.ruleset.is_some());
    }

    #[test]
    fn before_the_first_lease_all_but_address_and_routes_is_there() {
        let with = desired(&lni(dhcp(false)), Some(&lease("192.168.2.77/24", &["192.168.2.1"])));
        let without = desired(&lni(dhcp(false)), None);
        assert_eq!(without, State { addresses: BTreeSet::new(), routes: BTreeSet::new(), ..with });
    }

    #[test]
    fn routes_follow_who_names_the_router() {
        for (name, change, lease, routes) in [
            (
                "the lease's first router",
                None,
                Some(lease("192.168.2.77/24", &["192.168.2.1", "192.168.2.2"])),
                vec!["2100 0.0.0.0/0 via 192.168.2.1 0", "2100 192.168.2.0/24 0"],
            ),
            (
                "one that is not in the lease's network is passed over",
                None,
                Some(lease("192.168.2.77/24", &["10.0.0.1", "192.168.2.2"])),
                vec!["2100 0.0.0.0/0 via 192.168.2.2 0", "2100 192.168.2.0/24 0"],
            ),
            (
                "the LAN's, where the lease has none",
                Some(Ipv4Addr::new(192, 168, 2, 3)),
                Some(lease("192.168.2.77/24", &[])),
                vec!["2100 0.0.0.0/0 via 192.168.2.3 0", "2100 192.168.2.0/24 0"],
            ),
            ("none", None, Some(lease("192.168.2.77/25", &[])), vec!["2100 192.168.2.0/25 0"]),
        ] {
            let mut lni = lni(dhcp(false));
            lni.profile.lan.gateway = change;
            assert_eq!(told(&desired(&lni, lease.as_ref())), routes, "{name}");
        }
    }

    #[test]
    fn as_the_way_to_everywhere_it_leaves_the_vpc_where_it_is() {
        let vpc = TableRoute {
            table: MAIN,
            destination: "10.50.0.0/16".parse().unwrap(),
            metric: 0,
            via: Some(Ipv4Addr::new(10, 50, 80, 1)),
            link: 2,
            source: None,
            protocol: PROTOCOL,
        };
        let mut lni = lni(dhcp(true));
        lni.vpc_routes = vec![vpc];
        assert_eq!(
            told(&desired(&lni, Some(&lease("192.168.2.77/24", &["192.168.2.1"])))),
            [
                "254 0.0.0.0/0 via 192.168.2.1 50",
                "254 10.50.0.0/16 via 10.50.80.1 0",
                "2100 0.0.0.0/0 via 192.168.2.1 0",
                "2100 192.168.2.0/24 0"
            ]
        );
        assert_eq!(told(&desired(&lni, Some(&lease("192.168.2.77/24", &[])))), ["2100 192.168.2.0/24 0"], "no router, nothing to lead to");
    }

    #[test]
    fn no_route_of_a_plain_lni_is_in_the_main_table() {
        for lni in [lni(|_| ()), lni(dhcp(false))] {
            let state = desired(&lni, Some(&lease("192.168.2.77/24", &["192.168.2.1"])));
            assert!(state.routes.iter().all(|route| route.table == 2100));
        }
    }
}
