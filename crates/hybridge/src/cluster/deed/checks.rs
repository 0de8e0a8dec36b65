//! What is looked at before anything is made.

use super::prepare::Prepared;
use super::stop::{Done, Stop};
use crate::args::cluster::Stacks;

/// Runs the checks that need no node; an error stops everything.
pub(in crate::cluster) fn before(prepared: &Prepared, asked: &Stacks) -> Done<()> {
    let too_long = prepared.drafts.iter().filter_map(|draft| draft.too_long(asked.template_bucket.as_deref()));
    let findings: Vec<_> = too_long.collect();
    if findings.is_empty() { Ok(()) } else { Err(Stop::input(findings)) }
}
