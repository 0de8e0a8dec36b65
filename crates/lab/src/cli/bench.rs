//! `bench` and `bench-node`: figures of a gateway, and of the programs of a node.

use std::path::PathBuf;

use anyhow::anyhow;
use hybridge_lab::bench::node::{self, NodeBench};
use hybridge_lab::bench::{self, Bench, Part, Report};
use hybridge_lab::real::Parts;

use super::Failure;
use super::args::{BenchArgs, BenchNodeArgs, Format};
use super::console::Console;
use super::setup;

/// Measures and reports. A figure that falls short is no failure, one that could not be measured is.
pub(super) fn bench(args: &BenchArgs) -> Result<(), Failure> {
    let console = Console::new();
    let gateway = match &args.gateway_bin {
        Some(path) => setup::existing(path)?,
        None => setup::own_gateway()?,
    };
    let bench = Bench {
        gateway,
        peer: args.peer.as_deref().map(setup::existing).transpose()?,
        runs: args.runs.into(),
        parts: if args.parts.is_empty() { Part::ALL.to_vec() } else { args.parts.clone() },
        directory: setup::directory(args.out.clone())?,
    };
    console.say(&format!("logs are in {}", bench.directory.display()));
    told(&console, &bench::run(&bench, &|line| console.say(line)), args.output)
}

/// The same for the programs of a node.
pub(super) fn bench_node(args: &BenchNodeArgs) -> Result<(), Failure> {
    let console = Console::new();
    let named = |path: &Option<PathBuf>| path.as_deref().map(setup::existing).transpose();
    let bench = NodeBench {
        hybridge: named(&args.hybridge)?.map_or_else(|| setup::beside("hybridge", "cargo build -p hybridge", "--hybridge"), Ok)?,
        nodeadm: named(&args.nodeadm)?,
        aws: named(&args.aws)?.or_else(|| Parts::find().ok()?.awscli().ok()),
        eksnode: named(&args.eksnode)?,
        runs: args.runs.into(),
        disk: setup::directory(args.disk.clone())?,
    };
    told(&console, &node::run(&bench, &|line| console.say(line)), args.output)
}

fn told(console: &Console, report: &Report, output: Format) -> Result<(), Failure> {
    match output {
        Format::Json => console.data(&format!("{}\n", report.json())),
        Format::Table => console.data(&report.table()),
    }
    match report.problems.len() {
        0 => Ok(()),
        count => Err(anyhow!("{count} parts could not be measured").into()),
    }
}
