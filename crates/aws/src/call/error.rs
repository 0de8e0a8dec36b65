//! Why a call to AWS failed, sorted by what is to be done about it.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::denied::Denied;
use super::permission::permission;
use crate::cause::{Cause, find, scrub};
use crate::query::error_of;
use crate::transport::TransportError;

/// What was asked of AWS, for messages: `CreateRoute 10.250.0.0/16 to eni-1 in rtb-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The API action.
    pub action: &'static str,
    /// What it was about.
    pub subject: Box<str>,
}

impl Call {
    pub(crate) fn new(action: &'static str, subject: impl fmt::Display) -> Self {
        Self { action, subject: subject.to_string().into() }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action)?;
        if self.subject.is_empty() { Ok(()) } else { write!(f, " {}", self.subject) }
    }
}

/// Why a call failed. Neither `Display` nor `Debug` hold a credential.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// AWS answered with an error.
    #[error("{call}: {code}: {message}")]
    Refused {
        /// What was asked.
        call: Call,
        /// AWS's error code, such as `ResourceNotFoundException`.
        code: Box<str>,
        /// AWS's message.
        message: Box<str>,
        /// HTTP status.
        status: u16,
        /// Our clock against AWS's `Date`, in seconds; positive: ours is ahead.
        clock_offset: Option<i64>,
    },
    /// Something answered that is not AWS, or what came is no answer to this call.
    #[error("{call}: the answer (status {status}) cannot be understood: {what}")]
    Unintelligible {
        /// What was asked.
        call: Call,
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        what: Box<str>,
    },
    /// There was a connection, and no whole answer.
    #[error("{call}: no answer")]
    Unanswered {
        /// What was asked.
        call: Call,
        /// What happened to the connection.
        #[source]
        cause: Cause,
    },
    /// No connection.
    #[error("{call}: AWS cannot be reached")]
    Unreachable {
        /// What was asked.
        call: Call,
        /// What stands in the way.
        #[source]
        cause: Cause,
    },
    /// No credentials.
    #[error("{call}: no AWS credentials")]
    Credentials {
        /// What was asked.
        call: Call,
        /// No source of credentials is set up, rather than one that is and failed.
        none_found: bool,
        /// What the sources say.
        #[source]
        cause: Cause,
    },
    /// The request cannot be made.
    #[error("{call}: the request cannot be made")]
    Unsendable {
        /// What was asked.
        call: Call,
        /// Why not.
        #[source]
        cause: Cause,
    },
}

/// Failures by what is to be done about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// These credentials may not do this.
    AccessDenied,
    /// What was asked for does not exist.
    NotFound,
    /// AWS asks for fewer calls.
    Throttled,
    /// AWS cannot be reached, or does not answer.
    NoNetwork,
    /// No credentials.
    NoCredentials,
    /// The credentials are no longer, or not, AWS's.
    BadCredentials,
    /// Our clock differs from AWS's.
    ClockSkew,
    /// Something else.
    Other,
}

/// Signatures are good for this long around AWS's time (IAM user guide, "Troubleshoot Signature Version 4").
const SKEW: i64 = 300;

impl CallError {
    /// What is to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Refused { code, status, clock_offset, .. } => kind(code, *status, *clock_offset),
            Self::Unanswered { .. } | Self::Unreachable { .. } => Kind::NoNetwork,
            Self::Credentials { .. } => Kind::NoCredentials,
            Self::Unintelligible { .. } | Self::Unsendable { .. } => Kind::Other,
        }
    }

    /// AWS's error code, where AWS answered with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unintelligible { .. }
            | Self::Unanswered { .. }
            | Self::Unreachable { .. }
            | Self::Credentials { .. }
            | Self::Unsendable { .. } => None,
        }
    }

    /// AWS's message, where AWS answered with one.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } => Some(message),
            Self::Unintelligible { .. }
            | Self::Unanswered { .. }
            | Self::Unreachable { .. }
            | Self::Credentials { .. }
            | Self::Unsendable { .. } => None,
        }
    }

    /// Who may not do what, where AWS refused for that and says so.
    pub fn denied(&self) -> Option<Denied> {
        match self.kind() {
            Kind::AccessDenied => Denied::read(self.message()?),
            Kind::NotFound
            | Kind::Throttled
            | Kind::NoNetwork
            | Kind::NoCredentials
            | Kind::BadCredentials
            | Kind::ClockSkew
            | Kind::Other => None,
        }
    }

    /// What to do about it, where we know it.
    pub fn fix(&self) -> Option<String> {
        let call = self.call();
        match self.kind() {
            Kind::AccessDenied => Some(match self.denied() {
                Some(Denied { forbidden: true, action, .. }) => {
                    format!("a policy forbids `{action}` (a boundary, or the organization's): have it lifted, or use another role")
                }
                Some(Denied { action, resource: Some(resource), .. }) => format!("allow `{action}` on `{resource}` in the policy of the caller's role"),
                Some(Denied { action, .. }) => format!("allow `{action}` in the policy of the caller's role"),
                None => format!("allow {} in the policy of the caller's role", permission(call.action)),
            }),
            Kind::NotFound => Some(format!("see that `{}` is written right and is in this region and account", call.subject)),
            Kind::Throttled => Some("try again later".into()),
            Kind::NoNetwork => {
                Some("see that route, firewall, proxy (HTTPS_PROXY, NO_PROXY) and VPC endpoint let this host reach AWS".into())
            }
            Kind::NoCredentials => Some(
                "give credentials; looked for, in this order: environment (AWS_ACCESS_KEY_ID), profile (AWS_PROFILE, --profile: ~/.aws/config, \
                 ~/.aws/credentials, credential_process), web identity, container (Pod Identity), the instance's role. \
                 Those of single sign-on come by `eval \"$(aws configure export-credentials --format env)\"`"
                    .into(),
            ),
            Kind::BadCredentials => Some("renew the credentials; these have expired, or AWS does not know them (China, GovCloud and each other partition know their own alone)".into()),
            Kind::ClockSkew => Some("set this host's clock (chronyc makestep); AWS refuses signatures that are off by five minutes".into()),
            Kind::Other => None,
        }
    }

    /// What was asked.
    pub fn call(&self) -> &Call {
        match self {
            Self::Refused { call, .. }
            | Self::Unintelligible { call, .. }
            | Self::Unanswered { call, .. }
            | Self::Unreachable { call, .. }
            | Self::Credentials { call, .. }
            | Self::Unsendable { call, .. } => call,
        }
    }

    /// Whether the next attempt may well succeed.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500 || self.kind() == Kind::Throttled,
            Self::Unintelligible { status, .. } => *status >= 500,
            Self::Unanswered { .. } | Self::Unreachable { .. } => true,
            Self::Credentials { .. } | Self::Unsendable { .. } => false,
        }
    }

    pub(crate) fn credentials(call: &Call, error: &CredentialsError) -> Self {
        let none_found = matches!(error, CredentialsError::CredentialsNotLoaded(_));
        Self::Credentials { call: call.clone(), none_found, cause: Cause::of(error) }
    }

    pub(crate) fn unsendable(call: &Call, error: &(dyn Error + 'static)) -> Self {
        Self::Unsendable { call: call.clone(), cause: Cause::of(error) }
    }

    pub(crate) fn unsent(call: &Call, error: &TransportError) -> Self {
        let (call, cause) = (call.clone(), Cause::of(error));
        if error.never_sent() { Self::Unreachable { call, cause } } else { Self::Unanswered { call, cause } }
    }

    /// Sorts an error of a client of the SDK.
    pub(crate) fn from_sdk<E>(call: &Call, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(credentials) = find::<CredentialsError>(error) {
            return Self::credentials(call, credentials);
        }
        if let SdkError::ServiceError(context) = error
            && let Some(code) = context.err().code()
        {
            return Self::Refused {
                call: call.clone(),
                code: scrub(code).into(),
                message: scrub(context.err().message().unwrap_or("no message")).into(),
                status: context.raw().status().as_u16(),
                clock_offset: clock_offset(context.raw(), Timestamp::now()),
            };
        }
        match (find::<TransportError>(error), error.raw_response()) {
            (Some(transport), _) => Self::unsent(call, transport),
            (None, Some(response)) => Self::unintelligible(call, response, Cause::of(error)),
            (None, None) if matches!(error, SdkError::TimeoutError(_)) => Self::Unanswered { call: call.clone(), cause: Cause::of(error) },
            (None, None) => Self::Unsendable { call: call.clone(), cause: Cause::of(error) },
        }
    }

    pub(crate) fn unintelligible(call: &Call, response: &HttpResponse, what: impl fmt::Display) -> Self {
        Self::Unintelligible { call: call.clone(), status: response.status().as_u16(), what: scrub(&what.to_string()).into() }
    }

    /// Sorts an answer that is no success. AWS writes code and message as JSON, the code also in a header, or both as XML.
    pub(crate) fn refused(call: &Call, response: &HttpResponse, body: &[u8]) -> Self {
        if let Some((code, message)) = error_of(body) {
            return Self::Refused {
                call: call.clone(),
                code: scrub(&code).into(),
                message: scrub(&message).into(),
                status: response.status().as_u16(),
                clock_offset: clock_offset(response, Timestamp::now()),
            };
        }
        let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
        let Some(code) = response.headers().get("x-amzn-errortype").or_else(|| text("__type")).or_else(|| text("code")) else {
            let server = response.headers().get("via").or(response.headers().get("server"));
            return Self::unintelligible(
                call,
                response,
                server.map_or("no error code".into(), |name| format!("no error code, from `{name}`")),
            );
        };
        // `com.amazonaws.ecr#ServerException:http://…`
        let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
        let message = text("message").or_else(|| text("Message")).unwrap_or("no message");
        Self::Refused {
            call: call.clone(),
            code: scrub(code).into(),
            message: scrub(message).into(),
            status: response.status().as_u16(),
            clock_offset: clock_offset(response, Timestamp::now()),
        }
    }
}

/// Our clock against the answer's `Date`, in seconds; positive: ours is ahead.
pub(crate) fn clock_offset(response: &HttpResponse, now: Timestamp) -> Option<i64> {
    let date = rfc2822::parse(response.headers().get("date")?).ok()?.timestamp();
    Some(now.as_second() - date.as_second())
}

impl Kind {
    /// What a refusal is about of which nothing is known but AWS's error code, such as `AccessDeniedException`.
    pub fn of_code(code: &str) -> Self {
        kind(code, 0, None)
    }
}

fn kind(code: &str, status: u16, clock_offset: Option<i64>) -> Kind {
    let is_skewed = clock_offset.is_some_and(|offset| offset.abs() >= SKEW);
    match code {
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => Kind::ClockSkew,
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "AuthFailure" | "AccessDeniedException" if is_skewed => Kind::ClockSkew,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpiredException"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "AuthFailure"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException" => Kind::BadCredentials,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "Blocked" | "OptInRequired" => Kind::AccessDenied,
        "ResourceNotFoundException" | "NoSuchEntity" | "NoSuchBucket" | "NoSuchKey" | "ChangeSetNotFound" => Kind::NotFound,
        _ if code.ends_with(".NotFound") => Kind::NotFound,
        // A quota of the account, which does not go away by waiting.
        "LimitExceeded" | "LimitExceededException" | "ResourceLimitExceededException" if status != 429 => Kind::Other,
        _ if status == 429 || code.contains("Throttl") || code.contains("LimitExceeded") || code.starts_with("TooManyRequests") => {
            Kind::Throttled
        }
        "SlowDown" => Kind::Throttled,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_by_what_is_to_be_done() {
        for (code, status, offset, expected) in [
            ("AccessDeniedException", 403, Some(2), Kind::AccessDenied),
            ("AccessDeniedException", 403, Some(-900), Kind::ClockSkew),
            ("UnauthorizedOperation", 403, None, Kind::AccessDenied),
            ("ExpiredTokenException", 403, None, Kind::BadCredentials),
            ("UnrecognizedClientException", 400, None, Kind::BadCredentials),
            ("InvalidSignatureException", 403, Some(301), Kind::ClockSkew),
            ("InvalidSignatureException", 403, Some(3), Kind::BadCredentials),
            ("RequestTimeTooSkewed", 403, None, Kind::ClockSkew),
            ("ResourceNotFoundException", 404, None, Kind::NotFound),
            ("InvalidInstanceID.NotFound", 400, None, Kind::NotFound),
            ("ThrottlingException", 400, None, Kind::Throttled),
            ("TooManyRequestsException", 429, None, Kind::Throttled),
            ("RequestLimitExceeded", 503, None, Kind::Throttled),
            ("Throttling", 400, None, Kind::Throttled),
            ("LimitExceeded", 409, None, Kind::Other),
            ("ResourceLimitExceededException", 400, None, Kind::Other),
            ("NoSuchEntity", 404, None, Kind::NotFound),
            ("ChangeSetNotFound", 404, None, Kind::NotFound),
            ("InvalidAccessKeyId", 403, None, Kind::BadCredentials),
            ("ServerException", 500, None, Kind::Other),
        ] {
            assert_eq!(kind(code, status, offset), expected, "{code} {offset:?}");
        }
    }

    #[test]
    fn code_and_message_are_read_wherever_a_service_writes_them() {
        let answer = |header: Option<&'static str>, body: &str| {
            let mut response = HttpResponse::new(403.try_into().unwrap(), "".into());
            if let Some(header) = header {
                response.headers_mut().insert("x-amzn-errortype", header);
            }
            CallError::refused(&Call::new("DescribeCluster", "demo"), &response, body.as_bytes()).to_string()
        };
        let denied = "DescribeCluster demo: AccessDeniedException: no";
        assert_eq!(answer(Some("AccessDeniedException:http://internal"), r#"{"message":"no"}"#), denied);
        assert_eq!(answer(None, r#"{"__type":"com.amazonaws.ecr#AccessDeniedException","Message":"no"}"#), denied);
        assert!(answer(None, "<html>").contains("no error code"));
    }
}
