//! The API server's authentication webhook: who says whose a token is that the server does not know itself.

use std::path::Path;

use serde_json::json;

use super::base64;
use crate::real::RealError;
use crate::real::process::write;

/// A webhook that token reviews are sent to.
#[derive(Clone, Debug)]
pub struct TokenWebhook {
    /// Its URL, with https.
    pub url: String,
    /// The certificate authority (PEM) of its certificate.
    pub authority: String,
}

/// How long a verdict is believed. 0 asks anew for every request, so that a test sees what it changes.
const BELIEVED: &str = "0s";

impl TokenWebhook {
    /// The server's flags for it (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication>),
    /// with its kubeconfig written to the file.
    pub(super) fn flags(&self, file: &Path) -> Result<Vec<String>, RealError> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "webhook",
            "clusters": [{"name": "webhook", "cluster": {
                "server": self.url, "certificate-authority-data": base64(self.authority.as_bytes()),
            }}],
            "contexts": [{"name": "webhook", "context": {"cluster": "webhook", "user": "kube-apiserver"}}],
            "users": [{"name": "kube-apiserver", "user": {}}],
        });
        write(file, &config.to_string())?;
        Ok(vec![
            format!("--authentication-token-webhook-config-file={}", file.display()),
            "--authentication-token-webhook-version=v1".into(),
            format!("--authentication-token-webhook-cache-ttl={BELIEVED}"),
            // Whom the webhook calls a node may change its own Node and pods only, as on EKS.
            "--enable-admission-plugins=NodeRestriction".into(),
        ])
    }
}
