//! `hybridge cluster`: the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Output;

/// What can be done with a cluster.
#[derive(Subcommand, Debug)]
pub(crate) enum Cluster {
    /// Tell everything that is wrong with a ClusterConfig, with line, column and what to write instead; asks nobody
    #[command(after_help = "Examples:
  hybridge cluster validate -f cluster.yaml
  hybridge cluster validate -f - -o json < cluster.yaml
  hybridge cluster validate -f cluster.yaml --allow-unsupported fargateProfiles")]
    Validate(Validate),
    /// Show what would be made or changed: resources, differences, the template; with --offline or --facts, without asking AWS
    #[command(after_help = "Examples:
  hybridge cluster plan -f cluster.yaml
  hybridge cluster plan -f cluster.yaml --save-facts facts.json
  hybridge cluster plan -f cluster.yaml --facts facts.json -o json
  hybridge cluster plan -f cluster.yaml --offline -o template > template.json")]
    Plan(Plan),
    /// Make the cluster, up to the point where hybrid nodes can join
    ///
    /// Checks first, then makes the stack, waits with live events, makes access entries, add-ons and node groups. Killed and run
    /// again, it goes on where it was.
    ///
    /// Ends with 0 if the cluster is as the file says, with 1 after bad input or a failed check, with 2 after anything unexpected, with
    /// 3 if it was done in part.
    #[command(after_help = "Examples:
  hybridge cluster create -f cluster.yaml --dry-run
  hybridge cluster create -f cluster.yaml
  hybridge cluster create -f cluster.yaml --template-bucket my-templates --timeout 40")]
    Create(Create),
    /// Make an existing cluster what the file says: networks, credentials, gateway, or hybrid nodes for a cluster made by others
    #[command(after_help = "Examples:
  hybridge cluster update -f cluster.yaml --dry-run
  hybridge cluster update -f cluster.yaml
  hybridge cluster update -f cluster.yaml --import")]
    Update(Update),
    /// Take the cluster away with all that was made for it, and tell what is left
    #[command(after_help = "Examples:
  hybridge cluster delete --name shop --region eu-central-1 --dry-run
  hybridge cluster delete -f cluster.yaml --drain")]
    Delete(Delete),
    /// Show a cluster: networks, endpoints, entries with their types, stacks, hybrid nodes
    #[command(after_help = "Examples:
  hybridge cluster get --region eu-central-1
  hybridge cluster get --name shop --region eu-central-1 -o json")]
    Get(Get),
    /// Look for what keeps hybrid nodes from joining or working, along the packets' way
    #[command(after_help = "Examples:
  hybridge cluster doctor -f cluster.yaml
  hybridge cluster doctor -f cluster.yaml --path 10.80.146.7
  hybridge cluster doctor -f cluster.yaml --facts facts.json -o json")]
    Doctor(Doctor),
    /// Compare EKS, routes, security groups and entries with the file
    #[command(after_help = "Examples:
  hybridge cluster drift -f cluster.yaml
  hybridge cluster drift -f cluster.yaml -o json")]
    Drift(Look),
    /// Write what nodes, CNI, gateways and firewalls need
    #[command(after_help = "Examples:
  hybridge cluster handover -f cluster.yaml --dir handover
  hybridge cluster handover -f cluster.yaml --dir handover --activation 20 --expires 48
  hybridge cluster handover -f cluster.yaml --dir handover --lab-certificates press-7,press-8
  hybridge cluster handover -f cluster.yaml --dir handover --only gateway,firewall,terraform")]
    Handover(Handover),
}

/// The file.
#[derive(Args, Clone, Debug)]
pub(crate) struct File {
    /// ClusterConfig (eksctl.io/v1alpha5); - for standard input
    #[arg(short = 'f', long = "config-file", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Leave out these sections of the file, which hybridge does not handle
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) allow_unsupported: Vec<String>,
}

/// Flags of `validate`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) file: File,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// How to ask AWS.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Asking {
    /// Profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// Where facts come from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Facts {
    #[command(flatten)]
    pub(crate) asking: Asking,
    /// Take AWS's answers from this file, and ask nobody
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
    /// Save AWS's answers here, to plan elsewhere; holds no secret
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub(crate) save_facts: Option<PathBuf>,
}

/// Flags of `plan`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) file: File,
    /// Make nodes on Outposts servers, though AWS supports EKS on Outposts racks only
    #[arg(long)]
    pub(crate) unsupported_servers: bool,
    #[command(flatten)]
    pub(crate) facts: Facts,
    /// Ask nobody: a plan of a new cluster needs zones at most, and takes the first three of the region if the file names none
    #[arg(long, conflicts_with_all = ["facts", "save_facts"])]
    pub(crate) offline: bool,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = PlanOutput::Table, value_name = "FORM")]
    pub(crate) output: PlanOutput,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanOutput {
    /// For people.
    Table,
    /// One JSON object: findings, resources, differences, templates.
    Json,
    /// The same as YAML.
    Yaml,
    /// The template of the cluster's stack alone, the bytes that CloudFormation gets.
    Template,
}

/// How long it is waited.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long one stack may take, in minutes
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u64).range(1..=720), value_name = "MINUTES")]
    pub(crate) timeout: u64,
}

/// How stacks are made.
#[derive(Args, Clone, Debug)]
pub(crate) struct Stacks {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// S3 bucket for templates of more than 51,200 bytes
    #[arg(long, value_name = "BUCKET")]
    pub(crate) template_bucket: Option<String>,
    /// Leave out a preflight check by its code; may be given several times or as a list
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
}

/// What is to become so, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) file: File,
    /// Make nodes on Outposts servers, though AWS supports EKS on Outposts racks only
    #[arg(long)]
    pub(crate) unsupported_servers: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
    #[command(flatten)]
    pub(crate) stacks: Stacks,
}

/// Flags of `create`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Put the cluster into this kubeconfig
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Form of what is printed at the end
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `update`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The cluster was made by others: make a hybrid stack of our own beside it
    #[arg(long)]
    pub(crate) import: bool,
    /// Take networks away although nodes live in them
    #[arg(long)]
    pub(crate) force: bool,
    /// Form of what is printed at the end
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Which cluster: by file, or by name.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Which {
    /// ClusterConfig (eksctl.io/v1alpha5); - for standard input
    #[arg(short = 'f', long = "config-file", value_name = "FILE", conflicts_with_all = ["name", "region"])]
    pub(crate) file: Option<PathBuf>,
    /// Name of the cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Region; default: that of AWS_REGION or of the profile
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// Flags of `delete`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Show what would be taken away, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Move pods off hybrid nodes first, and take the nodes out of the cluster
    #[arg(long)]
    pub(crate) drain: bool,
    /// Go on although hybrid nodes are still there
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// Take the cluster out of this kubeconfig
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Form of what is printed at the end
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `get`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `doctor`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) look: Look,
    /// Follow packets between this address of a hybrid node and the control plane, both ways
    #[arg(long, value_name = "NODE-IP")]
    pub(crate) path: Option<std::net::Ipv4Addr>,
}

/// A look at what is there.
#[derive(Args, Clone, Debug)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) file: File,
    #[command(flatten)]
    pub(crate) facts: Facts,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `handover`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Handover {
    #[command(flatten)]
    pub(crate) file: File,
    #[command(flatten)]
    pub(crate) facts: Facts,
    /// Where the files go; made if it is not there
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) dir: PathBuf,
    /// Only these documents; all but the gateway's cloud half and Terraform if not said
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    pub(crate) only: Vec<Document>,
    /// Make a Systems Manager activation for so many machines (1 to 1000)
    #[arg(long, value_name = "MACHINES", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) activation: Option<u32>,
    /// When the activation ends, in hours from now (1 to 720)
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=720), value_name = "HOURS")]
    pub(crate) expires: u32,
    /// Print the activation's code on standard output, as a document beside the NodeConfig, rather than writing it into that
    #[arg(long, requires = "activation")]
    pub(crate) print_code: bool,
    /// For a lab: make an authority (unless there is one in the directory) and a certificate for each of these nodes
    #[arg(long, value_delimiter = ',', value_name = "NODE")]
    pub(crate) lab_certificates: Vec<String>,
    /// Write over files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// Show what would be written and made, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// A document of the handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Document {
    /// NodeConfig of hybrid nodes.
    Node,
    /// Values for Cilium's chart.
    Cilium,
    /// Values for the gateway's chart.
    Gateway,
    /// The gateway's half in the VPC: a template of subnets, rules, role and nodes.
    GatewayCloud,
    /// Firewall sheet, as Markdown and CSV.
    Firewall,
    /// Variables for Terraform.
    Terraform,
}
