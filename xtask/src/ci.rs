//! `cargo xtask ci`: everything that has to hold, in one run with one list of times.

use std::process::ExitCode;

use anyhow::Result;

use crate::flags::Flags;
use crate::lint;
use crate::phases::Phases;
use crate::suite::{Selection, test};

/// Tests, then lints, both in any case; ends with `N passed, N failed`.
pub(crate) fn run(flags: Flags) -> Result<ExitCode> {
    flags.finish()?;
    let mut phases = Phases::default();
    let outcome = test(&Selection::default(), &mut phases)?;
    let failed = lint::lint(&mut phases)?;
    println!("\nSlowest parts:\n{}", phases.table());
    println!("{}", lint::verdict(&failed));
    println!("{outcome}");
    Ok(if outcome.is_good() && failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
