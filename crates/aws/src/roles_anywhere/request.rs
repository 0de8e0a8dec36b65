//! The signed CreateSession request (Roles Anywhere user guide, "Signing process"), as a pure function.
//!
//! It is signature version 4 with a certificate in place of the access key: the header `X-Amz-X509` carries the certificate, the
//! credential is its serial number, and the string to sign is signed with its private key.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::Serialize;

use super::certificate::Certificate;
use super::key::{KeyError, PrivateKey};

const PATH: &str = "/sessions";

/// Who a node is to Roles Anywhere.
#[derive(Debug)]
pub struct Identity {
    /// Its certificate.
    pub certificate: Certificate,
    /// The key of it.
    pub key: PrivateKey,
    /// Certificates between it and the trust anchor's, each as DER in base64.
    pub intermediates: Vec<String>,
}

/// What a session is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionWish {
    /// Seconds that the credentials are to be good for, 900 to 43200.
    pub duration_seconds: u32,
    /// `arn:aws:rolesanywhere:REGION:ACCOUNT:profile/ID`.
    pub profile_arn: String,
    /// `arn:aws:iam::ACCOUNT:role/NAME`.
    pub role_arn: String,
    /// Name of the session; the profile must accept it (`acceptRoleSessionName`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_session_name: Option<String>,
    /// `arn:aws:rolesanywhere:REGION:ACCOUNT:trust-anchor/ID`.
    pub trust_anchor_arn: String,
}

/// A request that only has to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// Method.
    pub method: &'static str,
    /// Whole URL.
    pub url: String,
    /// Headers by their names in lower case, `authorization` last.
    pub headers: Vec<(&'static str, String)>,
    /// Body, JSON.
    pub body: String,
    /// The request in the form that is hashed; for tests and bug reports.
    pub canonical: String,
    /// What was signed; for tests and bug reports.
    pub string_to_sign: String,
}

/// Builds and signs a CreateSession request. The same input gives the same canonical request and string to sign; ECDSA signatures
/// differ each time.
///
/// `endpoint` is scheme, host and perhaps port and path, as in `https://rolesanywhere.eu-central-1.amazonaws.com`.
///
/// # Errors
/// The library cannot sign with this key.
pub fn create_session(
    identity: &Identity,
    wish: &SessionWish,
    endpoint: &str,
    region: &str,
    now: Timestamp,
) -> Result<SignedRequest, KeyError> {
    let endpoint = endpoint.trim_end_matches('/');
    let bare = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let (host, prefix) = bare.find('/').map_or((bare, ""), |at| bare.split_at(at));
    let body = serde_json::to_string(wish).expect("texts and a number are always JSON");
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("host", host.to_owned()),
        ("x-amz-date", time.clone()),
        ("x-amz-x509", identity.certificate.encoded.clone()),
    ];
    if !identity.intermediates.is_empty() {
        headers.push(("x-amz-x509-chain", identity.intermediates.join(",")));
    }
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!("POST\n{prefix}{PATH}\n\n{lines}\n{names}\n{}", hex(digest(&SHA256, body.as_bytes()).as_ref()));
    let scope = format!("{}/{region}/rolesanywhere/aws4_request", &time[..8]);
    let algorithm = identity.key.algorithm();
    let string_to_sign = format!("{algorithm}\n{time}\n{scope}\n{}", hex(digest(&SHA256, canonical.as_bytes()).as_ref()));
    let signature = hex(&identity.key.sign(string_to_sign.as_bytes())?);
    let serial = &identity.certificate.serial;
    headers.push(("authorization", format!("{algorithm} Credential={serial}/{scope}, SignedHeaders={names}, Signature={signature}")));
    Ok(SignedRequest { method: "POST", url: format!("{endpoint}{PATH}"), headers, body, canonical, string_to_sign })
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
