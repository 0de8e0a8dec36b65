//! The token by which a node shows the Kubernetes API who it is: a presigned STS GetCallerIdentity URL that the API server asks.
//!
//! Query order, endpoint and layout are those of `aws eks get-token` (aws-cli v1, `customizations/eks/get_token.py`), so that the output
//! of both is the same byte by byte.

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_types::base64;
use jiff::{SignedDuration, Timestamp};

use crate::call::{Call, CallError};
use crate::endpoint::{Endpoint, Service};
use crate::session::Session;
use crate::sigv4::{Scope, presign};

/// What the token begins with.
const PREFIX: &str = "k8s-aws-v1.";
/// Names the cluster; signed, so that the token is good for one cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// What the URL says of its lifetime. The API server takes a token for 15 minutes all the same.
const URL_LIFETIME: Duration = Duration::from_secs(60);
/// After which a client is to ask for another.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(14);
/// Session name of a role that is assumed for a token.
const SESSION_NAME: &str = "EKSGetTokenAuth";
const CALL: &str = "get-token";

/// Versions of `client.authentication.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecVersion {
    /// Kubernetes 1.22 and later.
    V1,
    /// What is written unless another is asked for.
    V1beta1,
    /// Deprecated.
    V1alpha1,
}

/// What is odd about a client's wish for a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecOddity {
    /// `KUBERNETES_EXEC_INFO` is no JSON object.
    NotJson,
    /// It asks for a version that we do not know.
    Unknown,
    /// It asks for `v1alpha1`, which clients no longer understand.
    Deprecated,
}

impl ExecVersion {
    /// The version that `KUBERNETES_EXEC_INFO` asks for, and what is odd about that.
    pub fn asked_for(exec_info: Option<&str>) -> (Self, Option<ExecOddity>) {
        let Some(text) = exec_info.filter(|text| !text.is_empty()) else { return (Self::V1beta1, None) };
        let Ok(serde_json::Value::Object(info)) = serde_json::from_str(text) else {
            return (Self::V1beta1, Some(ExecOddity::NotJson));
        };
        match info.get("apiVersion").and_then(serde_json::Value::as_str) {
            Some("client.authentication.k8s.io/v1") => (Self::V1, None),
            Some("client.authentication.k8s.io/v1beta1") => (Self::V1beta1, None),
            Some("client.authentication.k8s.io/v1alpha1") => (Self::V1alpha1, Some(ExecOddity::Deprecated)),
            Some(_) | None => (Self::V1beta1, Some(ExecOddity::Unknown)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1beta1 => "v1beta1",
            Self::V1alpha1 => "v1alpha1",
        }
    }
}

/// A token with the time after which a client is to ask for another.
#[derive(Clone)]
pub struct Token {
    text: String,
    expires: Timestamp,
}

impl Token {
    /// The token itself. Whoever has it is the node.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The `ExecCredential` that a kubeconfig's exec plugin prints.
    pub fn exec_credential(&self, version: ExecVersion) -> String {
        let (version, expires, token) = (version.name(), self.expires.strftime("%Y-%m-%dT%H:%M:%SZ"), &self.text);
        format!(
            "{{\n    \"kind\": \"ExecCredential\",\n    \"apiVersion\": \"client.authentication.k8s.io/{version}\",\n    \"spec\": {{}},\n    \
             \"status\": {{\n        \"expirationTimestamp\": \"{expires}\",\n        \"token\": \"{token}\"\n    }}\n}}\n\n"
        )
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Session {
    /// A token for a cluster, by its name (in AWS) or its id (local clusters of Outposts). With `role`, that role is assumed first.
    ///
    /// `now` is the time of the signature.
    ///
    /// # Errors
    /// No credentials, or the role may not be assumed.
    pub async fn eks_token(&self, cluster: &str, role: Option<&str>, now: Timestamp) -> Result<Token, CallError> {
        let call = Call::new(CALL, cluster);
        let endpoint = self.endpoints.of(Service::Sts, &self.region);
        let credentials = match role {
            None => self.load_credentials().await,
            Some(role) => self.assume(role).await,
        };
        let credentials = credentials.map_err(|error| CallError::credentials(&call, &error))?;
        token(cluster, &endpoint, &credentials, now).map_err(|error| CallError::unsendable(&call, &error))
    }

    async fn assume(&self, role: &str) -> Result<Credentials, aws_credential_types::provider::error::CredentialsError> {
        let provider = AssumeRoleProvider::builder(role).session_name(SESSION_NAME).configure(&self.sdk_config(Service::Sts));
        provider.build().await.provide_credentials().await
    }
}

/// A token, as a function of all that it depends on.
fn token(
    cluster: &str,
    endpoint: &Endpoint,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Token, aws_sigv4::http_request::SigningError> {
    let mut url = presignable(&endpoint.url);
    let scope = Scope { service: Service::Sts.signing_name(), region: &endpoint.region, now: now.into() };
    for (name, value) in presign(&url, &[(CLUSTER_HEADER, cluster)], URL_LIFETIME, credentials, scope)? {
        url.push('&');
        url.push_str(name);
        url.push('=');
        push_encoded(&mut url, &value);
    }
    let text = base64::encode(&url).replace('+', "-").replace('/', "_");
    Ok(Token { text: format!("{PREFIX}{}", text.trim_end_matches('=')), expires: now + TOKEN_LIFETIME })
}

/// The URL of the call before its signature.
fn presignable(endpoint: &str) -> String {
    let bare = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let slash = if bare.contains('/') { "" } else { "/" };
    format!("{endpoint}{slash}?Action=GetCallerIdentity&Version=2011-06-15")
}

/// Appends `value`, percent-encoded but for the unreserved characters (RFC 3986, section 2.3).
pub(crate) fn push_encoded(url: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
impl Token {
    /// A token of a test.
    pub(crate) fn of(text: &str) -> Self {
        Self { text: text.to_owned(), expires: Timestamp::UNIX_EPOCH }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_session::keys;

    fn decoded(token: &Token) -> String {
        let mut text = token.reveal().strip_prefix(PREFIX).unwrap().replace('-', "+").replace('_', "/");
        while !text.len().is_multiple_of(4) {
            text.push('=');
        }
        String::from_utf8(base64::decode(text).unwrap()).unwrap()
    }

    fn made(url: &str, session_token: Option<&str>) -> Token {
        let endpoint = Endpoint { url: url.into(), region: "eu-central-1".into() };
        let credentials = keys("AKIDEXAMPLE", "secret", session_token);
        token("demo", &endpoint, &credentials, "2026-01-02T03:04:05.9Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_url_names_call_credentials_and_signed_headers() {
        let url = decoded(&made("https://sts.eu-central-1.amazonaws.com", Some("a+b/c=")));
        let (url, signature) = url.rsplit_once("&X-Amz-Signature=").unwrap();
        assert_eq!(
            url,
            "https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-central-1%2Fsts%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=60\
             &X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Security-Token=a%2Bb%2Fc%3D"
        );
        assert_eq!(signature.len(), 64);
    }

    #[test]
    fn an_endpoint_keeps_its_path() {
        for (endpoint, begin) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/?Action="),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/?Action="),
            ("http://127.0.0.1:8080/sts", "http://127.0.0.1:8080/sts?Action="),
        ] {
            assert!(decoded(&made(endpoint, None)).starts_with(begin), "{endpoint}");
        }
    }

    #[test]
    fn an_exec_credential_has_the_layout_of_the_aws_cli_and_expires_in_14_minutes() {
        let token = made("https://sts.amazonaws.com", None);
        let text = token.exec_credential(ExecVersion::V1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["kind"], "ExecCredential");
        assert_eq!(value["apiVersion"], "client.authentication.k8s.io/v1");
        assert_eq!(value["status"]["expirationTimestamp"], "2026-01-02T03:18:05Z");
        assert_eq!(value["status"]["token"], token.reveal());
        assert!(!format!("{token:?}").contains(token.reveal()));
    }

    #[test]
    fn the_version_is_the_one_that_the_client_asks_for() {
        let info = |version: &str| format!(r#"{{"apiVersion":"client.authentication.k8s.io/{version}","kind":"ExecCredential"}}"#);
        for (given, version, oddity) in [
            (None, ExecVersion::V1beta1, None),
            (Some(String::new()), ExecVersion::V1beta1, None),
            (Some(info("v1")), ExecVersion::V1, None),
            (Some(info("v1beta1")), ExecVersion::V1beta1, None),
            (Some(info("v1alpha1")), ExecVersion::V1alpha1, Some(ExecOddity::Deprecated)),
            (Some(info("v2")), ExecVersion::V1beta1, Some(ExecOddity::Unknown)),
            (Some("{}".into()), ExecVersion::V1beta1, Some(ExecOddity::Unknown)),
            (Some("[]".into()), ExecVersion::V1beta1, Some(ExecOddity::NotJson)),
            (Some("{".into()), ExecVersion::V1beta1, Some(ExecOddity::NotJson)),
        ] {
            assert_eq!(ExecVersion::asked_for(given.as_deref()), (version, oddity), "{given:?}");
        }
    }
}
