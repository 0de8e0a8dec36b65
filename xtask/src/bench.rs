//! `cargo xtask bench`: the gateway as it is released, measured by the lab.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::command::{cargo, run as run_command};
use crate::flags::Flags;
use crate::release::{self, GATEWAY, Platform};
use crate::workspace::Workspace;
use crate::{host, real};

/// Builds the gateway for release and the lab for tests, and runs `hybridge-lab bench` with the real parts at hand.
///
/// What the lab measures happens in other processes, so its own speed hardly matters, and its release build takes ten minutes.
pub(crate) fn run(flags: Flags) -> Result<ExitCode> {
    println!("Builds the gateway for release (10 minutes or more the first time), the lab and the real parts, then measures for minutes");
    host::install(&[host::C_COMPILER, host::PYTHON])?;
    let workspace = Workspace::load()?;
    let parts = real::ensure(&workspace)?;
    let platform = Platform::host()?;
    release::build(&workspace, &[GATEWAY], &[platform], "release")?;
    let gateway = platform.folder(&workspace, "release").join(GATEWAY.binary);
    run_command(cargo().args(["build", "--package", "hybridge-lab"]))?;
    let mut bench = Command::new(workspace.target.join("debug/hybridge-lab"));
    bench.arg("bench").arg("--gateway-bin").arg(gateway).args(flags.rest()).env(real::DIRECTORY, parts);
    run_command(&mut bench)?;
    Ok(ExitCode::SUCCESS)
}
