//! Who talks to the API server besides the users with static tokens: service accounts and nodes.

use serde_json::{Value, json};

use super::{Kube, User, base64};
use crate::http::Server;
use crate::netns::Netns;
use crate::real::RealError;

/// How long a token of a service account is valid, in seconds: longer than any test.
const TOKEN_SECONDS: u32 = 3600;

impl Kube {
    /// Makes a namespace as Kubernetes' controllers would: with the account `default` and the ConfigMap `kube-root-ca.crt`, which
    /// every pod mounts beside its token. What is there already stays.
    pub fn make_namespace(&self, name: &str) -> Result<(), RealError> {
        let meta = |name: &str| json!({"name": name});
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(name)});
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("default")});
        let authority = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("kube-root-ca.crt"),
            "data": {"ca.crt": self.authority}});
        self.create_if_missing("/api/v1/namespaces", &space)?;
        self.create_if_missing(&format!("/api/v1/namespaces/{name}/serviceaccounts"), &account)?;
        self.create_if_missing(&format!("/api/v1/namespaces/{name}/configmaps"), &authority)
    }

    fn create_if_missing(&self, collection: &str, object: &Value) -> Result<(), RealError> {
        match self.create(collection, object) {
            Ok(_) | Err(RealError::Refused { status: 409, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A token of a service account, which must exist: the same kind that its pods get, valid for an hour.
    pub fn account_token(&self, namespace: &str, name: &str) -> Result<String, RealError> {
        let request =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": TOKEN_SECONDS}});
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let answer = self.create(&path, &request)?;
        let token = answer.pointer("/status/token").and_then(Value::as_str).map(str::to_owned);
        token.ok_or_else(|| RealError::NotUnderstood { request: format!("POST {path}"), wanted: "status.token".into() })
    }

    /// For requests as the owner of a token from a namespace that has a route to the server.
    pub fn server_for_token(&self, from: &Netns, token: &str) -> Server {
        Server {
            authority: Some(self.authority.clone().into_bytes()),
            headers: vec![("Authorization".into(), format!("Bearer {token}"))],
            ..Server::plain(from, self.address)
        }
    }

    /// A kubeconfig for `user` (JSON, which is YAML) that needs no other file.
    pub fn kubeconfig(&self, user: User, namespace: &str) -> String {
        self.kubeconfig_for_token(&user.token(), namespace)
    }

    /// A kubeconfig for the owner of a token, as [`Kube::account_token`] gives it.
    pub fn kubeconfig_for_token(&self, token: &str, namespace: &str) -> String {
        self.kubeconfig_of(&json!({"token": token}), namespace)
    }

    /// A kubeconfig for the kubelet of a node: a client certificate of `system:node:NAME` in the group `system:nodes`, which is
    /// what the Node authorizer goes by (<https://kubernetes.io/docs/reference/access-authn-authz/node/>).
    pub fn kubeconfig_for_node(&self, name: &str) -> Result<String, RealError> {
        self.kubeconfig_for_certificate(&format!("system:node:{name}"), "system:nodes")
    }

    /// A kubeconfig with a client certificate of a user in a group.
    pub(in crate::real) fn kubeconfig_for_certificate(&self, user: &str, group: &str) -> Result<String, RealError> {
        let (certificate, key) = self.issuer.client(user, group)?;
        let data = |pem: &str| base64(pem.as_bytes());
        Ok(self.kubeconfig_of(&json!({"client-certificate-data": data(&certificate), "client-key-data": data(&key)}), "default"))
    }

    fn kubeconfig_of(&self, credentials: &Value, namespace: &str) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {
                "server": format!("https://{}", self.address),
                "certificate-authority-data": base64(self.authority.as_bytes()),
            }}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": namespace}}],
            "users": [{"name": "lab", "user": credentials}],
        });
        config.to_string()
    }
}
