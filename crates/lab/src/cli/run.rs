//! `run`: faults, probes, a report.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use hybridge_lab::fault::Fault;
use hybridge_lab::probe::{Direction, Kind, Live, Load};
use hybridge_lab::report::figures::{count, length};
use hybridge_lab::report::{Run, Verdict, json, svg, table, timeline};
use hybridge_lab::scenario::{Conclusion, Observer, Scenario, play};
use hybridge_lab::world::World;

use super::Failure;
use super::args::{Format, RunArgs};
use super::console::Console;
use super::setup;

pub(super) fn run(args: &RunArgs) -> Result<(), Failure> {
    let console = Console::new();
    let config = setup::config(&args.world, args.out.clone())?;
    let (mut world, _, carrying) = setup::start(&config)?;
    console.say(&format!("packets cross after {}; logs are in {}", length(carrying), world.directory.display()));
    console.say(COUNTERS);
    let scenario = Scenario {
        quiet: args.quiet.0,
        hold: args.hold.0,
        patience: args.patience.0,
        load: Load { udp: args.udp_rate, streams: args.streams, ..Load::default() },
        ..Scenario::new(title(&args.faults, &config.gateway_bin), args.faults.clone())
    };
    let conclusion = observed(&mut world, &scenario, &console)?;
    let run = &conclusion.run;
    save(&world.directory, std::slice::from_ref(run))?;
    match args.output {
        Format::Json => console.data(&format!("{}\n", json::render(run))),
        Format::Table => console.data(&format!("{}\n{}\n{}\n", table::render(run), timeline::render(run), Verdict::of(run))),
    }
    verdict(&[conclusion], &console)
}

/// Plays a scenario and shows the counters meanwhile.
pub(super) fn observed(world: &mut World, scenario: &Scenario, console: &Console) -> Result<Conclusion, Failure> {
    let step = |what: &str| console.say(&format!("  {what}"));
    let every_second = std::sync::atomic::AtomicU64::new(0);
    let tick = |at: Duration, live: &[Live]| {
        let line = counters(at, live);
        if console.is_terminal() {
            console.status(&line);
        } else if every_second.fetch_max(at.as_secs(), std::sync::atomic::Ordering::Relaxed) < at.as_secs() {
            console.say(&line);
        }
    };
    Ok(play(world, scenario, &Observer { step: &step, tick: &tick })?)
}

/// What [`counters`] means, for a heading.
pub(super) const COUNTERS: &str = "UDP packets answered: → asked by the cloud pod, ← by the hybrid pod.";

/// `   5.0 s   → 1,010, 4,001 missing   ← 1,009, 4,001 missing   silent for 4.00 s`
fn counters(at: Duration, live: &[Live]) -> String {
    let mut line = format!("  {:5.1} s", at.as_secs_f64());
    let mut silent = Duration::ZERO;
    for probe in live.iter().filter(|probe| probe.kind == Kind::Udp) {
        let arrow = match probe.direction {
            Direction::CloudToHybrid => "→",
            Direction::HybridToCloud => "←",
        };
        line.push_str(&format!("   {arrow} {}", count(probe.answered)));
        let missing = probe.sent - probe.answered;
        if missing > UNDER_WAY {
            line.push_str(&format!(", {} missing", count(missing)));
        }
        silent = silent.max(probe.silent);
    }
    if silent > NOTICED {
        line.push_str(&format!("   silent for {}", length(silent)));
    }
    line
}

/// Packets that may be under way between two pods without anything being wrong.
const UNDER_WAY: u64 = 10;
/// Silence that is worth a word.
const NOTICED: Duration = Duration::from_millis(100);

/// Writes the report of each run, and one picture of all of them.
pub(super) fn save(directory: &Path, runs: &[Run]) -> Result<(), Failure> {
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("timeline.svg", svg::compare(runs))?;
    match runs {
        [run] => write("report.json", json::render(run))?,
        runs => {
            for (number, run) in (1..).zip(runs) {
                write(&format!("report-{number}.json"), json::render(run))?;
            }
        }
    }
    Ok(())
}

/// Whether packets flowed to the end in every run.
pub(super) fn verdict(conclusions: &[Conclusion], console: &Console) -> Result<(), Failure> {
    let mut good = true;
    for Conclusion { run, stuck } in conclusions {
        if let Some((fault, error)) = stuck {
            console.say(&format!("traffic did not come back after {fault}: {}", hybridge_report::chain(error)));
        }
        good &= stuck.is_none() && Verdict::of(run).flows;
    }
    if good { Ok(()) } else { Err(Failure::Check) }
}

fn title(faults: &[Fault], gateway: &Path) -> String {
    let names: Vec<&str> = faults.iter().map(|fault| fault.name()).collect();
    let faults = if names.is_empty() { "no fault".to_owned() } else { names.join(", ") };
    format!("{faults}: {}", gateway.file_name().unwrap_or_default().to_string_lossy())
}
