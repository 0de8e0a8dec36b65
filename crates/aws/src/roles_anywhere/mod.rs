//! IAM Roles Anywhere: temporary credentials for a host that has a certificate (CreateSession).

mod arn;
mod certificate;
mod error;
mod file;
mod key;
mod registry;
mod request;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_smithy_types::base64;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

pub use self::arn::ArnError;
pub use self::certificate::{Certificate, CertificateError, intermediates};
pub use self::error::RolesAnywhereError;
pub use self::file::{CredentialsFile, FileError};
pub use self::key::{KeyError, PrivateKey};
pub use self::request::{Identity, SessionWish, SignedRequest, create_session};
use crate::call::{self, Call, CallError};
use crate::endpoint::Service;
use crate::network::Network;
use crate::session::{SessionError, Settings};
use crate::transport::Transport;

/// Attempts at one session.
const ATTEMPTS: u32 = 4;
/// Before the second attempt; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// Seconds that a session may last (Roles Anywhere API reference, "CreateSession").
pub const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;

/// Temporary credentials. Neither `Display` nor `Debug` show them.
#[derive(Clone)]
pub struct TemporaryCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// Until when they are good.
    pub expires: Timestamp,
}

impl std::fmt::Debug for TemporaryCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TemporaryCredentials").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl TemporaryCredentials {
    /// What a `credential_process` prints (AWS SDKs reference guide, "Process credential provider").
    pub fn reveal(&self) -> String {
        let object = json!({
            "Version": 1,
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token,
            "Expiration": self.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        format!("{object}\n")
    }
}

/// How Roles Anywhere is reached.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Region; else that of the trust anchor.
    pub region: Option<String>,
    /// Endpoint; else `AWS_ENDPOINT_URL_ROLESANYWHERE` and its like, else the region's.
    pub endpoint: Option<String>,
    /// Use the environment's proxy (`HTTPS_PROXY`, `NO_PROXY`).
    pub with_proxy: bool,
}

/// Roles Anywhere for one host. Nothing is asked yet.
#[derive(Debug)]
pub struct RolesAnywhere {
    identity: Identity,
    wish: SessionWish,
    endpoint: String,
    region: String,
    transport: Transport,
}

impl RolesAnywhere {
    /// Sets up calls; reads the environment, and checks all that can be checked without asking AWS, certificate and key aside.
    ///
    /// # Errors
    /// An ARN, a region, an endpoint or the environment is wrong.
    pub async fn new(identity: Identity, wish: SessionWish, way: &Way) -> Result<Self, RolesAnywhereError> {
        let region = match &way.region {
            Some(region) => region.clone(),
            None => arn::region(&wish)?,
        };
        arn::check(&wish)?;
        if !crate::partition::is_region(&region) {
            return Err(SessionError::Region(region).into());
        }
        let network = Network::from_env().map_err(|mut errors| SessionError::Network(errors.swap_remove(0)))?;
        let network = if way.with_proxy { network } else { Network { http_proxy: None, https_proxy: None, ..network } };
        let endpoint = match &way.endpoint {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => url.clone(),
            // As the AWS signing helper takes it: a host alone.
            Some(host) => format!("https://{host}"),
            None => Settings::of_process().await?.endpoints.of(Service::RolesAnywhere, &region).url,
        };
        Ok(Self { identity, wish, endpoint, region, transport: Transport::new(network) })
    }

    /// Temporary credentials, in four attempts at most.
    ///
    /// # Errors
    /// Certificate and key are no pair or out of date, which is told before anything is asked; AWS refuses, or cannot be reached.
    pub async fn session(&self) -> Result<TemporaryCredentials, RolesAnywhereError> {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.attempt().await {
                Err(RolesAnywhereError::Call(error)) if error.is_passing() => tracing::debug!(%error, "asking again"),
                result => return result,
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.attempt().await
    }

    async fn attempt(&self) -> Result<TemporaryCredentials, RolesAnywhereError> {
        let now = Timestamp::now();
        self.identity.certificate.check(&self.identity.key, now)?;
        let signed = create_session(&self.identity, &self.wish, &self.endpoint, &self.region, now)?;
        let call = Call::new("CreateSession", self.wish.role_session_name.as_deref().unwrap_or(&self.wish.role_arn));
        let headers = signed.headers.into_iter().filter(|(name, _)| *name != "host").map(|(name, value)| (name.to_owned(), value));
        let request = call::request((signed.method, &signed.url), headers, &signed.body);
        let request = request.map_err(|cause| CallError::Unsendable { call: call.clone(), cause })?;
        let (response, body) = call::exchange(&self.transport, &call, request).await?;
        if !response.status().is_success() {
            return Err(error::refused(CallError::refused(&call, &response, &body), &self.wish));
        }
        decode(&body).map_err(|what| CallError::unintelligible(&call, &response, what).into())
    }
}

/// How long before the end of credentials new ones are fetched (as the AWS signing helper does).
pub const REFRESH_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// When to fetch new credentials: five minutes before these expire, but not before half of their time is over, and in a second at
/// the earliest.
pub fn refresh_at(now: Timestamp, expires: Timestamp) -> Timestamp {
    let half = now + (expires.duration_since(now) / 2);
    (expires - REFRESH_AHEAD).max(half).max(now + SignedDuration::from_secs(1))
}

fn decode(body: &[u8]) -> Result<TemporaryCredentials, &'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        credential_set: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        credentials: Set,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Set {
        access_key_id: String,
        secret_access_key: String,
        session_token: String,
        expiration: Timestamp,
    }
    // No message of a parser: it may quote a secret.
    let answer: Answer = serde_json::from_slice(body).map_err(|_| "no credentialSet with credentials")?;
    let Set { access_key_id, secret_access_key, session_token, expiration } =
        answer.credential_set.into_iter().next().ok_or("credentialSet is empty")?.credentials;
    Ok(TemporaryCredentials { access_key_id, secret_access_key, session_token, expires: expiration })
}

/// The public part of a private key as the facts of a node have it: SubjectPublicKeyInfo, DER in base64.
///
/// # Errors
/// The text holds no usable key.
pub fn public_part(pem: &[u8]) -> Result<String, KeyError> {
    Ok(base64::encode(PrivateKey::from_pem(pem)?.public_spki()?))
}
