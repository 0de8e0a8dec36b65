//! Refusals of the API, and the `Status` objects that carry them.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::kind::Kind;

/// Why a request was turned down. `Display` is the message of the `Status`, worded as kube-apiserver 1.34 words it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such object.
    #[error("{resource} \"{1}\" not found", resource = .0.qualified_resource())]
    NotFound(Kind, String),
    /// POST of what is there.
    #[error("{resource} \"{1}\" already exists", resource = .0.qualified_resource())]
    AlreadyExists(Kind, String),
    /// The object is not the one the request was made for: another version, or another UID.
    #[error("Operation cannot be fulfilled on {resource} \"{name}\": {why}", resource = .kind.qualified_resource())]
    Conflict {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// What differs.
        why: String,
    },
    /// The object breaks its schema.
    #[error("{what} \"{name}\" is invalid: {why}", what = .kind.qualified_kind(), why = listed(.causes))]
    Invalid {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// Every problem.
        causes: Vec<Cause>,
    },
    /// Query parameters that exclude or demand each other.
    #[error("ListOptions.meta.k8s.io \"\" is invalid: {}", listed(.0))]
    InvalidOptions(Vec<Cause>),
    /// The request itself is wrong.
    #[error("{0}")]
    BadRequest(String),
    /// What a real server has no better answer for than an internal error.
    #[error("{0}")]
    Internal(String),
    /// A body of a type that is not understood.
    #[error("the body of the request was in an unknown format - accepted media types include: application/json")]
    UnsupportedMediaType,
    /// A version so old that the changes since are gone.
    #[error("{0}")]
    Expired(String),
    /// The server does not do this. Real ones may; this one records it.
    #[error("the lab's API server does not serve {0}")]
    NotServed(String),
    /// The server is down.
    #[error("the server is currently unable to handle the request")]
    Down,
}

/// One problem of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Sort, such as `FieldValueInvalid`.
    pub reason: &'static str,
    /// Path of the field, such as `spec.endpoints[0].mac`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

fn listed(causes: &[Cause]) -> String {
    let all: Vec<_> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    match all.as_slice() {
        [one] => one.clone(),
        _ => format!("[{}]", all.join(", ")),
    }
}

impl Refusal {
    /// The optimistic lock: someone else wrote in between.
    pub(super) fn modified(kind: Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::Conflict { kind, name: name.to_owned(), why: why.to_owned() }
    }

    /// HTTP status code.
    pub fn code(&self) -> u16 {
        match self {
            Self::NotFound(..) => 404,
            Self::AlreadyExists(..) | Self::Conflict { .. } => 409,
            Self::Invalid { .. } | Self::InvalidOptions(_) => 422,
            Self::BadRequest(_) => 400,
            Self::UnsupportedMediaType => 415,
            Self::Expired(_) => 410,
            Self::Internal(_) => 500,
            Self::NotServed(_) => 501,
            Self::Down => 503,
        }
    }

    /// Reason, in one word.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotFound(..) => "NotFound",
            Self::AlreadyExists(..) => "AlreadyExists",
            Self::Conflict { .. } => "Conflict",
            Self::Invalid { .. } | Self::InvalidOptions(_) => "Invalid",
            Self::BadRequest(_) => "BadRequest",
            Self::UnsupportedMediaType => "UnsupportedMediaType",
            Self::Expired(_) => "Expired",
            // As of every error without a reason of its own.
            Self::Internal(_) => "",
            Self::NotServed(_) => "NotImplemented",
            Self::Down => "ServiceUnavailable",
        }
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.to_string(),
            "reason": self.reason(),
            "code": self.code(),
        });
        if let Some(details) = self.details() {
            status["details"] = details;
        }
        status
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::NotFound(kind, name) | Self::AlreadyExists(kind, name) | Self::Conflict { kind, name, .. } => {
                Some(about(kind.plural(), *kind, name))
            }
            Self::Invalid { kind, name, causes } => {
                let mut details = about(kind.kind(), *kind, name);
                details["causes"] = written(causes);
                Some(details)
            }
            Self::InvalidOptions(causes) => Some(json!({"group": "meta.k8s.io", "kind": "ListOptions", "causes": written(causes)})),
            Self::BadRequest(_) | Self::Internal(_) | Self::UnsupportedMediaType | Self::Expired(_) | Self::NotServed(_) | Self::Down => {
                None
            }
        }
    }
}

fn written(causes: &[Cause]) -> Value {
    causes.iter().map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field})).collect()
}

fn about(what: &str, kind: Kind, name: &str) -> Value {
    let mut details = json!({"name": name, "kind": what});
    if !kind.group().is_empty() {
        details["group"] = kind.group().into();
    }
    details
}

/// The `Status` that answers a DELETE.
pub(super) fn deleted(kind: Kind, name: &str, uid: &Value) -> Value {
    let mut details = about(kind.plural(), kind, name);
    details["uid"] = uid.clone();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code()).expect("every refusal has a valid HTTP status");
        let mut response = (code, Json(self.status())).into_response();
        if self == Self::Down {
            response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        response
    }
}
