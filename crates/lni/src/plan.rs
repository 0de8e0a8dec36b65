//! desired − observed = plan.

use std::fmt;

use hybridge_model::routing::{InterfaceAddress, RoutingChange, Rule, TableRoute};
use serde::{Deserialize, Serialize};

use crate::state::State;

/// One step. Each can be done twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Link, address, route, rule.
    Routing(RoutingChange),
    /// Writes a sysctl.
    Sysctl {
        /// `net.ipv4.conf.eth1.rp_filter`.
        name: String,
        /// What to write.
        value: String,
    },
    /// Replaces our nftables tables.
    Ruleset(String),
    /// Removes our nftables tables.
    DeleteRuleset,
}

/// What leads from `observed` to `desired`, in an order that never leaves less working, or the machine less protected, than before:
/// firewall first, then address, routes, rules; what is wanted no more goes last.
///
/// A route or rule that is as wanted but for who made it is left as it is: the files that set up the LNI at boot make the same ones
/// under the name of networkd or NetworkManager.
///
/// One kind of removal cannot wait: while an address is there that is not wanted and lies in the network of a wanted one, or is the
/// same with another prefix, the kernel would make the wanted one secondary and take it away with the other. So that one goes before, and
/// everything that the kernel then takes away is set again, whether or not it was there.
pub fn plan(desired: &State, observed: &State) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(ruleset(desired, observed).filter(|change| matches!(change, Change::Ruleset(_))));
    for (name, value) in &desired.sysctls {
        if observed.sysctls.get(name) != Some(value) {
            changes.push(Change::Sysctl { name: name.clone(), value: value.clone() });
        }
    }
    if desired.up && (!observed.up || observed.mtu != desired.mtu) {
        changes.push(Change::Routing(RoutingChange::SetLink { link: desired.link, mtu: desired.mtu }));
    }
    let (before, after): (Vec<_>, Vec<_>) =
        observed.addresses.difference(&desired.addresses).copied().partition(|address| in_the_way(desired, address));
    let again = !before.is_empty();
    changes.extend(routing(before, RoutingChange::DeleteAddress));
    let addresses = desired.addresses.iter().filter(|address| again || !observed.addresses.contains(address));
    changes.extend(routing(addresses.copied(), RoutingChange::SetAddress));
    // A route through a gateway comes after the one to the network that the gateway is in.
    let mut routes: Vec<_> = desired.routes.iter().filter(|route| again || !has_route(observed, route)).copied().collect();
    routes.sort_by_key(|route| (route.via.is_some(), *route));
    changes.extend(routing(routes, RoutingChange::SetRoute));
    let rules = desired.rules.iter().filter(|rule| !observed.rules.iter().any(|other| same_rule(rule, other)));
    changes.extend(routing(rules.cloned(), RoutingChange::SetRule));

    let rules = observed.rules.iter().filter(|rule| !desired.rules.iter().any(|other| same_rule(rule, other)));
    changes.extend(routing(rules.cloned(), RoutingChange::DeleteRule));
    let routes = observed.routes.iter().filter(|route| !has_route(desired, route));
    changes.extend(routing(routes.copied(), RoutingChange::DeleteRoute));
    changes.extend(routing(after, RoutingChange::DeleteAddress));
    changes.extend(ruleset(desired, observed).filter(|change| *change == Change::DeleteRuleset));
    changes
}

fn routing<T>(objects: impl IntoIterator<Item = T>, change: impl Fn(T) -> RoutingChange) -> impl Iterator<Item = Change> {
    objects.into_iter().map(move |object| Change::Routing(change(object)))
}

fn ruleset(desired: &State, observed: &State) -> std::option::IntoIter<Change> {
    match (&desired.ruleset, &observed.ruleset) {
        (wanted, there) if wanted == there => None,
        (Some(text), _) => Some(Change::Ruleset(text.clone())),
        (None, _) => Some(Change::DeleteRuleset),
    }
    .into_iter()
}

/// Whether a wanted address would hang on this one, which is not wanted.
fn in_the_way(desired: &State, address: &InterfaceAddress) -> bool {
    desired.addresses.iter().any(|wanted| wanted.address == address.address || network(wanted) == network(address))
}

fn network(address: &InterfaceAddress) -> Option<hybridge_model::Cidr4> {
    hybridge_model::Cidr4::containing(address.address, address.prefix)
}

/// Whether there is this route, whoever made it.
fn has_route(state: &State, route: &TableRoute) -> bool {
    state.routes.iter().any(|other| TableRoute { protocol: route.protocol, ..*other } == *route)
}

/// Whether they are the same, whoever made them.
pub(crate) fn same_rule(one: &Rule, other: &Rule) -> bool {
    (one.priority, one.table, &one.selector) == (other.priority, other.table, &other.selector)
}

/// In the words of `ip`, `sysctl` and `nft`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routing(change) => write!(f, "{change}"),
            Self::Sysctl { name, value } => write!(f, "sysctl -w {name}={value}"),
            Self::Ruleset(_) => f.write_str("nft -f - (tables inet hybridge_lni and ip hybridge_lni_nat)"),
            Self::DeleteRuleset => f.write_str("nft delete table inet hybridge_lni; nft delete table ip hybridge_lni_nat"),
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
