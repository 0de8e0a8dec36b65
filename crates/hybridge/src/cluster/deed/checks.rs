//! What is looked at before anything is made.

use hybridge_cluster::preflight::{Skips, Wanted, outcomes};
use hybridge_report::{Finding, Severity};

use super::prepare::Prepared;
use super::stop::{Done, Stop};
use crate::args::cluster::Stacks;
use crate::tell;

/// Runs the checks that need no node; an error stops everything, warnings are told.
pub(in crate::cluster) fn before(prepared: &Prepared, asked: &Stacks) -> Done<()> {
    let skips = Skips::new(&asked.skip).map_err(Stop::input)?;
    let first = prepared.first();
    let template = first.plan.template.to_json();
    let wanted = Wanted { template: &template, bytes: first.body.len(), by_s3: asked.template_bucket.is_some() };
    let outcomes = outcomes(&prepared.cluster, &prepared.world, Some(wanted), &skips);
    let found = outcomes.into_iter().flat_map(|outcome| outcome.findings);
    // Checks look at the cluster's own stack; others may be too long, too.
    let others = prepared.drafts[1..].iter().filter_map(|draft| draft.too_long(asked.template_bucket.as_deref()));
    let (errors, warnings): (Vec<Finding>, Vec<_>) = found.chain(others).partition(|finding| finding.severity == Severity::Error);
    tell::findings(&warnings);
    if errors.is_empty() { Ok(()) } else { Err(Stop::input(errors)) }
}
