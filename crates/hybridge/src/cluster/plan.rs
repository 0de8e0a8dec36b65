//! `hybridge cluster plan`: what would be made or changed, without making or changing it.

mod form;
mod table;

use hybridge_cluster::config::Places;
use hybridge_cluster::config::outposts::acknowledge;
use hybridge_cluster::course::addons;
use hybridge_cluster::preflight::{self, Skips, State, Wanted};
use hybridge_cluster::resolve::{Cluster, resolve};
use hybridge_cluster::template::{StackPlan, later, stacks};
use hybridge_cluster::update::{UpdatePlan, plan_update};
use hybridge_cluster::world::World;
use hybridge_report::{Exit, Finding, Severity};
use jiff::Timestamp;

use super::file::{Read, read};
use super::gather::known;
use crate::args::cluster::{Plan, PlanOutput};
use crate::runtime::block_on;
use crate::tell;

/// Everything that is to be told.
struct Told {
    cluster: Cluster,
    stacks: Vec<StackPlan>,
    /// What becomes of the first stack, if it is there.
    update: Option<UpdatePlan>,
    /// Stacks that are there, by name.
    there: Vec<String>,
    /// Stacks whose templates nobody knows yet.
    later: Vec<String>,
    /// The file's warnings, which are printed already.
    of_file: Vec<Finding>,
    findings: Vec<Finding>,
}

pub(super) fn run(asked: &Plan) -> Exit {
    let file = match read(&asked.file, Timestamp::now()) {
        Ok(file) => file,
        Err(exit) => return exit,
    };
    if let Err(finding) = acknowledge(&file.annotations.outposts_servers, asked.unsupported_servers) {
        tell::findings(&located(vec![finding], &file.places));
        return Exit::Input;
    }
    let world = if asked.offline {
        Ok(World::default())
    } else {
        block_on(known(&file.config, &file.annotations, &asked.facts)).map(|(world, _)| world)
    };
    let told = world.map_err(|finding| vec![finding]).and_then(|world| plan(&file, &world, asked.offline));
    let told = match told {
        Ok(told) => told,
        Err(findings) => {
            tell::findings(&located(findings, &file.places));
            return Exit::Input;
        }
    };
    let wrong = told.findings.iter().any(|finding| finding.severity == Severity::Error);
    let said = match asked.output {
        PlanOutput::Table => {
            tell::findings(&told.findings);
            tell::data(&table::table(&told))
        }
        PlanOutput::Json => tell::json(&form::form(&told)),
        PlanOutput::Yaml => tell::yaml(&form::form(&told)),
        PlanOutput::Template => {
            tell::findings(&told.findings);
            tell::data(&(template(&told) + "\n"))
        }
    };
    match said {
        Exit::Ok if wrong => Exit::Input,
        said @ (Exit::Ok | Exit::Input | Exit::Unexpected | Exit::Partly) => said,
    }
}

fn plan(file: &Read, world: &World, offline: bool) -> Result<Told, Vec<Finding>> {
    let cluster = resolve(&file.config, &file.annotations, world)?;
    let stacks = stacks(&cluster, world);
    let update = world.deployed.is_some().then(|| plan_update(&cluster, world, false));
    let mut findings = cluster.warnings.clone();
    match &update {
        Some(update) => findings.extend(update.findings.clone()),
        None => findings.extend(stacks[0].findings.clone()),
    }
    findings.extend(stacks[1..].iter().flat_map(|stack| stack.findings.clone()));
    let (wanted, bytes) = wanted(&stacks[0], update.as_ref());
    let outcomes = preflight::outcomes(&cluster, world, Some(Wanted { template: &wanted, bytes, by_s3: false }), &Skips::default());
    // Who asks nobody knows that much is not known.
    let told = |state: State| match state {
        State::Warn | State::Fail => true,
        State::Unknown => !offline,
        State::Pass | State::Idle => false,
    };
    let again = |finding: &Finding| file.warnings.iter().any(|known| known.code == finding.code);
    let found = outcomes.into_iter().filter(|outcome| told(outcome.state)).flat_map(|outcome| outcome.findings);
    findings.extend(found.filter(|finding| !again(finding)));
    let mut each: Vec<Finding> = Vec::new();
    for finding in located(findings, &file.places) {
        if !each.contains(&finding) {
            each.push(finding);
        }
    }
    let there = world.stacks.iter().map(|stack| stack.stack_name.clone()).collect();
    Ok(Told { later: later(&cluster, world), cluster, stacks, update, there, of_file: file.warnings.clone(), findings: each })
}

/// The template that the stack will have in the end, and its bytes.
fn wanted(first: &StackPlan, update: Option<&UpdatePlan>) -> (serde_json::Value, usize) {
    let last = update.and_then(|update| update.phases.last()).map_or(&first.template, |phase| &phase.template);
    (last.to_json(), last.bytes())
}

/// The bytes that CloudFormation gets next for the cluster's own stack.
fn template(told: &Told) -> String {
    let next = told.update.as_ref().and_then(|update| update.phases.first());
    next.map_or(&told.stacks[0].template, |phase| &phase.template).render()
}

/// Findings name values of the file by their paths; where these are in the file is easier to find.
fn located(findings: Vec<Finding>, places: &Places) -> Vec<Finding> {
    let at = |finding: Finding| {
        if !places.has(&finding.place) {
            return finding;
        }
        let place = format!("{}: {}", places.place(&finding.place), finding.place);
        Finding { place, ..finding }
    };
    findings.into_iter().map(at).collect()
}

/// Add-ons by name, in the order in which they are made.
fn addon_names(cluster: &Cluster) -> Vec<String> {
    addons::wanted(&cluster.config, cluster.partition).into_iter().map(|addon| addon.name).collect()
}
