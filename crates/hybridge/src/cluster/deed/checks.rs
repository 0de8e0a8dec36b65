//! What is looked at before anything is made.

use hybridge_cluster::preflight::{Skips, Wanted, outcomes};
use hybridge_report::{Finding, Severity};

use super::prepare::Prepared;
use super::stop::{Done, Stop};
use crate::args::cluster::Stacks;
use crate::tell;

/// What is going to be done with the cluster's own stack, or with the hybrid one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Work {
    /// It is made or changed: its template is sent.
    Send,
    /// It is as the file says, and what is beside it may differ.
    Keep,
    /// It is there and not looked at any further; what lacks beside it is made.
    Complete,
}

/// Runs the checks that need no node. An error stops everything, unless the cluster's own stack is there already, which only has to be
/// completed: then it is told as a warning, as warnings are.
pub(in crate::cluster) fn before(prepared: &Prepared, asked: &Stacks, work: Work) -> Done<()> {
    let skips = Skips::new(&asked.skip).map_err(Stop::input)?;
    let first = prepared.first();
    let template = first.plan.template.to_json();
    let wanted = Wanted { template: &template, bytes: first.body.len(), by_s3: asked.template_bucket.is_some() || work != Work::Send };
    let outcomes = outcomes(&prepared.cluster, &prepared.world, Some(wanted), &skips);
    let mut found: Vec<Finding> = outcomes.into_iter().flat_map(|outcome| outcome.findings).collect();
    // They are told already: the file was completed with the same facts.
    found.retain(|finding| !prepared.cluster.warnings.contains(finding));
    // The reading of the file has told it, with its line.
    found.retain(|finding| finding.code != "gateway.none");
    // Without a gateway in the file, routes to the site are made by others, before or after.
    let by_others = |finding: &Finding| prepared.cluster.gateway.is_none() && finding.code.starts_with("routes.");
    for finding in found.iter_mut().filter(|finding| work == Work::Complete || by_others(finding)) {
        finding.severity = Severity::Warning;
    }
    // Checks look at the cluster's own stack; others may be too long, too.
    found.extend(prepared.drafts[1..].iter().filter_map(|draft| draft.too_long(asked.template_bucket.as_deref())));
    let (errors, warnings): (Vec<Finding>, Vec<_>) = found.into_iter().partition(|finding| finding.severity == Severity::Error);
    tell::findings(&warnings);
    if errors.is_empty() { Ok(()) } else { Err(Stop::input(errors)) }
}
