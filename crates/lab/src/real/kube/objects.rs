//! Objects of the API server, as its administrator.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Kube, User};
use crate::http::Reply;
use crate::real::RealError;

/// Between two looks at an object.
const PAUSE: Duration = Duration::from_millis(50);

impl Kube {
    /// Creates an object as [`User::Admin`] and returns it as the server has it.
    pub fn create(&self, collection: &str, object: &Value) -> Result<Value, RealError> {
        let body = object.to_string();
        let reply = self.server(&self.ns, User::Admin).send("POST", collection, Some(("application/json", body.as_bytes())))?;
        read(&format!("POST {collection}"), &reply)
    }

    /// An object or a list; `None` if there is none.
    pub fn get(&self, path: &str) -> Result<Option<Value>, RealError> {
        let reply = self.server(&self.ns, User::Admin).get(path)?;
        if reply.status == 404 { Ok(None) } else { read(&format!("GET {path}"), &reply).map(Some) }
    }

    /// Deletes an object as its own settings say: a pod goes when its containers have ended.
    pub fn delete(&self, path: &str) -> Result<(), RealError> {
        let reply = self.server(&self.ns, User::Admin).send("DELETE", path, None)?;
        read(&format!("DELETE {path}"), &reply).map(drop)
    }

    /// Approves what kubelets ask for to serve logs and commands with, as EKS does: each for its own node, and nothing else.
    ///
    /// The controllers sign what is approved.
    pub fn approve_serving_certificates(&self) -> Result<(), RealError> {
        const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
        let list = self.get(REQUESTS)?.unwrap_or_default();
        let requests = list["items"].as_array().into_iter().flatten();
        for request in requests.filter(|request| is_serving(request) && request.pointer("/status/conditions").is_none()) {
            let mut approved = request.clone();
            approved["status"]["conditions"] = json!([{
                "type": "Approved", "status": "True", "reason": "LabApprove", "message": "a kubelet's serving certificate",
            }]);
            let path = format!("{REQUESTS}/{}/approval", request["metadata"]["name"].as_str().unwrap_or_default());
            let body = approved.to_string();
            let reply = self.server(&self.ns, User::Admin).send("PUT", &path, Some(("application/json", body.as_bytes())))?;
            read(&format!("PUT {path}"), &reply)?;
        }
        Ok(())
    }

    /// Asks for an object again and again until `ready` says so of it (of `None` while there is none), and returns it.
    ///
    /// `what` names what is waited for, in the error after `patience`, which also shows the object as it was last.
    pub fn wait(
        &self,
        what: &str,
        path: &str,
        patience: Duration,
        ready: impl Fn(Option<&Value>) -> bool,
    ) -> Result<Option<Value>, RealError> {
        let start = Instant::now();
        loop {
            let object = self.get(path)?;
            if ready(object.as_ref()) {
                return Ok(object);
            }
            if start.elapsed() > patience {
                let last = object.map_or_else(|| "nothing".into(), |object| state(&object));
                return Err(RealError::NotSeen { what: what.into(), path: path.into(), after: patience, last });
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether a condition of an object, as `Ready`, is `True`.
pub fn condition(object: &Value, kind: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == kind && one["status"] == "True"))
}

/// Whether a request for a certificate is that of a node's kubelet for its server.
fn is_serving(request: &Value) -> bool {
    let text = |path: &str| request.pointer(path).and_then(Value::as_str).unwrap_or_default();
    text("/spec/signerName") == "kubernetes.io/kubelet-serving" && text("/spec/username").starts_with("system:node:")
}

/// What tells why an object is not as it should be: its status, if it has one.
fn state(object: &Value) -> String {
    object.get("status").unwrap_or(object).to_string()
}

/// The answer's object.
pub(super) fn read(request: &str, reply: &Reply) -> Result<Value, RealError> {
    if !(200..300).contains(&reply.status) {
        return Err(RealError::Refused { request: request.into(), status: reply.status, body: reply.text() });
    }
    serde_json::from_slice(&reply.body).map_err(|_| RealError::NotUnderstood { request: request.into(), wanted: "JSON".into() })
}
