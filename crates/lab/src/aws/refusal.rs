//! What the services say when they do not do what was asked, each in its own words.

use super::service::{Protocol, Service};
use super::sigv4::Unproven;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// A request that no service here has.
    pub(super) fn unknown(what: &str) -> Self {
        Self::new(404, "UnknownOperationException", format!("The lab's AWS does not have {what}"))
    }

    /// A signature that proves nothing. The codes are those of "Common Errors" in the services' API references; EC2 calls all but
    /// what is late `AuthFailure`.
    pub(super) fn unproven(service: Service, error: &Unproven) -> Self {
        let (query, json) = match error {
            Unproven::Missing => ("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
            Unproven::Incomplete(_) => ("IncompleteSignature", "IncompleteSignatureException"),
            Unproven::UnknownKey => ("InvalidClientTokenId", "UnrecognizedClientException"),
            Unproven::EndedKey => ("ExpiredToken", "ExpiredTokenException"),
            Unproven::Old { .. } | Unproven::Early { .. } | Unproven::Scope(_) | Unproven::Mismatch => {
                ("SignatureDoesNotMatch", "InvalidSignatureException")
            }
        };
        match service.protocol() {
            Protocol::Query => Self::new(403, query, error.to_string()),
            Protocol::RestJson => Self::new(403, json, error.to_string()),
            Protocol::Json => Self::new(400, json, error.to_string()),
            Protocol::Ec2 => match error {
                Unproven::Old { .. } | Unproven::EndedKey => Self::new(400, "RequestExpired", "Request has expired."),
                Unproven::Missing
                | Unproven::Incomplete(_)
                | Unproven::UnknownKey
                | Unproven::Early { .. }
                | Unproven::Scope(_)
                | Unproven::Mismatch => Self::new(401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
            },
        }
    }

    pub(super) fn throttled(service: Service) -> Self {
        match service.protocol() {
            Protocol::Ec2 => Self::new(503, "RequestLimitExceeded", "Request limit exceeded."),
            Protocol::Query => Self::new(400, "Throttling", "Rate exceeded"),
            Protocol::RestJson => Self::new(429, "ThrottlingException", "Rate exceeded"),
            Protocol::Json => Self::new(400, "ThrottlingException", "Rate exceeded"),
        }
    }

    pub(super) fn internal(service: Service) -> Self {
        match service.protocol() {
            Protocol::Ec2 => Self::new(500, "InternalError", "An internal error has occurred"),
            Protocol::Query => Self::new(500, "InternalFailure", "We encountered an internal error. Please try again."),
            Protocol::RestJson | Protocol::Json => Self::new(500, "ServerException", "We encountered an internal error. Please try again."),
        }
    }

    /// The caller is known and may not.
    pub(super) fn denied(service: Service, principal: &str, action: &str) -> Self {
        let message = format!("User: {principal} is not authorized to perform: {service}:{action} on resource: *");
        match service.protocol() {
            Protocol::Ec2 => {
                Self::new(403, "UnauthorizedOperation", format!("You are not authorized to perform this operation. {message}"))
            }
            Protocol::Query => Self::new(403, "AccessDenied", message),
            Protocol::RestJson => Self::new(403, "AccessDeniedException", message),
            Protocol::Json => Self::new(400, "AccessDeniedException", message),
        }
    }
}
