//! `cargo xtask bench`: the products as they are released, measured by the lab.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::command::{cargo, run as run_command};
use crate::flags::Flags;
use crate::release::{self, GATEWAY, HYBRIDGE, Platform};
use crate::workspace::Workspace;
use crate::{host, real};

/// Builds the gateway (or, after `node` or `cluster`, the program for these) for release and the lab for tests, and lets the lab measure it with the
/// real parts at hand.
///
/// What the lab measures happens in other processes, so its own speed hardly matters, and its release build takes ten minutes.
pub(crate) fn run(mut flags: Flags) -> Result<ExitCode> {
    let (product, task, flag) = match (flags.switch("node"), flags.switch("cluster")) {
        (true, false) => (HYBRIDGE, "bench-node", "--hybridge"),
        (false, true) => (HYBRIDGE, "bench-cluster", "--hybridge"),
        (false, false) => (GATEWAY, "bench", "--gateway-bin"),
        (true, true) => bail!("`node` and `cluster` are measured one after the other"),
    };
    println!("Builds {} for release (10 minutes or more the first time), the lab and the real parts, then measures", product.binary);
    host::install(&[host::C_COMPILER, host::PYTHON])?;
    let workspace = Workspace::load()?;
    let parts = real::ensure(&workspace)?;
    let platform = Platform::host()?;
    release::build(&workspace, &[product], &[platform], "release")?;
    let program = platform.folder(&workspace, "release").join(product.binary);
    run_command(cargo().args(["build", "--package", "hybridge-lab"]))?;
    let mut bench = Command::new(workspace.target.join("debug/hybridge-lab"));
    bench.arg(task).arg(flag).arg(program).args(flags.rest()).env(real::DIRECTORY, parts);
    run_command(&mut bench)?;
    Ok(ExitCode::SUCCESS)
}
