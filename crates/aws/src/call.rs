//! Signed JSON calls without a client of the SDK, and why a call failed.
//!
//! ECR, ECR Public and EKS are asked for one or two things each. A client of the SDK would cost minutes of compile time and megabytes
//! of binary for each of them.

mod error;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

pub(crate) use self::error::clock_offset;
pub use self::error::{Call, CallError, Kind};
use crate::cause::Cause;
use crate::endpoint::Service;
use crate::session::Session;
use crate::sigv4::{Scope, sign_headers};

/// Attempts at each call.
const ATTEMPTS: u32 = 4;
/// Before the second attempt; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// For one attempt, its body included.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Of an answer; a page of access entries or a cluster has some kilobytes.
const LONGEST_BODY: usize = 1 << 20;

/// One call, before it is signed.
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
}

impl Session {
    /// Sends a call until it is answered, refused for good, or tried four times.
    pub(crate) async fn ask(&self, call: &Call, json: &JsonCall<'_>) -> Result<Value, CallError> {
        let credentials = self.load_credentials().await.map_err(|error| CallError::credentials(call, &error))?;
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.attempt(call, json, &credentials).await {
                Err(error) if error.is_passing() => tracing::debug!(%error, "asking again"),
                result => return result,
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.attempt(call, json, &credentials).await
    }

    async fn attempt(&self, call: &Call, json: &JsonCall<'_>, credentials: &Credentials) -> Result<Value, CallError> {
        let endpoint = self.endpoints.of(json.service, &self.region);
        let url = format!("{}{}", endpoint.url.trim_end_matches('/'), json.path);
        let mut headers = Vec::new();
        if let Some(target) = json.target {
            headers.extend([("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)]);
        }
        let scope = Scope { service: json.service.signing_name(), region: &endpoint.region, now: SystemTime::now() };
        let signed = sign_headers((json.method, &url), &headers, json.body.as_bytes(), credentials, scope);
        let signed = signed.map_err(|error| CallError::unsendable(call, &error))?;
        let request = request(
            (json.method, &url),
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).chain(signed),
            json.body,
        );
        let request = request.map_err(|cause| CallError::Unsendable { call: call.clone(), cause })?;
        let (response, body) = exchange(&self.transport, call, request).await?;
        if !response.status().is_success() {
            return Err(CallError::refused(call, &response, &body));
        }
        serde_json::from_slice(&body).map_err(|error| CallError::unintelligible(call, &response, error))
    }
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

/// One request and its whole answer, within the time of one attempt.
pub(crate) async fn exchange(
    transport: &crate::transport::Transport,
    call: &Call,
    request: HttpRequest,
) -> Result<(HttpResponse, Vec<u8>), CallError> {
    let end = Instant::now() + ATTEMPT;
    let mut response = transport.send(request, ATTEMPT).await.map_err(|error| CallError::unsent(call, &error))?;
    let body = timeout_at(end, read(&mut response)).await;
    let late = || CallError::Unanswered { call: call.clone(), cause: Cause::new("the answer did not come to its end in time") };
    let body = body.map_err(|_| late())?.map_err(|cause| CallError::Unanswered { call: call.clone(), cause })?;
    Ok((response, body))
}

async fn read(response: &mut HttpResponse) -> Result<Vec<u8>, Cause> {
    let mut stream = ByteStream::new(response.take_body());
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| Cause::of(&error))?);
        if bytes.len() > LONGEST_BODY {
            return Err(Cause::new("the answer is too long"));
        }
    }
    Ok(bytes)
}
