//! Figures of a gateway, measured in worlds of the lab and compared with what is asked of it and with another gateway.
//!
//! Each [`Part`] builds what it needs, measures one program several times and gives [`Sample`]s; [`run`] puts them into a [`Report`].
//! Times are taken from outside the process (kernel tables, packets, /proc), so that every program is measured the same way.

pub mod cluster;
mod fleet;
mod footprint;
mod inprocess;
mod loss;
pub mod node;
mod nodes;
mod process;
mod quantity;
mod report;
mod stage;
mod start;
mod wire;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use quantity::{Apis, Quantity, Unit};
pub use report::{Report, Row, Spread};

use crate::scenario::ScenarioError;
use crate::world::WorldError;

/// Why a part could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The world did not come about, or did not do what was waited for.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A fault could not be done.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Something of this machine could not be used.
    #[error("cannot {what}")]
    Machine {
        /// What was tried.
        what: String,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// The kernel's tables.
    #[error("cannot use netlink")]
    Netlink(#[from] hybridge_netlink::NetlinkError),
}

impl BenchError {
    fn machine(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Machine { what: what.into(), source }
    }
}

/// One measured value, in the unit of its quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// What was measured.
    pub quantity: Quantity,
    /// Seconds or bytes.
    pub value: f64,
}

/// Something that is measured in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Size of the program's file.
    Binary,
    /// Time of a plan for 5,000 nodes, in this process.
    Plan,
    /// The changes of 1,000 and 5,000 nodes, carried out in a fresh namespace by this process.
    Kernel,
    /// Start with two nodes, and memory when idle.
    Start(Apis),
    /// Start with 1,000 and 5,000 nodes, and the peak of memory.
    Nodes(Apis),
    /// Packets lost at a rolling restart and at the loss of a host.
    Loss,
}

impl Part {
    /// Every part, in the order in which they are measured.
    pub const ALL: [Self; 8] = [
        Self::Binary,
        Self::Plan,
        Self::Kernel,
        Self::Start(Apis::Builtin),
        Self::Start(Apis::Real),
        Self::Nodes(Apis::Builtin),
        Self::Nodes(Apis::Real),
        Self::Loss,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Plan => "plan",
            Self::Kernel => "kernel",
            Self::Start(Apis::Builtin) => "start",
            Self::Start(Apis::Real) => "start-real",
            Self::Nodes(Apis::Builtin) => "nodes",
            Self::Nodes(Apis::Real) => "nodes-real",
            Self::Loss => "loss",
        }
    }

    /// Whether another program can be measured; the others measure code of this workspace.
    fn of_any_program(self) -> bool {
        !matches!(self, Self::Plan | Self::Kernel)
    }

    fn measure(self, subject: &Subject<'_>) -> Result<Vec<Sample>, BenchError> {
        match self {
            Self::Binary => footprint::binary(subject.program),
            Self::Plan => Ok(inprocess::plan(subject.runs)),
            Self::Kernel => inprocess::kernel(subject.runs),
            Self::Start(apis) => start::measure(subject, apis),
            Self::Nodes(apis) => nodes::measure(subject, apis),
            Self::Loss => loss::measure(subject),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|part| part.name() == text).ok_or_else(|| format!("`{text}` is none of {}", names()))
    }
}

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Bench {
    /// Our gateway.
    pub gateway: PathBuf,
    /// Another gateway that takes the same settings, measured beside it.
    pub peer: Option<PathBuf>,
    /// How often each thing is measured; changes of gateways three times at most, because they take long.
    pub runs: usize,
    /// Which parts.
    pub parts: Vec<Part>,
    /// Where logs go; must exist.
    pub directory: PathBuf,
}

/// One program under measurement.
struct Subject<'a> {
    program: &'a Path,
    runs: usize,
    directory: PathBuf,
}

/// Measures everything; what could not be measured is in the report too. `say` is told of each step.
pub fn run(bench: &Bench, say: &dyn Fn(&str)) -> Report {
    let mut report = Report::new();
    for part in &bench.parts {
        let peer = bench.peer.as_deref().filter(|_| part.of_any_program());
        for (program, is_peer) in [(Some(bench.gateway.as_path()), false), (peer, true)] {
            let Some(program) = program else { continue };
            let whose = if is_peer { "peer" } else { "ours" };
            say(&format!("measures {part}, {whose}"));
            let directory = bench.directory.join(format!("{part}-{whose}"));
            let subject = Subject { program, runs: bench.runs, directory };
            match part.measure(&subject) {
                Ok(samples) => report.add(&samples, is_peer),
                Err(error) => report.problems.push(format!("{part}, {whose}: {}", hybridge_report::chain(&error))),
            }
        }
    }
    report.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_by_its_name() {
        for part in Part::ALL {
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        assert!("everything".parse::<Part>().unwrap_err().contains("start-real"));
    }
}
