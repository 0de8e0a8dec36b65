//! `cargo xtask demo`: the products, and a lab that shows them at work.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::command::{cargo, run as run_command};
use crate::flags::Flags;
use crate::host;
use crate::workspace::Workspace;

/// The gateway, the lab, and the command that starts labs; what cargo calls them.
pub(crate) const PRODUCTS: [&str; 6] = ["--package", "hybridge-gatewayd", "--package", "hybridge-lab", "--package", "hybridge"];

/// Builds with the tests' profile and becomes `hybridge-lab demo`.
pub(crate) fn run(flags: Flags) -> Result<ExitCode> {
    println!("Needs Rust and a C compiler, nothing else: no AWS account, no cluster. Building; minutes the first time.");
    host::install(&[host::C_COMPILER])?;
    let workspace = Workspace::load()?;
    run_command(cargo().arg("build").args(PRODUCTS))?;
    let lab = workspace.target.join("debug/hybridge-lab");
    // Replaces this process: the terminal's signals then go to the lab alone.
    let error = Command::new(&lab).arg("demo").args(flags.rest()).exec();
    Err(error).with_context(|| format!("cannot run {}", lab.display()))
}
