use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hybridge_model::Cidr4;
use hybridge_model::routing::Selector;
use proptest::prelude::*;

use super::*;

/// What the kernel does with a change, as far as the plan depends on it (net/ipv4/devinet.c, fib_frontend.c):
/// an address in the network of an older one is secondary and goes with it; what is sent from an address, and all routes of a link that
/// has none any more, go as well.
struct Kernel {
    state: State,
    /// Oldest first.
    addresses: Vec<InterfaceAddress>,
}

impl Kernel {
    fn new(state: State) -> Self {
        let addresses = state.addresses.iter().copied().collect();
        Self { state, addresses }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Ruleset(text) => self.state.ruleset = Some(text.clone()),
            Change::DeleteRuleset => self.state.ruleset = None,
            Change::Sysctl { name, value } => drop(self.state.sysctls.insert(name.clone(), value.clone())),
            Change::Routing(change) => self.routing(change),
        }
        self.state.addresses = self.addresses.iter().copied().collect();
    }

    fn routing(&mut self, change: &RoutingChange) {
        match change {
            RoutingChange::SetLink { mtu, .. } => (self.state.up, self.state.mtu) = (true, *mtu),
            RoutingChange::SetAddress(address) => {
                assert!(self.state.up, "an address before the link is up");
                if !self.addresses.contains(address) {
                    self.addresses.push(*address);
                }
            }
            RoutingChange::DeleteAddress(address) => self.delete_address(address),
            RoutingChange::SetRoute(route) => {
                assert!(route.source.is_none_or(|source| self.addresses.iter().any(|it| it.address == source)), "no such source: {route}");
                let key = |route: &TableRoute| (route.table, route.destination, route.metric);
                self.state.routes.retain(|other| key(other) != key(route));
                self.state.routes.insert(*route);
            }
            RoutingChange::DeleteRoute(route) => drop(self.state.routes.remove(route)),
            RoutingChange::SetRule(rule) => drop(self.state.rules.insert(rule.clone())),
            RoutingChange::DeleteRule(rule) => drop(self.state.rules.remove(rule)),
        }
    }

    fn delete_address(&mut self, address: &InterfaceAddress) {
        let Some(place) = self.addresses.iter().position(|other| other == address) else { return };
        let primary = !self.addresses[..place].iter().any(|older| network(older) == network(address));
        let gone = |other: &InterfaceAddress| other == address || (primary && network(other) == network(address));
        let (gone, kept): (Vec<_>, Vec<_>) = self.addresses.iter().copied().partition(gone);
        self.addresses = kept;
        let none = self.addresses.is_empty();
        self.state.routes.retain(|route| !none && !gone.iter().any(|address| route.source == Some(address.address)));
    }
}

/// The same state with everything made by us.
fn by_us(state: &State) -> State {
    let mut state = state.clone();
    state.routes = state.routes.into_iter().map(|route| TableRoute { protocol: 105, ..route }).collect();
    state.rules = state.rules.into_iter().map(|rule| Rule { protocol: 105, ..rule }).collect();
    state
}

fn address(number: u8) -> InterfaceAddress {
    // Two networks, and one address with two prefixes.
    let prefix = if number % 5 == 4 { 25 } else { 24 };
    InterfaceAddress { link: 3, address: Ipv4Addr::new(192, 168, 2 + number % 2, 10 + number % 3), prefix }
}

fn route(number: u8, source: Option<Ipv4Addr>) -> TableRoute {
    let destination = Cidr4::containing(Ipv4Addr::new(192, 168, number % 3, 0), 24).unwrap();
    let via = number.is_multiple_of(2).then_some(Ipv4Addr::new(192, 168, 2, number % 4));
    TableRoute { table: 2100, destination, metric: u32::from(number % 2), via, link: 3, source, protocol: 105 - number % 2 }
}

fn rule(number: u8) -> Rule {
    let selector = match number % 3 {
        0 => Selector::Mark { mark: 0x2000, mask: 0x2000 },
        1 => Selector::To(Cidr4::containing(Ipv4Addr::new(192, 168, number % 2, 0), 24).unwrap()),
        _ => Selector::From(Cidr4::containing(Ipv4Addr::new(192, 168, 2, 0), 24).unwrap()),
    };
    Rule { priority: 600 + u32::from(number % 2), selector, table: 2100, protocol: 105 - number % 2 }
}

prop_compose! {
    fn states(up: bool)(
        addresses in proptest::collection::vec(any::<u8>(), 0..4),
        routes in proptest::collection::vec(any::<u8>(), 0..5),
        rules in proptest::collection::vec(any::<u8>(), 0..5),
        values in proptest::collection::vec(0..3u8, 2),
        (ruleset, mtu, is_up) in (0..3u8, 0..2u32, any::<bool>()),
    ) -> State {
        let addresses: BTreeSet<_> = addresses.into_iter().map(address).collect();
        let source = |number: u8| addresses.iter().nth(usize::from(number) % addresses.len().max(1)).map(|it| it.address);
        // The kernel keeps one route of a destination and metric.
        let keyed: std::collections::BTreeMap<_, _> = routes
            .into_iter()
            .map(|number| route(number, source(number)))
            .filter(|_| !addresses.is_empty())
            .map(|route| ((route.destination, route.metric), route))
            .collect();
        State {
            link: 3,
            up: up || is_up,
            mtu: 1400 + mtu,
            routes: keyed.into_values().collect(),
            rules: rules.into_iter().map(rule).collect(),
            sysctls: values.iter().enumerate().filter(|_| up).map(|(at, value)| (format!("s{at}"), value.to_string())).collect(),
            ruleset: (ruleset > 0).then(|| ruleset.to_string()),
            addresses,
        }
    }
}

/// Of addresses that share a network only one is wanted, as desired states have it: one address.
fn one_address(mut state: State) -> State {
    let first = state.addresses.first().copied();
    state.addresses = first.into_iter().collect();
    state.routes.retain(|route| route.source == first.map(|address| address.address));
    state
}

proptest! {
    #[test]
    fn what_is_planned_leads_to_what_is_wanted_and_then_there_is_nothing_to_do(d in states(true), o in states(false)) {
        let wanted = by_us(&one_address(d));
        let mut kernel = Kernel::new(o.clone());
        for change in plan(&wanted, &o) {
            kernel.apply(&change);
        }
        let reached = State { sysctls: wanted.sysctls.clone(), ..by_us(&kernel.state) };
        prop_assert_eq!(&reached, &wanted);
        prop_assert_eq!(plan(&wanted, &kernel.state), vec![]);
    }

    #[test]
    fn killed_after_any_step_the_next_plan_still_leads_there(d in states(true), o in states(false), steps in 0..30usize) {
        let wanted = by_us(&one_address(d));
        let mut kernel = Kernel::new(o.clone());
        for change in plan(&wanted, &o).iter().take(steps) {
            kernel.apply(change);
        }
        for change in plan(&wanted, &kernel.state.clone()) {
            kernel.apply(&change);
        }
        prop_assert_eq!(plan(&wanted, &kernel.state), vec![]);
    }

    #[test]
    fn nothing_of_the_wanted_is_missing_for_longer_than_the_firewall(d in states(true), o in states(false)) {
        let changes = plan(&by_us(&one_address(d)), &o);
        let place = |wanted: fn(&Change) -> bool| changes.iter().position(wanted);
        if let Some(ruleset) = place(|change| matches!(change, Change::Ruleset(_))) {
            prop_assert_eq!(ruleset, 0);
        }
        let removal = |change: &Change| matches!(change, Change::Routing(RoutingChange::DeleteRule(_) | RoutingChange::DeleteRoute(_)));
        let last_set = changes.iter().rposition(|change| matches!(change, Change::Routing(RoutingChange::SetRoute(_) | RoutingChange::SetRule(_))));
        if let (Some(set), Some(removed)) = (last_set, changes.iter().position(removal)) {
            prop_assert!(set < removed);
        }
    }
}

fn wanted() -> State {
    let own = InterfaceAddress { link: 3, address: Ipv4Addr::new(192, 168, 2, 10), prefix: 24 };
    let lan = Cidr4::containing(own.address, 24).unwrap();
    let attached = TableRoute { table: 2100, destination: lan, metric: 0, via: None, link: 3, source: Some(own.address), protocol: 105 };
    let everywhere = Cidr4::containing(Ipv4Addr::UNSPECIFIED, 0).unwrap();
    let default = TableRoute { destination: everywhere, via: Some(Ipv4Addr::new(192, 168, 2, 1)), ..attached };
    State {
        link: 3,
        up: true,
        mtu: 1500,
        addresses: [own].into(),
        routes: [attached, default].into(),
        rules: [rule(0)].into(),
        sysctls: [("net.ipv4.conf.eth1.rp_filter".to_owned(), "2".to_owned())].into(),
        ruleset: Some("table".into()),
    }
}

fn told(changes: &[Change]) -> Vec<String> {
    changes.iter().map(Change::to_string).collect()
}

#[test]
fn a_fresh_machine_gets_the_firewall_first() {
    let changes = plan(&wanted(), &State { link: 3, mtu: 9001, ..State::default() });
    assert_eq!(
        told(&changes),
        [
            "nft -f - (tables inet hybridge_lni and ip hybridge_lni_nat)",
            "sysctl -w net.ipv4.conf.eth1.rp_filter=2",
            "ip link set if3 up mtu 1500",
            "ip address replace 192.168.2.10/24 dev if3",
            "ip route replace 192.168.2.0/24 dev if3 src 192.168.2.10 table 2100 proto 105 metric 0",
            "ip route replace 0.0.0.0/0 via 192.168.2.1 dev if3 src 192.168.2.10 table 2100 proto 105 metric 0",
            "ip rule add fwmark 0x2000/0x2000 lookup 2100 priority 600 protocol 105",
        ]
    );
}

#[test]
fn an_address_of_the_vpc_goes_after_ours_is_back() {
    let theirs = InterfaceAddress { link: 3, address: Ipv4Addr::new(10, 50, 80, 77), prefix: 20 };
    let observed = State { addresses: [theirs].into(), routes: BTreeSet::new(), ..wanted() };
    let changes = told(&plan(&wanted(), &observed));
    assert_eq!(changes.first().unwrap(), "ip address replace 192.168.2.10/24 dev if3");
    assert_eq!(changes.last().unwrap(), "ip address del 10.50.80.77/20 dev if3");
}

#[test]
fn an_address_that_would_take_ours_along_goes_before() {
    let theirs = InterfaceAddress { link: 3, address: Ipv4Addr::new(192, 168, 2, 99), prefix: 24 };
    let observed = State { addresses: wanted().addresses.into_iter().chain([theirs]).collect(), ..wanted() };
    let changes = told(&plan(&wanted(), &observed));
    assert_eq!(changes[..2], ["ip address del 192.168.2.99/24 dev if3", "ip address replace 192.168.2.10/24 dev if3"]);
    assert_eq!(changes.len(), 4, "{changes:?}");
}

#[test]
fn what_networkd_made_from_our_files_is_as_good_as_ours() {
    let mut observed = wanted();
    observed.routes = observed.routes.into_iter().map(|route| TableRoute { protocol: 4, ..route }).collect();
    observed.rules = observed.rules.into_iter().map(|rule| Rule { protocol: 2, ..rule }).collect();
    assert_eq!(told(&plan(&wanted(), &observed)), [""; 0]);
}

#[test]
fn without_wishes_everything_of_ours_goes_and_the_firewall_last() {
    let nothing = State { link: 3, ..State::default() };
    let changes = told(&plan(&nothing, &wanted()));
    assert_eq!(changes.first().unwrap(), "ip rule del fwmark 0x2000/0x2000 lookup 2100 priority 600 protocol 105");
    assert!(changes.last().unwrap().starts_with("nft delete table"), "{changes:?}");
    assert_eq!(changes.len(), 5, "{changes:?}");
}
