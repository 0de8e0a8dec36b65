//! Why the metadata service did not say which instance this is.

use crate::cause::Cause;

/// Why the metadata service did not say which instance this is.
#[derive(Debug, thiserror::Error)]
pub enum ImdsError {
    /// `AWS_EC2_METADATA_DISABLED=true`.
    #[error("the instance metadata service may not be asked: AWS_EC2_METADATA_DISABLED is true")]
    Disabled,
    /// The endpoint is no `http://` URL.
    #[error("the instance metadata endpoint `{endpoint}` is no http:// URL")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
    },
    /// Nothing came back for the request of a token.
    ///
    /// The service limits how many hops the token may travel; where the limit is 1 and the pod has a network of its own, the answer
    /// is dropped on its way to the pod. Outside EC2 nobody answers at all.
    #[error("the instance metadata service at {endpoint} does not answer the request of a session token")]
    NoToken {
        /// The endpoint.
        endpoint: String,
    },
    /// It gave a token, then fell silent.
    #[error("the instance metadata service at {endpoint} gave a session token, but does not answer the request of the identity document")]
    NoAnswer {
        /// The endpoint.
        endpoint: String,
    },
    /// No connection, or one that broke.
    #[error("the instance metadata service at {endpoint} cannot be reached")]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// What the connection met.
        #[source]
        cause: Cause,
    },
    /// 403: turned off for this instance, or asked through a proxy.
    #[error("the instance metadata service at {endpoint} refuses to answer (403)")]
    Forbidden {
        /// The endpoint.
        endpoint: String,
    },
    /// What answers is a proxy or another web server.
    #[error("{} answers at {endpoint} (status {status}), not the instance metadata service", named(server.as_deref()))]
    Foreign {
        /// The endpoint.
        endpoint: String,
        /// The status of its answer.
        status: u16,
        /// What it calls itself.
        server: Option<String>,
    },
    /// It has nothing under this path.
    #[error("the instance metadata service at {endpoint} has no {path}")]
    Missing {
        /// The endpoint.
        endpoint: String,
        /// The path.
        path: String,
    },
    /// What stands under a path is not what AWS documents.
    #[error("the instance metadata service at {endpoint} says `{what}` under {path}")]
    Unintelligible {
        /// The endpoint.
        endpoint: String,
        /// The path.
        path: String,
        /// What it says.
        what: String,
    },
    /// It failed.
    #[error("the instance metadata service at {endpoint} fails at {method} with status {status}")]
    Failed {
        /// The endpoint.
        endpoint: String,
        /// PUT for the token, GET for the document.
        method: &'static str,
        /// The status of its answer.
        status: u16,
    },
    /// The document is not what AWS documents.
    #[error("the instance identity document from {endpoint} cannot be understood")]
    Document {
        /// The endpoint.
        endpoint: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

fn named(server: Option<&str>) -> String {
    server.map_or_else(|| "another web server".to_owned(), |name| format!("`{name}`"))
}

/// What helps a gateway whatever the reason.
const GATEWAY: &str = "set AWS_REGION and AWS_INSTANCE_ID, and the service is not asked";
/// What helps a node whatever the reason.
const NODE: &str = "on a machine outside of EC2 give a NodeConfig with `spec.hybrid`, and the service is not asked";
const OPTIONS: &str = "aws ec2 modify-instance-metadata-options --instance-id ID";

impl ImdsError {
    /// What to do about it on a gateway.
    pub fn fix(&self) -> String {
        self.fix_or(GATEWAY)
    }

    /// What to do about it on a node.
    pub fn fix_on_node(&self) -> String {
        self.fix_or(NODE)
    }

    fn fix_or(&self, without: &str) -> String {
        match self {
            Self::Disabled => format!("{without}, or unset AWS_EC2_METADATA_DISABLED"),
            Self::Endpoint { .. } => {
                format!("unset AWS_EC2_METADATA_SERVICE_ENDPOINT, or write it as `http://169.254.169.254`; or {without}")
            }
            Self::NoToken { .. } => format!(
                "in a pod with its own network the hop limit must be 2: `{OPTIONS} --http-put-response-hop-limit 2`, or run with hostNetwork; not on EC2, {without}"
            ),
            Self::NoAnswer { .. } | Self::Unreachable { .. } => {
                format!("see whether a network policy or firewall keeps this process from it; not on EC2, {without}")
            }
            Self::Forbidden { .. } => {
                format!(
                    "it is turned off (`{OPTIONS} --http-endpoint enabled` turns it on), or a transparent proxy adds X-Forwarded-For; or {without}"
                )
            }
            Self::Foreign { .. } => format!("keep proxies and other interceptors away from 169.254.169.254; or {without}"),
            Self::Failed { .. } | Self::Document { .. } | Self::Missing { .. } | Self::Unintelligible { .. } => {
                format!("try again; or {without}")
            }
        }
    }

    /// Whether the next attempt may well succeed.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::NoToken { .. } | Self::NoAnswer { .. } | Self::Unreachable { .. } | Self::Failed { .. } => true,
            Self::Disabled
            | Self::Endpoint { .. }
            | Self::Forbidden { .. }
            | Self::Foreign { .. }
            | Self::Document { .. }
            | Self::Missing { .. }
            | Self::Unintelligible { .. } => false,
        }
    }
}
