//! IAM Roles Anywhere: credentials for who signs with a certificate
//! (<https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-create-session.html>).

mod authority;
mod chain;
mod signature;
mod trust;

use std::collections::BTreeMap;

use axum::response::Response;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::answer;
use super::key::{AccessKey, Principal};
use super::message::Message;
use super::refusal::Refusal;
use super::{Aws, Service};
pub use authority::{Authority, CertificateSpec, KeyKind, Leaf};
use signature::Signer;
use trust::Caller;
pub use trust::Trust;

/// How long credentials may be asked for, in seconds (API reference of CreateSession).
const DURATIONS: std::ops::RangeInclusive<i64> = 900..=43_200;

/// Without a durationSeconds.
const DEFAULT_DURATION: i64 = 3600;

/// What an account has set up. Keys are ARNs.
#[derive(Clone, Debug, Default)]
pub struct Anywhere {
    /// Trust anchors: DER of the certificate authorities of each.
    pub anchors: BTreeMap<String, Vec<Vec<u8>>>,
    /// Profiles.
    pub profiles: BTreeMap<String, Profile>,
    /// Trust policies of roles. A role without one trusts as its profile says.
    pub trust: BTreeMap<String, Trust>,
}

/// A profile, with what its roles' trust policies demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// ARNs of the roles that may be assumed.
    pub roles: Vec<String>,
    /// Whether callers may name their session (`acceptRoleSessionName`).
    pub accepts_session_name: bool,
    /// Whether the roles' trust policy wants the session named like the certificate's subject, as that of hybrid nodes does.
    pub session_is_common_name: bool,
    /// The longest session of the roles, in seconds.
    pub longest: i64,
}

/// CreateSession: who asked, if it is answered well, and the answer.
pub(super) fn create_session(aws: &Aws, message: &Message) -> (Option<Principal>, Result<Response, Refusal>) {
    match session(aws, message) {
        Ok((key, body)) => (Some(key.principal), Ok(answer::good(Service::RolesAnywhere, 201, &body))),
        Err(refusal) => (None, Err(refusal)),
    }
}

fn session(aws: &Aws, message: &Message) -> Result<(AccessKey, Value), Refusal> {
    let signer = Signer::prove(message, aws.region(), aws.now())?;
    let body: Value = serde_json::from_slice(&message.body).map_err(|_| invalid("the body is no JSON"))?;
    // The API reference has the ARNs in the query, the user guide's example in the body.
    let arn = |name: &str| {
        let given = message.parameter(name).or_else(|| Some(body.get(name)?.as_str()?.to_owned()));
        given.ok_or_else(|| invalid(&format!("{name} is missing")))
    };
    let (anchor, profile, role) = (arn("trustAnchorArn")?, arn("profileArn")?, arn("roleArn")?);
    let setup = aws.locked().anywhere.clone();
    let missing = |what: &str| Refusal::new(404, "ResourceNotFoundException", format!("{what} not found"));
    let anchors = setup.anchors.get(&anchor).ok_or_else(|| missing("Trust anchor"))?;
    signer.check_chain(anchors, aws.now())?;
    let profile = setup.profiles.get(&profile).ok_or_else(|| missing("Profile"))?;
    let wanted = body.get("roleSessionName").and_then(Value::as_str);
    if wanted.is_some() && !profile.accepts_session_name {
        return Err(denied("Not authorized to set roleSessionName."));
    }
    let name = wanted.unwrap_or(signer.serial_hex());
    let caller = Caller { anchor: &anchor, session: name, common_name: signer.common_name() };
    let mistrusted = match setup.trust.get(&role) {
        Some(trust) => !trust.admits(caller),
        None => profile.session_is_common_name && Some(name) != signer.common_name(),
    };
    if mistrusted || !profile.roles.contains(&role) {
        return Err(denied(&format!("Unable to assume role for {role}")));
    }
    let seconds = duration(&body, profile, &role)?;
    let principal = Principal::Session { role: role.rsplit('/').next().unwrap_or_default().into(), session: name.into() };
    let key = aws.accept(AccessKey::temporary(principal, aws.now(), SignedDuration::from_secs(seconds)));
    let body = credential_set(aws, &signer, &key, &role);
    Ok((key, body))
}

fn duration(body: &Value, profile: &Profile, role: &str) -> Result<i64, Refusal> {
    let seconds = match body.get("durationSeconds") {
        None | Some(Value::Null) => DEFAULT_DURATION.min(profile.longest),
        Some(value) => {
            value.as_i64().filter(|seconds| DURATIONS.contains(seconds)).ok_or_else(|| invalid("durationSeconds is out of range"))?
        }
    };
    if seconds > profile.longest {
        let why = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(denied(&format!("Unable to assume role for {role}. {why}")));
    }
    Ok(seconds)
}

fn credential_set(aws: &Aws, signer: &Signer, key: &AccessKey, role: &str) -> Value {
    let expiration = key.expires.map(|end| format!("{end:.0}"));
    let source = signer.common_name().map_or(String::new(), |name| format!("CN={name}"));
    json!({
        "credentialSet": [{
            "assumedRoleUser": {"arn": key.principal.arn(aws.account()), "assumedRoleId": key.principal.user_id()},
            "credentials": {
                "accessKeyId": key.id, "secretAccessKey": key.secret, "sessionToken": key.token, "expiration": expiration,
            },
            "packedPolicySize": 0,
            "roleArn": role,
            "sourceIdentity": source,
        }],
        "subjectArn": format!("arn:aws:rolesanywhere:{}:{}:subject/lab", aws.region(), aws.account()),
    })
}

fn invalid(what: &str) -> Refusal {
    Refusal::new(400, "ValidationException", format!("Input validation error: {what}."))
}

/// Messages that stand in quotation marks in others' reports are AWS's own: `Untrusted certificate. Insufficient certificate`,
/// `Unable to assume role for …`, `Not authorized to set roleSessionName.`
/// (<https://github.com/aws/rolesanywhere-credential-helper/issues/19> and 77). Those of signatures are ours.
fn denied(message: &str) -> Refusal {
    Refusal::new(403, "AccessDeniedException", message)
}
