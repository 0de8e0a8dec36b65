//! A plan as JSON.

use std::collections::BTreeMap;

use hybridge_cluster::template::StackPlan;
use hybridge_cluster::update::{LiveChange, PhaseView};
use hybridge_report::Finding;
use serde::Serialize;
use serde_json::Value;

use super::{Told, addon_names, template};

#[derive(Serialize)]
pub(super) struct Form<'a> {
    cluster: &'a str,
    region: &'a str,
    /// Nothing stands in the way.
    possible: bool,
    findings: Vec<&'a Finding>,
    stacks: Vec<StackForm<'a>>,
    /// Stacks whose templates need what EKS makes first.
    later: &'a [String],
    addons: Vec<String>,
}

#[derive(Serialize)]
struct StackForm<'a> {
    name: &'a str,
    purpose: &'static str,
    /// `create`, `update` or `nothing`.
    action: &'static str,
    bytes: usize,
    resources: BTreeMap<&'a str, &'a str>,
    tags: &'a BTreeMap<String, String>,
    capabilities: &'a [&'static str],
    depends_on: &'a [String],
    /// What becomes of a stack that is there, step by step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phases: Vec<PhaseView<'a>>,
    /// Where EKS differs from its stack.
    #[serde(skip_serializing_if = "<[LiveChange]>::is_empty")]
    live: &'a [LiveChange],
    template: Value,
}

pub(super) fn form(told: &Told) -> Form<'_> {
    let metadata = &told.cluster.config.metadata;
    Form {
        cluster: &metadata.name,
        region: &metadata.region,
        possible: told.findings.iter().all(|finding| finding.severity != hybridge_report::Severity::Error),
        findings: told.of_file.iter().chain(&told.findings).collect(),
        stacks: told.stacks.iter().enumerate().map(|(at, stack)| stack_form(told, at, stack)).collect(),
        later: &told.later,
        addons: addon_names(&told.cluster),
    }
}

fn stack_form<'a>(told: &'a Told, at: usize, stack: &'a StackPlan) -> StackForm<'a> {
    let update = told.update.as_ref().filter(|_| at == 0);
    let text = if at == 0 { template(told) } else { stack.template.render() };
    StackForm {
        name: &stack.name,
        purpose: stack.purpose.name(),
        action: action(told, at, stack),
        bytes: text.len(),
        resources: stack.template.resources.iter().map(|(id, resource)| (id.as_str(), resource.kind.as_str())).collect(),
        tags: &stack.tags,
        capabilities: &stack.capabilities,
        depends_on: &stack.depends_on,
        phases: update.iter().flat_map(|update| &update.phases).map(hybridge_cluster::update::Phase::view).collect(),
        live: update.map_or(&[], |update| &update.live),
        template: serde_json::from_str(&text).unwrap_or_default(),
    }
}

/// What becomes of a stack, in a word.
pub(super) fn action(told: &Told, at: usize, stack: &StackPlan) -> &'static str {
    match &told.update {
        Some(update) if at == 0 => {
            if update.is_nothing() {
                "nothing"
            } else {
                "update"
            }
        }
        Some(_) | None => {
            if told.there.contains(&stack.name) {
                "nothing"
            } else {
                "create"
            }
        }
    }
}
