//! One request, one attempt, one deadline; and what an answer means.

use std::error::Error;
use std::time::Duration;

use http_body_util::BodyExt;
use kube::client::{AuthError, Body};
use serde::Deserialize;
use tokio::time::timeout;

use crate::connect::Kube;
use crate::error::CallErrorKind;

/// A request as kube builds it.
pub(crate) type Built = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

/// How much of an answer that is no `Status` goes into an error message.
const LONGEST_MESSAGE: usize = 300;

impl Kube {
    /// The body of a successful answer, complete within the deadline.
    pub(crate) async fn ask(&self, request: Built, within: Duration) -> Result<Vec<u8>, CallErrorKind> {
        let answer = async { collect(self.accepted(request).await?).await };
        timeout(within, answer).await.unwrap_or(Err(CallErrorKind::Timeout(within)))
    }

    /// The body of an answer that goes on for long; only its start has a deadline.
    pub(crate) async fn open(&self, request: Built, within: Duration) -> Result<Body, CallErrorKind> {
        timeout(within, self.accepted(request)).await.unwrap_or(Err(CallErrorKind::Timeout(within)))
    }

    async fn accepted(&self, request: Built) -> Result<Body, CallErrorKind> {
        let request = request.map_err(|error| CallErrorKind::BadRequest(error.into()))?;
        let response = self.client.send(request.map(Body::from)).await.map_err(transport)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        // The status alone already decides; a body that breaks off only costs the message.
        let body = collect(response.into_body()).await.unwrap_or_default();
        Err(refusal(status.as_u16(), message(&body)))
    }
}

async fn collect(mut body: Body) -> Result<Vec<u8>, CallErrorKind> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(transport)?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// What an HTTP status, or the code of a watch's error event, means for the request.
pub(crate) fn refusal(status: u16, message: String) -> CallErrorKind {
    match status {
        401 => CallErrorKind::Unauthorized,
        403 => CallErrorKind::Forbidden(message),
        404 => CallErrorKind::NotFound,
        409 => CallErrorKind::Conflict,
        status => CallErrorKind::Refused { status, message },
    }
}

/// The sentence of a `Status`, or whatever text a proxy or an unknown path answers with.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    match serde_json::from_slice::<Status>(body) {
        Ok(status) => status.message,
        Err(_) => String::from_utf8_lossy(body).trim().chars().take(LONGEST_MESSAGE).collect(),
    }
}

/// Sorts the errors of kube's layers by what they say about the request.
pub(crate) fn transport(error: kube::Error) -> CallErrorKind {
    // kube's own wrappers only repeat what they wrap.
    let error = if let kube::Error::Service(inner) = error { inner } else { error.into() };
    let mut link: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(cause) = link {
        if let Some(auth) = cause.downcast_ref::<AuthError>() {
            return CallErrorKind::Credentials(credentials(auth));
        }
        if cause.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(hyper_util::client::legacy::Error::is_connect) {
            return CallErrorKind::Unreachable(error);
        }
        link = cause.source();
    }
    CallErrorKind::Broken(error)
}

/// What went wrong with the credentials, without what an exec plug-in printed: that may be one.
fn credentials(error: &AuthError) -> String {
    if let AuthError::AuthExecRun { out, .. } = error {
        format!("the kubeconfig's exec plug-in ended with {}", out.status)
    } else if let AuthError::AuthExecParse(_) = error {
        "the kubeconfig's exec plug-in printed no ExecCredential".into()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_gives_its_sentence_and_other_bodies_their_beginning() {
        assert_eq!(message(br#"{"kind":"Status","message":"leases is forbidden"}"#), "leases is forbidden");
        assert_eq!(message(b"404 page not found\n"), "404 page not found");
        assert_eq!(message("ü".repeat(1000).as_bytes()).chars().count(), LONGEST_MESSAGE);
    }
}
