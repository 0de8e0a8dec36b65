//! Whether the endpoints that a node needs can be reached: AWS's, and its cluster's API server.
//!
//! The way is that of every other call: by the proxies of the environment, to the endpoints that the user has set.

mod nodes;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::base64;
use http::StatusCode;
use hybridge_cluster::world::LiveCluster;
use jiff::Timestamp;
use tokio::time::sleep;

use crate::call::{Call, CallError, clock_offset, exchange, request};
use crate::cause::Cause;
use crate::endpoint::Service;
use crate::network::Network;
use crate::session::Session;
use crate::token::Token;
use crate::transport::Transport;

/// Attempts at a connection; a single packet may be lost.
const ATTEMPTS: u32 = 4;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(250);
/// One attempt, once there is a connection.
const ATTEMPT: Duration = Duration::from_secs(5);

/// An endpoint of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// Systems Manager.
    Ssm,
    /// IAM Roles Anywhere.
    RolesAnywhere,
    /// Security Token Service.
    Sts,
}

/// What came back from an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Our clock against that of the endpoint, in seconds; positive: ours is ahead. None if it does not say the time.
    pub clock_offset: Option<i64>,
}

impl Session {
    /// Opens a connection, with TLS, and asks nothing of it; whatever comes back shows that the endpoint can be reached.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn reach(&self, entrance: Entrance) -> Result<Reached, CallError> {
        let service = match entrance {
            Entrance::Ssm => Service::Ssm,
            Entrance::RolesAnywhere => Service::RolesAnywhere,
            Entrance::Sts => Service::Sts,
        };
        let url = self.endpoints.of(service, &self.region).url;
        let call = Call::new("GET", &url);
        let answer = repeated(async || send(&self.transport, &call, &url).await).await?;
        Ok(Reached { clock_offset: clock_offset(&answer, Timestamp::now()) })
    }
}

async fn send(transport: &Transport, call: &Call, url: &str) -> Result<HttpResponse, CallError> {
    let request = request(("GET", url), std::iter::empty(), "").map_err(|cause| CallError::Unsendable { call: call.clone(), cause })?;
    transport.send(request, ATTEMPT).await.map_err(|error| CallError::unsent(call, &error))
}

/// Asks again as long as no answer came.
async fn repeated<T, F: Future<Output = Result<T, CallError>>>(ask: impl Fn() -> F) -> Result<T, CallError> {
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(error @ (CallError::Unreachable { .. } | CallError::Unanswered { .. })) => tracing::debug!(%error, "trying again"),
            result => return result,
        }
        sleep(PAUSE).await;
    }
    ask().await
}

/// A Kubernetes API server, asked a question or two. The kubelet reaches it by the proxies of its environment, so they are used here.
#[derive(Clone)]
pub struct ApiServer {
    transport: Transport,
    url: String,
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl ApiServer {
    /// The server at `url`, whose certificate must be by one of the authorities of `pem`. Nothing is asked yet.
    ///
    /// # Errors
    /// There is no certificate in `pem`, or the environment's network settings cannot be used.
    pub fn new(url: &str, pem: &str) -> Result<Self, Cause> {
        let network = Network::from_env().map_err(|mut errors| Cause::of(&errors.swap_remove(0)))?;
        Self::by(network, url, pem)
    }

    /// The server of a cluster.
    ///
    /// # Errors
    /// It has none yet, its authority cannot be read, or the environment's network settings cannot be used.
    pub fn of(cluster: &LiveCluster) -> Result<Self, Cause> {
        if cluster.endpoint.is_empty() {
            return Err(Cause::new("the cluster has no endpoint yet"));
        }
        let pem = base64::decode(&cluster.certificate_authority.data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        Self::new(&cluster.endpoint, &pem.ok_or_else(|| Cause::new("the cluster's authority is no base64 of a text"))?)
    }

    fn by(network: Network, url: &str, pem: &str) -> Result<Self, Cause> {
        let transport = Transport::trusting(network, pem).map_err(|_| Cause::new("the cluster's authority holds no certificate in PEM"))?;
        Ok(Self { transport, url: url.trim_end_matches('/').to_owned() })
    }

    /// What it answers to a stranger: `401 Unauthorized`, `403 Forbidden`, or `200 OK` where everybody may ask.
    ///
    /// # Errors
    /// It cannot be reached, or its certificate is by another authority.
    pub async fn status(&self) -> Result<String, CallError> {
        let url = format!("{}/api", self.url);
        let call = Call::new("GET", &url);
        Ok(shown(repeated(async || send(&self.transport, &call, &url).await).await?.status().as_u16()))
    }

    /// How it calls the holder of this token (SelfSubjectReview). Empty if it knows the token but not that question, as before
    /// Kubernetes 1.28.
    ///
    /// # Errors
    /// It cannot be reached, or does not know the token.
    pub async fn user(&self, token: &Token) -> Result<String, CallError> {
        const REVIEW: &str = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}"#;
        let url = format!("{}/apis/authentication.k8s.io/v1/selfsubjectreviews", self.url);
        let call = Call::new("SelfSubjectReview", &self.url);
        let ask = async || {
            let headers = [("authorization", format!("Bearer {}", token.reveal())), ("content-type", "application/json".to_owned())];
            let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
            let request = request(("POST", &url), headers, REVIEW);
            exchange(&self.transport, &call, request.map_err(|cause| CallError::Unsendable { call: call.clone(), cause })?).await
        };
        let (response, body) = repeated(ask).await?;
        match response.status().as_u16() {
            200..300 => {
                let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
                let name = value["status"]["userInfo"]["username"].as_str();
                name.map(str::to_owned).ok_or_else(|| CallError::unintelligible(&call, &response, "it names no user"))
            }
            // Who is refused or not understood has been recognised before.
            403 | 404 => Ok(String::new()),
            status => Err(CallError::unintelligible(&call, &response, shown(status))),
        }
    }
}

fn shown(status: u16) -> String {
    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
}

#[cfg(test)]
mod tests;
