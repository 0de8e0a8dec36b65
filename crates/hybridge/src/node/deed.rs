//! What is done with a plan: it is shown, or carried out.

use hybridge_node::plan::Plan;
use hybridge_node_host::apply::{Watch, apply};
use hybridge_node_host::command::{Call, Output as CommandOutput, RunError, Runner};
use hybridge_node_host::diff::diff;
use hybridge_node_host::error::ApplyError;
use hybridge_node_host::host::Host;
use hybridge_node_host::options::Options;
use hybridge_node_host::report::{Change, Deed, Report};
use hybridge_report::Exit;
use serde_json::json;

use super::init::Stopped;
use crate::args::Output;
use crate::args::node::Init;
use crate::tell;

/// `--dry-run`.
pub(super) fn show(host: &Host, plan: &Plan, options: &Options, arguments: &Init) -> Result<Exit, ApplyError> {
    if arguments.output != Output::Table {
        // With the facts of another machine there is nothing here to compare with.
        let changes = match arguments.facts {
            Some(_) => None,
            None => Some(diff(host, plan, options)?),
        };
        return Ok(tell::structured(arguments.output, &json!({ "plan": plan, "changes": changes })));
    }
    if arguments.facts.is_some() {
        let empty = Host::below("/nonexistent", Nobody);
        let changes = diff(&empty, plan, options)?;
        return Ok(tell::data(&text(plan, &changes)));
    }
    Ok(tell::data(&text(plan, &diff(host, plan, options)?)))
}

/// A machine on which nothing runs: whoever is asked answers nothing, so everything has to be done.
struct Nobody;

impl Runner for Nobody {
    fn run(&self, _call: &Call) -> Result<CommandOutput, RunError> {
        Ok(CommandOutput { code: Some(0), ..CommandOutput::default() })
    }
}

fn text(plan: &Plan, changes: &[Change]) -> String {
    let would: Vec<&Change> = changes.iter().filter(|change| change.deed != Deed::Unchanged).collect();
    let mut text: String = would.iter().map(|change| format!("{change}\n")).collect();
    text += &match (would.len(), changes.len() - would.len()) {
        (0, same) => format!("node {}: nothing to do, {same} as they should be\n", plan.node),
        (count, same) => format!("node {}: {count} to do, {same} as they should be\n", plan.node),
    };
    text
}

/// Carries it out, telling each change as it is made and the times at the end.
pub(super) fn carry_out(host: &Host, plan: &Plan, options: &Options, output: Output) -> Result<Exit, Stopped> {
    let report = deed(host, plan, output == Output::Table, options)?;
    tell::findings(&report.warnings);
    if output != Output::Table {
        return Ok(tell::structured(output, &json!({ "node": plan.node, "changes": report.changes(), "report": report })));
    }
    tell::line(timing(plan, &report));
    Ok(Exit::Ok)
}

/// Carries out a plan; tells whether it stopped before its first change.
pub(super) fn deed(host: &Host, plan: &Plan, lines: bool, options: &Options) -> Result<Report, Stopped> {
    let mut told = Told { lines, changed: false };
    apply(host, plan, &mut told, options).map_err(|error| if told.changed { Stopped::Partly(error) } else { Stopped::Apply(error) })
}

fn timing(plan: &Plan, report: &Report) -> String {
    let all: f64 = report.phases.iter().map(|phase| phase.milliseconds).sum();
    let phases: Vec<String> = report
        .phases
        .iter()
        .filter(|phase| phase.milliseconds >= 0.05)
        .map(|phase| format!("{} {:.1}", phase.name, phase.milliseconds))
        .collect();
    format!("node {}: {} changed in {all:.1} ms ({})", plan.node, report.changes(), phases.join(", "))
}

/// One line for each change, and what is waited for where somebody watches.
#[derive(Debug)]
struct Told {
    lines: bool,
    changed: bool,
}

impl Watch for Told {
    fn changed(&mut self, change: &Change) {
        self.changed = true;
        if self.lines {
            tell::line(change);
        }
    }

    fn waiting(&mut self, what: &str) {
        tell::progress(what);
    }
}
