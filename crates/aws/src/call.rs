//! Signed calls without a client of the SDK, and why a call failed.
//!
//! A cluster needs some sixty calls of nine services, each with a handful of fields. A client of the SDK would cost minutes of compile
//! time and a megabyte of binary for each service; these cost a function each. JSON is read here, XML in [`crate::query`].

mod denied;
mod error;
mod pages;
mod permission;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

pub use self::denied::Denied;
pub(crate) use self::error::clock_offset;
pub use self::error::{Call, CallError, Kind};
pub(crate) use self::pages::Paged;
use crate::cause::Cause;
use crate::endpoint::Service;
use crate::session::Session;
use crate::sigv4::{Scope, sign_headers};

/// Attempts at each call.
const ATTEMPTS: u32 = 4;
/// Attempts at a call that AWS only asks to be made later: half a minute in all.
const THROTTLED_ATTEMPTS: u32 = 9;
/// Before the second attempt; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// For one attempt, its body included.
const ATTEMPT: Duration = Duration::from_secs(5);
/// The same for services that may think longer: a change set, a simulation of policies, a thousand interfaces.
const SLOW_ATTEMPT: Duration = Duration::from_secs(20);
/// Of an answer; a page of access entries or a cluster has some kilobytes.
const LONGEST_BODY: usize = 1 << 20;
/// Of an answer of a service that sends much at once: a template has up to 1 MB (CloudFormation user guide, "Quotas") and grows when it
/// is escaped, a page of 1000 security groups has several.
const LONGEST_LARGE_BODY: usize = 16 << 20;

/// Whether a call may be made again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It reads, or carries a token by which AWS knows it again, or does nothing the second time.
    Freely,
    /// A second one would make a second thing: only where AWS has certainly not carried it out.
    IfUndone,
}

/// One request, before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) service: Service,
    pub(crate) method: &'static str,
    pub(crate) url: String,
    /// Region of the signature.
    pub(crate) region: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: &'a str,
    pub(crate) repeat: Repeat,
}

/// One call that is answered in JSON, before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct JsonCall<'a> {
    pub(crate) service: Service,
    pub(crate) method: &'static str,
    /// Path and query, already encoded.
    pub(crate) path: String,
    /// `X-Amz-Target` of AWS JSON 1.1; none for REST.
    pub(crate) target: Option<&'static str>,
    /// JSON; empty for GET.
    pub(crate) body: &'a str,
    pub(crate) repeat: Repeat,
}

impl Session {
    /// Sends a call until it is answered, refused for good, or tried often enough. An answer without a body is null.
    pub(crate) async fn ask(&self, call: &Call, json: &JsonCall<'_>) -> Result<Value, CallError> {
        let mut out = self.outgoing(json.service, json.method, &json.path);
        (out.body, out.repeat) = (json.body, json.repeat);
        if let Some(target) = json.target {
            out.headers.extend([("content-type", "application/x-amz-json-1.1".into()), ("x-amz-target", target.into())]);
        } else if !json.body.is_empty() {
            out.headers.push(("content-type", "application/json".into()));
        }
        let (response, body) = self.send(call, &out).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| CallError::unintelligible(call, &response, error))
    }

    /// A request to a service, without headers or body.
    pub(crate) fn outgoing<'a>(&self, service: Service, method: &'static str, path: &str) -> Outgoing<'a> {
        let endpoint = self.endpoints.of(service, &self.region);
        let url = format!("{}{path}", endpoint.url.trim_end_matches('/'));
        Outgoing { service, method, url, region: endpoint.region, headers: Vec::new(), body: "", repeat: Repeat::Freely }
    }

    /// Sends a request until it succeeds, is refused for good, or was tried often enough.
    pub(crate) async fn send(&self, call: &Call, out: &Outgoing<'_>) -> Result<(HttpResponse, Vec<u8>), CallError> {
        let credentials = self.load_credentials().await.map_err(|error| CallError::credentials(call, &error))?;
        let mut pause = PAUSE;
        for attempt in 1.. {
            match self.attempt(call, out, &credentials).await {
                Err(error) if attempt < attempts(&error, out.repeat) => tracing::debug!(%error, "asking again"),
                result => return result,
            }
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        unreachable!("the number of attempts is bounded")
    }

    async fn attempt(&self, call: &Call, out: &Outgoing<'_>, credentials: &Credentials) -> Result<(HttpResponse, Vec<u8>), CallError> {
        let headers: Vec<_> = out.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let scope = Scope { service: out.service.signing_name(), region: &out.region, now: SystemTime::now() };
        let signed = sign_headers((out.method, &out.url), &headers, out.body.as_bytes(), credentials, scope);
        let signed = signed.map_err(|error| CallError::unsendable(call, &error))?;
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).chain(signed);
        let request = request((out.method, &out.url), headers, out.body);
        let request = request.map_err(|cause| CallError::Unsendable { call: call.clone(), cause })?;
        let (response, body) = exchange_within(limits(out.service), &self.transport, call, request).await?;
        if !response.status().is_success() {
            return Err(CallError::refused(call, &response, &body));
        }
        Ok((response, body))
    }
}

/// How often a call may be made that failed so.
fn attempts(error: &CallError, repeat: Repeat) -> u32 {
    let undone = matches!(error, CallError::Unreachable { .. });
    match error.kind() {
        _ if !error.is_passing() => 1,
        Kind::Throttled => THROTTLED_ATTEMPTS,
        Kind::AccessDenied
        | Kind::NotFound
        | Kind::NoNetwork
        | Kind::NoCredentials
        | Kind::BadCredentials
        | Kind::ClockSkew
        | Kind::Other => {
            if undone || repeat == Repeat::Freely {
                ATTEMPTS
            } else {
                1
            }
        }
    }
}

/// Many that are refused together do not ask again together: between half of a pause and all of it.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    pause / 2 + (pause / 2).mul_f64(f64::from(nanos % 1_000_000) / 1_000_000.0)
}

/// A token by which AWS knows a request again that it has seen: 32 hexadecimal digits.
pub(crate) fn client_token() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's source of randomness does not fail");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The type that an answer is to have. Fields that are null count as left out.
pub(crate) fn parsed<T: DeserializeOwned>(call: &Call, mut value: Value) -> Result<T, CallError> {
    hybridge_cluster::world::leave_out_nulls(&mut value);
    serde_json::from_value(value).map_err(|error| not_understood(call, error.to_string()))
}

pub(crate) fn not_understood(call: &Call, what: impl Into<Box<str>>) -> CallError {
    CallError::Unintelligible { call: call.clone(), status: 200, what: what.into() }
}

/// A request ready to be sent.
pub(crate) fn request(
    (method, url): (&str, &str),
    headers: impl Iterator<Item = (String, String)>,
    body: &str,
) -> Result<HttpRequest, Cause> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method).map_err(|error| Cause::of(&error))?;
    request.set_uri(url.to_owned()).map_err(|error| Cause::of(&error))?;
    for (name, value) in headers {
        request.headers_mut().try_insert(name, value).map_err(|error| Cause::of(&error))?;
    }
    if method != "GET" {
        request.headers_mut().insert("content-length", body.len().to_string());
    }
    Ok(request)
}

/// What one attempt may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    time: Duration,
    bytes: usize,
}

fn limits(service: Service) -> Limits {
    match service {
        Service::Sts | Service::Ecr | Service::EcrPublic | Service::RolesAnywhere | Service::Resolver | Service::Logs => {
            Limits { time: ATTEMPT, bytes: LONGEST_BODY }
        }
        Service::CloudFormation | Service::Iam | Service::Ec2 | Service::S3 | Service::Eks | Service::Ssm => {
            Limits { time: SLOW_ATTEMPT, bytes: LONGEST_LARGE_BODY }
        }
    }
}

/// One request and its whole answer, within the time of one attempt.
pub(crate) async fn exchange(
    transport: &crate::transport::Transport,
    call: &Call,
    request: HttpRequest,
) -> Result<(HttpResponse, Vec<u8>), CallError> {
    exchange_within(Limits { time: ATTEMPT, bytes: LONGEST_BODY }, transport, call, request).await
}

/// The same for an answer that may be large and late.
pub(crate) async fn exchange_large(
    transport: &crate::transport::Transport,
    call: &Call,
    request: HttpRequest,
) -> Result<(HttpResponse, Vec<u8>), CallError> {
    exchange_within(Limits { time: SLOW_ATTEMPT, bytes: LONGEST_LARGE_BODY }, transport, call, request).await
}

async fn exchange_within(
    limits: Limits,
    transport: &crate::transport::Transport,
    call: &Call,
    request: HttpRequest,
) -> Result<(HttpResponse, Vec<u8>), CallError> {
    let end = Instant::now() + limits.time;
    let mut response = transport.send(request, limits.time).await.map_err(|error| CallError::unsent(call, &error))?;
    let body = timeout_at(end, read(&mut response, limits.bytes)).await;
    let late = || CallError::Unanswered { call: call.clone(), cause: Cause::new("the answer did not come to its end in time") };
    let body = body.map_err(|_| late())?.map_err(|cause| CallError::Unanswered { call: call.clone(), cause })?;
    Ok((response, body))
}

/// The body of an answer, which is no longer than so many bytes.
pub(crate) async fn read(response: &mut HttpResponse, longest: usize) -> Result<Vec<u8>, Cause> {
    let mut stream = ByteStream::new(response.take_body());
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| Cause::of(&error))?);
        if bytes.len() > longest {
            return Err(Cause::new("the answer is too long"));
        }
    }
    Ok(bytes)
}
