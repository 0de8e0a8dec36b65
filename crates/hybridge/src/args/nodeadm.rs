//! The command lines of `nodeadm` (amazon-eks-ami and eks-hybrid) and `nodeadm-internal`, for images and scripts that call them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::Output;
use super::node::{Dump, Init, Look, PlugIns, Shape, Sources};

/// hybridge under the name nodeadm: joins this machine to an EKS cluster.
#[derive(Parser, Debug)]
#[command(name = "nodeadm", version = hybridge_version::LONG, arg_required_else_help = true)]
pub(crate) struct Nodeadm {
    /// Log more
    #[arg(short = 'd', long)]
    pub(crate) development: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What both nodeadms do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Initialize this machine as a node of an EKS cluster
    Init(NodeadmInit),
    /// Manage configuration
    #[command(subcommand, arg_required_else_help = true)]
    Config(NodeadmConfig),
    /// Print the version
    Version,
    /// Not done by this version
    #[command(disable_help_flag = true)]
    Install(Rest),
    /// Not done by this version
    #[command(disable_help_flag = true)]
    Upgrade(Rest),
    /// Not done by this version
    #[command(disable_help_flag = true)]
    Uninstall(Rest),
    /// Not done by this version
    #[command(disable_help_flag = true)]
    Debug(Rest),
    /// Not done by this version
    #[command(disable_help_flag = true)]
    SyncArtifacts(Rest),
}

/// Whatever follows.
#[derive(Args, Debug)]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS", hide = true)]
    pub(crate) rest: Vec<std::ffi::OsString>,
}

/// `nodeadm init`.
#[derive(Args, Debug)]
pub(crate) struct NodeadmInit {
    /// NodeConfig: file://PATH or imds://user-data; may be given several times or as a list
    #[arg(short = 'c', long = "config-source", value_name = "SOURCE", value_delimiter = ',', default_value = "imds://user-data")]
    sources: Vec<String>,
    /// Where the configuration is kept between the halves of a boot
    #[arg(long, value_name = "FILE")]
    config_cache: Option<PathBuf>,
    /// Phases and validations to leave out
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    skip: Vec<String>,
    /// Only these services
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    daemon: Vec<String>,
    /// Where eks-hybrid's nodeadm gets its manifest from; not needed here
    #[arg(short, long, value_name = "SOURCE")]
    manifest_override: Option<String>,
    /// As of eks-hybrid's nodeadm; `init` reads nothing from the internet here anyway
    #[arg(long)]
    private_mode: bool,
    /// Whose document it is; default: told by its content
    #[arg(long, value_enum, value_name = "SHAPE")]
    shape: Option<Shape>,
    /// Who answers the kubelet's questions for credentials
    #[arg(long, value_enum, default_value_t = PlugIns::External, value_name = "WHO")]
    plugins: PlugIns,
}

impl NodeadmInit {
    /// The same as flags of `hybridge node init`.
    pub(crate) fn as_init(&self) -> Init {
        Init {
            sources: Sources { sources: self.sources.clone(), shape: self.shape },
            config_cache: self.config_cache.clone(),
            skip: self.skip.clone(),
            daemon: self.daemon.clone(),
            plugins: self.plugins,
            dry_run: false,
            output: Output::Table,
            facts: None,
            save_facts: None,
            instance_types: None,
        }
    }
}

/// `nodeadm config`.
#[derive(Subcommand, Debug)]
pub(crate) enum NodeadmConfig {
    /// Verify a configuration
    Check(NodeadmSources),
    /// Print the merged configuration
    Dump(NodeadmDump),
}

/// Where it comes from.
#[derive(Args, Debug)]
pub(crate) struct NodeadmSources {
    /// NodeConfig: file://PATH or imds://user-data; may be given several times or as a list
    #[arg(short = 'c', long = "config-source", value_name = "SOURCE", value_delimiter = ',', default_value = "imds://user-data")]
    sources: Vec<String>,
    /// Whose document it is; default: told by its content
    #[arg(long, value_enum, value_name = "SHAPE")]
    shape: Option<Shape>,
}

impl NodeadmSources {
    fn sources(&self) -> Sources {
        Sources { sources: self.sources.clone(), shape: self.shape }
    }

    /// The same as flags of `hybridge node config check`.
    pub(crate) fn as_look(&self) -> Look {
        Look { sources: self.sources(), output: Output::Table }
    }
}

/// `nodeadm config dump`.
#[derive(Args, Debug)]
pub(crate) struct NodeadmDump {
    #[command(flatten)]
    sources: NodeadmSources,
    /// What `init --config-cache` has kept
    #[arg(long, value_name = "FILE")]
    config_cache: Option<PathBuf>,
    /// Write to this file
    #[arg(short = 'o', long, value_name = "FILE")]
    config_output: Option<PathBuf>,
}

impl NodeadmDump {
    /// The same as flags of `hybridge node config dump`.
    pub(crate) fn as_dump(&self) -> Dump {
        Dump { sources: self.sources.sources(), config_cache: self.config_cache.clone(), config_output: self.config_output.clone() }
    }
}

/// hybridge under the name nodeadm-internal: what systemd and udev of an EKS image call.
#[derive(Parser, Debug)]
#[command(name = "nodeadm-internal", version = hybridge_version::LONG, arg_required_else_help = true)]
pub(crate) struct Internal {
    #[command(subcommand)]
    pub(crate) command: InternalCommand,
}

/// What they call.
#[derive(Subcommand, Debug)]
pub(crate) enum InternalCommand {
    /// Wait until systemd-networkd has configured the interfaces that are its own
    BootHook,
    /// Hand a network interface to systemd-networkd or to the VPC CNI
    UdevNetManager(UdevNetManager),
}

/// An interface that came or went.
#[derive(Args, Debug)]
pub(crate) struct UdevNetManager {
    /// Its name
    #[arg(short, long, value_name = "NAME")]
    pub(crate) interface: String,
    /// What happened to it
    #[arg(short, long, value_enum, value_name = "ACTION")]
    pub(crate) action: Action,
}

/// What udev says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// It came.
    Add,
    /// It went.
    Remove,
}
