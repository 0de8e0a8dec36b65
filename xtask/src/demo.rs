//! `cargo xtask demo`: the products, and a lab that shows them at work.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::command::{cargo, run as run_command};
use crate::flags::Flags;
use crate::workspace::Workspace;
use crate::{host, real};

/// The gateway, the lab, and the command that starts labs; what cargo calls them.
pub(crate) const PRODUCTS: [&str; 6] = ["--package", "hybridge-gatewayd", "--package", "hybridge-lab", "--package", "hybridge"];

/// Real parts take part, too.
const FULL: &str = "--full";

/// The LNI of an Outposts server; its firewall is nftables.
const LNI: &str = "--lni";

/// Builds with the tests' profile and becomes `hybridge-lab demo`.
pub(crate) fn run(flags: Flags) -> Result<ExitCode> {
    let arguments = flags.rest();
    let full = arguments.iter().any(|argument| argument == FULL);
    if full {
        println!("Needs root, Rust and a C compiler; the rest is installed or built: half an hour the first time. No AWS account.");
    } else {
        println!("Needs Rust and a C compiler, nothing else: no AWS account, no cluster. Building; minutes the first time.");
    }
    host::install(&[host::C_COMPILER])?;
    if full {
        host::install(&real::NEEDS)?;
    }
    if arguments.iter().any(|argument| argument == LNI) {
        host::install(&[host::NFTABLES])?;
    }
    let workspace = Workspace::load()?;
    run_command(cargo().arg("build").args(PRODUCTS))?;
    let lab = workspace.target.join("debug/hybridge-lab");
    let mut demo = Command::new(&lab);
    demo.arg("demo").args(arguments).env("PATH", std::env::join_paths(host::path())?);
    if full {
        demo.env(real::DIRECTORY, real::ensure(&workspace)?);
    }
    // Replaces this process: the terminal's signals then go to the lab alone.
    let error = demo.exec();
    Err(error).with_context(|| format!("cannot run {}", lab.display()))
}
