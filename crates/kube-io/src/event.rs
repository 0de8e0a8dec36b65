//! Events: what `kubectl describe` and `kubectl get events` show.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::connect::Kube;
use crate::error::CallError;
use crate::object::Resource;

const EVENT: Resource = Resource { kind: "Event", api_version: "v1", plural: "events" };

/// `source.component` and `reportingComponent`.
const COMPONENT: &str = "hybridge-gateway";

/// The API server cuts nothing itself: longer notes are refused by `events.k8s.io/v1`, by which core Events are also read.
const LONGEST_MESSAGE: usize = 1024;

/// An event is not worth waiting longer for.
const DEADLINE: Duration = Duration::from_secs(5);

/// The object an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regarding {
    /// `cilium.io/v2`, `v1`.
    pub api_version: String,
    /// `CiliumNode`, `Node`.
    pub kind: String,
    /// Its namespace; `None` for a cluster-scoped object.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its UID where it is known. `kubectl describe` finds the event of a custom resource by name alone if this is empty.
    pub uid: Option<String>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventNote {
    /// What it happened to.
    pub regarding: Regarding,
    /// One word in CamelCase, such as `PodCIDRConflict`; at most 128 bytes.
    pub reason: String,
    /// A sentence for people; cut at 1,024 bytes.
    pub message: String,
    /// Somebody should look; otherwise it is for the record.
    pub warning: bool,
    /// Which gateway says so.
    pub instance: String,
}

impl Kube {
    /// Creates an Event, in the namespace of what it is about, or in `default` where that has none.
    ///
    /// Always a new one: the caller posts once for each change, so that there is nothing to count up.
    ///
    /// # Errors
    /// See [`CallError`]; the deadline is 5 s.
    pub async fn post_event(&self, note: &EventNote) -> Result<(), CallError> {
        self.post_event_as(COMPONENT, note).await
    }

    /// The same in the name of another program.
    ///
    /// # Errors
    /// See [`Kube::post_event`].
    pub async fn post_event_as(&self, component: &str, note: &EventNote) -> Result<(), CallError> {
        self.create_object(&EVENT, &object(component, note, Timestamp::now()), DEADLINE).await.map(|_| ())
    }
}

fn object(component: &str, note: &EventNote, now: Timestamp) -> Value {
    let EventNote { regarding, reason, message, warning, instance } = note;
    let namespace = regarding.namespace.as_deref().unwrap_or("default");
    // As client-go names them: unique as long as no two of one object fall into one nanosecond.
    let name = format!("{}.{:x}", regarding.name, now.as_nanosecond());
    let seconds = format!("{now:.0}");
    let mut involved = json!({ "apiVersion": regarding.api_version, "kind": regarding.kind, "name": regarding.name });
    if let Some(namespace) = &regarding.namespace {
        involved["namespace"] = namespace.clone().into();
    }
    if let Some(uid) = &regarding.uid {
        involved["uid"] = uid.clone().into();
    }
    json!({
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": { "namespace": namespace, "name": name },
        "involvedObject": involved,
        "reason": reason,
        "message": &message[..message.floor_char_boundary(LONGEST_MESSAGE)],
        "type": if *warning { "Warning" } else { "Normal" },
        "source": { "component": component, "host": instance },
        "reportingComponent": component,
        "reportingInstance": instance,
        "firstTimestamp": seconds,
        "lastTimestamp": seconds,
        "count": 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(namespace: Option<&str>) -> EventNote {
        EventNote {
            regarding: Regarding {
                api_version: "cilium.io/v2".into(),
                kind: "CiliumNode".into(),
                namespace: namespace.map(Into::into),
                name: "mi-1".into(),
                uid: None,
            },
            reason: "PodCIDRConflict".into(),
            message: "ü".repeat(1000),
            warning: true,
            instance: "gw-a".into(),
        }
    }

    #[test]
    fn an_event_lives_where_its_object_does_or_in_default() {
        let now = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let cluster_scoped = object(COMPONENT, &note(None), now);
        assert_eq!(cluster_scoped["metadata"]["namespace"], "default");
        assert_eq!(cluster_scoped["involvedObject"].get("namespace"), None);
        assert_eq!(cluster_scoped["firstTimestamp"], "2026-01-02T03:04:05Z");
        let namespaced = object(COMPONENT, &note(Some("kube-system")), now);
        assert_eq!(namespaced["metadata"]["namespace"], "kube-system");
        assert_eq!(namespaced["involvedObject"]["namespace"], "kube-system");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let event = object(COMPONENT, &note(None), Timestamp::now());
        assert_eq!(event["message"].as_str().unwrap().len(), LONGEST_MESSAGE);
    }
}
