//! The token: a presigned request to STS, encoded. It is checked as aws-iam-authenticator checks it before anything is believed
//! (<https://github.com/kubernetes-sigs/aws-iam-authenticator>, `pkg/token`).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;

use crate::aws::Aws;
use crate::aws::message::Message;
use crate::aws::sigv4::instant;

const PREFIX: &str = "k8s-aws-v1.";

/// Longest token that is looked at, in octets.
const LONGEST: usize = 4096;

/// The header that binds a token to a cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";

/// Longest X-Amz-Expires, and how old a token may be, in seconds.
const EXPIRES: i64 = 900;

/// All parameters that may be there, in lower case.
const PARAMETERS: [&str; 10] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
    "x-amz-user-agent",
];

/// What is wrong with a token. The token itself is never told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than any is.
    #[error("token is too large")]
    Long,
    /// No `k8s-aws-v1.`.
    #[error("token is missing expected \"{PREFIX}\" prefix")]
    Prefix,
    /// Not base64url without padding, or no URL in it.
    #[error("token does not hold a URL in base64url without padding")]
    Encoding,
    /// Not https.
    #[error("unexpected scheme in pre-signed URL")]
    Scheme,
    /// Not an STS of the partition.
    #[error("unexpected hostname {0:?} in pre-signed URL")]
    Host(String),
    /// Not `/`.
    #[error("unexpected path in pre-signed URL")]
    Path,
    /// A parameter that a presigned GetCallerIdentity does not have.
    #[error("non-whitelisted query parameter {0:?}")]
    Parameter(String),
    /// A parameter twice.
    #[error("query parameter {0:?} with multiple values not supported")]
    Twice(String),
    /// Another action.
    #[error("unexpected action parameter in pre-signed URL")]
    Action,
    /// The cluster's header is not signed, so the token may be for any cluster.
    #[error("client did not sign the {CLUSTER_HEADER} header in the pre-signed URL")]
    ClusterNotSigned,
    /// X-Amz-Expires is missing, no number, or longer than 15 min.
    #[error("invalid X-Amz-Expires parameter in pre-signed URL")]
    Expires,
    /// X-Amz-Date is missing or no time.
    #[error("error parsing X-Amz-Date parameter")]
    Date,
    /// Older than 15 min.
    #[error("X-Amz-Date parameter is expired (15 minute expiration)")]
    Old,
}

/// The request that STS would be sent for this token. It may name STS by a further URL.
pub(super) fn check(token: &str, cluster: &str, (aws, other): (&Aws, Option<&str>)) -> Result<Message, TokenError> {
    if token.len() > LONGEST {
        return Err(TokenError::Long);
    }
    let encoded = token.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
    let url = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(TokenError::Encoding)?;
    let (scheme, rest) = url.split_once("://").ok_or(TokenError::Scheme)?;
    let (place, query) = rest.split_once('?').ok_or(TokenError::Encoding)?;
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    if other != Some(format!("{scheme}://{host}").as_str()) {
        if scheme != "https" {
            return Err(TokenError::Scheme);
        }
        if ![format!("sts.{}.amazonaws.com", aws.region()), "sts.amazonaws.com".into()].iter().any(|known| known == host) {
            return Err(TokenError::Host(host.into()));
        }
    }
    if !path.is_empty() {
        return Err(TokenError::Path);
    }
    let headers = [("host", host), (CLUSTER_HEADER, cluster)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let message = Message { method: "GET".into(), path: "/".into(), query: query.into(), headers: headers.into(), body: vec![] };
    check_parameters(&message)?;
    let date = message.parameter("X-Amz-Date").and_then(|date| instant(&date)).ok_or(TokenError::Date)?;
    if aws.now() > date + SignedDuration::from_secs(EXPIRES) {
        return Err(TokenError::Old);
    }
    Ok(message)
}

fn check_parameters(message: &Message) -> Result<(), TokenError> {
    let mut seen = BTreeSet::new();
    for (name, _) in message.parameters() {
        let lower = name.to_lowercase();
        if !PARAMETERS.contains(&lower.as_str()) {
            return Err(TokenError::Parameter(name));
        }
        if !seen.insert(lower) {
            return Err(TokenError::Twice(name));
        }
    }
    let value = |name: &str| message.parameter(name).unwrap_or_default();
    if value("Action") != "GetCallerIdentity" {
        return Err(TokenError::Action);
    }
    if !value("X-Amz-SignedHeaders").split(';').any(|header| header.eq_ignore_ascii_case(CLUSTER_HEADER)) {
        return Err(TokenError::ClusterNotSigned);
    }
    let expires: Option<i64> = value("X-Amz-Expires").parse().ok();
    if expires.is_some_and(|seconds| (0..=EXPIRES).contains(&seconds)) { Ok(()) } else { Err(TokenError::Expires) }
}
