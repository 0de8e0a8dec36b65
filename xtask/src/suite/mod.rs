//! `cargo xtask test`: installs, builds, runs, counts.

mod outcome;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::command::{cargo, run as run_command, run_lines};
use crate::demo::PRODUCTS;
use crate::flags::Flags;
use crate::host;
use crate::package;
use crate::phases::{Phases, seconds};
use crate::real;
use crate::workspace::{Follow, Workspace};
pub(crate) use outcome::Outcome;

/// Tests that need the real parts live in modules of this name, so that they can be told from the others.
const REAL_TESTS: &str = "with_real_parts";

/// The crate whose users may start real parts.
const LAB: &str = "hybridge-lab";

/// The crate that packs the systemd unit.
const PACKAGING: &str = "hybridge-packaging";

/// How many tests the list of slow ones names.
const SLOWEST: usize = 10;

/// Which tests to run.
#[derive(Default)]
pub(crate) struct Selection {
    /// Crates; all if empty.
    packages: Vec<String>,
    /// Part of the tests' names.
    only: Option<String>,
    /// Leave out what needs the real parts, and count it.
    no_real: bool,
}

impl Selection {
    /// The flags that leave tests out.
    fn why(&self) -> String {
        let only = self.only.as_ref().map(|pattern| format!("--only {pattern}"));
        only.into_iter().chain(self.no_real.then(|| "--no-real".to_owned())).collect::<Vec<_>>().join(" and ")
    }
}

/// `cargo xtask test`.
pub(crate) fn run(mut flags: Flags) -> Result<ExitCode> {
    let mut selection = Selection { no_real: flags.switch("--no-real"), only: flags.value("--only")?, packages: Vec::new() };
    while let Some(package) = flags.value("--package")? {
        selection.packages.push(package);
    }
    flags.finish()?;
    let mut phases = Phases::default();
    let outcome = test(&selection, &mut phases)?;
    println!("\nSlowest parts:\n{}", phases.table());
    if outcome.left_out() > 0 {
        println!("{} tests left out by {}", outcome.left_out(), selection.why());
    }
    println!("{outcome}");
    Ok(if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Installs what is missing, builds and runs. Failing tests are part of the outcome; an error means that they could not be run.
pub(crate) fn test(selection: &Selection, phases: &mut Phases) -> Result<Outcome> {
    let workspace = Workspace::load()?;
    let plan = Plan::new(selection, &workspace)?;
    phases.time("install", || plan.install())?;
    let places = plan.build(&workspace, phases)?;
    let mut outcome = Outcome::default();
    phases.time("run the tests", || plan.run(places, &mut outcome))?;
    if plan.doc_tests {
        phases.time("run the examples in the documentation", || plan.run_doc_tests(&mut outcome))?;
    }
    println!("\nSlowest tests:");
    for (took, name) in outcome.slowest(SLOWEST) {
        println!("{:>9}  {name}", seconds(took));
    }
    Ok(outcome)
}

/// A selection with names resolved.
struct Plan<'a> {
    selection: &'a Selection,
    /// `--workspace`, or `--package` and a name for each.
    packages: Vec<String>,
    /// Whether tests are selected that start labs, which need programs beside the test binary.
    lab: bool,
    /// Whether those may need real parts.
    real: bool,
    /// Whether the test of the systemd unit is selected.
    unit: bool,
    /// Whether a library is selected; cargo refuses to look for examples in anything else.
    doc_tests: bool,
}

impl<'a> Plan<'a> {
    fn new(selection: &'a Selection, workspace: &Workspace) -> Result<Self> {
        let mut members = Vec::new();
        for name in &selection.packages {
            members.push(workspace.member(name)?);
        }
        let mut packages: Vec<String> = members.iter().flat_map(|member| ["--package".into(), member.name.clone()]).collect();
        if members.is_empty() {
            packages.push("--workspace".into());
            members.extend(workspace.members());
        }
        let lab = members.iter().any(|member| member.name == LAB || workspace.closure(member, Follow::NormalAndDev).contains_key(LAB));
        let unit = members.iter().any(|member| member.name == PACKAGING);
        let doc_tests = members.iter().any(|member| member.has_library());
        Ok(Self { selection, packages, lab, real: lab && !selection.no_real, unit, doc_tests })
    }

    /// Says what is needed before it installs any of it.
    fn install(&self) -> Result<()> {
        let lab = if self.lab { "; those of the lab nftables, iproute2, dnsmasq, netplan and systemd" } else { "" };
        let unit = if self.unit { "; that of the systemd unit systemd-analyze" } else { "" };
        println!("The tests need a C compiler{lab}{unit}");
        if self.real {
            println!("Those with real parts need Python, runc, QEMU, mmdebstrap and kubectl (which start no service)");
            println!("Then are made in target/real, not installed: {}", real::PARTS);
        }
        host::install(&[host::C_COMPILER])?;
        if self.unit {
            host::install(&[host::SYSTEMD])?;
        }
        if self.lab {
            host::install(&[host::NFTABLES, host::IPROUTE, host::DNSMASQ, host::NETPLAN, host::SYSTEMD])?;
        }
        if self.real {
            host::install(&real::NEEDS)?;
        }
        Ok(())
    }

    /// Builds the tests and, beside that, the real parts: each has stretches that use one core only. Returns the variables that tell
    /// tests where the parts are, and the image of the gateway.
    fn build(&self, workspace: &Workspace, phases: &mut Phases) -> Result<Vec<(&'static str, PathBuf)>> {
        let start = Instant::now();
        std::thread::scope(|scope| {
            let real = self.real.then(|| scope.spawn(|| (real::ensure(workspace), start.elapsed())));
            let built = phases.time("build the tests", || self.build_tests());
            let Some(real) = real else { return built.map(|()| Vec::new()) };
            let image = built.and_then(|()| phases.time("pack an image of the gateway", || package::test_image(workspace)));
            println!("== wait for the real parts");
            let (directory, took) = real.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            phases.add("make the real parts (beside the build)", took);
            Ok(vec![(package::IMAGE, image?), (real::DIRECTORY, directory?)])
        })
    }

    /// Feature sets are the same with `--workspace` and with the products alone, so this compiles every dependency once.
    fn build_tests(&self) -> Result<()> {
        run_command(cargo().arg("build").args(&self.packages).arg("--all-targets"))?;
        if self.lab && !self.selection.packages.is_empty() {
            run_command(cargo().arg("build").args(PRODUCTS))?;
        }
        Ok(())
    }

    /// Runs unit and integration tests, with times.
    fn run(&self, places: Vec<(&str, PathBuf)>, outcome: &mut Outcome) -> Result<()> {
        // `--report-time` is not stable yet. The variable opens it to the test programs alone: in cargo's own environment it would
        // make build scripts see another compiler and build everything again.
        let runner = format!("CARGO_TARGET_{}_RUNNER", host::triple()?.to_uppercase().replace('-', "_"));
        let mut command = cargo();
        command.args(["test", "--no-fail-fast", "--tests"]).args(&self.packages);
        command.env("PATH", std::env::join_paths(host::path())?).env(runner, "env RUSTC_BOOTSTRAP=1").envs(places);
        command.args(["--", "-Zunstable-options", "--report-time"]);
        if self.selection.no_real {
            command.args(["--skip", REAL_TESTS]);
        }
        command.args(&self.selection.only);
        execute(&mut command, outcome)
    }

    /// Rustdoc is its own test program and does not know `--report-time`.
    fn run_doc_tests(&self, outcome: &mut Outcome) -> Result<()> {
        let mut command = cargo();
        command.args(["test", "--no-fail-fast", "--doc"]).args(&self.packages).arg("--").args(&self.selection.only);
        execute(&mut command, outcome)
    }
}

/// Runs tests, showing every line as it comes, and adds them to the outcome.
fn execute(command: &mut Command, outcome: &mut Outcome) -> Result<()> {
    let status = run_lines(command, |line| {
        println!("{line}");
        outcome.read(line);
    })
    .context("cannot run the tests")?;
    outcome.ended(status.success());
    Ok(())
}
