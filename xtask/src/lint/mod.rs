//! `cargo xtask lint`: what must hold beyond the tests. Every check runs, whatever the one before it found.

mod arrows;
mod documents;
mod purity;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::command::{cargo, run as run_command, succeeds};
use crate::demo::PRODUCTS;
use crate::flags::Flags;
use crate::host;
use crate::phases::Phases;
use crate::workspace::Workspace;

/// A check, its heading, and how it runs.
type Check = (&'static str, fn(&Workspace) -> Result<()>);

/// Cheap ones first. Clippy and rustdoc come next to each other: both want the metadata of every dependency, made once.
const CHECKS: [Check; 6] = [
    ("lint: format", |_| run_command(cargo().args(["fmt", "--all", "--check"]))),
    ("lint: arrows between crates", |workspace| refuse(&arrows::findings(workspace))),
    ("lint: pure crates touch nothing", |workspace| refuse(&purity::findings(workspace)?)),
    ("lint: clippy", |_| run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))),
    ("lint: rustdoc", |_| run_command(cargo().env("RUSTDOCFLAGS", "--deny warnings").args(["doc", "--workspace", "--no-deps", "--quiet"]))),
    ("lint: commands in the documents", |workspace| {
        run_command(cargo().args(["build", "--quiet"]).args(PRODUCTS))?;
        refuse(&documents::findings(workspace)?)
    }),
];

/// `cargo xtask lint`.
pub(crate) fn run(flags: Flags) -> Result<ExitCode> {
    flags.finish()?;
    let mut phases = Phases::default();
    let failed = lint(&mut phases)?;
    println!("\nSlowest parts:\n{}", phases.table());
    println!("{}", verdict(&failed));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every check and returns the headings of those that failed, which have said why.
pub(crate) fn lint(phases: &mut Phases) -> Result<Vec<&'static str>> {
    let workspace = Workspace::load()?;
    for component in ["clippy", "rustfmt"] {
        let program = component.trim_start_matches("rust");
        if !succeeds(cargo().args([program, "--version"])) {
            host::rustup("component", component)?;
        }
    }
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        if let Err(error) = phases.time(name, || check(&workspace)) {
            eprintln!("{error:#}");
            failed.push(name);
        }
    }
    Ok(failed)
}

/// One sentence for the end.
pub(crate) fn verdict(failed: &[&str]) -> String {
    match failed {
        [] => format!("all {} lints are clean", CHECKS.len()),
        _ => format!("failed: {}", failed.join(", ")),
    }
}

fn refuse(findings: &[String]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{}", findings.join("\n"));
}
