//! A stack that is there becomes what the file says: in which steps, with what interruption, and what is refused.

mod clash;
mod guard;
mod live;
mod settle;

use hybridge_report::{Finding, Severity};
use serde::Serialize;

use crate::difference::{Action, Difference, difference};
use crate::resolve::Cluster;
use crate::template::{StackPlan, cfn::Template, first_stack, shrink};
use crate::world::World;

pub use live::{LiveChange, LiveState};

/// What an update does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdatePlan {
    /// Name of the stack.
    pub stack: String,
    /// Changes of the stack, one after the other; none: it is as the file says.
    pub phases: Vec<Phase>,
    /// Where EKS differs from the stack.
    pub live: Vec<LiveChange>,
    /// What is refused, and what to know. With an error in it, nothing may be done.
    pub findings: Vec<Finding>,
}

/// One change of the stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// What CloudFormation gets.
    pub template: Template,
    /// What is otherwise than before.
    pub changes: Difference,
    /// Why it is a step of its own.
    pub reason: String,
    /// What does not work from this step until the next is done.
    pub downtime: Option<String>,
    /// Named anew: the stack's stored ones may be too few.
    pub capabilities: Vec<&'static str>,
}

/// A phase as it is shown.
#[derive(Serialize)]
pub struct PhaseView<'a> {
    /// Why it is a step of its own.
    pub reason: &'a str,
    /// What does not work from this step until the next is done.
    pub downtime: Option<&'a str>,
    /// What is otherwise than before.
    #[serde(flatten)]
    pub changes: &'a Difference,
    /// What CloudFormation wants to be told.
    pub capabilities: &'a [&'static str],
}

impl Phase {
    /// As it is shown: without the template.
    pub fn view(&self) -> PhaseView<'_> {
        PhaseView { reason: &self.reason, downtime: self.downtime.as_deref(), changes: &self.changes, capabilities: &self.capabilities }
    }

    fn new(template: Template, before: &serde_json::Value, reason: &str) -> Self {
        let changes = difference(before, &template.to_json());
        Self::of(template, changes, reason)
    }

    fn of(template: Template, changes: Difference, reason: &str) -> Self {
        let capabilities = template.capabilities();
        Self { template, changes, reason: reason.to_owned(), downtime: None, capabilities }
    }
}

impl UpdatePlan {
    /// Whether nothing may be done.
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether everything is as the file says.
    pub fn is_nothing(&self) -> bool {
        self.phases.is_empty() && self.live.iter().all(|change| change.state == LiveState::Already)
    }
}

/// Plans the update of the cluster's own stack, or of the hybrid one beside a cluster that others made. `force`: networks and roles go
/// although nodes live by them.
pub fn plan_update(cluster: &Cluster, world: &World, force: bool) -> UpdatePlan {
    let stack: StackPlan = first_stack(cluster, world);
    let mut plan = UpdatePlan { stack: stack.name.clone(), findings: stack.findings.clone(), ..UpdatePlan::default() };
    let Some(deployed) = &world.deployed else {
        let empty = serde_json::json!({});
        plan.phases.push(Phase::new(stack.template, &empty, "the stack is new"));
        plan.findings.extend(guard::check(cluster, world, &plan.phases[0].changes, force));
        return plan;
    };
    let body = &deployed.template_body;
    let (mut wanted, findings) = settle::settle(cluster, stack.template, body);
    // The deployed template's words may be the longer ones.
    shrink(&mut wanted, cluster.partition);
    plan.findings.extend(findings);
    let after = wanted.to_json();
    let whole = difference(body, &after);
    plan.findings.extend(guard::check(cluster, world, &whole, force));
    plan.live = live::changes(body, &after, world);
    if !whole.is_empty() || live::must_be_written(body, &after, world) {
        plan.phases = phases(body, wanted, &after, whole);
    }
    plan
}

/// `after`: the wanted template as a tree.
fn phases(deployed: &serde_json::Value, wanted: Template, after: &serde_json::Value, whole: Difference) -> Vec<Phase> {
    let clashes = clash::clashes(deployed, after, &whole);
    let Some(first) = clashes.first_phase(&wanted) else {
        return vec![Phase::of(wanted, whole, "everything at once")];
    };
    let between = first.to_json();
    let mut first = Phase::new(first, deployed, &clashes.reason());
    first.downtime = Some(clashes.downtime(&wanted));
    vec![first, Phase::new(wanted, &between, "makes what took the place of things that had to go first")]
}

/// Whether a change takes a resource away, or puts another one in its place.
fn takes_away(action: Action) -> bool {
    match action {
        Action::Replace | Action::Remove => true,
        Action::Add | Action::Change => false,
    }
}

#[cfg(test)]
mod tests;
