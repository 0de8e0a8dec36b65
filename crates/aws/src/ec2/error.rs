//! Why a call to EC2 failed, and what is known of its effect.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use hybridge_model::InstanceId;

use crate::call::Call;
use crate::cause::{Cause, find, scrub};
use crate::transport::TransportError;

/// Codes by which EC2 asks for fewer calls (the list that the AWS SDKs share, and EC2 API reference, "Error codes").
const THROTTLED: [&str; 12] = [
    "BandwidthLimitExceeded",
    "Client.RequestLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];
/// Codes by which EC2 says that these credentials may not do this (EC2 API reference, "Error codes").
const UNAUTHORIZED: [&str; 13] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "Blocked",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

/// Why a call to EC2 failed. Neither `Display` nor `Debug` hold a credential.
#[derive(Debug, thiserror::Error)]
pub enum Ec2Error {
    /// EC2 answered with an error.
    #[error("{call}: {code}: {message}{}", request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default())]
    Refused {
        /// What was asked.
        call: Call,
        /// EC2's error code, such as `RouteAlreadyExists`.
        code: Box<str>,
        /// EC2's message.
        message: Box<str>,
        /// What AWS support asks for.
        request_id: Option<Box<str>>,
        /// HTTP status.
        status: u16,
    },
    /// Something answered that is not EC2, or what came is no answer to this call.
    #[error("{call}: the answer (status {status}) is not EC2's: {what}")]
    Unintelligible {
        /// What was asked.
        call: Call,
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        what: Box<str>,
    },
    /// The request may have arrived, but no answer came.
    #[error("{call}: no answer from EC2, so whether it took effect is unknown")]
    Unanswered {
        /// What was asked.
        call: Call,
        /// What happened to the connection.
        #[source]
        cause: Cause,
    },
    /// No connection; the request was never sent.
    #[error("{call}: EC2 cannot be reached")]
    Unreachable {
        /// What was asked.
        call: Call,
        /// What stands in the way.
        #[source]
        cause: Cause,
    },
    /// No credentials; the request was never sent.
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
    /// The request could not be made, as with a bad endpoint or region; it was never sent.
    #[error("{call}: the request cannot be made")]
    Unsendable {
        /// What was asked.
        call: Call,
        /// Why not.
        #[source]
        cause: Cause,
    },
    /// The instance has no interface of device index 0.
    #[error("DescribeInstances {instance}: the instance ({state}) has no primary network interface")]
    NoPrimaryInterface {
        /// The instance.
        instance: InstanceId,
        /// Its state, such as `terminated`.
        state: Box<str>,
    },
}

impl Ec2Error {
    /// EC2 asks for fewer calls.
    pub fn is_throttled(&self) -> bool {
        self.code().is_some_and(|code| THROTTLED.contains(&code))
    }

    /// The credentials may not do this, or EC2 does not accept them.
    pub fn is_unauthorized(&self) -> bool {
        self.code().is_some_and(|code| UNAUTHORIZED.contains(&code))
    }

    /// The instance, the table, the interface, or, for ReplaceRoute, the route does not exist.
    pub fn not_found(&self) -> bool {
        match self {
            Self::Refused { call, code, message, .. } => {
                code.ends_with(".NotFound")
                    // So EC2 answers ReplaceRoute of a destination that the table does not have.
                    || (call.action == "ReplaceRoute" && &**code == "InvalidParameterValue" && message.starts_with("There is no route"))
            }
            Self::Unintelligible { .. }
            | Self::Unanswered { .. }
            | Self::Unreachable { .. }
            | Self::Credentials { .. }
            | Self::Unsendable { .. }
            | Self::NoPrimaryInterface { .. } => false,
        }
    }

    /// CreateRoute of a destination that the table already has.
    pub fn already_exists(&self) -> bool {
        self.code() == Some("RouteAlreadyExists")
    }

    /// EC2 may have carried out the call: read again before anything is concluded. False where the request certainly never arrived,
    /// and where EC2 said no.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Unanswered { .. } => true,
            Self::Refused { status, .. } => *status >= 500 && !self.is_throttled(),
            // A proxy that gave up may have passed the request on.
            Self::Unintelligible { status, .. } => *status < 400 || *status >= 500,
            Self::Unreachable { .. } | Self::Credentials { .. } | Self::Unsendable { .. } | Self::NoPrimaryInterface { .. } => false,
        }
    }

    /// EC2's error code, where EC2 answered with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unintelligible { .. }
            | Self::Unanswered { .. }
            | Self::Unreachable { .. }
            | Self::Credentials { .. }
            | Self::Unsendable { .. }
            | Self::NoPrimaryInterface { .. } => None,
        }
    }

    /// What to do about it, where waiting and trying again is not all.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::Refused { call, .. } if self.is_unauthorized() => {
                Some(format!("allow ec2:{} to the gateway's role, and see that its credentials are those you mean", call.action))
            }
            Self::Credentials { none_found: true, .. } => Some(
                "looked at: AWS_ACCESS_KEY_ID; AWS_PROFILE and ~/.aws; AWS_WEB_IDENTITY_TOKEN_FILE (IRSA); AWS_CONTAINER_CREDENTIALS_* \
                 (EKS Pod Identity); the instance role (in a pod with its own \
                 network only with a hop limit of 2). Associate a role with the gateway's service account"
                    .into(),
            ),
            Self::Unintelligible { .. } => Some("see AWS_ENDPOINT_URL, HTTPS_PROXY and NO_PROXY: something else than EC2 answers".into()),
            Self::Unreachable { .. } => Some(
                "see that the region's EC2 endpoint can be reached (NAT, VPC endpoint, HTTPS_PROXY) and its CA is known (AWS_CA_BUNDLE)"
                    .into(),
            ),
            Self::Unsendable { .. } => Some("see AWS_REGION and AWS_ENDPOINT_URL".into()),
            Self::NoPrimaryInterface { .. } => Some("see AWS_INSTANCE_ID".into()),
            Self::Refused { .. } | Self::Credentials { .. } | Self::Unanswered { .. } => None,
        }
    }

    pub(super) fn late(call: &Call, deadline: Duration) -> Self {
        Self::Unanswered { call: call.clone(), cause: Cause::new(format!("no answer within {} ms", deadline.as_millis())) }
    }

    /// For answers of status 200.
    pub(super) fn unintelligible(call: &Call, what: impl fmt::Display) -> Self {
        Self::Unintelligible { call: call.clone(), status: 200, what: what.to_string().into() }
    }

    /// Sorts an error of the SDK.
    pub(super) fn from_sdk<E>(call: &Call, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let call = call.clone();
        if let Some(credentials) = find::<CredentialsError>(error) {
            let none_found = matches!(credentials, CredentialsError::CredentialsNotLoaded(_));
            return Self::Credentials { call, none_found, cause: Cause::of(credentials) };
        }
        match error {
            SdkError::ServiceError(context) => Self::from_service(call, context.err().meta(), context.raw()),
            SdkError::ResponseError(context) => {
                let what = Cause::of(error).to_string().into();
                Self::Unintelligible { call, status: context.raw().status().as_u16(), what }
            }
            SdkError::ConstructionFailure(_) => Self::Unsendable { call, cause: Cause::of(error) },
            SdkError::DispatchFailure(_) => match find::<TransportError>(error) {
                Some(transport) if transport.never_sent() => Self::Unreachable { call, cause: Cause::of(transport) },
                Some(transport) => Self::Unanswered { call, cause: Cause::of(transport) },
                // It never came as far as our transport.
                None => Self::Unsendable { call, cause: Cause::of(error) },
            },
            SdkError::TimeoutError(_) => Self::Unanswered { call, cause: Cause::of(error) },
            // Whatever the SDK may add one day: nothing is certain.
            _ => Self::Unanswered { call, cause: Cause::of(error) },
        }
    }

    fn from_service(call: Call, meta: &aws_sdk_ec2::error::ErrorMetadata, response: &HttpResponse) -> Self {
        let status = response.status().as_u16();
        let Some(code) = meta.code() else {
            let server = response.headers().get("via").or(response.headers().get("server"));
            let what = server.map_or("no error code".to_owned(), |name| format!("no error code, from `{}`", scrub(name)));
            return Self::Unintelligible { call, status, what: what.into() };
        };
        Self::Refused {
            call,
            code: scrub(code).into(),
            message: scrub(meta.message().unwrap_or("no message")).into(),
            request_id: response.request_id().map(str::to_owned).or_else(|| request_id_of(response)).map(|id| scrub(&id).into()),
            status,
        }
    }
}

/// From the body: the SDK looks for it in the headers alone.
fn request_id_of(response: &HttpResponse) -> Option<String> {
    let body = String::from_utf8_lossy(response.body().bytes()?);
    let (_, rest) = body.split_once("<RequestID>")?;
    rest.split_once("</RequestID>").map(|(id, _)| id.to_owned())
}
