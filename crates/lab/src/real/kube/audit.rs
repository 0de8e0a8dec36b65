//! What was asked of an API server, and by whom: its audit log
//! (<https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/>).

use std::collections::BTreeSet;
use std::fs;

use serde::Deserialize;

use super::Kube;
use crate::real::RealError;

/// Who asked for what, without bodies. Left out are the server's own requests and those for no object: health, discovery.
pub(super) const POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "users": ["system:apiserver"]},
    {"level": "None", "nonResourceURLs": ["*"]},
    {"level": "Metadata"}
  ]
}"#;

/// A request that the API server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who asked, as `admin` or `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// What for: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Resource, in the plural.
    pub resource: String,
    /// Part of the object, as `status` or `token`; empty for the whole.
    pub subresource: String,
    /// Namespace; empty in requests for the whole cluster.
    pub namespace: String,
    /// Name; empty in requests for many objects, and where the server is to choose it.
    pub name: String,
    /// HTTP status of the answer. 403 is what RBAC forbids.
    pub code: u16,
}

impl Kube {
    /// Every request for an object up to now, in the order of the answers; a watch counts from when it begins.
    ///
    /// The server writes an entry just after its answer, so what was answered this moment may be missing.
    pub fn audit(&self) -> Result<Vec<AuditEntry>, RealError> {
        let path = &self.home.join(super::AUDIT_LOG);
        // It begins with the first request.
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(RealError::Read { path: path.clone(), source: error });
            }
            read => read.unwrap_or_default(),
        };
        Ok(entries(&text))
    }
}

fn entries(log: &str) -> Vec<AuditEntry> {
    // A watch appears twice: when it begins and when it ends.
    let mut seen = BTreeSet::new();
    // A last line that is still being written is not yet JSON.
    let events = log.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok());
    events.filter(|event| seen.insert(event.id.clone())).map(AuditEntry::from).collect()
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "auditID")]
    id: String,
    verb: String,
    user: User,
    #[serde(rename = "objectRef", default)]
    object: Object,
    #[serde(rename = "responseStatus", default)]
    response: Response,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response {
    code: u16,
}

impl From<Event> for AuditEntry {
    fn from(event: Event) -> Self {
        let Object { api_group: group, resource, subresource, namespace, name } = event.object;
        let (user, code) = (event.user.username, event.response.code);
        Self { user, verb: event.verb, group, resource, subresource, namespace, name, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_counts_once_and_half_a_line_not_at_all() {
        let event = |id: &str, stage: &str, code: u16| {
            format!(
                r#"{{"auditID":"{id}","stage":"{stage}","verb":"watch","user":{{"username":"admin"}},
                "objectRef":{{"resource":"nodes","apiVersion":"v1"}},"responseStatus":{{"code":{code}}}}}"#
            )
            .replace('\n', "")
        };
        let log = [event("a", "ResponseStarted", 200), event("a", "ResponseComplete", 200), event("b", "ResponseComplete", 403)].join("\n");
        let read = entries(&log[..log.len() - 1]);
        assert_eq!(read.len(), 1);
        let read = entries(&log);
        assert_eq!(read.iter().map(|entry| (&*entry.resource, entry.code)).collect::<Vec<_>>(), [("nodes", 200), ("nodes", 403)]);
    }
}
