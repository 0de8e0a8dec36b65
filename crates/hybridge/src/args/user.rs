//! `hybridge node user-data` and `hybridge node steps`: the command line.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::Output;

/// What can be done with user data.
#[derive(Subcommand, Debug)]
pub(crate) enum UserData {
    /// Put parts together as multipart user data, packed if it would be too large for EC2 (16 KiB)
    #[command(after_help = "Examples:
  hybridge node user-data compose -c nodeconfig.yaml --script mkswap.sh --phase preKubelet
  hybridge node user-data compose -c nodeconfig.yaml --cloud-config users.yaml --boothook early.sh -o base64")]
    Compose(Compose),
    /// List the parts of user data
    #[command(after_help = "Examples:
  hybridge node user-data show user-data.txt
  hybridge node user-data show --imds -o json")]
    Show(Show),
}

/// Flags of `user-data compose`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Compose {
    /// NodeConfig; may be given several times
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub(crate) configs: Vec<PathBuf>,
    /// Script; with --phase a step of the node, otherwise run by cloud-init at the end of the first boot; may be given several times
    #[arg(long = "script", value_name = "FILE")]
    pub(crate) scripts: Vec<PathBuf>,
    /// When scripts run as steps of the node: once for all, or once for each --script
    #[arg(long = "phase", value_enum, value_name = "PHASE", requires = "scripts")]
    pub(crate) phases: Vec<Phase>,
    /// Document of cloud-init's own; may be given several times
    #[arg(long = "cloud-config", value_name = "FILE")]
    pub(crate) cloud_configs: Vec<PathBuf>,
    /// Script that cloud-init runs early in each boot; may be given several times
    #[arg(long = "boothook", value_name = "FILE")]
    pub(crate) boothooks: Vec<PathBuf>,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    pub(crate) output: Form,
}

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "camelCase")]
pub(crate) enum Phase {
    /// Before the network.
    PreNetwork,
    /// Before anything of the kubelet.
    PreKubelet,
    /// Once the cluster has the Node.
    PostJoin,
}

/// Form of user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// As it is: text, or gzip if it had to be packed.
    Text,
    /// In base64, as launch templates want it.
    Base64,
}

/// Flags of `user-data show`.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["file", "imds"])))]
pub(crate) struct Show {
    /// User data in any form; `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// That of this instance
    #[arg(long)]
    pub(crate) imds: bool,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// What can be done with steps.
#[derive(Subcommand, Debug)]
pub(crate) enum Steps {
    /// Tell how each step of this machine ended
    #[command(after_help = "Examples:
  hybridge node steps status
  hybridge node steps status -o json")]
    Status(Status),
    /// Run the steps of a phase that have not succeeded yet; for units and boothooks
    #[command(after_help = "Examples:
  hybridge node steps run --phase preNetwork
  hybridge node steps run --phase preNetwork -c imds://user-data")]
    Run(RunSteps),
}

/// Flags of `steps status`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Status {
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Flags of `steps run`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunSteps {
    /// Which
    #[arg(long, value_enum, value_name = "PHASE")]
    pub(crate) phase: Phase,
    /// NodeConfig, as for init; default: what the last init has left
    #[arg(short = 'c', long = "config-source", value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// Wait until the cluster has this Node, and set its condition HybridgeSteps
    #[arg(long)]
    pub(crate) report: bool,
}
