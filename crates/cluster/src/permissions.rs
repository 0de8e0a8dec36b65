//! What whoever runs a command must be allowed to: the calls that the command makes, and those that CloudFormation makes in its name.

mod calls;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use calls::{CALLS, Call};
pub use scope::{On, Scope, on};

/// Commands that ask AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// `plan`.
    Plan,
    /// `create`.
    Create,
    /// `update`.
    Update,
    /// `delete`.
    Delete,
    /// `get`.
    Get,
    /// `doctor`.
    Doctor,
    /// `drift`.
    Drift,
    /// `handover`.
    Handover,
}

impl Command {
    /// All of them, in the order of the command line's help.
    pub const ALL: [Self; 8] = [Self::Plan, Self::Create, Self::Update, Self::Delete, Self::Get, Self::Doctor, Self::Drift, Self::Handover];

    /// As it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Get => "get",
            Self::Doctor => "doctor",
            Self::Drift => "drift",
            Self::Handover => "handover",
        }
    }

    /// What CloudFormation does to resources for it. A failed creation or update is rolled back, so both take away, too.
    fn handlers(self) -> &'static [&'static str] {
        match self {
            Self::Create | Self::Update => &["create", "read", "update", "delete"],
            Self::Delete => &["read", "delete"],
            // Drift detection reads each resource.
            Self::Drift => &["read"],
            Self::Plan | Self::Get | Self::Doctor | Self::Handover => &[],
        }
    }
}

/// What CloudFormation calls, by type of resource and handler.
const RESOURCES: &str = include_str!("permissions/resources.txt");

/// Types whose needs are known.
pub fn resource_types() -> BTreeSet<&'static str> {
    rows().map(|(kind, _, _)| kind).collect()
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str, std::str::SplitAsciiWhitespace<'static>)> {
    RESOURCES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?, words.next()?, words))
    })
}

/// The actions that a command needs, where stacks have resources of these types (all that we make, if there is none).
pub fn actions(command: Command, types: &BTreeSet<&str>) -> BTreeSet<&'static str> {
    let mut all: BTreeSet<&str> = CALLS.iter().filter(|call| call.commands.contains(&command)).flat_map(|call| call.actions()).collect();
    let made = rows().filter(|(kind, handler, _)| (types.is_empty() || types.contains(kind)) && command.handlers().contains(handler));
    all.extend(made.flat_map(|(_, _, actions)| actions));
    all
}

/// Characters that a managed policy may have, blanks not counted (IAM quota).
pub const LONGEST: usize = 6144;

/// The smallest policies by which a command can do its work on one cluster: IAM policy documents, two of them where one would be longer
/// than IAM takes. Actions that IAM can limit to the cluster, its stacks, and their roles are; what EC2 makes has no name before it is
/// made, so that is limited to the region.
pub fn policies(command: Command, types: &BTreeSet<&str>, scope: &Scope<'_>) -> Vec<Value> {
    let actions = actions(command, types);
    let whole = document(&actions, scope);
    if length(&whole) <= LONGEST {
        return vec![whole];
    }
    let (network, rest): (BTreeSet<&str>, BTreeSet<&str>) = actions.iter().partition(|action| action.starts_with("ec2:"));
    vec![document(&network, scope), document(&rest, scope)]
}

fn document(actions: &BTreeSet<&'static str>, scope: &Scope<'_>) -> Value {
    let mut by_place: BTreeMap<On, BTreeSet<&str>> = BTreeMap::new();
    for action in actions {
        by_place.entry(on(action)).or_default().insert(action);
    }
    let statements: Vec<Value> = by_place.iter().filter_map(|(on, actions)| statement(*on, actions, scope)).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn length(document: &Value) -> usize {
    document.to_string().chars().filter(|character| !character.is_whitespace()).count()
}

fn statement(on: On, actions: &BTreeSet<&str>, scope: &Scope<'_>) -> Option<Value> {
    let resources = scope.resources(on)?;
    let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
    if let Some(condition) = scope.condition(on) {
        statement["Condition"] = condition;
    }
    Some(statement)
}

#[cfg(test)]
mod tests;
