//! What a stack's events tell: lines for whoever watches, and the first real cause of a failure.
//!
//! A stack that fails tells of everything that was cancelled because of it, and a user sees the last line, which names nothing. What
//! happened is in the earliest event that failed by itself.

mod remedy;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use remedy::{Denied, Remedy, denied, remedy};

/// Type of stacks themselves, in their own events and as parts of others.
const STACK: &str = "AWS::CloudFormation::Stack";

/// An event of a stack (DescribeStackEvents). Lists in this module are oldest first, as things happened; CloudFormation answers the
/// other way round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StackEvent {
    /// Unique.
    pub event_id: String,
    /// Stack's ARN.
    pub stack_id: String,
    /// Stack's name.
    pub stack_name: String,
    /// Name in the template; of the stack itself, its name.
    pub logical_resource_id: String,
    /// Name in AWS; empty: it has none yet.
    pub physical_resource_id: String,
    /// `AWS::EC2::VPC` and so on.
    pub resource_type: String,
    /// `CREATE_IN_PROGRESS` and so on.
    pub resource_status: String,
    /// Why.
    pub resource_status_reason: String,
    /// When.
    pub timestamp: Timestamp,
    /// What the caller of the operation called it; empty: nothing.
    pub client_request_token: String,
}

impl StackEvent {
    /// Whether it is about the stack rather than about one of its resources.
    pub fn is_of_stack(&self) -> bool {
        self.resource_type == STACK && (self.logical_resource_id == self.stack_name || self.physical_resource_id == self.stack_id)
    }

    fn failed(&self) -> bool {
        self.resource_status.ends_with("_FAILED")
    }

    /// CloudFormation stopped it, or it tells of others that failed.
    fn is_cascade(&self) -> bool {
        const CASCADES: [&str; 4] = [
            "Resource creation cancelled",
            "Resource update cancelled",
            "Resource deletion cancelled",
            "The following resource(s) failed to",
        ];
        CASCADES.iter().any(|text| bare(&self.resource_status_reason).starts_with(text))
    }
}

/// Events of the last operation on the stack: from where somebody began to create, change or delete it.
pub fn last_operation(events: &[StackEvent]) -> &[StackEvent] {
    const BEGINNINGS: [&str; 5] =
        ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS", "REVIEW_IN_PROGRESS"];
    let begins = |event: &StackEvent| event.is_of_stack() && BEGINNINGS.contains(&event.resource_status.as_str());
    &events[events.iter().rposition(begins).unwrap_or(0)..]
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Name of the resource in the template, or of the stack if nothing smaller is known.
    pub resource: String,
    /// `AWS::EC2::VPC` and so on.
    pub kind: String,
    /// Name in AWS; empty: it never had one.
    pub physical: String,
    /// `CREATE_FAILED` and so on.
    pub status: String,
    /// What AWS said.
    pub reason: String,
    /// A stack within this one failed: its ARN, whose events say more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested: Option<String>,
    /// Others that failed by themselves, not because of this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// What could not be put back or taken away afterwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stuck: Vec<String>,
}

impl Failure {
    /// What to do about it, where the reason is known.
    pub fn remedy(&self) -> Option<Remedy> {
        remedy(&self.kind, &self.reason)
    }

    /// On one line.
    pub fn sentence(&self) -> String {
        let name = if self.physical.is_empty() || self.physical == self.resource {
            self.resource.clone()
        } else {
            format!("{} ({})", self.resource, self.physical)
        };
        let mut text = format!("{name}, {}: {}: {}", self.kind, self.status, self.reason);
        for (intro, others) in [("; failed as well: ", &self.others), ("; could not be put back: ", &self.stuck)] {
            if !others.is_empty() {
                text.push_str(intro);
                text.push_str(&others.join(", "));
            }
        }
        text
    }
}

/// The first real cause of what failed in the last operation: the earliest failure that is neither a cancellation nor tells of another
/// one. None: nothing failed.
pub fn first_cause(events: &[StackEvent]) -> Option<Failure> {
    let events = last_operation(events);
    let rollback = events.iter().position(|event| event.is_of_stack() && event.resource_status.contains("ROLLBACK_IN_PROGRESS"));
    let (forward, back) = events.split_at(rollback.unwrap_or(events.len()));
    let real = |event: &&StackEvent| event.failed() && !event.is_of_stack() && !event.is_cascade();
    let mut causes = forward.iter().filter(real);
    let named = |event: &StackEvent| format!("{}: {}", event.logical_resource_id, event.resource_status_reason);
    let Some(first) = causes.next().or_else(|| back.iter().find(real)) else {
        let of_stack = events.iter().find(|event| event.is_of_stack() && (event.failed() || event.resource_status.contains("ROLLBACK")));
        return of_stack.map(|event| failure(event, Vec::new(), Vec::new()));
    };
    let apart = |event: &&StackEvent| event.logical_resource_id != first.logical_resource_id;
    let others = unique(causes.filter(apart).map(named));
    let stuck = unique(back.iter().filter(real).filter(apart).map(named));
    Some(failure(first, others, stuck))
}

fn unique(lines: impl Iterator<Item = String>) -> Vec<String> {
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}

fn failure(event: &StackEvent, others: Vec<String>, stuck: Vec<String>) -> Failure {
    let is_nested = event.resource_type == STACK && !event.is_of_stack();
    let reason = if event.resource_status_reason.is_empty() { "AWS gives no reason" } else { &event.resource_status_reason };
    Failure {
        resource: event.logical_resource_id.clone(),
        kind: event.resource_type.clone(),
        physical: event.physical_resource_id.clone(),
        status: event.resource_status.clone(),
        reason: bare(&reason.split_whitespace().collect::<Vec<_>>().join(" ")).to_owned(),
        nested: (is_nested && event.physical_resource_id.starts_with("arn:")).then(|| event.physical_resource_id.clone()),
        others,
        stuck,
    }
}

/// What the service said, without what CloudFormation's handlers put around it.
fn bare(reason: &str) -> &str {
    let inner = reason.strip_prefix("Resource handler returned message: \"").and_then(|rest| rest.rsplit_once("\" ("));
    inner.map_or(reason, |(message, _)| message)
}

/// Follows one operation: a line for each resource that changes its state, and how far it has come.
#[derive(Clone, Debug)]
pub struct Live {
    begun: Timestamp,
    seen: BTreeSet<String>,
    states: BTreeMap<String, String>,
    resources: usize,
}

impl Live {
    /// Follows what happens from `begun` on; `resources` is how many are to change, 0 if that is not known.
    pub fn new(begun: Timestamp, resources: usize) -> Self {
        Self { begun, seen: BTreeSet::new(), states: BTreeMap::new(), resources }
    }

    /// Events that were there before are not told.
    pub fn skip(&mut self, events: &[StackEvent]) {
        self.seen.extend(events.iter().map(|event| event.event_id.clone()));
    }

    /// Whether an event has been told or skipped: where older ones need not be asked for any more.
    pub fn knows(&self, event: &StackEvent) -> bool {
        self.seen.contains(&event.event_id)
    }

    /// Lines of events that are new, one for each change of a resource's state.
    pub fn take(&mut self, events: &[StackEvent]) -> Vec<String> {
        events.iter().filter_map(|event| self.line(event)).collect()
    }

    fn line(&mut self, event: &StackEvent) -> Option<String> {
        if !self.seen.insert(event.event_id.clone()) {
            return None;
        }
        let before = self.states.insert(event.logical_resource_id.clone(), event.resource_status.clone());
        // CloudFormation says a second time that it has begun, when AWS has given the resource its name.
        if before.as_deref() == Some(event.resource_status.as_str()) {
            return None;
        }
        let elapsed = elapsed(self.begun, event.timestamp);
        let what = if event.is_of_stack() { "stack" } else { event.resource_type.as_str() };
        let mut line = format!("{elapsed:>7}  {:<19} {}  {what}", event.resource_status, event.logical_resource_id);
        if event.failed() && !event.resource_status_reason.is_empty() {
            line.push_str(&format!(": {}", event.resource_status_reason));
        }
        Some(line)
    }

    /// How far it has come: how many are done, how long it has taken, what is being worked on.
    pub fn progress(&self, now: Timestamp) -> String {
        let resources = self.states.iter().filter(|(name, _)| !self.is_stack(name));
        let (working, done): (Vec<_>, Vec<_>) = resources.partition(|(_, status)| status.ends_with("_IN_PROGRESS"));
        let of = if self.resources == 0 { String::new() } else { format!(" of {}", self.resources) };
        let mut names: Vec<&str> = working.iter().map(|(name, _)| name.as_str()).collect();
        let more = names.len().saturating_sub(4);
        names.truncate(4);
        let mut text = format!("{}{of} done, {}", done.len(), elapsed(self.begun, now));
        if !names.is_empty() {
            text.push_str(&format!(", working on {}", names.join(", ")));
        }
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text
    }

    fn is_stack(&self, name: &str) -> bool {
        // The stack's own name has dashes, which logical names cannot have.
        name.contains('-')
    }
}

/// Minutes and seconds between two moments, as in `4:07`; nothing is before the beginning.
pub fn elapsed(begun: Timestamp, now: Timestamp) -> String {
    let seconds = (now.as_second() - begun.as_second()).max(0);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests;
