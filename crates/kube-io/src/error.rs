//! What can go wrong with one request, and what that says about the object it was meant for.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// GET of one object or document.
    Read,
    /// GET of a collection.
    List,
    /// GET of a collection's changes.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// DELETE.
    Delete,
}

impl Verb {
    /// Whether the request changes something if it arrives.
    pub fn writes(self) -> bool {
        match self {
            Self::Read | Self::List | Self::Watch => false,
            Self::Create | Self::Update | Self::Delete => true,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

/// A request as people name it: `update Lease kube-system/hybrid-gateway-leader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it does.
    pub verb: Verb,
    /// What it does it to.
    pub object: String,
}

impl Call {
    pub(crate) fn new(verb: Verb, object: impl fmt::Display) -> Self {
        Self { verb, object: object.to_string() }
    }

    pub(crate) fn failed(&self, kind: CallErrorKind) -> CallError {
        CallError { call: self.clone(), kind }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.object)
    }
}

/// A request that did not do what it was meant to. The reason is its source.
#[derive(Debug, thiserror::Error)]
#[error("cannot {call}")]
pub struct CallError {
    call: Call,
    #[source]
    kind: CallErrorKind,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum CallErrorKind {
    /// 409: somebody wrote the object since it was read, or created it before us.
    #[error("somebody else wrote it first")]
    Conflict,
    /// 404: neither the object nor, possibly, its kind is there.
    #[error("it does not exist")]
    NotFound,
    /// 403: the role lacks a rule. Holds the API server's sentence, which names user, verb and resource.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// 401: the API server does not know these credentials (any more).
    #[error("the API server does not accept the credentials")]
    Unauthorized,
    /// The credentials could not be had; nothing was sent.
    #[error("no credentials: {0}")]
    Credentials(String),
    /// No complete answer within the deadline.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// No connection could be made; nothing was sent.
    #[error("the API server cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The connection broke before the answer was complete.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// Any other answer that is no success.
    #[error("refused with status {status}: {message}")]
    Refused {
        /// HTTP status, or the code of a watch's error event.
        status: u16,
        /// The API server's sentence.
        message: String,
    },
    /// The answer is not what the API promises.
    #[error("the answer cannot be understood")]
    BadReply(#[source] serde_json::Error),
    /// The request cannot be expressed: a namespace or a name that fits into no URL.
    #[error("the request cannot be built")]
    BadRequest(#[source] Box<dyn Error + Send + Sync>),
}

impl CallError {
    /// The request.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Why it failed.
    pub fn kind(&self) -> &CallErrorKind {
        &self.kind
    }

    /// Somebody else wrote first: read again, decide again.
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind, CallErrorKind::Conflict)
    }

    /// The object, or its kind, is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self.kind, CallErrorKind::NotFound)
    }

    /// The role does not allow it: asking again will not help, doing without may.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.kind, CallErrorKind::Forbidden(_))
    }

    /// 410: the version or page asked for is no longer kept; list again.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.kind, CallErrorKind::Refused { status: 410, .. })
    }

    /// A write that may have been, or may yet be, carried out: read again before anything else.
    pub fn outcome_unknown(&self) -> bool {
        self.call.verb.writes()
            && match &self.kind {
                CallErrorKind::Timeout(_) | CallErrorKind::Broken(_) | CallErrorKind::BadReply(_) => true,
                // A 5xx may stand for a store that was slow to confirm (504) just as for one that was never asked.
                CallErrorKind::Refused { status, .. } => *status >= 500,
                CallErrorKind::Conflict
                | CallErrorKind::NotFound
                | CallErrorKind::Forbidden(_)
                | CallErrorKind::Unauthorized
                | CallErrorKind::Credentials(_)
                | CallErrorKind::Unreachable(_)
                | CallErrorKind::BadRequest(_) => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(verb: Verb, kind: CallErrorKind) -> CallError {
        Call::new(verb, "Lease kube-system/hybrid-gateway-leader").failed(kind)
    }

    #[test]
    fn an_error_names_verb_and_object_and_leaves_the_reason_to_its_source() {
        let error = error(Verb::Update, CallErrorKind::Conflict);
        assert_eq!(error.to_string(), "cannot update Lease kube-system/hybrid-gateway-leader");
        assert_eq!(error.source().unwrap().to_string(), "somebody else wrote it first");
    }

    #[test]
    fn only_writes_that_may_have_arrived_have_an_unknown_outcome() {
        let refused = |status| CallErrorKind::Refused { status, message: String::new() };
        let broken = || CallErrorKind::Broken("reset".into());
        let timeout = CallErrorKind::Timeout(Duration::from_secs(1));
        assert!(error(Verb::Update, timeout).outcome_unknown());
        assert!(error(Verb::Create, broken()).outcome_unknown());
        assert!(error(Verb::Update, refused(504)).outcome_unknown());
        assert!(!error(Verb::Update, refused(422)).outcome_unknown());
        assert!(!error(Verb::Update, CallErrorKind::Conflict).outcome_unknown());
        assert!(!error(Verb::Update, CallErrorKind::Unreachable("refused".into())).outcome_unknown());
        assert!(!error(Verb::Read, broken()).outcome_unknown());
    }
}
