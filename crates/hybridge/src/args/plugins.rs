//! The command lines of the programs that kubelet and the AWS SDKs start.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

pub(crate) const GET_TOKEN: &str = "Examples:
  hybridge get-token --cluster-name demo --region eu-central-1
  hybridge get-token --cluster-id 01234567-89ab-cdef-0123-456789abcdef --role-arn arn:aws:iam::123456789012:role/Admin

Takes the place of `aws eks get-token` in a kubeconfig; prints the same, byte by byte. Credentials come from where the AWS SDKs look
for them.";

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("cluster").required(true).args(["cluster_name", "cluster_id"])))]
pub(crate) struct GetToken {
    /// Name of the cluster
    #[arg(long, value_name = "NAME", value_parser = header_value)]
    pub(crate) cluster_name: Option<String>,
    /// Id of a local cluster on an Outpost
    #[arg(long, value_name = "ID", value_parser = header_value)]
    pub(crate) cluster_id: Option<String>,
    /// Region of STS; default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, the instance's
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Assume this role first
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// Profile of the AWS configuration files; then credentials of the environment are not used
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// What a header can carry as it is.
fn header_value(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a cluster is named by letters, digits, `-` and `_`".into());
    }
    Ok(text.to_owned())
}

pub(crate) const ECR: &str = "Example:
  echo '{\"apiVersion\": \"credentialprovider.kubelet.k8s.io/v1\", \"kind\": \"CredentialProviderRequest\",
    \"image\": \"123456789012.dkr.ecr.eu-central-1.amazonaws.com/app:1\"}' | hybridge ecr-credential-provider

The kubelet starts it where a CredentialProviderConfig names it; a link of the name ecr-credential-provider does the same.";

#[derive(Args, Debug)]
pub(crate) struct EcrCredentialProvider {
    /// Arguments of a CredentialProviderConfig; there are none that mean anything
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) rest: Vec<OsString>,
}

pub(crate) const SIGN: &str = "Examples:
  hybridge sign --certificate node.pem --private-key node.key --trust-anchor-arn ARN --profile-arn ARN --role-arn ARN \\
    --role-session-name NODE
  credential_process = hybridge sign credential-process --certificate …        (in an AWS configuration file)
  hybridge sign … --write-credentials /eks-hybrid/.aws/credentials

Takes the place of `aws_signing_helper credential-process` for keys in PEM files.";

#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// As the AWS signing helper has it; means nothing here
    #[arg(value_enum, hide = true)]
    pub(crate) word: Option<SignWord>,
    /// The host's certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: PathBuf,
    /// Its private key, PEM: RSA, or ECDSA P-256, P-384, P-521
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key: PathBuf,
    /// Certificates between the host's and the trust anchor's, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) intermediates: Option<PathBuf>,
    /// The trust anchor
    #[arg(long, value_name = "ARN")]
    pub(crate) trust_anchor_arn: String,
    /// The profile of Roles Anywhere
    #[arg(long, value_name = "ARN")]
    pub(crate) profile_arn: String,
    /// The role
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: String,
    /// Name of the session, which is the name of the node; the profile must accept it
    #[arg(long, value_name = "NAME")]
    pub(crate) role_session_name: Option<String>,
    /// Seconds that the credentials are good for
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(900..=43200))]
    pub(crate) session_duration: u32,
    /// Region; default: that of the trust anchor
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Endpoint of Roles Anywhere; default: the region's
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Use the environment's proxy (HTTPS_PROXY, NO_PROXY)
    #[arg(long)]
    pub(crate) with_proxy: bool,
    /// Print nothing, but keep this shared credentials file fresh until ended
    #[arg(long, value_name = "FILE")]
    pub(crate) write_credentials: Option<PathBuf>,
    /// Profile in that file
    #[arg(long, value_name = "NAME", default_value = "default", requires = "write_credentials")]
    pub(crate) write_profile: String,
}

/// Commands of the AWS signing helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignWord {
    /// Print credentials.
    CredentialProcess,
}
