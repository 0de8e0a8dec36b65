//! `hybridge node steps`: how they ended, and running them outside of `init`.

use std::path::Path;
use std::time::Duration;

use hybridge_kube_io::{Access, CallError, ConnectError, Kube, NodeCondition};
use hybridge_node::config::own::StepPhase;
use hybridge_node::plan::{Half, Phase as PlanPhase, Plan, Step};
use hybridge_node::steps::{self, CONDITION, Record, Script};
use hybridge_node::{fstab, hosts};
use hybridge_node_host::apply::{Unwatched, apply};
use hybridge_node_host::error::ApplyError;
use hybridge_node_host::host::Host;
use hybridge_node_host::options::{Edits, Options};
use hybridge_node_host::steps as host_steps;
use hybridge_report::{Exit, Finding};

use super::config;
use crate::args::Output;
use crate::args::node::Sources;
use crate::args::node::user::{RunSteps, Status};
use crate::tell;

/// The kubelet's own credentials: a node may write its own status.
const KUBECONFIG: &str = "/var/lib/kubelet/kubeconfig";
const WITHIN: Duration = Duration::from_secs(10);

/// `steps status`.
pub(super) fn status(arguments: &Status) -> Exit {
    let host = Host::system();
    let rows = host_steps::recorded(&host).and_then(|record| host_steps::status(&host, &record.unwrap_or_default().scripts()));
    match (rows, arguments.output) {
        (Err(error), _) => {
            tell::findings([&error.finding()]);
            Exit::Input
        }
        (Ok(rows), form @ (Output::Json | Output::Yaml)) => tell::structured(form, &rows),
        (Ok(rows), Output::Table) => {
            let row = |step: &steps::Status| {
                let at = step.at.map(|at| format!("{at:.0}")).unwrap_or_default();
                format!("{:<24} {:<10} {:<9} {at:<20} {}\n", step.id, step.phase.name(), step.state.name(), step.log)
            };
            tell::data(&rows.iter().map(row).collect::<String>())
        }
    }
}

/// `steps run`.
pub(super) fn run(arguments: &RunSteps) -> Exit {
    let host = Host::system();
    let record = match record(&host, arguments) {
        Ok(record) => record,
        Err(findings) => {
            tell::findings(&findings);
            return Exit::Input;
        }
    };
    if arguments.report
        && let Err(finding) = crate::runtime::block_on(joined(&record.node))
    {
        tell::findings([&finding]);
        return Exit::Unexpected;
    }
    let exit = carry_out(&host, &record, arguments.phase.into());
    if arguments.report
        && let Err(finding) = report(&host, &record)
    {
        tell::findings([&finding]);
        return if exit == Exit::Ok { Exit::Unexpected } else { exit };
    }
    exit
}

fn record(host: &Host, arguments: &RunSteps) -> Result<Record, Vec<Finding>> {
    if arguments.sources.is_empty() {
        return Ok(host_steps::recorded(host).map_err(|error| vec![error.finding()])?.unwrap_or_default());
    }
    let sources = Sources { sources: arguments.sources.clone(), shape: None };
    let known = config::known(&sources).map_err(|finding| vec![finding])?;
    match known.config {
        Some(config) => Ok(Record { node: String::new(), steps: config.instance.steps }),
        None => Err(known.problems.into_iter().map(Finding::from).collect()),
    }
}

fn carry_out(host: &Host, record: &Record, phase: StepPhase) -> Exit {
    let scripts: Vec<Script> = record.scripts().into_iter().filter(|script| script.phase == phase).collect();
    let steps: Vec<Step> = scripts.into_iter().map(Step::Script).collect();
    // Not whole: nothing that `init` has written is removed.
    let phases = vec![PlanPhase { name: "steps", half: Half::Run, steps }];
    let plan = Plan { node: record.node.clone(), phases, left_out: Vec::new(), whole: false };
    let options = Options::new(Edits { hosts: hosts::edit, without_swap: fstab::without_swap });
    match apply(host, &plan, &mut Unwatched, &options) {
        Ok(report) => {
            tell::findings(&report.warnings);
            Exit::Ok
        }
        Err(error @ (ApplyError::NotRoot | ApplyError::Busy { .. })) => {
            tell::findings([&error.finding()]);
            Exit::Unexpected
        }
        Err(error) => {
            tell::findings([&error.finding()]);
            Exit::Partly
        }
    }
}

async fn kube() -> Result<Kube, ConnectError> {
    let agent = concat!("hybridge-node/", env!("CARGO_PKG_VERSION"));
    Kube::connect_with(Access { kubeconfig: Some(Path::new(KUBECONFIG)), context: None, agent, within: WITHIN }).await
}

/// Whether the cluster has the Node.
async fn joined(node: &str) -> Result<(), Finding> {
    let kube = kube().await.map_err(|error| unreachable_cluster(node, &error))?;
    match kube.has_node(node).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Finding::error("steps.not-joined", format!("node {node}"), "the cluster does not have it yet")
            .fix("the unit tries again by itself; `journalctl -u kubelet` tells why the node does not join")),
        Err(error) => Err(told(node, &error)),
    }
}

fn report(host: &Host, record: &Record) -> Result<(), Finding> {
    let rows = host_steps::status(host, &record.scripts()).map_err(|error| error.finding())?;
    let said = steps::condition(&rows);
    let condition =
        NodeCondition { kind: CONDITION.to_owned(), status: said.status.to_owned(), reason: said.reason.to_owned(), message: said.message };
    crate::runtime::block_on(async {
        let kube = kube().await.map_err(|error| unreachable_cluster(&record.node, &error))?;
        kube.set_node_condition(&record.node, &condition, WITHIN).await.map_err(|error| told(&record.node, &error))
    })
}

fn told(node: &str, error: &CallError) -> Finding {
    unreachable_cluster(node, error)
}

fn unreachable_cluster(node: &str, error: &(dyn std::error::Error + 'static)) -> Finding {
    Finding::error("steps.cluster", format!("node {node}"), hybridge_report::chain(error)).fix("the unit tries again by itself")
}
