//! Conditions of a Node that are not the kubelet's.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::Request;
use serde_json::{Value, json};

use crate::connect::Kube;
use crate::error::{Call, CallError, CallErrorKind, Verb};
use crate::object::Resource;

const NODE: Resource = Resource { kind: "Node", api_version: "v1", plural: "nodes" };

/// A condition, without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCondition {
    /// Its type, one word in CamelCase.
    pub kind: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// One word in CamelCase.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

impl Kube {
    /// Whether the cluster has this Node.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn has_node(&self, node: &str) -> Result<bool, CallError> {
        Ok(self.read_object(&NODE, None, node).await?.is_some())
    }

    /// Sets a condition of a Node. Those of others stay: conditions are merged by their type (strategic merge patch), as the kubelet
    /// itself does it. One that says the same already is left alone. A node's own credentials allow it for the node itself
    /// (NodeRestriction).
    ///
    /// # Errors
    /// See [`CallError`]; there may be no such Node.
    pub async fn set_node_condition(&self, node: &str, condition: &NodeCondition, within: Duration) -> Result<(), CallError> {
        let object = self.read_object(&NODE, None, node).await?.unwrap_or_default();
        let Some(patch) = patch(&object, condition, Timestamp::now()) else { return Ok(()) };
        let call = Call::new(Verb::Update, format!("status of Node {node}"));
        let request = Request::new(NODE.path(None)).patch_subresource("status", node, &PatchParams::default(), &Patch::Strategic(patch));
        self.ask(request, within).await.map(|_| ()).map_err(|kind: CallErrorKind| call.failed(kind))
    }
}

/// None: the Node says so already.
fn patch(node: &Value, condition: &NodeCondition, now: Timestamp) -> Option<Value> {
    let NodeCondition { kind, status, reason, message } = condition;
    let before = node["status"]["conditions"].as_array().and_then(|all| all.iter().find(|one| one["type"] == **kind));
    let same = |key: &str, value: &str| before.is_some_and(|before| before[key] == value);
    if same("status", status) && same("reason", reason) && same("message", message) {
        return None;
    }
    let now = format!("{now:.0}");
    let since = before.filter(|before| before["status"] == **status).and_then(|before| before["lastTransitionTime"].as_str());
    Some(json!({"status": {"conditions": [{
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastHeartbeatTime": now, "lastTransitionTime": since.unwrap_or(&now),
    }]}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_written_where_it_says_something_new_and_keeps_its_time_with_its_status() {
        let now = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let steps = |status: &str, message: &str| NodeCondition {
            kind: "HybridgeSteps".into(),
            status: status.into(),
            reason: "R".into(),
            message: message.into(),
        };
        let first = patch(&json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}), &steps("True", "a"), now).unwrap();
        let written = &first["status"]["conditions"];
        assert_eq!(written.as_array().unwrap().len(), 1, "those of others are not sent");
        assert_eq!(written[0]["lastTransitionTime"], "2026-01-02T03:04:05Z");
        assert_eq!(patch(&first, &steps("True", "a"), now), None);
        let later = "2026-01-03T00:00:00Z".parse().unwrap();
        let transition =
            |status: &str| patch(&first, &steps(status, "b"), later).unwrap()["status"]["conditions"][0]["lastTransitionTime"].clone();
        assert_eq!((transition("True"), transition("False")), (json!("2026-01-02T03:04:05Z"), json!("2026-01-03T00:00:00Z")));
    }
}
