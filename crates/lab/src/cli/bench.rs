//! `bench`: figures of a gateway.

use anyhow::anyhow;
use hybridge_lab::bench::{self, Bench, Part};

use super::Failure;
use super::args::{BenchArgs, Format};
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
    let report = bench::run(&bench, &|line| console.say(line));
    match args.output {
        Format::Json => console.data(&format!("{}\n", report.json())),
        Format::Table => console.data(&report.table()),
    }
    match report.problems.len() {
        0 => Ok(()),
        count => Err(anyhow!("{count} parts could not be measured").into()),
    }
}
