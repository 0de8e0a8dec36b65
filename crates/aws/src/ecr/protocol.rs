//! What the kubelet and its credential provider say to each other (`credentialprovider.kubelet.k8s.io/v1`).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::Login;

const VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";

/// The kubelet's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The image that is to be pulled.
    pub image: String,
}

/// What came is no request that we understand.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// No JSON.
    #[error("the request on standard input is no JSON object")]
    NotJson(#[source] serde_json::Error),
    /// Another kind of object.
    #[error("the request on standard input is `{kind}` of `{version}`, not `CredentialProviderRequest` of `{VERSION}`")]
    Foreign {
        /// Its `kind`.
        kind: String,
        /// Its `apiVersion`.
        version: String,
    },
    /// It names no image.
    #[error("the request on standard input names no image")]
    NoImage,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// It is none, or one of a version that we do not speak.
    pub fn parse(text: &[u8]) -> Result<Self, ProtocolError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        #[derive(Default)]
        struct Object {
            kind: String,
            api_version: String,
            image: String,
        }
        let object: Object = serde_json::from_slice(text).map_err(ProtocolError::NotJson)?;
        if object.kind != "CredentialProviderRequest" || object.api_version != VERSION {
            return Err(ProtocolError::Foreign { kind: object.kind, version: object.api_version });
        }
        if object.image.is_empty() {
            return Err(ProtocolError::NoImage);
        }
        Ok(Self { image: object.image })
    }
}

/// Our answer. Whoever has its text can pull the images.
#[derive(Clone)]
pub struct Response(String);

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Response(hidden)")
    }
}

impl Response {
    /// Credentials for one registry. The kubelet keeps them for half of the time that they are good for, as the provider of
    /// Kubernetes' cloud-provider-aws has it: so they are still good at the end of a long pull.
    pub(crate) fn new(host: &str, login: &Login, now: Timestamp) -> Self {
        let left = login.expires.map_or(0, |expires| (expires.as_second() - now.as_second()).max(0) / 2);
        let auth = json!({ host: { "username": login.user, "password": login.password } });
        Self::render(left, &auth)
    }

    /// No credentials: the kubelet then pulls without.
    pub(crate) fn nothing() -> Self {
        Self::render(0, &json!({}))
    }

    fn render(seconds: i64, auth: &serde_json::Value) -> Self {
        let duration = duration(seconds);
        Self(format!(
            "{{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\"{VERSION}\",\"cacheKeyType\":\"Registry\",\
             \"cacheDuration\":\"{duration}\",\"auth\":{auth}}}\n"
        ))
    }

    /// The JSON object for the kubelet.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// As Go writes a duration: `6h0m0s`, `5m30s`, `9s`.
fn duration(seconds: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_only_in_the_version_that_we_speak() {
        let request = |kind: &str, version: &str, image: &str| {
            Request::parse(json!({"kind": kind, "apiVersion": version, "image": image, "more": 1}).to_string().as_bytes())
        };
        assert_eq!(request("CredentialProviderRequest", VERSION, "a/b:c").unwrap(), Request { image: "a/b:c".into() });
        assert!(matches!(request("CredentialProviderRequest", VERSION, ""), Err(ProtocolError::NoImage)));
        let old = request("CredentialProviderRequest", "credentialprovider.kubelet.k8s.io/v1alpha1", "a").unwrap_err();
        assert!(old.to_string().contains("v1alpha1"), "{old}");
        assert!(matches!(request("Pod", VERSION, "a"), Err(ProtocolError::Foreign { .. })));
        assert!(matches!(Request::parse(b"{"), Err(ProtocolError::NotJson(_))));
    }

    #[test]
    fn the_kubelet_keeps_credentials_for_half_their_time() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let kept = |expires: Option<&str>| {
            let login = Login { user: "AWS".into(), password: "pass\"word".into(), expires: expires.map(|at| at.parse().unwrap()) };
            let response = Response::new("host", &login, now);
            assert!(!format!("{response:?} {login:?}").contains("word"));
            let value: serde_json::Value = serde_json::from_str(response.reveal()).unwrap();
            assert_eq!(value["auth"]["host"], json!({"username": "AWS", "password": "pass\"word"}));
            assert_eq!(value["cacheKeyType"], "Registry");
            value["cacheDuration"].as_str().unwrap().to_owned()
        };
        assert_eq!(kept(Some("2026-01-02T12:00:00.5Z")), "6h0m0s");
        assert_eq!(kept(Some("2026-01-02T00:10:59Z")), "5m29s");
        assert_eq!(kept(Some("2026-01-02T00:00:19Z")), "9s");
        assert_eq!(kept(Some("2026-01-01T00:00:00Z")), "0s");
        assert_eq!(kept(None), "0s");
    }
}
