//! The webhook by which an EKS cluster's API server learns who holds a token: aws-iam-authenticator with access entries
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication>).

mod token;
mod user;

use std::net::SocketAddr;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Aws, ServeError, Service, Unproven};
use crate::netns::{Netns, Task};
use crate::serve;
use crate::tls::Identity;
pub use token::TokenError;
pub use user::KubernetesUser;

/// Where token reviews are sent.
pub const PATH: &str = "/authenticate";

/// Why a token is nobody's.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// It is not of the form that is taken.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// STS would not say whose it is.
    #[error("sts getCallerIdentity failed: {0}")]
    Sts(#[from] Unproven),
    /// The cluster has no access entry for the caller.
    #[error("ARN is not mapped: {0}")]
    NotMapped(String),
    /// The name in the access entry cannot be filled in.
    #[error("cannot give {0} a name of the form {1}")]
    NoName(String, String),
}

/// The authenticator of one cluster.
#[derive(Clone, Debug)]
pub struct Authenticator {
    aws: Aws,
    cluster: String,
    /// Another address of STS that tokens may name, where callers have been told of one.
    other: Option<String>,
}

impl Authenticator {
    /// For a cluster of the account, by the name that callers put into their tokens.
    pub fn new(aws: &Aws, cluster: &str) -> Self {
        Self { aws: aws.clone(), cluster: cluster.into(), other: None }
    }

    /// The same, that takes tokens which name STS by this URL, too: callers have it from `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn also_at(self, url: &str) -> Self {
        Self { other: Some(url.into()), ..self }
    }

    /// Serves the webhook at an address of a namespace until the task is dropped.
    pub fn serve(&self, ns: &Netns, address: SocketAddr, identity: &Identity) -> Result<Task, ServeError> {
        let routes = Router::new().route(PATH, post(review)).with_state(self.clone());
        Ok(serve::serve_tls(ns, "authenticator", serve::listen(ns, address)?, (routes, identity.clone())))
    }

    /// Whose token this is, to Kubernetes.
    ///
    /// # Errors
    /// The token is malformed or too old, its signature is not good, or nobody in the cluster knows the caller.
    pub fn authenticate(&self, token: &str) -> Result<KubernetesUser, NotAuthenticated> {
        let request = token::check(token, &self.cluster, (&self.aws, self.other.as_deref()))?;
        let key = self.aws.prove(&request, Service::Sts)?;
        user::of(&self.aws, &self.cluster, &key)
    }
}

async fn review(State(authenticator): State<Authenticator>, Json(review): Json<Value>) -> Json<Value> {
    let token = review.pointer("/spec/token").and_then(Value::as_str).unwrap_or_default();
    let status = match authenticator.authenticate(token) {
        Ok(KubernetesUser { name, uid, groups, arn }) => {
            json!({"authenticated": true, "user": {"username": name, "uid": uid, "groups": groups, "extra": {"arn": [arn]}}})
        }
        Err(error) => {
            tracing::info!(%error, "a token was refused");
            json!({"authenticated": false, "error": error.to_string()})
        }
    };
    Json(json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
