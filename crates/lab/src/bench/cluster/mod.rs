//! Figures of `hybridge cluster` where nobody is asked: reading a file and planning from facts, one process each time.
//!
//! eksctl does neither without AWS, so what a file costs is compared with Python's YAML parser, which reads it and checks nothing.

mod files;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{BenchError, Quantity, Report, Sample, process};
pub use files::ClusterFile;

/// What is measured.
#[derive(Clone, Debug)]
pub struct ClusterBench {
    /// Our `hybridge`.
    pub hybridge: PathBuf,
    /// A Python that has PyYAML.
    pub python: Option<PathBuf>,
    /// How often each thing is measured.
    pub runs: usize,
}

/// Reads a file with the faster of PyYAML's parsers (libyaml, where it is built in), and does nothing with it.
const READ: &str = "import sys, yaml; yaml.load(open(sys.argv[1], 'rb'), Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))";

/// Measures everything; what could not be measured is in the report too. `say` is told of each step.
pub fn run(bench: &ClusterBench, say: &dyn Fn(&str)) -> Report {
    let mut report = Report::new();
    let size = |what: &Path| fs::metadata(what).map_err(BenchError::machine(format!("look at {}", what.display())));
    take(&mut report, "the program", false, || {
        let value = size(&bench.hybridge)?.len() as f64;
        Ok(vec![Sample { quantity: Quantity::ClusterBinary, value }])
    });
    take(&mut report, "the program's start", false, || bench.start());
    for file in ClusterFile::ALL {
        say(&format!("measures {file}"));
        take(&mut report, &file.to_string(), false, || Desk::new(bench, file)?.ours());
        if let Some(python) = &bench.python {
            take(&mut report, &file.to_string(), true, || Desk::new(bench, file)?.peers(python));
        }
    }
    report.finish()
}

fn take(report: &mut Report, what: &str, is_peer: bool, part: impl FnOnce() -> Result<Vec<Sample>, BenchError>) {
    match part() {
        Ok(samples) => report.add(&samples, is_peer),
        Err(error) => {
            let whose = if is_peer { "peer" } else { "ours" };
            report.problems.push(format!("{what}, {whose}: {}", hybridge_report::chain(&error)));
        }
    }
}

impl ClusterBench {
    /// What starting the program costs by itself.
    fn start(&self) -> Result<Vec<Sample>, BenchError> {
        let once = || process::elapsed(Command::new(&self.hybridge).arg("--version"));
        let sample = |value| Sample { quantity: Quantity::ProgramStart, value };
        (0..self.runs).map(|_| once().map(sample)).collect::<io::Result<_>>().map_err(BenchError::machine("start the program"))
    }
}

/// A directory with a file, and facts of the cluster that was made by the file as it was before.
struct Desk<'a> {
    bench: &'a ClusterBench,
    file: ClusterFile,
    directory: tempfile::TempDir,
}

impl<'a> Desk<'a> {
    fn new(bench: &'a ClusterBench, file: ClusterFile) -> Result<Self, BenchError> {
        let desk = tempfile::tempdir().map(|directory| Self { bench, file, directory }).map_err(BenchError::machine("make a directory"))?;
        desk.lay().map_err(BenchError::machine(format!("make {file}")))?;
        Ok(desk)
    }

    /// The stack that is there lacks the file's last networks, so that a plan has something to compare and something to add.
    fn lay(&self) -> io::Result<()> {
        let write = |name: &str, text: &str| fs::write(self.directory.path().join(name), text);
        write("before.yaml", &self.file.text(1))?;
        let output = self.command(&["cluster", "plan", "--offline", "-o", "template", "-f", "before.yaml"]).output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let template: Value = serde_json::from_slice(&output.stdout)?;
        let stack = json!([{"StackName": format!("eksctl-{}-cluster", files::NAME), "StackStatus": "CREATE_COMPLETE"}]);
        write("facts.json", &json!({"Deployed": {"TemplateBody": template}, "Stacks": stack}).to_string())?;
        write("cluster.yaml", &self.file.text(0))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.bench.hybridge);
        command.args(arguments).env_clear().current_dir(self.directory.path());
        command
    }

    fn validate(&self) -> Command {
        self.command(&["cluster", "validate", "-f", "cluster.yaml"])
    }

    fn plan(&self) -> Command {
        self.command(&["cluster", "plan", "--facts", "facts.json", "-f", "cluster.yaml"])
    }

    fn ours(&self) -> Result<Vec<Sample>, BenchError> {
        self.measure().map_err(BenchError::machine(format!("validate and plan {}", self.file)))
    }

    fn measure(&self) -> io::Result<Vec<Sample>> {
        let mut samples = Vec::new();
        let mut add = |quantity, value| samples.push(Sample { quantity, value });
        for _ in 0..self.bench.runs {
            let (validate, plan) = (process::elapsed(&mut self.validate())?, process::elapsed(&mut self.plan())?);
            add(Quantity::Validate(self.file), validate);
            add(Quantity::Plan(self.file), plan);
            add(Quantity::ValidateAndPlan(self.file), validate + plan);
        }
        add(Quantity::ValidateMemory(self.file), process::peak(&mut self.validate())?);
        add(Quantity::PlanMemory(self.file), process::peak(&mut self.plan())?);
        Ok(samples)
    }

    fn peers(&self, python: &Path) -> Result<Vec<Sample>, BenchError> {
        let read = || {
            let mut command = Command::new(python);
            command.args(["-c", READ]).arg(self.directory.path().join("cluster.yaml"));
            command
        };
        let wrong = || BenchError::machine(format!("have Python read {}", self.file));
        let sample = |value| Sample { quantity: Quantity::Validate(self.file), value };
        let mut samples: Vec<Sample> =
            (0..self.bench.runs).map(|_| process::elapsed(&mut read()).map(sample)).collect::<io::Result<_>>().map_err(wrong())?;
        let value = process::peak(&mut read()).map_err(wrong())?;
        samples.push(Sample { quantity: Quantity::ValidateMemory(self.file), value });
        Ok(samples)
    }
}
