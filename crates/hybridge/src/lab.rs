//! `hybridge lab`: becomes `hybridge-lab`, so that products carry no lab code.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use hybridge_report::Exit;

/// Returns only if that fails.
#[expect(clippy::print_stderr, reason = "the command line's own edge")]
pub(crate) fn execute(rest: Vec<OsString>) -> ExitCode {
    let error = become_program("hybridge-lab", rest);
    eprintln!(
        "error: {error:#}\n  hint: releases do not hold it; in a checkout build it beside hybridge with `cargo build -p hybridge-lab`"
    );
    Exit::Input.into()
}

/// Becomes a program that was installed beside this one, else one found in PATH.
fn become_program(program: &str, rest: Vec<OsString>) -> anyhow::Error {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(program))).filter(|path| path.exists());
    let path = beside.unwrap_or_else(|| PathBuf::from(program));
    let failed = Command::new(&path).args(rest).exec();
    Err::<(), _>(failed).with_context(|| format!("cannot execute `{}`", path.display())).expect_err("was made from an error")
}
