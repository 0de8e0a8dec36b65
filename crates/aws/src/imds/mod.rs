//! The instance metadata service, version 2 (EC2 user guide, "Use the Instance Metadata Service to access instance metadata").
//!
//! First `PUT /latest/api/token`, then what is asked for, such as `GET /latest/dynamic/instance-identity/document`. Never through a
//! proxy: the address is link-local, and a proxy would answer for its own instance. Not through the SDK: its error does not tell a hop limit from a
//! proxy from a disabled service, and waits much longer.

mod error;
mod node;
#[cfg(test)]
mod tests;

use std::env;
use std::ffi::OsString;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use hybridge_model::InstanceId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

pub use self::error::ImdsError;
pub use self::node::Imds;
use crate::cause::Cause;
use crate::transport::{Transport, TransportError};

const IPV4_ENDPOINT: &str = "http://169.254.169.254";
const IPV6_ENDPOINT: &str = "http://[fd00:ec2::254]";
const TOKEN_PATH: &str = "/latest/api/token";
const DOCUMENT_PATH: &str = "/latest/dynamic/instance-identity/document";
/// Header of the token request and of its answer, by which the service is told from other web servers.
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

/// For everything together.
const BUDGET: Duration = Duration::from_secs(3);
/// For one attempt at one request; the service answers within milliseconds.
const ATTEMPT: Duration = Duration::from_millis(800);
/// Attempts at each request.
const ATTEMPTS: u32 = 3;
/// Before another attempt.
const PAUSE: Duration = Duration::from_millis(100);
/// Of an answer; the identity document has about 500 bytes.
const LONGEST_BODY: usize = 16 * 1024;
/// Of user data. EC2 takes 16 KiB; other services of this kind take more.
const LONGEST_USER_DATA: usize = 1 << 20;
const USER_DATA_PATH: &str = "/latest/user-data";

/// Where the metadata service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Scheme, host and port.
    pub endpoint: String,
    /// Whether the user has forbidden to ask it.
    pub disabled: bool,
}

impl Default for Metadata {
    fn default() -> Self {
        Self { endpoint: IPV4_ENDPOINT.into(), disabled: false }
    }
}

impl Metadata {
    /// Reads `AWS_EC2_METADATA_SERVICE_ENDPOINT`, `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE` (IPv4, IPv6) and `AWS_EC2_METADATA_DISABLED`
    /// (AWS SDKs reference guide, "IMDS credential provider").
    pub fn from_env() -> Self {
        Self::from_vars(|name| env::var_os(name))
    }

    /// The same from any source of variables. An empty value counts as none.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| lookup(name).map(|value| value.to_string_lossy().trim().to_owned()).filter(|value| !value.is_empty());
        let by_mode = || match text("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") {
            Some(mode) if mode.eq_ignore_ascii_case("ipv6") => IPV6_ENDPOINT.to_owned(),
            _ => IPV4_ENDPOINT.to_owned(),
        };
        Self {
            endpoint: text("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(by_mode).trim_end_matches('/').to_owned(),
            disabled: text("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        }
    }
}

/// Which instance this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its region, such as `eu-central-1`.
    pub region: String,
    /// Its identifier.
    pub instance: InstanceId,
}

/// Asks the metadata service which instance this is, in 3 seconds at most.
///
/// # Errors
/// Told apart by cause, see [`ImdsError`].
pub async fn instance_identity(metadata: &Metadata) -> Result<Identity, ImdsError> {
    if metadata.disabled {
        return Err(ImdsError::Disabled);
    }
    let session = Session::new(&metadata.endpoint, BUDGET, ATTEMPTS);
    let token = session.token().await?;
    let document: Document = session.document(&token).await?;
    Ok(Identity { region: document.region, instance: document.instance_id })
}

/// The identity document, as far as we need it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    region: String,
    instance_id: InstanceId,
}

struct Session {
    endpoint: String,
    transport: Transport,
    until: Instant,
    attempts: u32,
}

impl Session {
    fn new(endpoint: &str, budget: Duration, attempts: u32) -> Self {
        Self { endpoint: endpoint.to_owned(), transport: Transport::direct(), until: Instant::now() + budget, attempts }
    }

    async fn token(&self) -> Result<String, ImdsError> {
        let (head, body) = self.ask("PUT", TOKEN_PATH, (TTL_HEADER, "60")).await?;
        // Printable and short, or it would be no header; the service also repeats the lifetime.
        let is_token = !body.is_empty() && body.len() <= 256 && body.iter().all(u8::is_ascii_graphic);
        match String::from_utf8(body) {
            Ok(token) if is_token && head.headers().get(TTL_HEADER).is_some() => Ok(token),
            _ => Err(self.foreign(&head)),
        }
    }

    async fn document<T: DeserializeOwned>(&self, token: &str) -> Result<T, ImdsError> {
        let (_, body) = self.ask("GET", DOCUMENT_PATH, (TOKEN_HEADER, token)).await?;
        serde_json::from_slice(&body).map_err(|source| ImdsError::Document { endpoint: self.endpoint.clone(), source })
    }

    /// Repeats a request until it succeeds, fails for good, or time is up.
    async fn ask(&self, method: &'static str, path: &str, header: (&'static str, &str)) -> Result<(HttpResponse, Vec<u8>), ImdsError> {
        let mut attempt = 1;
        loop {
            let result = self.attempt(method, path, header).await;
            match result {
                Err(error) if error.is_passing() && attempt < self.attempts && Instant::now() + PAUSE < self.until => {
                    tracing::debug!(%error, attempt, "asking the metadata service again");
                    sleep(PAUSE).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn attempt(&self, method: &'static str, path: &str, header: (&'static str, &str)) -> Result<(HttpResponse, Vec<u8>), ImdsError> {
        let bad = || ImdsError::Endpoint { endpoint: self.endpoint.clone() };
        let mut request = HttpRequest::empty();
        request.set_method(method).map_err(|_| bad())?;
        request.set_uri(format!("{}{path}", self.endpoint)).map_err(|_| bad())?;
        if !self.endpoint.starts_with("http://") {
            return Err(bad());
        }
        request.headers_mut().insert(header.0, header.1.to_owned());
        let end = self.until.min(Instant::now() + ATTEMPT);
        let mut response = self.transport.send(request, end - Instant::now()).await.map_err(|error| self.unanswered(method, &error))?;
        self.judge(method, path, &response)?;
        let longest = if path == USER_DATA_PATH { LONGEST_USER_DATA } else { LONGEST_BODY };
        let body = timeout_at(end, crate::call::read(&mut response, longest)).await;
        let body = body.map_err(|_| self.unanswered(method, &TransportError::NoAnswer(ATTEMPT)))?;
        Ok((response, body.map_err(|cause| ImdsError::Unreachable { endpoint: self.endpoint.clone(), cause })?))
    }

    fn unanswered(&self, method: &'static str, error: &TransportError) -> ImdsError {
        let endpoint = self.endpoint.clone();
        match error {
            TransportError::NoAnswer(_) | TransportError::NotConnectedInTime(_) if method == "PUT" => ImdsError::NoToken { endpoint },
            TransportError::NoAnswer(_) | TransportError::NotConnectedInTime(_) => ImdsError::NoAnswer { endpoint },
            TransportError::NotConnected(_) | TransportError::Lost(_) => ImdsError::Unreachable { endpoint, cause: Cause::of(error) },
        }
    }

    fn judge(&self, method: &'static str, path: &str, response: &HttpResponse) -> Result<(), ImdsError> {
        let endpoint = self.endpoint.clone();
        match response.status().as_u16() {
            200 => Ok(()),
            _ if server(response).is_some() => Err(self.foreign(response)),
            403 => Err(ImdsError::Forbidden { endpoint }),
            // Only the service itself knows the token.
            404 if method == "GET" => Err(ImdsError::Missing { endpoint, path: path.to_owned() }),
            status @ (401 | 500 | 503) => Err(ImdsError::Failed { endpoint, method, status }),
            _ => Err(self.foreign(response)),
        }
    }

    fn foreign(&self, response: &HttpResponse) -> ImdsError {
        ImdsError::Foreign { endpoint: self.endpoint.clone(), status: response.status().as_u16(), server: server(response) }
    }
}

/// How the one that answered calls itself, where it is not the metadata service. That one says `EC2ws`, emulators say nothing.
fn server(response: &HttpResponse) -> Option<String> {
    let headers = response.headers();
    headers.get("via").or_else(|| headers.get("server").filter(|name| *name != "EC2ws")).map(crate::cause::scrub)
}
