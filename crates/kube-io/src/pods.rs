//! Pods of gateways: where they are, how they are, and what they answer through the API server.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde::Deserialize;

use crate::connect::Kube;
use crate::error::{Call, CallError, Verb};
use crate::object::POD;

/// A pod, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its node; empty while it has none.
    pub node: String,
    /// Its address, that of its node for one on the host's network.
    pub ip: Option<IpAddr>,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// Whether its condition `Ready` is true.
    pub ready: bool,
    /// Whether it was deleted and has still to end.
    pub ending: bool,
    /// What the kubelet or the scheduler says of a pod that is not ready.
    pub trouble: Option<String>,
    /// Container port of the name that was asked for.
    pub port: Option<u16>,
    /// Environment variables with a literal value, of all containers.
    pub environment: BTreeMap<String, String>,
}

impl Kube {
    /// The pods of a namespace, or of all, that a label selector admits, by namespace and name. `port` is the name of a container port.
    ///
    /// # Errors
    /// See [`CallError`]; the deadline of each page is that of reads.
    pub async fn pods(&self, namespace: Option<&str>, selector: &str, port: &str) -> Result<Vec<Pod>, CallError> {
        let call = Call::new(Verb::List, format!("Pods with {selector} in {}", namespace.unwrap_or("all namespaces")));
        let items = self.items::<Item>(&call, POD.path(namespace), ListParams::default().labels(selector)).await?;
        let mut pods: Vec<Pod> = items.into_iter().map(|item| item.pod(port)).collect();
        pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(pods)
    }

    /// What a pod answers to `GET /PATH` on a port, asked by the API server (`get` on `pods/proxy`).
    ///
    /// # Errors
    /// See [`CallError`]. The pod's own refusals look like the API server's: 404 is a pod that is gone or a path that it does not know.
    pub async fn pod_get(&self, pod: &Pod, port: u16, path: &str, within: Duration) -> Result<Vec<u8>, CallError> {
        let Pod { namespace, name, .. } = pod;
        let call = Call::new(Verb::Read, format!("/{path} of Pod {namespace}/{name} on port {port}"));
        let proxy = format!("{}/{name}:{port}/proxy", POD.path(Some(namespace)));
        let request = Request::new(proxy).get(path, &GetParams::default());
        self.ask(request, within).await.map_err(|kind| call.failed(kind))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    deletion_timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: String,
    containers: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    ports: Vec<Port>,
    env: Vec<Variable>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Port {
    name: String,
    container_port: u16,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: Option<IpAddr>,
    conditions: Vec<Condition>,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    state: ContainerState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    waiting: Option<Waiting>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: Option<String>,
}

impl Item {
    fn pod(self, port: &str) -> Pod {
        let Self { metadata, spec, status } = self;
        let ready = status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True");
        let ports = spec.containers.iter().flat_map(|container| &container.ports);
        Pod {
            port: ports.filter(|candidate| candidate.name == port).map(|port| port.container_port).next(),
            trouble: if ready { None } else { status.trouble() },
            name: metadata.name,
            namespace: metadata.namespace,
            node: spec.node_name,
            ip: status.pod_ip,
            phase: status.phase,
            ready,
            ending: metadata.deletion_timestamp.is_some(),
            environment: spec.containers.into_iter().flat_map(|c| c.env).filter_map(|v| Some((v.name, v.value?))).collect(),
        }
    }
}

impl Status {
    /// A container that waits says more than a condition; of these, the one that says why it cannot be scheduled comes first.
    fn trouble(&self) -> Option<String> {
        let waiting = self.container_statuses.iter().find_map(|container| container.state.waiting.as_ref());
        let waiting = waiting.map(|Waiting { reason, message }| match message {
            Some(message) => format!("{reason}: {message}"),
            None => reason.clone(),
        });
        let unmet = |kind: &str| {
            let unmet = self.conditions.iter().find(|condition| condition.kind == kind && condition.status != "True");
            unmet.and_then(|condition| condition.message.clone())
        };
        waiting.or_else(|| unmet("PodScheduled")).or_else(|| unmet("Ready"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Reply, Server};

    fn item(name: &str, status: Value) -> Value {
        let env = json!([{"name": "VPC_CIDR", "value": "10.0.0.0/16"}, {"name": "NODE_IP", "valueFrom": {"fieldRef": {}}}]);
        let container =
            json!({"ports": [{"name": "metrics", "containerPort": 10080}, {"name": "healthz", "containerPort": 8088}], "env": env});
        json!({"metadata": {"name": name, "namespace": "gw"}, "spec": {"nodeName": "n1", "containers": [container]}, "status": status})
    }

    #[tokio::test]
    async fn all_pages_of_pods_are_read_with_what_they_say_of_themselves() {
        let running = json!({"phase": "Running", "podIP": "10.0.1.10", "conditions": [{"type": "Ready", "status": "True"}]});
        let first = json!({"metadata": {"continue": "more"}, "items": [item("b", running)]});
        let second = json!({"metadata": {}, "items": [item("a", json!({}))]});
        let (server, kube) = Server::start([Reply::json(first), Reply::json(second)]).await;
        let pods = kube.pods(Some("gw"), "app=x", "healthz").await.unwrap();
        assert_eq!(pods.iter().map(|pod| (pod.name.as_str(), pod.ready)).collect::<Vec<_>>(), [("a", false), ("b", true)]);
        let b = &pods[1];
        assert_eq!((b.node.as_str(), b.ip, b.port), ("n1", Some("10.0.1.10".parse().unwrap()), Some(8088)));
        assert_eq!(b.environment, BTreeMap::from([("VPC_CIDR".to_owned(), "10.0.0.0/16".to_owned())]));
        let path = "GET /api/v1/namespaces/gw/pods?&labelSelector=app%3Dx&limit=500";
        assert_eq!(server.lines(), [path.to_owned(), format!("{path}&continue=more")]);
    }

    #[test]
    fn a_pod_that_is_not_ready_says_why() {
        let unready = json!({"type": "Ready", "status": "False", "message": "containers with unready status: [gateway]"});
        let unscheduled = json!({"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"});
        let waiting = json!([{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}]);
        for (status, trouble) in [
            (json!({"conditions": [unready], "containerStatuses": waiting}), Some("ImagePullBackOff: Back-off pulling image")),
            (json!({"conditions": [unready]}), Some("containers with unready status: [gateway]")),
            (json!({"conditions": [unready, unscheduled]}), Some("0/3 nodes are available")),
            (json!({"phase": "Pending"}), None),
        ] {
            let pod = serde_json::from_value::<Item>(item("a", status.clone())).unwrap().pod("healthz");
            assert_eq!(pod.trouble.as_deref(), trouble, "{status}");
        }
    }

    #[tokio::test]
    async fn a_pod_is_asked_through_the_api_server() {
        let refusal = Reply::status(503, "error trying to reach service: dial tcp 10.0.1.10:8088: connect: connection refused");
        let (server, kube) = Server::start([Reply::json(json!({"ready": true})), refusal]).await;
        let pod = Pod { name: "a".into(), namespace: "gw".into(), ..Pod::default() };
        let within = Duration::from_millis(400);
        assert_eq!(kube.pod_get(&pod, 8088, "status", within).await.unwrap(), br#"{"ready":true}"#);
        let error = kube.pod_get(&pod, 8088, "status", within).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read /status of Pod gw/a on port 8088");
        assert_eq!(server.lines()[0].trim_end_matches('?'), "GET /api/v1/namespaces/gw/pods/a:8088/proxy/status");
    }
}
