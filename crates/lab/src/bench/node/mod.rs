//! Figures of the node's programs: one process each time, on a throw-away machine whose disk is memory, with IMDS on loopback.

mod fresh;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BenchError, Quantity, Report, Sample, process};
use crate::aws::{AccessKey, Principal};
use crate::imds::{Imds, Interface, Metadata};
use crate::netns::{Netns, Task};
use fresh::{Place, on_fresh_machine, start_bus};

/// What is measured.
#[derive(Clone, Debug)]
pub struct NodeBench {
    /// Our `hybridge`.
    pub hybridge: PathBuf,
    /// `nodeadm` of amazon-eks-ami, for the configuration phase.
    pub nodeadm: Option<PathBuf>,
    /// `aws` of the AWS CLI, for tokens.
    pub aws: Option<PathBuf>,
    /// `eksnode`, for the calculator.
    pub eksnode: Option<PathBuf>,
    /// How often each thing is measured.
    pub runs: usize,
    /// A directory on a disk, for the configuration phase there.
    pub disk: PathBuf,
}

const METADATA: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1338);

/// A node that is called by its instance id, so that nothing but IMDS is asked.
const CONFIG: &str = "apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: my-cluster
    apiServerEndpoint: https://example.com
    certificateAuthority: Y2VydGlmaWNhdGVBdXRob3JpdHk=
    cidr: 10.100.0.0/16
  featureGates:
    InstanceIdNodeName: true
  kubelet:
    config:
      maxPods: 58
";

/// Where a token's credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credentials {
    /// Variables of the environment.
    Environment,
    /// The shared credentials file.
    File,
    /// The instance metadata service.
    Imds,
}

impl Credentials {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Environment, Self::File, Self::Imds];

    pub(super) fn place(self) -> &'static str {
        match self {
            Self::Environment => "the environment",
            Self::File => "a file",
            Self::Imds => "IMDS",
        }
    }

    /// Lets a program find these and no others.
    fn give(self, command: &mut Command, home: &Path) -> io::Result<()> {
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).env("AWS_REGION", "us-west-2");
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{METADATA}"));
        let file = home.join(".aws/credentials");
        match self {
            Self::Environment => {
                command.env("AWS_ACCESS_KEY_ID", KEY.0).env("AWS_SECRET_ACCESS_KEY", KEY.1);
            }
            Self::File => {
                fs::create_dir_all(home.join(".aws"))?;
                fs::write(&file, format!("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", KEY.0, KEY.1))?;
            }
            Self::Imds if file.exists() => fs::remove_file(&file)?,
            Self::Imds => {}
        }
        Ok(())
    }
}

/// Of AWS's own examples.
const KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

/// Measures everything; what could not be measured is in the report too. `say` is told of each step.
pub fn run(bench: &NodeBench, say: &dyn Fn(&str)) -> Report {
    let mut report = Report::new();
    let parts: [(&str, Part, Option<&Path>); 4] = [
        ("binary", binary, bench.nodeadm.as_deref()),
        ("configuration phase", configuration, bench.nodeadm.as_deref()),
        ("get-token", tokens, bench.aws.as_deref()),
        ("max-pods", max_pods, bench.eksnode.as_deref()),
    ];
    let _imds = match metadata() {
        Ok(task) => task,
        Err(error) => {
            report.problems.push(hybridge_report::chain(&error));
            return report.finish();
        }
    };
    for (name, part, peer) in parts {
        for (program, is_peer) in [(Some(bench.hybridge.as_path()), false), (peer, true)] {
            let Some(program) = program else { continue };
            let whose = if is_peer { "peer" } else { "ours" };
            say(&format!("measures {name}, {whose}"));
            match part(&Subject { bench, program, is_peer }) {
                Ok(samples) => report.add(&samples, is_peer),
                Err(error) => report.problems.push(format!("{name}, {whose}: {}", hybridge_report::chain(&error))),
            }
        }
    }
    report.finish()
}

type Part = fn(&Subject<'_>) -> Result<Vec<Sample>, BenchError>;

struct Subject<'a> {
    bench: &'a NodeBench,
    program: &'a Path,
    is_peer: bool,
}

fn metadata() -> Result<Task, BenchError> {
    let ns = Netns::current("bench").map_err(BenchError::machine("use this network namespace"))?;
    Imds::of_one(&instance())
        .serve(&ns, METADATA)
        .map_err(|error| BenchError::Machine { what: "serve metadata".into(), source: io::Error::other(error.to_string()) })
}

/// An ordinary instance, whose role has credentials.
fn instance() -> Metadata {
    let id = "i-1234567890abcdef0";
    let role = Principal::Session { role: "node".to_owned(), session: id.to_owned() };
    Metadata {
        instance_id: id.to_owned(),
        instance_type: "m5.large".to_owned(),
        architecture: "x86_64".to_owned(),
        availability_zone: "us-west-2a".to_owned(),
        region: "us-west-2".to_owned(),
        account: "123456789012".to_owned(),
        local_ipv4: Ipv4Addr::new(172, 16, 34, 43),
        local_hostname: "ip-172-16-34-43.us-west-2.compute.internal".to_owned(),
        interfaces: vec![Interface {
            mac: "0e:49:61:0f:c3:11".to_owned(),
            ipv4s: vec![Ipv4Addr::new(172, 16, 34, 43)],
            ..Interface::default()
        }],
        user_data: None,
        credentials: Some(AccessKey::temporary(role, jiff::Timestamp::now(), jiff::SignedDuration::from_hours(6))),
        more: BTreeMap::new(),
    }
}

fn binary(subject: &Subject<'_>) -> Result<Vec<Sample>, BenchError> {
    let size = fs::metadata(subject.program).map_err(BenchError::machine(format!("look at {}", subject.program.display())))?.len();
    Ok(vec![Sample { quantity: Quantity::NodeBinary, value: size as f64 }])
}

/// `init --skip run` on a machine that has never seen it: every file is written.
fn configuration(subject: &Subject<'_>) -> Result<Vec<Sample>, BenchError> {
    let wrong = || BenchError::machine("configure a node");
    let mut samples = Vec::new();
    for (quantity, place) in [(Quantity::NodeInit, Place::Memory), (Quantity::NodeInitOnDisk, Place::Disk(&subject.bench.disk))] {
        for _ in 0..subject.bench.runs {
            let value = subject.init(place, process::elapsed).map_err(wrong())?;
            samples.push(Sample { quantity, value });
        }
    }
    let value = subject.init(Place::Memory, process::peak).map_err(wrong())?;
    samples.push(Sample { quantity: Quantity::NodeInitMemory, value });
    Ok(samples)
}

impl Subject<'_> {
    fn init(&self, place: Place<'_>, measure: impl FnOnce(&mut Command) -> io::Result<f64> + Send) -> io::Result<f64> {
        on_fresh_machine(place, CONFIG, || {
            let mut command = Command::new(self.program);
            if self.is_peer {
                start_bus()?;
            } else {
                command.arg("node");
            }
            command.args(["init", "--skip", "run", "--config-source", "file:///etc/config.yaml"]);
            Credentials::Environment.give(&mut command, Path::new("/root"))?;
            measure(&mut command)
        })
    }
}

fn tokens(subject: &Subject<'_>) -> Result<Vec<Sample>, BenchError> {
    let home = tempfile::tempdir().map_err(BenchError::machine("make a directory"))?;
    let mut samples = Vec::new();
    for credentials in Credentials::ALL {
        let command = || {
            let mut command = Command::new(subject.program);
            if subject.is_peer {
                command.arg("eks");
            }
            command.args(["get-token", "--cluster-name", "my-cluster"]);
            credentials.give(&mut command, home.path()).map(|()| command)
        };
        let wrong = || BenchError::machine("make a token");
        for _ in 0..subject.bench.runs {
            let value = command().and_then(|mut command| process::elapsed(&mut command)).map_err(wrong())?;
            samples.push(Sample { quantity: Quantity::Token(credentials), value });
        }
        let value = command().and_then(|mut command| process::peak(&mut command)).map_err(wrong())?;
        samples.push(Sample { quantity: Quantity::TokenMemory(credentials), value });
    }
    Ok(samples)
}

fn max_pods(subject: &Subject<'_>) -> Result<Vec<Sample>, BenchError> {
    let words: &[&str] = if subject.is_peer { &["calculate-max-pods"] } else { &["node", "max-pods"] };
    let once =
        || process::elapsed(Command::new(subject.program).args(words).args(["--instance-type", "m5.large", "--cni-version", "1.19.0"]));
    (0..subject.bench.runs)
        .map(|_| once().map(|value| Sample { quantity: Quantity::MaxPods, value }).map_err(BenchError::machine("count pods")))
        .collect()
}
