//! Why there are no credentials from Roles Anywhere, with what to do about it.

use super::arn::ArnError;
use super::certificate::CertificateError;
use super::key::KeyError;
use super::request::SessionWish;
use crate::call::{CallError, Kind};
use crate::session::SessionError;

/// Why there are no credentials from Roles Anywhere.
#[derive(Debug, thiserror::Error)]
pub enum RolesAnywhereError {
    /// An ARN cannot be right.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// Region, endpoint, proxy or certificates of the environment cannot be used.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The private key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// AWS refused for a reason that we know a remedy for.
    #[error("{refusal}")]
    Refused {
        /// The remedy.
        fix: String,
        /// The refusal; no source, as it is all of the message.
        refusal: CallError,
    },
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl RolesAnywhereError {
    /// What to do about it, where we know it.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::Arn(error) => Some(error.fix()),
            Self::Session(error) => Some(error.fix()),
            Self::Certificate(error) => Some(error.fix()),
            Self::Key(error) => Some(error.fix().into()),
            Self::Refused { fix, .. } => Some(fix.clone()),
            Self::Call(error) => error.fix(),
        }
    }
}

/// Adds what we know of a refusal. The service uses `AccessDeniedException` for nearly everything, so its message decides
/// (Roles Anywhere user guide, "Troubleshooting").
pub(super) fn refused(error: CallError, wish: &SessionWish) -> RolesAnywhereError {
    match remedy(&error, wish) {
        Some(fix) => RolesAnywhereError::Refused { fix, refusal: error },
        None => RolesAnywhereError::Call(error),
    }
}

fn remedy(error: &CallError, wish: &SessionWish) -> Option<String> {
    let CallError::Refused { message, clock_offset, .. } = error else { return None };
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let session = wish.role_session_name.as_deref().unwrap_or("the certificate's serial number");
    if error.kind() == Kind::ClockSkew || says(&["signature expired", "not yet current", "skew"]) {
        let offset = clock_offset.map(|seconds| {
            let side = if seconds < 0 { "behind" } else { "ahead of" };
            format!("it is {} s {side} AWS; ", seconds.abs())
        });
        return Some(format!("set this host's clock: {}`chronyc makestep`", offset.unwrap_or_default()));
    }
    if says(&["untrusted"]) {
        return Some(format!(
            "see that the CA of the trust anchor issued this certificate, that it is an X.509 v3 end-entity certificate with key usage \
             digitalSignature, and that --intermediates holds the CAs between: {}",
            wish.trust_anchor_arn
        ));
    }
    if says(&["rolesessionname", "role session name", "session name"]) {
        return Some(format!(
            "let the profile accept session names (`aws rolesanywhere update-profile --accept-role-session-name`), so that `{session}` is \
             the node's name"
        ));
    }
    if says(&["unable to assume role", "not authorized to perform: sts:assumerole"]) {
        return Some(format!(
            "let the trust policy of {} allow rolesanywhere.amazonaws.com to do sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity \
             for this certificate and the session name `{session}` (its subject CN must be the same), and name the role in the profile",
            wish.role_arn
        ));
    }
    if says(&["disabled", "inactive"]) {
        return Some("enable trust anchor and profile (`aws rolesanywhere enable-trust-anchor`, `enable-profile`)".into());
    }
    (error.kind() == Kind::AccessDenied).then(|| {
        format!("see the trust anchor {}, the profile {} and the trust policy of the role", wish.trust_anchor_arn, wish.profile_arn)
    })
}
