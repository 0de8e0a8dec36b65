//! A plan for people.

use std::fmt::Write as _;

use hybridge_cluster::difference::{PropertyChange, ResourceChange};
use hybridge_cluster::template::StackPlan;
use hybridge_cluster::template::cfn::{Resource, Value};
use hybridge_cluster::update::{LiveState, Phase, UpdatePlan};

use super::form::action;
use super::{Told, addon_names};

/// Properties that say what a resource is about, the first that it has.
const TELLING: [&str; 11] = [
    "CidrBlock",
    "DestinationCidrBlock",
    "CidrIp",
    "ServiceName",
    "TransitGatewayId",
    "VpnGatewayId",
    "PrincipalArn",
    "GroupDescription",
    "Version",
    "RoleName",
    "NodegroupName",
];

pub(super) fn table(told: &Told) -> String {
    let metadata = &told.cluster.config.metadata;
    let mut text = format!("cluster {} in {}, Kubernetes {}\n", metadata.name, metadata.region, told.cluster.version);
    for (at, stack) in told.stacks.iter().enumerate() {
        let action = action(told, at, stack);
        let size = format!("{} resources, {} bytes", stack.template.resources.len(), stack.template.bytes());
        let _ = writeln!(text, "\nstack {} ({}): {action}, {size}", stack.name, stack.purpose.name());
        match &told.update {
            Some(update) if at == 0 => changes(&mut text, update),
            Some(_) | None if action == "create" => resources(&mut text, stack),
            Some(_) | None => {}
        }
    }
    for name in &told.later {
        let _ = writeln!(text, "\nstack {name} (service account): create, when EKS has made the cluster");
    }
    let addons = addon_names(&told.cluster);
    if !addons.is_empty() {
        let _ = writeln!(text, "\nadd-ons: {}", addons.join(", "));
    }
    text
}

/// Everything that is made.
fn resources(text: &mut String, stack: &StackPlan) {
    let rows: Vec<[String; 3]> =
        stack.template.resources.iter().map(|(id, resource)| [id.clone(), resource.kind.clone(), about(resource)]).collect();
    columns(text, &rows);
}

fn about(resource: &Resource) -> String {
    let text = |value: &Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
    TELLING.iter().find_map(|key| resource.properties.get(*key).and_then(text)).unwrap_or_default()
}

fn columns(text: &mut String, rows: &[[String; 3]]) {
    let width = |at: usize| rows.iter().map(|row| row[at].len()).max().unwrap_or_default();
    let (first, second) = (width(0), width(1));
    for [a, b, c] in rows {
        let line = format!("  {a:first$}  {b:second$}  {c}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// Everything that is otherwise, step by step.
fn changes(text: &mut String, update: &UpdatePlan) {
    if update.phases.is_empty() {
        text.push_str("  the stack is as the file says\n");
    }
    for (at, phase) in update.phases.iter().enumerate() {
        if update.phases.len() > 1 {
            let _ = writeln!(text, "  step {} of {}: {}", at + 1, update.phases.len(), phase.reason);
        }
        steps(text, phase);
        if let Some(downtime) = &phase.downtime {
            let _ = writeln!(text, "  interruption: {downtime}");
        }
    }
    for change in &update.live {
        let follows = match change.state {
            LiveState::Already => "as the file wants it: only the stack learns of it",
            LiveState::ByStack => "the stack changes it",
            LiveState::ByEks => "EKS itself is asked to change it, as the stack sees no difference",
        };
        let _ = writeln!(text, "  EKS has {}: {} (stack: {}, file: {}): {follows}", change.path, change.eks, change.stack, change.wanted);
    }
}

fn steps(text: &mut String, phase: &Phase) {
    let rows: Vec<[String; 3]> = phase
        .changes
        .resources
        .iter()
        .map(|change| [format!("{} {}", sign(change), change.id), change.kind.clone(), properties(change)])
        .collect();
    columns(text, &rows);
    for change in &phase.changes.outputs {
        let _ = writeln!(text, "  {} output {}", change.action.name(), change.key);
    }
}

fn sign(change: &ResourceChange) -> String {
    format!("{:7}", change.action.name())
}

fn properties(change: &ResourceChange) -> String {
    let one = |property: &PropertyChange| if property.replaces { format!("{} (replaces)", property.path) } else { property.path.clone() };
    change.properties.iter().map(one).collect::<Vec<_>>().join(", ")
}
