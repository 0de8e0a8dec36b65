//! What EC2 says, as rules and routes of the Linux kernel.
//!
//! A packet that enters by the leg of an instance meets, in this order:
//!
//! | priority | rule | stands for |
//! |---|---|---|
//! | 100 | `to IP ipproto udp dport 8472 blackhole` | a security group that does not let VXLAN in |
//! | 200 | `iif LEG [from IP] lookup TABLE` | the route table of the instance's subnet |
//! | 205 | `iif LEG [from IP] lookup main` | its `local` routes, which are `throw` routes in TABLE |
//! | 210 | `iif LEG blackhole` | the source check; no route; a terminated instance |
//!
//! `from` is there exactly while the source/destination check is on. Its other half, the destination, is in the routes: one
//! that leads to an interface with the check on is a `blackhole`, as is one to an interface without an instance. Services
//! and the WAN have no rule and use the main table, which knows every subnet and the site.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use crate::ec2::{Ec2State, Instance, RouteTarget, Table};
use crate::topology::{LegPlan, WAN_LEG};

/// UDP port of VXLAN on gateways and Cilium nodes.
const VXLAN_PORT: u16 = 8472;
/// Number of the first kernel table that stands for a VPC route table; the others follow in the order of their identifiers.
pub(super) const FIRST_TABLE: u32 = 1000;
/// The kernel's main table.
const MAIN: u32 = 254;

const SECURITY_GROUP: u32 = 100;
const ROUTE_TABLE: u32 = 200;
const LOCAL: u32 = 205;
const NOTHING_ELSE: u32 = 210;
/// Priorities that belong to the router.
pub(super) const PRIORITIES: [u32; 4] = [SECURITY_GROUP, ROUTE_TABLE, LOCAL, NOTHING_ELSE];

/// The router's legs and its way to the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fabric {
    /// Legs that lead to instances.
    pub instances: Vec<LegPlan>,
    /// Next hop on the WAN, where transit and virtual private gateways lead.
    pub site: Ipv4Addr,
}

/// What decides over packets: rules, and the routes of the tables they look into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Rules, in the order in which the kernel asks them.
    pub rules: BTreeSet<Rule>,
    /// Routes by kernel table and destination.
    pub routes: BTreeMap<(u32, Cidr4), Hop>,
}

/// A rule of the routing policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Lower is asked first.
    pub priority: u32,
    /// Interface by which the packet came in.
    pub leg: Option<String>,
    /// Its source.
    pub from: Option<Ipv4Addr>,
    /// Its destination.
    pub to: Option<Ipv4Addr>,
    /// Its UDP destination port.
    pub port: Option<Port>,
    /// What happens to it.
    pub action: Action,
}

/// A UDP destination port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port(pub u16);

/// What a rule does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Look for a route in that kernel table; where there is none, ask the next rule.
    Lookup(u32),
    /// Drop it silently, as EC2 does.
    Blackhole,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// To that address on that interface.
    Via(Ipv4Addr, String),
    /// Nowhere.
    Blackhole,
    /// Out of the table, to the next rule.
    Throw,
}

/// One change to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Add or replace.
    SetRoute(u32, Cidr4, Hop),
    /// Remove.
    DeleteRoute(u32, Cidr4),
    /// Add.
    AddRule(Rule),
    /// Remove.
    DeleteRule(Rule),
}

impl Change {
    /// Whether it is about a route, as opposed to the rules of legs.
    pub fn is_route(&self) -> bool {
        match self {
            Self::SetRoute(..) | Self::DeleteRoute(..) => true,
            Self::AddRule(_) | Self::DeleteRule(_) => false,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetRoute(_, to, Hop::Via(_, leg)) => write!(f, "route {to} → {leg}"),
            Self::SetRoute(_, to, Hop::Blackhole) => write!(f, "route {to} → nowhere"),
            Self::SetRoute(_, to, Hop::Throw) => write!(f, "route {to} → local"),
            Self::DeleteRoute(_, to) => write!(f, "route {to} removed"),
            Self::AddRule(rule) => write!(f, "packets {rule}"),
            Self::DeleteRule(rule) => write!(f, "no longer: packets {rule}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.leg.as_ref().map(|leg| format!("in by {leg} ")),
            self.from.map(|from| format!("from {from} ")),
            self.to.map(|to| format!("to {to} ")),
            self.port.map(|Port(port)| format!("for UDP {port} ")),
        ];
        words.into_iter().flatten().try_for_each(|word| f.write_str(&word))?;
        match self.action {
            Action::Lookup(_) => f.write_str("routed"),
            Action::Blackhole => f.write_str("dropped"),
        }
    }
}

/// What should be in the kernel so that packets go where EC2 would send them.
pub fn desired(fabric: &Fabric, state: &Ec2State) -> Routing {
    let mut routing = Routing::default();
    for (number, table) in (FIRST_TABLE..).zip(state.tables.values()) {
        routing.routes.extend(table.routes.iter().map(|(to, route)| ((number, *to), hop(fabric, state, &route.target))));
    }
    for leg in &fabric.instances {
        let instance = state.instances.values().find(|i| i.private_ip == leg.address && !i.terminated);
        let table = (FIRST_TABLE..).zip(state.tables.values()).find(|(_, table)| table.subnets.contains(&leg.subnet));
        routing.rules.extend(rules(leg, instance, table));
    }
    routing
}

fn rules(leg: &LegPlan, instance: Option<&Instance>, table: Option<(u32, &Table)>) -> Vec<Rule> {
    let on_leg = |priority, from, action| Rule { priority, leg: Some(leg.name.clone()), from, to: None, port: None, action };
    let mut rules = vec![on_leg(NOTHING_ELSE, None, Action::Blackhole)];
    let Some(instance) = instance else { return rules };
    let sources: Vec<_> =
        if instance.source_dest_check { [leg.address].iter().chain(&leg.pods).map(|address| Some(*address)).collect() } else { vec![None] };
    for from in sources {
        rules.extend(table.map(|(number, _)| on_leg(ROUTE_TABLE, from, Action::Lookup(number))));
        rules.push(on_leg(LOCAL, from, Action::Lookup(MAIN)));
    }
    if !instance.vxlan_open {
        let to = Some(leg.address);
        let port = Some(Port(VXLAN_PORT));
        rules.push(Rule { priority: SECURITY_GROUP, leg: None, from: None, to, port, action: Action::Blackhole });
    }
    rules
}

fn hop(fabric: &Fabric, state: &Ec2State, target: &RouteTarget) -> Hop {
    match target {
        RouteTarget::Local => Hop::Throw,
        RouteTarget::Interface(interface) => {
            let forwards = state.holder(interface).map(|(_, instance)| instance).filter(|instance| !instance.source_dest_check);
            let leg = forwards.and_then(|instance| fabric.instances.iter().find(|leg| leg.address == instance.private_ip));
            leg.map_or(Hop::Blackhole, |leg| Hop::Via(leg.address, leg.name.clone()))
        }
        // Both lead to the site over the one WAN that the lab has.
        RouteTarget::Other(id) if id.starts_with("tgw-") || id.starts_with("vgw-") => Hop::Via(fabric.site, WAN_LEG.into()),
        RouteTarget::Other(_) => Hop::Blackhole,
    }
}

/// The changes from `observed` to `wanted`: routes before the rules that lead to them, and removed after them.
pub(super) fn plan(wanted: &Routing, observed: &Routing) -> Vec<Change> {
    let mut changes = Vec::new();
    let missing = wanted.routes.iter().filter(|(key, hop)| observed.routes.get(key) != Some(hop));
    changes.extend(missing.map(|((table, to), hop)| Change::SetRoute(*table, *to, hop.clone())));
    changes.extend(wanted.rules.difference(&observed.rules).cloned().map(Change::AddRule));
    changes.extend(observed.rules.difference(&wanted.rules).cloned().map(Change::DeleteRule));
    let surplus = observed.routes.keys().filter(|key| !wanted.routes.contains_key(key));
    changes.extend(surplus.map(|(table, to)| Change::DeleteRoute(*table, *to)));
    changes
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
