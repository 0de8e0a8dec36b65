//! `hybridge`: EKS on machines outside the region.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};

/// EKS on machines outside the region: clusters, nodes, and the network between them and the VPC.
#[derive(Parser)]
#[command(name = "hybridge", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// A world of network namespaces on this machine, in which gateways carry real packets (executes hybridge-lab)
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  hybridge lab demo\n  hybridge lab run --fault host-loss\n  hybridge lab --help"
    )]
    Lab {
        /// Passed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        rest: Vec<OsString>,
    },
}

#[expect(clippy::print_stderr, reason = "the command line's own edge")]
fn main() -> ExitCode {
    let Part::Lab { rest } = Arguments::parse().part;
    let error = execute("hybridge-lab", rest);
    eprintln!(
        "error: {error:#}\n  hint: build it beside hybridge with `cargo build -p hybridge-lab`, or install the release archive whole"
    );
    ExitCode::from(1)
}

/// Becomes a program that was installed beside this one, else one found in PATH; returns only if that fails.
fn execute(program: &str, rest: Vec<OsString>) -> anyhow::Error {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(program))).filter(|path| path.exists());
    let path = beside.unwrap_or_else(|| PathBuf::from(program));
    let failed = Command::new(&path).args(rest).exec();
    Err::<(), _>(failed).with_context(|| format!("cannot execute `{}`", path.display())).expect_err("was made from an error")
}
