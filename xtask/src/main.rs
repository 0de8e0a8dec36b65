//! What developers run: `cargo xtask help` lists it.
//!
//! Standard library, anyhow and serde only, so that it builds in seconds on a machine that has nothing else yet.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its user")]

mod bench;
mod ci;
mod command;
mod demo;
mod flags;
mod host;
mod lint;
mod package;
mod phases;
mod real;
mod release;
mod suite;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use flags::Flags;

/// A subcommand of `cargo xtask`.
struct Task {
    name: &'static str,
    /// What follows the name, as the help shows it.
    usage: &'static str,
    about: &'static str,
    run: fn(Flags) -> Result<ExitCode>,
}

const TASKS: &[Task] = &[
    Task {
        name: "demo",
        usage: "[ARGUMENTS OF hybridge-lab demo]",
        about: "Build the products and show two gateways carry traffic; with --full, machines join and pods talk through them",
        run: demo::run,
    },
    Task {
        name: "test",
        usage: "[--package CRATE]... [--only PATTERN] [--no-real]",
        about: "Install what the tests need, run them, say how many passed",
        run: suite::run,
    },
    Task {
        name: "lint",
        usage: "",
        about: "Check format, clippy, the arrows between crates, rustdoc and the commands that the documents name",
        run: lint::run,
    },
    Task { name: "ci", usage: "", about: "Run test and lint; what .ci/run does", run: ci::run },
    Task {
        name: "real",
        usage: "",
        about: "Build the real parts of the tests (servers of Kubernetes, containerd, helm, moto) into target/real",
        run: real::run,
    },
    Task {
        name: "bench",
        usage: "[node | cluster] [ARGUMENTS OF hybridge-lab bench, bench-node or bench-cluster]",
        about: "Build the gateway, or the program of nodes and clusters, for release and measure it",
        run: bench::run,
    },
    Task {
        name: "package",
        usage: "[--verify] [--profile PROFILE] [--output FOLDER]",
        about: "Build static binaries for amd64 and arm64; pack image, archives, bills of materials and checksums into target/dist",
        run: package::run,
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".into());
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    match dispatch(&name, arguments.collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(name: &str, arguments: Vec<String>) -> Result<ExitCode> {
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        let names: Vec<_> = TASKS.iter().map(|task| task.name).collect();
        bail!("there is no task `{name}`; there are: {}", names.join(", "));
    };
    (task.run)(Flags::new(arguments))
}

/// The text of `cargo xtask help`; [`lint`] also reads from it which commands the documents may name.
fn help() -> String {
    let mut text = String::from("Usage: cargo xtask TASK\n\n");
    for Task { name, usage, about, .. } in TASKS {
        text += &format!("  {name} {usage}\n      {about}\n");
    }
    text
}
