//! `hybridge lni`: the command line.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use hybridge_lni::profile::Range4;
use hybridge_model::MacAddr;

use super::Output;

/// What can be done with an LNI.
#[derive(Subcommand, Debug)]
pub(crate) enum Lni {
    /// Tell everything that is wrong with a profile; asks nobody
    #[command(after_help = "Examples:
  hybridge lni check -c lni.yaml
  hybridge lni check -c nodeconfig.yaml -o json")]
    Check(Check),
    /// Write the files that set up the LNI when the machine starts: for systemd-networkd, NetworkManager or netplan
    #[command(after_help = "Examples:
  hybridge lni render -c lni.yaml --for networkd
  hybridge lni render -c lni.yaml --for network-manager --dir /etc")]
    Render(Render),
    /// Make the LNI what the profile says, once
    #[command(after_help = "Examples:
  hybridge lni apply -c lni.yaml --dry-run
  hybridge lni apply -c lni.yaml
  hybridge lni apply -c lni.yaml --cleanup")]
    Apply(Apply),
    /// Keep the LNI as the profile says: the agent
    #[command(after_help = "Examples:
  hybridge lni run -c /etc/hybridge/lni.yaml")]
    Run(Run),
    /// Show the LNI: address, lease, drift, who contests it
    #[command(after_help = "Examples:
  hybridge lni status
  hybridge lni status -o json")]
    Status(Status),
    /// Test Services from outside, out of a probe on the LAN
    #[command(after_help = "Examples:
  hybridge lni verify -c lni.yaml --probe 192.168.2.100:7105 --kubeconfig ~/.kube/config
  hybridge lni verify -c lni.yaml --probe 192.168.2.100:7105 --probe 192.168.50.7:7105 --vip 192.168.2.169:80 -o json")]
    Verify(Verify),
    /// Answer `lni verify` on a machine in the LAN; needs no cluster
    #[command(after_help = "Examples:
  hybridge lni probe --listen 192.168.2.100:7105 --allow 192.168.2.160-192.168.2.190 --token-file token")]
    Probe(Probe),
    /// Look for what keeps the LAN from reaching Services: machine, MetalLB, Multus, Services
    #[command(after_help = "Examples:
  hybridge lni doctor -c lni.yaml
  hybridge lni doctor -c lni.yaml --facts facts.json -o json")]
    Doctor(Doctor),
    /// Tell whether an AMI can start on an Outposts server, and whether a launch template and its subnets make an LNI
    #[command(after_help = "Examples:
  hybridge lni ami ami-0123456789abcdef0 --region eu-central-1 --instance-type c6id.8xlarge
  hybridge lni ami --launch-template lt-0123456789abcdef0 --device-index 14 --region eu-central-1")]
    Ami(Ami),
    /// Make and clean up LNIs of a cluster's nodes: runs in the cluster
    #[command(after_help = "Examples:
  hybridge lni controller --cluster shop --region eu-central-1 --once
  hybridge lni controller --cluster shop --region eu-central-1 --delete")]
    Controller(Controller),
}

/// The profile.
#[derive(Args, Clone, Debug)]
pub(crate) struct Profile {
    /// Profile (`lni:`) or NodeConfig with `spec.lni`; - for standard input
    #[arg(short = 'c', long = "config-source", value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Flags of `check`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) profile: Profile,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `render`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Render {
    #[command(flatten)]
    pub(crate) profile: Profile,
    /// Who sets up interfaces when the machine starts; auto: what runs on this machine
    #[arg(long = "for", value_enum, default_value_t = Backend::Auto, value_name = "WHO")]
    pub(crate) backend: Backend,
    /// MAC address of the interface; asked of instance metadata where the profile has a device index
    #[arg(long, value_name = "MAC")]
    pub(crate) mac: Option<MacAddr>,
    /// Write the files there, in place of /etc, and take away those that are needed no more; otherwise they are printed
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) dir: Option<PathBuf>,
    /// Tell what would be written; write nothing
    #[arg(long, requires = "dir")]
    pub(crate) dry_run: bool,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Who sets up interfaces when the machine starts.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Backend {
    /// Of those below the one that runs here.
    Auto,
    /// systemd-networkd: AL2023.
    Networkd,
    /// NetworkManager: RHEL and its kin.
    NetworkManager,
    /// netplan: Ubuntu.
    Netplan,
}

/// Flags of `apply`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) profile: Profile,
    /// Show what would be done; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take away everything of ours instead: address, routes, rules, nftables; sysctls get their values from before
    #[arg(long)]
    pub(crate) cleanup: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Where lease, remembered MAC addresses and status lie.
#[derive(Args, Clone, Debug)]
pub(crate) struct StateDir {
    /// Directory with the lease and what else outlives the agent
    #[arg(long, default_value = hybridge_lni::state::DIRECTORY, value_name = "DIRECTORY")]
    pub(crate) state_dir: PathBuf,
}

/// Flags of `run`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) profile: Profile,
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// Log as text or as JSON, one object a line
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORM")]
    pub(crate) log_format: LogFormat,
    /// Log what is heard, asked and looked at, too
    #[arg(long)]
    pub(crate) debug: bool,
}

/// Form of log lines.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Flags of `status`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) profile: Profile,
    /// Where a probe listens; one in the LNI's own network and one behind a router show both ways
    #[arg(long = "probe", required = true, value_name = "ADDR:PORT")]
    pub(crate) probes: Vec<SocketAddrV4>,
    /// Address and port of a Service to try; may be given several times
    #[arg(long = "vip", value_name = "ADDR:PORT", required_unless_present = "kubeconfig")]
    pub(crate) vips: Vec<SocketAddrV4>,
    /// Take the Services of type LoadBalancer from this cluster, those with addresses of the profile's pools
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Ask by HTTP, too; else a connection that opens is enough
    #[arg(long)]
    pub(crate) http: bool,
    /// How long an answer may take, in milliseconds: 100 to 10000
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(100..=10_000), value_name = "MS")]
    pub(crate) patience: u32,
    #[command(flatten)]
    pub(crate) token: TokenFile,
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// The secret that probe and `verify` share.
#[derive(Args, Clone, Debug)]
pub(crate) struct TokenFile {
    /// File with the token that both sides know; nobody but its owner may read it
    #[arg(long, default_value = "/etc/hybridge/lni-probe.token", value_name = "FILE")]
    pub(crate) token_file: PathBuf,
}

/// Flags of `probe`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Probe {
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: SocketAddrV4,
    /// What may be tried: a network, a range or an address; may be given several times
    #[arg(long, required = true, value_name = "POOL")]
    pub(crate) allow: Vec<Range4>,
    #[command(flatten)]
    pub(crate) token: TokenFile,
}

/// Flags of `doctor`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) profile: Profile,
    /// Judge what --save-facts wrote, here or on another machine, in place of this machine
    #[arg(long, value_name = "FILE", conflicts_with_all = ["save_facts", "kubeconfig", "context"])]
    pub(crate) facts: Option<PathBuf>,
    /// Write what is known of the machine and the cluster to a file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) save_facts: Option<PathBuf>,
    /// Ask the API server of this kubeconfig about MetalLB, Multus, Services and workloads
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, in place of its current one
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub(crate) context: Option<String>,
    /// Label of nodes with an LNI in this LAN
    #[arg(long, value_name = "LABEL=VALUE", value_parser = label)]
    pub(crate) lni_nodes: Option<(String, String)>,
    #[command(flatten)]
    pub(crate) state: StateDir,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

fn label(text: &str) -> Result<(String, String), String> {
    let found = text.split_once('=').filter(|(key, _)| !key.is_empty());
    found
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "write LABEL=VALUE, such as example.com/lan=press".to_owned())
}

/// Flags of `ami`.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["images", "launch_template"]))]
pub(crate) struct Ami {
    /// AMIs
    #[arg(value_name = "AMI")]
    pub(crate) images: Vec<String>,
    /// Launch template, by identifier or name, with its AMI; several are also compared with each other
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) launch_template: Vec<String>,
    /// Version of the launch template
    #[arg(long, value_name = "VERSION", default_value = "$Default", requires = "launch_template")]
    pub(crate) version: String,
    /// Region
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Instance type; that of the launch template unless said
    #[arg(long, value_name = "TYPE")]
    pub(crate) instance_type: Option<String>,
    /// GB of instance storage for the root volume; the largest disk of the type unless said
    #[arg(long, value_name = "GB")]
    pub(crate) instance_store_size: Option<u64>,
    /// Subnet of the node group; those of the launch template's interfaces are looked at anyway
    #[arg(long, value_name = "SUBNET", requires = "launch_template")]
    pub(crate) subnet: Vec<String>,
    /// Device index of the LNI
    #[arg(long, value_name = "INDEX", value_parser = clap::value_parser!(u8).range(1..=15))]
    pub(crate) device_index: Option<u8>,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `controller`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Controller {
    /// Name of the cluster: the value of the tag hybridge:cluster of its LNIs
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    pub(crate) cluster: String,
    /// Region of the Outposts; default: AWS_REGION, the profile's, the instance's
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Kubeconfig; default: KUBECONFIG, else the pod's service account, else ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Namespace of the Lease; default: the pod's own, or that of the kubeconfig
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Delete LNIs that are nobody's; without, they are only told of
    #[arg(long)]
    pub(crate) delete: bool,
    /// Make and attach LNIs for nodes that started without; without, they are only told of
    #[arg(long)]
    pub(crate) create: bool,
    /// Change nothing at all, and take no Lease
    #[arg(long, conflicts_with_all = ["delete", "create"])]
    pub(crate) dry_run: bool,
    /// Look until there is nothing more to be done, tell, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// How long an LNI that nobody has is kept, in seconds
    #[arg(long, default_value = "600", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) grace: Duration,
    /// Between the two looks that a deletion needs, in seconds
    #[arg(long, default_value = "30", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) apart: Duration,
    /// Between looks when nothing happens, in seconds
    #[arg(long, default_value = "300", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) resync: Duration,
    /// LNIs that are deleted in one look at most
    #[arg(long, default_value_t = 5, value_name = "NUMBER")]
    pub(crate) max_deletes: usize,
    /// How long the Lease is another controller's after that one fell silent, in seconds
    #[arg(long, default_value = "15", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) lease: Duration,
    /// Program that frees what the LAN keeps for an LNI that is gone: given JSON on standard input
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) release_hook: Option<PathBuf>,
    /// How long the program may take, in seconds
    #[arg(long, default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) hook_timeout: Duration,
    /// Serve /metrics and /healthz there
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) admin: Option<SocketAddr>,
    /// Form of what --once prints
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
    /// Print the IAM policy of the controller's role, and end
    #[arg(long, conflicts_with = "manifest")]
    pub(crate) policy: bool,
    /// Print Deployment, ServiceAccount and roles for the cluster, and end
    #[arg(long, requires = "image")]
    pub(crate) manifest: bool,
    /// Image that holds the program, for --manifest
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}

/// As EKS names clusters (EKS API reference, CreateCluster).
fn cluster_name(text: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && text.len() <= 100 && text.bytes().all(good) {
        Ok(text.to_owned())
    } else {
        Err("a cluster's name has letters, digits, - and _, as in `shop-1`".into())
    }
}

/// Seconds, also parts of one.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or_else(|| "write seconds, as in `30`".into())
}
