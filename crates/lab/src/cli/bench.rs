//! `bench`, `bench-node` and `bench-cluster`: figures of a gateway, of the programs of a node, and of the commands for clusters.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use hybridge_lab::bench::cluster::{self, ClusterBench};
use hybridge_lab::bench::node::{self, NodeBench};
use hybridge_lab::bench::{self, Bench, Part, Report};
use hybridge_lab::real::Parts;

use super::Failure;
use super::args::{BenchArgs, BenchClusterArgs, BenchNodeArgs, Format};
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
        hybridge: hybridge(args.hybridge.as_deref())?,
        nodeadm: named(&args.nodeadm)?,
        aws: named(&args.aws)?.or_else(|| Parts::find().ok()?.awscli().ok()),
        eksnode: named(&args.eksnode)?,
        runs: args.runs.into(),
        disk: setup::directory(args.disk.clone())?,
    };
    told(&console, &node::run(&bench, &|line| console.say(line)), args.output)
}

/// The same for what is done to clusters without AWS.
pub(super) fn bench_cluster(args: &BenchClusterArgs) -> Result<(), Failure> {
    let console = Console::new();
    let bench = ClusterBench {
        hybridge: hybridge(args.hybridge.as_deref())?,
        // Not resolved: a Python of a virtual environment is a link, and knows by it where its packages are.
        python: args.python.clone().or_else(|| Parts::find().ok().map(|parts| parts.moto_python())),
        runs: args.runs.into(),
    };
    told(&console, &cluster::run(&bench, &|line| console.say(line)), args.output)
}

fn hybridge(named: Option<&Path>) -> Result<PathBuf, Failure> {
    match named {
        Some(path) => setup::existing(path),
        None => setup::beside("hybridge", "cargo build -p hybridge", "--hybridge"),
    }
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
