//! desired − observed = plan.

use hybridge_model::routing::RoutingChange;
use serde::{Deserialize, Serialize};

use crate::state::State;

/// One step. Each can be done twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub fn plan(_desired: &State, _observed: &State) -> Vec<Change> {
    todo!()
}
