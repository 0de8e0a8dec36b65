//! Signature Version 4, from the side that verifies, after its published algorithm
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
//!
//! Nothing here is shared with the product's own client: two implementations that agree are worth more than one.

use std::collections::BTreeMap;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use super::canonical::{Scope, canonical_request, hex, string_to_sign};
use super::key::AccessKey;
use super::message::Message;

/// The algorithm's name in headers and queries.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far the clocks of caller and service may differ (the guide above: "within five minutes of the time stamp").
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How long STS takes a presigned request, whatever its X-Amz-Expires says (README of aws-iam-authenticator: "presigned STS urls
/// are valid for 15 minutes").
const STS_PRESIGNED: SignedDuration = SignedDuration::from_mins(15);

/// Why a request is not from whom it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// No signature at all.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// A signature that lacks a part, or is written in another way than documented.
    #[error("{0}")]
    Incomplete(String),
    /// No key with that identifier, or a temporary one without its token.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// A temporary key that has ended.
    #[error("The security token included in the request is expired")]
    EndedKey,
    /// Signed too long ago.
    #[error("Signature expired: {signed} is now earlier than {limit} ({now} - {}.)", minutes(*within))]
    Old {
        /// When it was signed, as the request says.
        signed: String,
        /// The earliest time that would have done.
        limit: String,
        /// The service's time.
        now: String,
        /// How long a signature is good for.
        within: SignedDuration,
    },
    /// Signed in the future.
    #[error("Signature not yet current: {signed} is still later than {limit} ({now} + 5 min.)")]
    Early {
        /// When it was signed, as the request says.
        signed: String,
        /// The latest time that would do.
        limit: String,
        /// The service's time.
        now: String,
    },
    /// Scoped to something else than what was asked.
    #[error("Credential should be scoped to {0}.")]
    Scope(String),
    /// Not what the secret gives.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing \
         method. Consult the service documentation for details."
    )]
    Mismatch,
}

fn minutes(duration: SignedDuration) -> String {
    format!("{} min", duration.as_mins())
}

/// What a request says of its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) algorithm: String,
    /// The key's identifier; a certificate's serial number where a certificate signs.
    pub(super) key: String,
    pub(super) scope: Scope,
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
    /// X-Amz-Date, as it is written.
    pub(super) date: String,
    token: Option<String>,
    /// X-Amz-Expires of a presigned request.
    presigned: Option<SignedDuration>,
}

impl Claim {
    /// Reads it from the Authorization header, else from the query.
    pub(super) fn of(message: &Message) -> Result<Self, Unproven> {
        let incomplete = |what: &str| Unproven::Incomplete(format!("Authorization header requires '{what}' parameter."));
        let required = |value: Option<String>, what: &str| value.ok_or_else(|| incomplete(what));
        let (algorithm, fields, date, token, presigned) = if let Some(authorization) = message.header("authorization") {
            let (algorithm, rest) = authorization.split_once(' ').ok_or_else(|| incomplete("Credential"))?;
            let fields = rest.split(',').filter_map(|field| field.trim().split_once('='));
            let fields: BTreeMap<_, _> = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let header = |name| message.header(name).map(str::to_owned);
            (algorithm.to_owned(), fields, required(header("x-amz-date"), "X-Amz-Date")?, header("x-amz-security-token"), None)
        } else if let Some(algorithm) = message.parameter("X-Amz-Algorithm") {
            let fields = ["Credential", "SignedHeaders", "Signature"];
            let fields = fields.iter().filter_map(|name| Some(((*name).to_owned(), message.parameter(&format!("X-Amz-{name}"))?)));
            let seconds = required(message.parameter("X-Amz-Expires"), "X-Amz-Expires")?;
            let seconds =
                seconds.parse().ok().filter(|seconds| (1..=604_800).contains(seconds)).ok_or_else(|| incomplete("X-Amz-Expires"))?;
            let date = required(message.parameter("X-Amz-Date"), "X-Amz-Date")?;
            (algorithm, fields.collect(), date, message.parameter("X-Amz-Security-Token"), Some(SignedDuration::from_secs(seconds)))
        } else {
            return Err(Unproven::Missing);
        };
        let field = |name: &str| required(fields.get(name).cloned(), name);
        let (key, scope) = credential(&field("Credential")?).ok_or_else(|| incomplete("Credential"))?;
        let signed_headers = field("SignedHeaders")?.split(';').map(str::to_owned).collect();
        Ok(Self { algorithm, key, scope, signed_headers, signature: field("Signature")?, date, token, presigned })
    }

    /// What the sender signed, if all that must be signed is. For the check of the signature itself.
    pub(super) fn string_to_sign(&self, message: &Message) -> Result<String, Unproven> {
        let must = message.headers.iter().map(|(name, _)| name.as_str()).filter(|name| *name == "host" || name.starts_with("x-amz-"));
        // Who signs by header sends the headers of the signature itself; a presigned request has them in the query.
        if let Some(unsigned) = must.into_iter().find(|name| !self.signed_headers.iter().any(|signed| signed == name)) {
            return Err(Unproven::Incomplete(format!("There were headers present in the request which were not signed: {unsigned}")));
        }
        let missing = |name| Unproven::Incomplete(format!("The header {name} is signed and was not sent."));
        let canonical = canonical_request(message, &self.signed_headers).map_err(missing)?;
        Ok(string_to_sign(&self.algorithm, &self.date, &self.scope, &canonical))
    }

    /// Whether the signature is of now.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), Unproven> {
        let signed = instant(&self.date).filter(|_| self.date.starts_with(&self.scope.date));
        let signed = signed.ok_or_else(|| Unproven::Incomplete(format!("Date in Credential scope does not match {}.", self.date)))?;
        let within = match self.presigned {
            Some(_) if self.scope.service == "sts" => STS_PRESIGNED,
            Some(expires) => expires,
            None => SKEW,
        };
        let (date, text) = (self.date.clone(), compact(now));
        if signed < now - within {
            return Err(Unproven::Old { signed: date, limit: compact(now - within), now: text, within });
        }
        if signed > now + SKEW {
            return Err(Unproven::Early { signed: date, limit: compact(now + SKEW), now: text });
        }
        Ok(())
    }
}

/// Checks all that a signature says, the secret's part last, and returns whose it is.
pub(super) fn verify<'a>(
    message: &Message,
    keys: &'a BTreeMap<String, AccessKey>,
    now: Timestamp,
) -> Result<(&'a AccessKey, Claim), Unproven> {
    let claim = Claim::of(message)?;
    if claim.algorithm != ALGORITHM {
        return Err(Unproven::Incomplete(format!("Unsupported AWS 'algorithm': '{}'.", claim.algorithm)));
    }
    let key = keys.get(&claim.key).filter(|key| key.token == claim.token).ok_or(Unproven::UnknownKey)?;
    if key.expires.is_some_and(|end| end <= now) {
        return Err(Unproven::EndedKey);
    }
    claim.check_time(now)?;
    let signature = signature(&key.secret, &claim.scope, &claim.string_to_sign(message)?);
    if signature == claim.signature { Ok((key, claim)) } else { Err(Unproven::Mismatch) }
}

/// The signature that a secret gives.
pub(super) fn signature(secret: &str, scope: &Scope, text: &str) -> String {
    let step = |key: &[u8], text: &str| sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let key = step(format!("AWS4{secret}").as_bytes(), &scope.date);
    let key = [scope.region.as_str(), &scope.service, "aws4_request"].iter().fold(key, |key, part| step(&key, part));
    hex(&step(&key, text))
}

/// `20260102T030405Z`.
pub(super) fn compact(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The time that [`compact`] writes.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn credential(text: &str) -> Option<(String, Scope)> {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [key, date, region, service, "aws4_request"] => {
            let scope = Scope { date: (*date).into(), region: (*region).into(), service: (*service).into() };
            Some(((*key).to_owned(), scope))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "sigv4_tests.rs"]
mod tests;
