//! What a gateway knows about itself, and whether that makes it ready.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::nodes::Conflict;
use crate::routes::{self, Foreign};

/// Everything that readiness, metrics, Events and people are told, kept up to date by the tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Hybrid nodes.
    pub nodes: Nodes,
    /// The data path in the kernel.
    pub kernel: Kernel,
    /// The election.
    pub leader: Leader,
    /// VPC routes.
    pub routes: Routes,
    /// The CiliumVTEPConfig.
    pub vtep: Vtep,
    /// Where rights are missing: what is done instead, by what was refused.
    pub lesser: BTreeMap<Cow<'static, str>, String>,
}

/// What the API shows of hybrid nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nodes {
    /// Whether the list has been seen.
    pub listed: bool,
    /// Why it cannot be followed at the moment.
    pub error: Option<String>,
    /// Live nodes.
    pub live: usize,
    /// Nodes that are gone but held.
    pub held: usize,
    /// Objects that are left out, by name, and why.
    pub undecodable: BTreeMap<String, String>,
    /// Claims that lost.
    pub conflicts: Vec<Conflict>,
}

/// The data path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kernel {
    /// Whether the last look found exactly what should be there.
    pub in_step: bool,
    /// Whether packets that come here find the device and the `unreachable` routes, whatever is amiss with single nodes.
    pub carries: bool,
    /// What could not be changed or read.
    pub errors: Vec<String>,
    /// Nodes with entries.
    pub nodes: usize,
    /// Routes over the device.
    pub routes: usize,
    /// Forwarding entries of the device.
    pub fdb: usize,
}

/// The election.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leader {
    /// Who holds the Lease.
    pub holder: Option<String>,
    /// Since when: `acquireTime` of the Lease, by the holder's clock.
    pub since: Option<Timestamp>,
    /// `leaseTransitions` of the Lease as it was seen last, whoever holds it.
    pub transitions: Option<u32>,
    /// Whether it is this gateway, with a guard that says go.
    pub leading: bool,
    /// `leaseTransitions` of the holding.
    pub epoch: Option<u32>,
    /// Why the Lease cannot be read or written at the moment.
    pub error: Option<String>,
}

/// VPC routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Routes {
    /// Whether there are route tables to keep at all.
    pub wanted: bool,
    /// Whether the tables have been read.
    pub read: bool,
    /// Why they cannot be read or written at the moment.
    pub error: Option<String>,
    /// Routes that lead to this gateway.
    pub here: usize,
    /// Routes that still have to be written by the leader.
    pub open: usize,
    /// Routes of others that are in the way.
    pub foreign: Vec<Foreign>,
    /// Configured tables that do not exist.
    pub missing: BTreeSet<String>,
    /// EC2 drops what this instance forwards.
    pub source_dest_check: bool,
}

/// The CiliumVTEPConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vtep {
    /// Whether it has been read, or found to be missing.
    pub read: bool,
    /// Why it cannot be read or written.
    pub error: Option<String>,
    /// Whether it leads hybrid pods to this gateway.
    pub here: bool,
}

/// Why a gateway is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable name.
    pub code: Cow<'static, str>,
    /// The sentence.
    pub what: String,
}

impl Status {
    /// Why this gateway is not ready; empty when it is.
    pub fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut add = |code: &'static str, what: String| reasons.push(Reason { code: code.into(), what });
        if !self.nodes.listed {
            add("nodes.unknown", "CiliumNodes have not been listed yet".into());
        }
        if let Some(error) = &self.nodes.error {
            add("nodes.watch", error.clone());
        }
        if self.nodes.held > 0 {
            let what = format!("{} nodes vanished together; their entries are held (--mass-delete-hold)", self.nodes.held);
            add("nodes.held", what);
        }
        if self.kernel.errors.is_empty() && !self.kernel.in_step {
            add("kernel.pending", "the data path is not programmed yet".into());
        }
        self.kernel.errors.iter().for_each(|error| add("kernel.error", error.clone()));
        match (&self.leader.error, &self.leader.holder) {
            (Some(error), _) => add("lease.error", error.clone()),
            (None, None) => add("lease.vacant", "no gateway leads".into()),
            (None, Some(_)) => {}
        }
        self.route_reasons(&mut add);
        if let Some(error) = &self.vtep.error {
            add("vtep.error", error.clone());
        } else if !self.vtep.read {
            add("vtep.unknown", "the CiliumVTEPConfig has not been read yet".into());
        }
        if self.leader.leading && self.vtep.read && self.vtep.error.is_none() && !self.vtep.here {
            add("vtep.pending", "the CiliumVTEPConfig does not lead here yet".into());
        }
        reasons
    }

    fn route_reasons(&self, add: &mut impl FnMut(&'static str, String)) {
        let routes = &self.routes;
        if !routes.wanted {
            return;
        }
        if let Some(error) = &routes.error {
            add("routes.error", error.clone());
        } else if !routes.read {
            add("routes.unknown", "the VPC route tables have not been read yet".into());
        }
        for foreign in &routes.foreign {
            let finding = foreign.finding();
            add(finding.code, format!("{}: {}", finding.place, finding.what));
        }
        for table in &routes.missing {
            add("route-table.missing", format!("route table {table} does not exist"));
        }
        if self.leader.leading && routes.open > 0 {
            add("routes.pending", format!("{} VPC routes do not lead here yet", routes.open));
        }
        if routes.source_dest_check {
            let finding = routes::source_dest_check();
            add(finding.code, format!("{}: {}", finding.place, finding.what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Status {
        let mut status = Status::default();
        (status.nodes.listed, status.kernel.in_step, status.vtep.read, status.routes.read) = (true, true, true, true);
        status.leader.holder = Some("other".into());
        status.routes.wanted = true;
        status
    }

    fn codes(change: impl FnOnce(&mut Status)) -> Vec<Cow<'static, str>> {
        let mut status = ready();
        change(&mut status);
        status.reasons().into_iter().map(|reason| reason.code).collect()
    }

    #[test]
    fn a_standby_that_has_seen_and_done_everything_is_ready() {
        assert_eq!(codes(|_| {}), Vec::<&str>::new());
    }

    #[test]
    fn a_fresh_process_is_not_ready_and_says_all_it_waits_for() {
        let mut status = Status::default();
        status.routes.wanted = true;
        let codes: Vec<_> = status.reasons().into_iter().map(|reason| reason.code).collect();
        assert_eq!(codes, ["nodes.unknown", "kernel.pending", "lease.vacant", "routes.unknown", "vtep.unknown"]);
    }

    #[test]
    fn each_trouble_has_its_reason() {
        assert_eq!(codes(|s| s.nodes.error = Some("down".into())), ["nodes.watch"]);
        assert_eq!(codes(|s| s.nodes.held = 5), ["nodes.held"]);
        assert_eq!(codes(|s| (s.kernel.in_step, s.kernel.errors) = (false, vec!["no".into()])), ["kernel.error"]);
        assert_eq!(codes(|s| s.leader.error = Some("down".into())), ["lease.error"]);
        assert_eq!(codes(|s| s.routes.error = Some("down".into())), ["routes.error"]);
        assert_eq!(codes(|s| s.routes.source_dest_check = true), ["instance.source-dest-check"]);
        assert_eq!(codes(|s| s.vtep.error = Some("no CRD".into())), ["vtep.error"]);
        assert_eq!(codes(|s| (s.leader.leading, s.routes.open) = (true, 2)), ["routes.pending", "vtep.pending"]);
        let foreign = Foreign { table: "rtb-a".parse().unwrap(), destination: "10.250.0.0/16".parse().unwrap(), target: "tgw-1".into() };
        assert_eq!(codes(|s| s.routes.foreign.push(foreign)), ["route.foreign"]);
    }

    #[test]
    fn without_route_tables_their_state_does_not_matter() {
        assert_eq!(codes(|s| (s.routes.wanted, s.routes.read, s.routes.source_dest_check) = (false, false, true)), Vec::<&str>::new());
    }
}
