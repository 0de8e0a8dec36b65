//! The command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hybridge_lab::bench::Part;
use hybridge_lab::fault::Fault;
use hybridge_lab::kube::VtepCrd;
use hybridge_lab::topology::{MAX_GATEWAY_HOSTS, MAX_HYBRID_NODES};

use super::vm;

/// A world of network namespaces on this machine, in which gateways carry real packets.
///
/// A cloud pod and on-premises pods, two gateways, VPC router, WAN, Kubernetes API and EC2 API: everything in namespaces of its
/// own, nothing of this machine changes. No AWS account, no cluster. Works as root, or else in a user namespace.
#[derive(Parser)]
#[command(name = "hybridge-lab", version = hybridge_version::LONG, arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "Examples:
  hybridge-lab demo
  hybridge-lab demo --full
  hybridge-lab demo --lni
  hybridge-lab run --fault host-loss
  hybridge-lab run --fault restart --host eks -o json --out results
  hybridge-lab run --fault sigterm --gateway-bin ./another-gateway --out other
  hybridge-lab compare results/report.json other/report.json
  hybridge-lab up --detach && hybridge-lab ping cloud-pod hybrid-1-pod; hybridge-lab down
  hybridge-lab exec gateway-a -- ip route";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Shows everything in a minute: the network, a rolling restart, the loss of a host
    Demo {
        /// The whole story in three minutes: virtual machines become hybrid nodes by `hybridge node init`, real pods talk through the
        /// gateways, and one gateway ends. Needs root and what `cargo xtask real` makes; no other option but --out counts
        #[arg(long)]
        full: bool,
        /// The LNI of an Outposts server in twenty seconds: a Service that the node reaches and the LAN does not, why, and what mends it.
        /// No other option but --out counts
        #[arg(long, conflicts_with = "full")]
        lni: bool,
        #[command(flatten)]
        world: WorldArgs,
        /// Where the timeline, the report and logs go [default: a new directory in the temporary directory]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Does faults to a world while probes are at work, and reports what they saw
    #[command(after_help = faults_help())]
    Run(RunArgs),
    /// Measures a gateway: time to start, memory, thousands of nodes, packets lost when gateways change over
    #[command(after_help = bench_help())]
    Bench(BenchArgs),
    /// Measures the programs of a node: the configuration phase, tokens, the calculator of pods
    BenchNode(BenchNodeArgs),
    /// Measures what `hybridge cluster` does without AWS: reading files of several sizes, and planning from facts
    BenchCluster(BenchClusterArgs),
    /// Draws reports of several runs into one picture, over one time axis
    Compare {
        /// report.json files of `run --out`, the uppermost first; `TITLE=FILE` gives one another title
        #[arg(required = true, value_name = "[TITLE=]FILE")]
        reports: Vec<String>,
        /// The picture
        #[arg(long, value_name = "FILE", default_value = "comparison.svg")]
        out: PathBuf,
    },
    /// Starts a world and keeps it until Ctrl-C or `down`
    Up {
        #[command(flatten)]
        world: WorldArgs,
        #[command(flatten)]
        name: Name,
        /// Where logs go [default: a new directory in the temporary directory]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Returns once traffic flows; the world goes on in the background
        #[arg(long)]
        detach: bool,
    },
    /// Ends a world that is up
    Down {
        #[command(flatten)]
        name: Name,
    },
    /// Sends four ICMP echo requests from one host of a world that is up to another
    Ping {
        #[command(flatten)]
        name: Name,
        /// Host that asks
        from: String,
        /// Host or address that answers
        to: String,
    },
    /// Starts virtual machines with systemd and containerd, and runs commands in them
    #[command(subcommand, after_help = vm::EXAMPLES)]
    Vm(vm::VmCommand),
    /// Does Cilium's part on a hybrid node; the lab runs it inside its virtual machines
    #[command(hide = true)]
    Agent {
        /// The CiliumNode to obey
        #[arg(long, value_name = "NAME")]
        node: String,
        /// The way to the API server
        #[arg(long, value_name = "FILE")]
        kubeconfig: PathBuf,
        /// Where containerd is told of the pods' network
        #[arg(long, value_name = "FILE", default_value = "/etc/cni/net.d/10-pods.conflist")]
        network: PathBuf,
    },
    /// Runs a command in the network namespace of a host of a world that is up
    Exec {
        #[command(flatten)]
        name: Name,
        /// Host, as `up` lists them: cloud-pod, gateway-a, vpc-router, hybrid-1 …
        host: String,
        /// Command with its arguments
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<std::ffi::OsString>,
    },
}

#[derive(Args)]
pub(super) struct Name {
    /// Which world, where there is more than one
    #[arg(long, default_value = "lab", value_name = "NAME")]
    pub(super) name: String,
}

#[derive(Args)]
pub(super) struct BenchArgs {
    /// The gateway to measure [default: hybridge-gateway beside this program]
    #[arg(long, value_name = "PATH")]
    pub(super) gateway_bin: Option<PathBuf>,
    /// Another gateway that takes the same settings, to be measured beside it
    #[arg(long, value_name = "PATH")]
    pub(super) peer: Option<PathBuf>,
    /// What is measured; may be given several times [default: everything]
    #[arg(long = "part", value_name = "PART")]
    pub(super) parts: Vec<Part>,
    /// How often; changes of gateways three times at most
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) runs: u8,
    /// What goes to standard output
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(super) output: Format,
    /// Where logs go [default: a new directory in the temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct BenchNodeArgs {
    /// The program to measure [default: hybridge beside this program]
    #[arg(long, value_name = "PATH")]
    pub(super) hybridge: Option<PathBuf>,
    /// nodeadm of amazon-eks-ami, to be measured beside it
    #[arg(long, value_name = "PATH")]
    pub(super) nodeadm: Option<PathBuf>,
    /// aws of the AWS CLI, to be measured beside it [default: that of the real parts, where they are]
    #[arg(long, value_name = "PATH")]
    pub(super) aws: Option<PathBuf>,
    /// eksnode, to be measured beside it
    #[arg(long, value_name = "PATH")]
    pub(super) eksnode: Option<PathBuf>,
    /// How often
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) runs: u8,
    /// What goes to standard output
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(super) output: Format,
    /// A directory on a disk [default: a new one in the temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(super) disk: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct BenchClusterArgs {
    /// The program to measure [default: hybridge beside this program]
    #[arg(long, value_name = "PATH")]
    pub(super) hybridge: Option<PathBuf>,
    /// A Python with PyYAML, which reads the same files [default: that of the real parts, where they are]
    #[arg(long, value_name = "PATH")]
    pub(super) python: Option<PathBuf>,
    /// How often
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) runs: u8,
    /// What goes to standard output
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(super) output: Format,
}

#[derive(Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) world: WorldArgs,
    /// What goes wrong; may be given several times, then one after the other. None: probes only
    #[arg(long = "fault", value_name = "FAULT")]
    pub(super) faults: Vec<Fault>,
    /// How long a fault lasts that the gateways do not end
    #[arg(long, default_value = "5s", value_name = "TIME")]
    pub(super) hold: Time,
    /// How long gateways may take to bring traffic back
    #[arg(long, default_value = "30s", value_name = "TIME")]
    pub(super) patience: Time,
    /// Time before, between and after faults
    #[arg(long, default_value = "1s", value_name = "TIME")]
    pub(super) quiet: Time,
    /// UDP packets a second in each direction
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub(super) udp_rate: u32,
    /// Established TCP connections in each direction
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) streams: usize,
    /// What goes to standard output
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(super) output: Format,
    /// Where report.json, timeline.svg and logs go [default: a new directory in the temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Tables and a timeline for people
    Table,
    /// One JSON document
    Json,
}

#[derive(Args)]
pub(super) struct WorldArgs {
    /// Hybrid nodes, each with a pod
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_HYBRID_NODES)))]
    pub(super) nodes: u8,
    /// Gateways
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_GATEWAY_HOSTS)))]
    pub(super) gateways: u8,
    /// Kubernetes API: the lab's own, or etcd and kube-apiserver
    #[arg(long, value_enum, default_value_t = KubeArg::Builtin, value_name = "API")]
    pub(super) kube: KubeArg,
    /// Form of CiliumVTEPConfig that the cluster has
    #[arg(long, value_enum, default_value_t = VtepArg::Lpm, value_name = "FORM")]
    pub(super) vtep: VtepArg,
    /// EC2 API: the lab's own, or moto
    #[arg(long, value_enum, default_value_t = Ec2Arg::Builtin, value_name = "API")]
    pub(super) ec2: Ec2Arg,
    /// What gateway hosts carry beside the gateway
    #[arg(long, value_enum, default_value_t = HostArg::Plain, value_name = "KIND")]
    pub(super) host: HostArg,
    /// The gateway: any program that takes the settings of aws/eks-hybrid-nodes-gateway [default: hybridge-gateway beside this program]
    #[arg(long, value_name = "PATH")]
    pub(super) gateway_bin: Option<PathBuf>,
    /// A further argument for the gateway; may be given several times
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub(super) gateway_arg: Vec<String>,
    /// The VPC has 100.64.0.0/16 too, and the cloud pod an address in it
    #[arg(long)]
    pub(super) second_vpc_cidr: bool,
    /// Time that each call of the EC2 API takes
    #[arg(long, default_value = "0s", value_name = "TIME")]
    pub(super) ec2_latency: Time,
    /// Time between a change of a route table and its effect on packets; of one table with `rtb-…=TIME`. The gateways' subnets
    /// have rtb-00000000000000001, the cloud node's has rtb-00000000000000002
    #[arg(long, value_name = "[TABLE=]TIME")]
    pub(super) route_effect_delay: Vec<TimeOf>,
    /// Time between a change of CiliumVTEPConfig and its arrival at hybrid nodes; at one node with `hybrid-1=TIME`
    #[arg(long, value_name = "[NODE=]TIME")]
    pub(super) vtep_delay: Vec<TimeOf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum KubeArg {
    Builtin,
    Real,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Ec2Arg {
    Builtin,
    Moto,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum HostArg {
    /// Nothing
    Plain,
    /// Netfilter as on an EKS node: connection tracking, aws-node's SNAT, kube-proxy's drop of INVALID
    Eks,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum VtepArg {
    /// A network for each endpoint, longest prefix wins
    Lpm,
    /// One cidrMask for all endpoints
    Mask,
    /// Field names that nobody knows
    Unknown,
    /// Not installed
    Missing,
}

impl From<VtepArg> for VtepCrd {
    fn from(arg: VtepArg) -> Self {
        match arg {
            VtepArg::Lpm => Self::LongestPrefix,
            VtepArg::Mask => Self::OneMask,
            VtepArg::Unknown => Self::Unknown,
            VtepArg::Missing => Self::Missing,
        }
    }
}

/// A length of time such as `300ms`, `1.5s` or `2m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is no time such as 300ms, 1.5s or 2m");
        let parsed: jiff::SignedDuration = text.parse().map_err(|_| bad())?;
        parsed.try_into().map(Self).map_err(|_| bad())
    }
}

/// A [`Time`] for everything, or for one thing: `TIME` or `NAME=TIME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeOf {
    pub(super) name: Option<String>,
    pub(super) time: Duration,
}

impl FromStr for TimeOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, time) = match text.split_once('=') {
            Some((name, time)) => (Some(name.to_owned()), time),
            None => (None, text),
        };
        Ok(Self { name, time: time.parse::<Time>()?.0 })
    }
}

fn bench_help() -> String {
    let parts = Part::ALL.map(Part::name).join(", ");
    format!(
        "Parts: {parts}.\n  start-real and nodes-real need the real parts that `cargo xtask real` makes.\n\n\
         Examples:\n  hybridge-lab bench --part start --part nodes\n  hybridge-lab bench --peer ./another-gateway -o json"
    )
}

fn faults_help() -> String {
    let line = |fault: Fault| format!("  {fault:<14} {}\n", fault.help());
    let faults: String = Fault::ALL.into_iter().map(line).collect();
    format!(
        "Faults (where one hits a gateway, it is the gateway that carries the traffic):\n{faults}\n\
         Examples:\n  hybridge-lab run --fault restart\n  hybridge-lab run --fault host-loss --ec2-latency 300ms --vtep-delay 1s -o json"
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_have_units_and_may_be_for_one_thing() {
        assert_eq!("1.5s".parse::<Time>().unwrap().0, Duration::from_millis(1500));
        let one = "rtb-1=300ms".parse::<TimeOf>().unwrap();
        assert_eq!(one, TimeOf { name: Some("rtb-1".into()), time: Duration::from_millis(300) });
        for bad in ["", "5", "-1s", "soon"] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_example_parses() {
        for help in [EXAMPLES.to_owned(), faults_help(), bench_help(), vm::EXAMPLES.to_owned()] {
            for line in help.lines().filter_map(|l| l.trim().strip_prefix("hybridge-lab ")) {
                let words = line.split([';', '&']).next().unwrap().split_whitespace();
                assert!(Arguments::try_parse_from(["hybridge-lab"].into_iter().chain(words)).is_ok(), "{line}");
            }
        }
    }
}
