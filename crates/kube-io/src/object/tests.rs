//! Single objects against a server: what is sent, and what each kind of answer means.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use hybridge_gateway::lease::LeaseRecord;
use hybridge_gateway::vtep::Schema;
use serde_json::json;

use super::*;
use crate::event::{EventNote, Regarding};
use crate::testing::{Reply, Server, client};

const WITHIN: Duration = Duration::from_millis(400);

fn record(holder: &str, transitions: u32) -> LeaseRecord {
    LeaseRecord { holder: holder.into(), duration_seconds: 3, transitions }
}

fn stored() -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "namespace": "gateways",
            "name": "leader",
            "resourceVersion": "5",
            "annotations": { "theirs": "kept" },
            "ownerReferences": [{ "name": "x" }],
        },
        "spec": { "holderIdentity": "b", "leaseDurationSeconds": 3, "leaseTransitions": 1, "strategy": "OldestEmulationVersion" },
    })
}

#[tokio::test]
async fn a_lease_is_taken_by_a_put_that_names_its_version_and_keeps_what_is_not_ours() {
    let mut after = stored();
    after["metadata"]["resourceVersion"] = "6".into();
    after["spec"]["holderIdentity"] = "a".into();
    let (server, kube) = Server::start([Reply::json(stored()), Reply::json(after)]).await;
    let lease = kube.lease("gateways", "leader").await.unwrap().unwrap();
    assert_eq!((lease.observed().version.as_str(), lease.observed().record), ("5", record("b", 1)));
    let lease = kube.update_lease(&lease, &record("a", 2), WITHIN).await.unwrap();
    assert_eq!(lease.observed().version, "6");

    let path = "/apis/coordination.k8s.io/v1/namespaces/gateways/leases/leader";
    assert_eq!(server.lines(), [format!("GET {path}"), format!("PUT {path}?&fieldManager=hybridge-gateway")]);
    let mut put = server.asked()[1].json();
    for stamp in ["renewTime", "acquireTime"] {
        let stamp = put["spec"].as_object_mut().unwrap().remove(stamp).unwrap();
        stamp.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    let mut expected = stored();
    expected["spec"]["holderIdentity"] = "a".into();
    expected["spec"]["leaseTransitions"] = 2.into();
    assert_eq!(put, expected);
}

#[tokio::test]
async fn a_missing_lease_is_no_error_and_is_created_where_it_belongs() {
    let (server, kube) = Server::start([Reply::status(404, "not found"), Reply::json(stored())]).await;
    assert!(kube.lease("gateways", "leader").await.unwrap().is_none());
    kube.create_lease("gateways", "leader", &record("a", 0), WITHIN).await.unwrap();
    let post = &server.asked()[1];
    assert_eq!(post.line, "POST /apis/coordination.k8s.io/v1/namespaces/gateways/leases?&fieldManager=hybridge-gateway");
    assert_eq!(post.json()["metadata"], json!({ "namespace": "gateways", "name": "leader" }));
    assert_eq!(post.json()["spec"]["holderIdentity"], "a");
}

/// The error of one update of a Lease that is answered so.
async fn update(reply: Reply) -> (CallError, usize) {
    let (server, kube) = Server::start([Reply::json(stored()), reply, Reply::json(stored())]).await;
    let lease = kube.lease("gateways", "leader").await.unwrap().unwrap();
    let error = kube.update_lease(&lease, &record("a", 2), WITHIN).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot update Lease gateways/leader");
    (error, server.asked().len() - 1)
}

#[tokio::test]
async fn every_write_is_one_attempt_and_says_whether_it_may_have_happened() {
    let table = [
        (Reply::status(409, "the object has been modified"), "somebody else wrote it first", false),
        (Reply::status(403, "leases is forbidden"), "forbidden: leases is forbidden", false),
        (Reply::status(401, "Unauthorized"), "the API server does not accept the credentials", false),
        (Reply::status(404, "not found"), "it does not exist", false),
        (Reply::status(422, "spec.x: invalid"), "refused with status 422: spec.x: invalid", false),
        (Reply::status(429, "too many requests"), "refused with status 429: too many requests", false),
        (Reply::status(503, "etcd is slow"), "refused with status 503: etcd is slow", true),
        (Reply::Whole(504, "gateway timeout".into()), "refused with status 504: gateway timeout", true),
        (Reply::Whole(200, "no JSON".into()), "the answer cannot be understood", true),
        (Reply::ThenBreak(vec!["{".into()]), "the connection broke", true),
        (Reply::Never, "no answer within 400ms", true),
    ];
    for (reply, reason, unknown) in table {
        let (error, attempts) = update(reply).await;
        assert_eq!(error.source().unwrap().to_string(), reason);
        assert_eq!(error.outcome_unknown(), unknown, "{reason}");
        assert_eq!(error.is_conflict(), reason.contains("first"), "{reason}");
        assert_eq!(error.is_forbidden(), reason.contains("forbidden"), "{reason}");
        assert_eq!(attempts, 1, "{reason}");
    }
}

#[tokio::test]
async fn a_write_ends_at_its_deadline() {
    let (_server, kube) = Server::start([Reply::Never]).await;
    let start = Instant::now();
    let object = json!({ "metadata": { "name": "hybrid-gateway", "resourceVersion": "1" } });
    kube.replace_vtep(&object, WITHIN).await.unwrap_err();
    assert!((WITHIN..WITHIN * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_was_never_sent_has_no_unknown_outcome() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let error = client(&url).await.create_lease("gateways", "leader", &record("a", 0), WITHIN).await.unwrap_err();
    assert!(matches!(error.kind(), CallErrorKind::Unreachable(_)), "{:?}", error.kind());
    assert!(!error.outcome_unknown());
    let kube = client(&url).await;
    let error = kube.lease("a b", "leader").await.unwrap_err();
    assert!(matches!(error.kind(), CallErrorKind::BadRequest(_)), "{:?}", error.kind());
}

#[tokio::test]
async fn texts_of_a_config_map_are_replaced_and_the_rest_is_kept() {
    let stored = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "namespace": "gateways", "name": "state", "resourceVersion": "5", "labels": { "a": "b" } },
        "data": { "old": "1" },
        "binaryData": { "x": "AA==" },
    });
    let (server, kube) = Server::start([Reply::json(stored.clone()), Reply::json(stored.clone()), Reply::json(stored.clone())]).await;
    let read = kube.config_map("gateways", "state").await.unwrap().unwrap();
    assert_eq!((read.version(), read.data()), ("5", BTreeMap::from([("old".into(), "1".into())])));
    let data = BTreeMap::from([("new".into(), "2".into())]);
    kube.update_config_map(&read, &data, WITHIN).await.unwrap();
    kube.create_config_map("gateways", "state", &data, WITHIN).await.unwrap();

    let asked = server.asked();
    assert_eq!(asked[1].line, "PUT /api/v1/namespaces/gateways/configmaps/state?&fieldManager=hybridge-gateway");
    let mut expected = stored;
    expected["data"] = json!({ "new": "2" });
    assert_eq!(asked[1].json(), expected);
    assert_eq!(asked[2].line, "POST /api/v1/namespaces/gateways/configmaps?&fieldManager=hybridge-gateway");
    assert_eq!(asked[2].json()["data"], json!({ "new": "2" }));
}

#[tokio::test]
async fn vtep_objects_are_cluster_scoped_and_sent_as_given() {
    let object = json!({ "metadata": { "name": "hybrid-gateway", "resourceVersion": "5" }, "spec": { "endpoints": [] } });
    let (server, kube) = Server::start((0..3).map(|_| Reply::json(object.clone()))).await;
    assert_eq!(kube.vtep("hybrid-gateway").await.unwrap(), Some(object.clone()));
    kube.create_vtep(&object, WITHIN).await.unwrap();
    assert_eq!(kube.replace_vtep(&object, WITHIN).await.unwrap(), object);
    let root = "/apis/cilium.io/v2/ciliumvtepconfigs";
    let manager = "?&fieldManager=hybridge-gateway";
    assert_eq!(
        server.lines(),
        [format!("GET {root}/hybrid-gateway"), format!("POST {root}{manager}"), format!("PUT {root}/hybrid-gateway{manager}")]
    );
    assert_eq!(server.asked()[2].json(), object);
}

#[tokio::test]
async fn the_form_of_vtep_config_is_found_by_discovery_and_then_by_its_schema() {
    let served = |plural: &str| Reply::json(json!({ "kind": "APIResourceList", "resources": [{ "name": plural }] }));
    let text = json!({ "type": "string" });
    let endpoint = json!({ "properties": { "name": text, "tunnelEndpoint": text, "cidr": text, "mac": text } });
    let spec = json!({ "properties": { "endpoints": { "items": endpoint } } });
    let schema = json!({ "properties": { "spec": spec } });
    let document = json!({ "components": { "schemas": { "io.cilium.v2.CiliumVTEPConfig": schema } } });
    let (server, kube) = Server::start([
        Reply::Whole(404, "404 page not found".into()),
        Reply::status(404, "not found"),
        served("ciliumnodes"),
        served("ciliumvtepconfigs"),
        served("ciliumvtepconfigs"),
        Reply::status(404, "not published"),
        served("ciliumvtepconfigs"),
        Reply::json(document),
    ])
    .await;
    let mut found = Vec::new();
    for _ in 0..4 {
        found.push(kube.vtep_schema().await.unwrap());
    }
    let unknown = |text: &str| Some(Schema::Unknown(text.into()));
    let expected = [None, unknown("it is served as cilium.io/v2alpha1 only"), unknown("its schema is not published (yet)")];
    assert_eq!(found[..3], expected);
    assert_eq!(found[3], Some(Schema::LongestPrefix));
    assert_eq!(server.lines()[..2], ["GET /apis/cilium.io/v2", "GET /apis/cilium.io/v2alpha1"]);
    assert_eq!(server.lines()[6..], ["GET /apis/cilium.io/v2", "GET /openapi/v3/apis/cilium.io/v2"]);
}

#[tokio::test]
async fn gateway_instances_are_read_from_labelled_nodes() {
    let node = |id: &str| json!({ "metadata": { "name": "n" }, "spec": { "providerID": id } });
    let items = [node("aws:///us-west-2a/i-0a"), node("kind://x"), json!({ "metadata": {}, "spec": {} }), node("aws:///us-west-2b/i-0b")];
    let (server, kube) = Server::start([Reply::json(json!({ "metadata": {}, "items": items }))]).await;
    let instances = kube.gateway_nodes("hybrid-gateway-node").await.unwrap();
    assert_eq!(instances.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["i-0a", "i-0b"]);
    assert_eq!(server.lines(), ["GET /api/v1/nodes?&labelSelector=hybrid-gateway-node%3Dtrue&limit=500"]);
}

#[tokio::test]
async fn an_event_about_a_node_is_created_in_default() {
    let (server, kube) = Server::start([Reply::json(json!({}))]).await;
    let regarding =
        Regarding { api_version: "cilium.io/v2".into(), kind: "CiliumNode".into(), namespace: None, name: "mi-1".into(), uid: None };
    let note = EventNote { regarding, reason: "Conflict".into(), message: "m".into(), warning: true, instance: "gw-a".into() };
    kube.post_event(&note).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /api/v1/namespaces/default/events?&fieldManager=hybridge-gateway");
    assert_eq!(asked.json()["type"], "Warning");
}
