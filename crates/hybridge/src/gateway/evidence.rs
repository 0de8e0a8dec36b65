//! What the cluster says of gateways, read where none of them answers.

use std::collections::BTreeMap;

use hybridge_gateway::nodes::{HybridNode, Undecodable, decode};
use hybridge_gateway::routes::History;
use hybridge_gateway::vtep::{OBJECT_NAME, Schema};
use hybridge_kube_io::{CallError, Kube, Pod};
use hybridge_model::{InterfaceId, NodeName};
use hybridge_report::chain;
use jiff::Timestamp;
use serde_json::Value;

use super::view::Problem;

/// Name of the container port with `/status`.
pub(crate) const PORT: &str = "healthz";
/// The Lease's usual name.
pub(crate) const LEASE: &str = "hybrid-gateway-leader";

/// The Lease.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lease {
    pub(crate) holder: String,
    pub(crate) duration_seconds: u32,
    pub(crate) transitions: u32,
    pub(crate) acquired: Option<Timestamp>,
    pub(crate) renewed: Option<Timestamp>,
}

/// All of it. What could not be read is among the gaps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// `None`: there is none, or it could not be read.
    pub(crate) lease: Option<Lease>,
    /// The form of the CiliumVTEPConfig and the object; `None`: not read.
    pub(crate) config: Option<(Option<Schema>, Option<Value>)>,
    /// The history of gateways.
    pub(crate) interfaces: Vec<InterfaceId>,
    /// CiliumNodes labelled as hybrid; `None`: not read.
    pub(crate) nodes: Option<BTreeMap<NodeName, Result<HybridNode, Undecodable>>>,
    pub(crate) gaps: Vec<Problem>,
}

/// A setting of the gateways, from the environment of their pods.
pub(crate) fn setting<'a>(pods: &'a [Pod], name: &str) -> Option<&'a str> {
    pods.iter().find_map(|pod| pod.environment.get(name)).map(String::as_str).filter(|value| !value.is_empty())
}

/// Reads everything at once.
pub(crate) async fn read(kube: &Kube, namespace: &str, pods: &[Pod]) -> Evidence {
    let lease = setting(pods, "LEADER_ELECTION_ID").unwrap_or(LEASE);
    let (lease, schema, object, history, nodes) = tokio::join!(
        kube.lease(namespace, lease),
        kube.vtep_schema(),
        kube.vtep(OBJECT_NAME),
        kube.config_map(namespace, History::CONFIG_MAP),
        kube.hybrid_nodes(decode),
    );
    let mut evidence = Evidence::default();
    let mut gaps = Vec::new();
    let lease = kept(lease, &mut gaps, &format!("`get` on `leases` (coordination.k8s.io) in namespace `{namespace}`")).flatten();
    evidence.lease = lease.map(|lease| {
        let record = lease.observed().record;
        Lease {
            holder: record.holder,
            duration_seconds: record.duration_seconds,
            transitions: record.transitions,
            acquired: lease.acquired(),
            renewed: lease.renewed(),
        }
    });
    let schema = kept(schema, &mut gaps, "`get` on `/apis/cilium.io/v2` and `/openapi/v3` (system:discovery)").flatten();
    evidence.config = kept(object, &mut gaps, "`get` on `ciliumvtepconfigs` (cilium.io)").map(|object| (schema, object));
    let history = kept(history, &mut gaps, &format!("`get` on `configmaps` in namespace `{namespace}`")).flatten();
    let history = history.and_then(|kept| serde_json::from_str::<History>(kept.data().get(History::KEY)?).ok());
    evidence.interfaces = history.unwrap_or_default().interfaces;
    evidence.nodes = kept(nodes, &mut gaps, "`list` on `ciliumnodes` (cilium.io)").map(|nodes| nodes.into_iter().collect());
    evidence.gaps = gaps;
    evidence
}

/// The answer; a missing one is a gap, with the right to grant where that is what is missing.
fn kept<T>(answer: Result<T, CallError>, gaps: &mut Vec<Problem>, right: &str) -> Option<T> {
    answer.map_err(|error| gaps.push(gap(&error, right))).ok()
}

/// A question that the API server did not answer.
pub(crate) fn gap(error: &CallError, right: &str) -> Problem {
    let code = if error.is_forbidden() { "cluster.forbidden" } else { "cluster.unread" };
    let problem = Problem::new(code, &error.call().object, chain(error));
    if error.is_forbidden() { problem.hint(format!("grant {right}")) } else { problem }
}
