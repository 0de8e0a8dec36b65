//! `hybridge node`: the command line.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

pub(crate) mod user;

use self::user::{Steps, UserData};
use super::Output;

/// What can be done with a node.
#[derive(Subcommand, Debug)]
pub(crate) enum Node {
    /// Make this machine a node of an EKS cluster, on EC2 or outside
    ///
    /// Reads a NodeConfig (node.eks.aws/v1alpha1, in the shape of either nodeadm), looks at the machine, writes what containerd and
    /// kubelet need, and restarts those whose files have changed. Run again, it changes nothing; killed and run again, it goes on.
    ///
    /// Ends with 0 if the node is as it should be, with 1 after bad input, with 2 after anything unexpected, with 3 if it was done in
    /// part.
    #[command(after_help = INIT)]
    Init(Init),
    /// Look at a NodeConfig: what is wrong with it, what it comes to, where each setting comes from
    #[command(subcommand, arg_required_else_help = true)]
    Config(Config),
    /// Put user data together from typed parts, or tell what is in some
    #[command(subcommand, arg_required_else_help = true)]
    UserData(UserData),
    /// Steps of the user's (spec.instance.steps): how they ended, or run them
    #[command(subcommand, arg_required_else_help = true)]
    Steps(Steps),
    /// Tell how many pods fit on an instance type, as the VPC CNI counts
    #[command(after_help = MAX_PODS)]
    MaxPods(MaxPods),
}

const INIT: &str = "Examples:
  hybridge node init -c file://nodeconfig.yaml --dry-run
  hybridge node init -c file://nodeconfig.yaml
  hybridge node init -c imds://user-data --skip run --config-cache /run/eks/nodeadm/config.json
  hybridge node init -c file://nodeconfig.yaml --save-facts facts.json --dry-run
  hybridge node init -c file://nodeconfig.yaml --facts facts.json --dry-run -o json";

const MAX_PODS: &str = "Examples:
  hybridge node max-pods --instance-type m5.large
  hybridge node max-pods --instance-type m5.large --cni-version 1.19.0 --cni-prefix-delegation-enabled
  hybridge node max-pods --instance-type m5.large --instance-type c6gn.16xlarge -o json
  hybridge node max-pods --instance-type-from-imds";

/// Where a configuration comes from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Sources {
    /// NodeConfig: file://FILE, file://DIRECTORY/ (its .yaml, .yml and .json, by name), imds://user-data, or - for standard input; several
    /// are merged in order
    #[arg(short = 'c', long = "config-source", value_name = "SOURCE", default_value = "imds://user-data")]
    pub(crate) sources: Vec<String>,
    /// Whose document it is; default: told by its content
    #[arg(long, value_enum, value_name = "SHAPE")]
    pub(crate) shape: Option<Shape>,
}

/// Whose document a NodeConfig is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Of a node on EC2.
    Ec2,
    /// Of a node outside.
    Hybrid,
}

/// Who answers the kubelet's questions for credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlugIns {
    /// This program.
    #[default]
    Builtin,
    /// aws, aws-iam-authenticator, aws_signing_helper and ecr-credential-provider, which must be installed.
    External,
}

/// Flags of `init`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Keep the configuration and what was found out about the instance here, for the second half of a boot
    #[arg(long, value_name = "FILE")]
    pub(crate) config_cache: Option<PathBuf>,
    /// Leave something out: `config` or `run` (halves), `preprocess`, or a validation by its name; may be given several times or as a
    /// list
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// Only these services: containerd, kubelet; may be given several times
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) daemon: Vec<String>,
    /// Who answers the kubelet's questions for credentials
    #[arg(long, value_enum, default_value_t, value_name = "WHO")]
    pub(crate) plugins: PlugIns,
    /// Show what would be done, and do nothing; needs no root
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
    /// Plan for the machine that these facts were saved on; with --dry-run only
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    pub(crate) facts: Option<PathBuf>,
    /// Save what was found out about the machine, to plan for it elsewhere; holds no secret
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub(crate) save_facts: Option<PathBuf>,
    /// Instance types from this file (that of `aws ec2 describe-instance-types`, or our own form) before the built-in table
    #[arg(long, value_name = "FILE")]
    pub(crate) instance_types: Option<PathBuf>,
}

/// What can be done with a configuration.
#[derive(Subcommand, Debug)]
pub(crate) enum Config {
    /// Tell everything that is wrong with a NodeConfig, with line, column and what to write instead
    #[command(after_help = "Examples:
  hybridge node config check -c file://nodeconfig.yaml
  hybridge node config check -c - -o json < nodeconfig.yaml")]
    Check(Look),
    /// Print the merged NodeConfig, secrets hidden
    #[command(after_help = "Examples:
  hybridge node config dump -c file://base.yaml -c file:///etc/eks/nodeadm.d/")]
    Dump(Dump),
    /// Tell for every kubelet and containerd setting its value and what set it
    #[command(after_help = "Examples:
  hybridge node config explain -c file://nodeconfig.yaml
  hybridge node config explain -c file://nodeconfig.yaml --facts facts.json --setting maxPods")]
    Explain(Explain),
    /// Print the JSON Schema of NodeConfig
    #[command(after_help = "Examples:
  hybridge node config schema > nodeconfig.schema.json")]
    Schema,
}

/// Flags of `config check`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `config dump`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// What `init --config-cache` has kept, used when no source has a configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config_cache: Option<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) config_output: Option<PathBuf>,
}

/// Flags of `config explain`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Only settings whose name has this in it
    #[arg(long, value_name = "TEXT")]
    pub(crate) setting: Option<String>,
    /// Who answers the kubelet's questions for credentials
    #[arg(long, value_enum, default_value_t, value_name = "WHO")]
    pub(crate) plugins: PlugIns,
    /// For the machine that these facts were saved on; default: this one
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `max-pods`.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["instance_type", "instance_type_from_imds"])))]
pub(crate) struct MaxPods {
    /// Instance type, such as m5.large; may be given several times
    #[arg(short, long, value_name = "TYPE", value_delimiter = ',')]
    pub(crate) instance_type: Vec<String>,
    /// The type of this instance
    #[arg(long)]
    pub(crate) instance_type_from_imds: bool,
    /// Version of the VPC CNI; prefix delegation needs 1.9.0
    #[arg(long, value_name = "VERSION", default_value = "1.19.0")]
    pub(crate) cni_version: String,
    /// Pods do not use the primary interface (AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG)
    #[arg(long)]
    pub(crate) cni_custom_networking_enabled: bool,
    /// Interfaces hold prefixes of 16 addresses (ENABLE_PREFIX_DELEGATION)
    #[arg(long)]
    pub(crate) cni_prefix_delegation_enabled: bool,
    /// Use this many interfaces at most (MAX_ENI)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cni_max_enis: Option<u32>,
    /// Interfaces that are LNIs on an Outposts server, and take no pods
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) lnis: u32,
    /// Show what AWS's own calculator does without the limit of 110 or 250 pods
    #[arg(long)]
    pub(crate) no_limit: bool,
    /// Instance types from this file (that of `aws ec2 describe-instance-types`, or our own form) before the built-in table
    #[arg(long, value_name = "FILE")]
    pub(crate) instance_types: Option<PathBuf>,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}
