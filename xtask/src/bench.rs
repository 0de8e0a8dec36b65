//! `cargo xtask bench`: release binaries, measured by the lab.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::command::run as run_command;
use crate::flags::Flags;
use crate::workspace::Workspace;
use crate::{host, real, release};

/// Builds what `release` builds and runs `hybridge-lab bench` beside it, with the real parts at hand.
pub(crate) fn run(flags: Flags) -> Result<ExitCode> {
    println!("Builds release binaries (10 minutes or more the first time) and the real parts, then measures");
    host::install(&[host::C_COMPILER, host::PYTHON])?;
    let workspace = Workspace::load()?;
    let parts = real::ensure(&workspace)?;
    let binaries = release::build(&workspace)?;
    run_command(Command::new(binaries.join("hybridge-lab")).arg("bench").args(flags.rest()).env(real::DIRECTORY, parts))?;
    Ok(ExitCode::SUCCESS)
}
