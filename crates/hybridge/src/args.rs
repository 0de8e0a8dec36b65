//! The command line: types of clap and nothing else, so that man pages and completions can be made from them elsewhere.

#[path = "args/cluster.rs"]
pub(crate) mod cluster;
#[path = "args/lni.rs"]
pub(crate) mod lni;
#[path = "args/node.rs"]
pub(crate) mod node;
#[path = "args/nodeadm.rs"]
pub(crate) mod nodeadm;
#[path = "args/plugins.rs"]
mod plugins;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use self::plugins::{EcrCredentialProvider, GetToken, Sign};

/// EKS on machines outside the region: nodes, and the network between them and the VPC.
#[derive(Parser, Debug)]
#[command(name = "hybridge", version = hybridge_version::LONG, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) part: Part,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Part {
    /// The gateways between hybrid nodes and the VPC
    #[command(subcommand, arg_required_else_help = true)]
    Gateway(Gateway),
    /// The EKS cluster and what hybrid nodes need in AWS, from the ClusterConfig of eksctl
    #[command(subcommand, arg_required_else_help = true)]
    Cluster(cluster::Cluster),
    /// Machines as nodes of an EKS cluster, on EC2 and outside
    #[command(subcommand, arg_required_else_help = true)]
    Node(node::Node),
    /// The LAN address of nodes on Outposts servers
    #[command(subcommand, arg_required_else_help = true)]
    Lni(lni::Lni),
    /// A world of network namespaces on this machine, in which gateways carry real packets (executes hybridge-lab, which releases do not hold)
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  hybridge lab demo\n  hybridge lab run --fault host-loss\n  hybridge lab --help"
    )]
    Lab {
        /// Passed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        rest: Vec<OsString>,
    },
    /// A token for the Kubernetes API, as a kubeconfig's exec plugin
    #[command(after_help = plugins::GET_TOKEN)]
    GetToken(GetToken),
    /// Credentials for images in Amazon ECR, as the kubelet's credential provider
    #[command(after_help = plugins::ECR)]
    EcrCredentialProvider(EcrCredentialProvider),
    /// Credentials for a certificate by IAM Roles Anywhere, as a credential_process
    #[command(after_help = plugins::SIGN)]
    Sign(Sign),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETION)]
    Completion {
        /// For this shell
        shell: Shell,
    },
}

const COMPLETION: &str = "Examples:
  hybridge completion bash > /etc/bash_completion.d/hybridge
  hybridge completion zsh > \"${fpath[1]}/_hybridge\"
  hybridge completion fish > ~/.config/fish/completions/hybridge.fish";

#[derive(Subcommand, Debug)]
pub(crate) enum Gateway {
    /// Who leads, and how it stands with each hybrid node, VPC route and network of the VPC
    ///
    /// Asks every gateway's admin port, through the API server or, where that is not allowed, directly. When none answers, tells
    /// what the cluster's objects say, and what cannot be known from them.
    ///
    /// Ends with 0 if all is well, with 1 if something is not as it should be or no gateway answers, with 2 after anything unexpected.
    #[command(after_help = STATUS)]
    Status(Status),
}

const STATUS: &str = "Examples:
  hybridge gateway status
  hybridge gateway status -n NAMESPACE --context CLUSTER -o json
  hybridge gateway status --endpoint 10.0.1.10:8088 --endpoint 10.0.2.10:8088

Needs the rights to list pods and to get pods/proxy; for what the cluster says, also to get leases and configmaps of the namespace,
and to list ciliumnodes and get ciliumvtepconfigs (cilium.io).";

#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Namespace of the gateways; default: found by their label, else that of the kubeconfig, else hybridge-gateway or
    /// eks-hybrid-nodes-gateway
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Labels of the gateways' pods; needed where the chart's nameOverride has changed them
    #[arg(
        short = 'l',
        long,
        value_name = "LABELS",
        default_value = "app.kubernetes.io/name in (hybridge-gateway,eks-hybrid-nodes-gateway)"
    )]
    pub(crate) selector: String,
    /// Kubeconfig; default: KUBECONFIG, else the pod's service account, else ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; default: its current one
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
    /// Show all hybrid nodes, however many are fine
    #[arg(long)]
    pub(crate) all: bool,
    /// Ask this admin port, and no cluster; may be given several times
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = endpoint, conflicts_with_all = ["namespace", "selector", "kubeconfig", "context"])]
    pub(crate) endpoint: Vec<String>,
    /// How long each answer may take, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

/// A host name or an address, with or without a port; no URL.
fn endpoint(text: &str) -> Result<String, String> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest).split('/').next().unwrap_or_default();
    if bare != text || bare.is_empty() || bare.contains(char::is_whitespace) {
        let example = if bare.is_empty() { "10.0.1.10:8088" } else { bare };
        return Err(format!("this is no ADDRESS:PORT; write {example}"));
    }
    Ok(text.to_owned())
}

/// How the status is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// One JSON object.
    Json,
    /// The same as YAML.
    Yaml,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_command_line_of_the_aws_signing_helper_is_one_of_ours() {
        let rest = "--certificate c --private-key k --trust-anchor-arn t --profile-arn p --role-arn r --role-session-name n --with-proxy";
        for begin in ["hybridge sign", "hybridge sign credential-process"] {
            assert!(Arguments::try_parse_from(format!("{begin} {rest}").split(' ')).is_ok(), "{begin}");
        }
        for wrong in ["serve", "--session-duration 899", "--write-profile x"] {
            assert!(Arguments::try_parse_from(format!("hybridge sign {rest} {wrong}").split(' ')).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_for_one_cluster() {
        let parse = |rest: &str| Arguments::try_parse_from(format!("hybridge get-token {rest}").split_whitespace());
        assert!(parse("--cluster-name a").is_ok() && parse("--cluster-id a --region b --role-arn c --profile d").is_ok());
        assert!(parse("").is_err() && parse("--cluster-name a --cluster-id b").is_err());
        assert!(Arguments::try_parse_from(["hybridge", "get-token", "--cluster-name", "a\nb"]).is_err());
    }

    #[test]
    fn arguments_of_a_credential_provider_mean_nothing() {
        assert!(Arguments::try_parse_from(["hybridge", "ecr-credential-provider", "get-credentials", "--v=5"]).is_ok());
    }

    #[test]
    fn an_endpoint_needs_no_cluster_and_takes_none() {
        let parse = |rest: &[&str]| Arguments::try_parse_from(["hybridge", "gateway", "status"].iter().chain(rest));
        assert!(parse(&["--endpoint", "10.0.1.10:8088", "--endpoint", "10.0.2.10:8088"]).is_ok());
        for wrong in [
            &["--endpoint", "10.0.1.10:8088", "-n", "x"][..],
            &["--endpoint", "http://10.0.1.10:8088/"],
            &["--endpoint", ""],
            &["--timeout", "0"],
            &["-o", "xml"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
