//! The commands of `hybridge-lab`.

mod agent;
mod args;
mod bench;
mod compare;
mod console;
mod control;
mod demo;
mod demo_lni;
mod run;
mod setup;
mod up;
mod vm;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use hybridge_lab::{cni, isolate};
use hybridge_report::Exit;

use args::{Arguments, Command};
use console::Console;

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The user's input, or a machine that lacks something.
    Input(anyhow::Error),
    /// A check failed: traffic did not flow. Everything has been said.
    Check,
    /// A command inside a machine ended with this code. Everything has been said.
    Code(u8),
    /// Something unexpected.
    Unexpected(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Unexpected(error.into())
    }
}

impl Failure {
    fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::Input(error.into())
    }
}

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let name = std::env::args_os().next().map(PathBuf::from);
    if name.as_ref().and_then(|name| name.file_name()).is_some_and(|name| name == cni::NAME) {
        let (answer, good) = cni::answer();
        Console::new().data(&answer);
        return if good { Exit::Ok } else { Exit::Input }.into();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing can be done about a terminal that is gone.
            let _printed = error.print();
            return if error.use_stderr() { Exit::Input } else { Exit::Ok }.into();
        }
    };
    let done = match arguments.command {
        Command::Demo { lni: true, out, full: _, world: _ } => isolated(|| demo_lni::demo(out)),
        Command::Demo { full: true, out, lni: false, world: _ } => isolated(|| demo::full(out)),
        Command::Demo { full: false, lni: false, world, out } => isolated(|| demo::demo(&world, out)),
        Command::Agent { node, kubeconfig, network } => agent::agent(&node, &kubeconfig, &network),
        Command::Run(run) => isolated(|| run::run(&run)),
        Command::Bench(bench) => isolated(|| bench::bench(&bench)),
        Command::BenchNode(bench) => isolated(|| bench::bench_node(&bench)),
        Command::BenchCluster(bench) => bench::bench_cluster(&bench),
        Command::Compare { reports, out } => compare::compare(&reports, &out),
        Command::Up { world, name, out, detach: false } => {
            up::claim(&name.name).and_then(|control| isolated(|| up::up(&world, out, control)))
        }
        Command::Up { world: _, name, out: _, detach: true } => up::detach(&name.name),
        Command::Down { name } => up::down(&name.name),
        Command::Ping { name, from, to } => up::ping_between(&name.name, &from, &to),
        Command::Vm(command) => vm::run(command),
        Command::Exec { name, host, command } => up::exec(&name.name, &host, &command),
    };
    let console = Console::new();
    match done {
        Ok(()) => Exit::Ok,
        Err(Failure::Check) => Exit::Input,
        Err(Failure::Code(code)) => return code.into(),
        Err(Failure::Input(error)) => {
            console.problem(&error);
            Exit::Input
        }
        Err(Failure::Unexpected(error)) => {
            console.problem(&error);
            Exit::Unexpected
        }
    }
    .into()
}

/// Goes into namespaces of its own, then works. No thread may exist before.
fn isolated(work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    isolate::enter().map_err(Failure::input)?;
    let filter = tracing_subscriber::EnvFilter::try_from_env("HYBRIDGE_LAB_LOG").unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    work()
}
