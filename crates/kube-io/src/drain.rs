//! Moving pods off a Node and taking the Node out of the cluster. What is moved when is decided elsewhere.

use std::time::Duration;

use kube::api::{DeleteParams, ListParams};
use kube::core::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::connect::Kube;
use crate::error::{Call, CallError, CallErrorKind, Verb};
use crate::object::{NODE, POD};

/// A Node is written by its kubelet every few seconds, so a write may have to be tried again.
const WRITES: usize = 5;

/// A Node, as far as it matters to somebody who takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// `spec.providerID`, such as `eks-hybrid:///eu-central-1/shop/mi-0123`.
    pub provider_id: String,
    /// Nothing new is scheduled on it.
    pub cordoned: bool,
    /// Its condition `Ready` is true.
    pub ready: bool,
    /// Its first `InternalIP`; empty: none.
    pub address: String,
    /// `spec.podCIDRs`.
    pub pod_cidrs: Vec<String>,
}

/// A pod on a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenant {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// A DaemonSet keeps it on this very Node, or the kubelet runs it by itself: it cannot be moved.
    pub bound: bool,
    /// It was deleted and is about to end.
    pub ending: bool,
    /// Nothing runs in it any more.
    pub ended: bool,
}

/// What became of the wish to move a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// It is being ended.
    Accepted,
    /// It is gone.
    Gone,
    /// A PodDisruptionBudget does not allow it now.
    Held,
}

impl Kube {
    /// The Nodes that a label selector admits, by name.
    ///
    /// # Errors
    /// See [`CallError`]; the deadline of each page is that of reads.
    pub async fn machines(&self, selector: &str) -> Result<Vec<Machine>, CallError> {
        let call = Call::new(Verb::List, format!("Nodes with {selector}"));
        let params = ListParams::default().labels(selector);
        let mut machines: Vec<Machine> = self.items::<Node>(&call, NODE.path(None), params).await?.into_iter().map(Node::machine).collect();
        machines.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(machines)
    }

    /// The pods on a Node, by namespace and name.
    ///
    /// # Errors
    /// See [`CallError`]; the deadline of each page is that of reads.
    pub async fn tenants(&self, node: &str) -> Result<Vec<Tenant>, CallError> {
        let call = Call::new(Verb::List, format!("Pods on {node}"));
        let params = ListParams::default().fields(&format!("spec.nodeName={node}"));
        let mut tenants: Vec<Tenant> = self.items::<Pod>(&call, POD.path(None), params).await?.into_iter().map(Pod::tenant).collect();
        tenants.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(tenants)
    }

    /// Has nothing new scheduled on a Node. False: there is no such Node.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn cordon(&self, node: &str, within: Duration) -> Result<bool, CallError> {
        for attempt in 1.. {
            let Some(mut object) = self.read_object(&NODE, None, node).await? else { return Ok(false) };
            if object["spec"]["unschedulable"] == true {
                return Ok(true);
            }
            object["spec"]["unschedulable"] = Value::Bool(true);
            match self.replace_object(&NODE, &object, within).await {
                Err(error) if error.is_conflict() && attempt < WRITES => {}
                Err(error) if error.is_not_found() => return Ok(false),
                result => return result.map(|_| true),
            }
        }
        Ok(true)
    }

    /// Asks for a pod to be ended, as its PodDisruptionBudgets allow (policy/v1 Eviction).
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn evict(&self, pod: &Tenant, within: Duration) -> Result<Eviction, CallError> {
        let Tenant { namespace, name, .. } = pod;
        let call = Call::new(Verb::Create, format!("Eviction of Pod {namespace}/{name}"));
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"namespace": namespace, "name": name}});
        let request = Request::new(POD.path(Some(namespace))).create_subresource(
            "eviction",
            name,
            &kube::api::PostParams::default(),
            body.to_string().into_bytes(),
        );
        match self.ask(request, within).await {
            Ok(_) => Ok(Eviction::Accepted),
            Err(CallErrorKind::NotFound) => Ok(Eviction::Gone),
            Err(CallErrorKind::Refused { status: 429, .. }) => Ok(Eviction::Held),
            Err(kind) => Err(call.failed(kind)),
        }
    }

    /// Takes a Node out of the cluster; one that is not there counts as taken.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn delete_node(&self, node: &str, within: Duration) -> Result<(), CallError> {
        let call = Call::new(Verb::Delete, format!("Node {node}"));
        let request = Request::new(NODE.path(None)).delete(node, &DeleteParams::default());
        match self.ask(request, within).await {
            Ok(_) | Err(CallErrorKind::NotFound) => Ok(()),
            Err(kind) => Err(call.failed(kind)),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    deletion_timestamp: Option<String>,
    annotations: std::collections::BTreeMap<String, String>,
    owner_references: Vec<Owner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner {
    kind: String,
    controller: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    metadata: Metadata,
    spec: NodeSpec,
    status: NodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeSpec {
    #[serde(rename = "providerID")]
    provider_id: String,
    unschedulable: bool,
    #[serde(rename = "podCIDRs")]
    pod_cidrs: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    addresses: Vec<Typed>,
    conditions: Vec<Typed>,
}

/// An address or a condition.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
    address: String,
    status: String,
}

impl Node {
    fn machine(self) -> Machine {
        let address = self.status.addresses.into_iter().find(|address| address.kind == "InternalIP");
        Machine {
            name: self.metadata.name,
            provider_id: self.spec.provider_id,
            cordoned: self.spec.unschedulable,
            ready: self.status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True"),
            address: address.map(|address| address.address).unwrap_or_default(),
            pod_cidrs: self.spec.pod_cidrs,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod {
    metadata: Metadata,
    status: PodStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    phase: String,
}

/// Set by the kubelet on what it shows of pods that it runs by itself (kubernetes.io/docs, "Static Pods").
const MIRROR: &str = "kubernetes.io/config.mirror";

impl Pod {
    fn tenant(self) -> Tenant {
        let Metadata { name, namespace, deletion_timestamp, annotations, owner_references } = self.metadata;
        let by_daemon_set = owner_references.iter().any(|owner| owner.controller && owner.kind == "DaemonSet");
        Tenant {
            namespace,
            name,
            bound: by_daemon_set || annotations.contains_key(MIRROR),
            ending: deletion_timestamp.is_some(),
            ended: matches!(self.status.phase.as_str(), "Succeeded" | "Failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Reply, Server};

    const WITHIN: Duration = Duration::from_millis(500);

    #[tokio::test]
    async fn pods_that_cannot_be_moved_are_told_from_those_that_can() {
        let pod = |name: &str, more: Value| {
            let mut metadata = json!({"namespace": "shop", "name": name});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"metadata": metadata, "status": {"phase": if name == "job" { "Succeeded" } else { "Running" }}})
        };
        let items = json!([
            pod("web", json!({"ownerReferences": [{"kind": "ReplicaSet", "controller": true}]})),
            pod("agent", json!({"ownerReferences": [{"kind": "DaemonSet", "controller": true}]})),
            pod("static", json!({"annotations": {MIRROR: "1"}})),
            pod("old", json!({"deletionTimestamp": "2026-01-01T00:00:00Z"})),
            pod("job", json!({})),
        ]);
        let first = json!({"metadata": {"continue": "more"}, "items": items});
        let (server, kube) = Server::start([Reply::json(first), Reply::json(json!({"items": null}))]).await;
        let tenants = kube.tenants("mi-1").await.unwrap();
        let told: Vec<_> = tenants.iter().map(|pod| (pod.name.as_str(), pod.bound, pod.ending, pod.ended)).collect();
        let expected = [
            ("agent", true, false, false),
            ("job", false, false, true),
            ("old", false, true, false),
            ("static", true, false, false),
            ("web", false, false, false),
        ];
        assert_eq!(told, expected);
        assert!(server.lines()[0].contains("fieldSelector=spec.nodeName%3Dmi-1"), "{:?}", server.lines());
    }

    #[tokio::test]
    async fn an_eviction_that_a_budget_holds_back_is_no_error() {
        let replies =
            [Reply::json(json!({})), Reply::status(429, "Cannot evict pod"), Reply::status(404, "gone"), Reply::status(403, "no")];
        let (server, kube) = Server::start(replies).await;
        let pod = Tenant { namespace: "shop".into(), name: "web".into(), ..Tenant::default() };
        for expected in [Eviction::Accepted, Eviction::Held, Eviction::Gone] {
            assert_eq!(kube.evict(&pod, WITHIN).await.unwrap(), expected);
        }
        assert!(kube.evict(&pod, WITHIN).await.unwrap_err().is_forbidden());
        assert!(server.lines()[0].starts_with("POST /api/v1/namespaces/shop/pods/web/eviction"));
        assert_eq!(server.asked()[0].json()["apiVersion"], "policy/v1");
    }

    #[tokio::test]
    async fn a_node_is_cordoned_over_its_kubelets_writes_and_keeps_what_else_it_has() {
        let node = json!({"metadata": {"name": "mi-1", "resourceVersion": "7"}, "spec": {"taints": [1]}});
        let replies = [Reply::json(node.clone()), Reply::status(409, "newer"), Reply::json(node), Reply::json(json!({}))];
        let (server, kube) = Server::start(replies).await;
        assert!(kube.cordon("mi-1", WITHIN).await.unwrap());
        let written = server.asked()[3].json();
        assert_eq!(written["spec"], json!({"taints": [1], "unschedulable": true}));
        let (_server, kube) = Server::start([Reply::status(404, "no")]).await;
        assert!(!kube.cordon("mi-2", WITHIN).await.unwrap());
    }

    #[tokio::test]
    async fn machines_are_told_with_what_tells_them_apart() {
        let node = json!({"metadata": {"name": "mi-1"}, "spec": {"providerID": "eks-hybrid:///r/shop/mi-1", "podCIDRs": ["10.1.0.0/24"]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "addresses": [{"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "10.0.0.7"}]}});
        let (server, kube) =
            Server::start([Reply::json(json!({"items": [node]})), Reply::json(json!({})), Reply::status(404, "gone")]).await;
        let machines = kube.machines("eks.amazonaws.com/compute-type=hybrid").await.unwrap();
        assert_eq!((machines[0].address.as_str(), machines[0].ready, machines[0].cordoned), ("10.0.0.7", true, false));
        kube.delete_node("mi-1", WITHIN).await.unwrap();
        kube.delete_node("mi-1", WITHIN).await.unwrap();
        assert!(server.lines()[1].starts_with("DELETE /api/v1/nodes/mi-1"));
    }
}
