//! The Kubernetes API: discovery, single objects, and what is refused.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Answer, Endpoint};
use super::{Case, Wrong, equal, holds, kube_lists, kube_reference, kube_watches};
use crate::kube::VtepCrd;

pub(super) const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
pub(super) const CILIUM_NODES: &str = "/apis/cilium.io/v2/ciliumnodes";
pub(super) const VTEP_CONFIGS: &str = "/apis/cilium.io/v2/ciliumvtepconfigs";
pub(super) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(super) const EVENTS: &str = "/api/v1/namespaces/default/events";

/// Runs every case against an API server that has our CRDs, in the form `vtep` of CiliumVTEPConfig, and full rights for us.
///
/// Only the two known forms can be used, since the cases write objects of them.
pub async fn kube(server: &Endpoint, vtep: VtepCrd) -> Vec<Case> {
    let mut cases = vec![
        Case { name: "discovery lists what is served", outcome: discovery(server).await },
        Case { name: "the schema of CiliumVTEPConfig is published", outcome: published_schema(server, vtep).await },
        Case { name: "a lease is created once", outcome: lease_creation(server).await },
        Case { name: "a lease is replaced at its version only", outcome: lease_replacement(server).await },
        Case { name: "a put can make a lease", outcome: lease_by_put(server).await },
        Case { name: "bad leases are refused", outcome: lease_refusals(server).await },
        Case { name: "a vtep config is pruned and filled in", outcome: vtep_creation(server, vtep).await },
        Case { name: "a vtep config is replaced at its version only", outcome: vtep_replacement(server).await },
        Case { name: "bad vtep configs are refused with their causes", outcome: vtep_refusals(server).await },
        Case { name: "status is written apart", outcome: vtep_status(server).await },
        Case { name: "a config map is replaced with or without a version", outcome: config_map(server).await },
        Case { name: "events are where their objects are and can be patched", outcome: events(server).await },
        Case { name: "deletion obeys preconditions and finalizers", outcome: deletion(server).await },
    ];
    cases.extend(kube_reference::cases(server).await);
    cases.extend(kube_lists::cases(server).await);
    cases.extend(kube_watches::cases(server).await);
    cases
}

pub(super) async fn post(server: &Endpoint, path: &str, body: &Value) -> Result<Answer, Wrong> {
    Ok(server.send("POST", path, ("application/json", body.to_string().into_bytes())).await?)
}

pub(super) async fn put(server: &Endpoint, path: &str, body: &Value) -> Result<Answer, Wrong> {
    Ok(server.send("PUT", path, ("application/json", body.to_string().into_bytes())).await?)
}

pub(super) async fn delete(server: &Endpoint, path: &str) -> Result<Answer, Wrong> {
    Ok(server.send("DELETE", path, ("", Vec::new())).await?)
}

/// Creates an object that is not there yet, whatever an earlier run left, and gives it back as stored.
pub(super) async fn fresh(server: &Endpoint, collection: &str, body: &Value) -> Result<Value, Wrong> {
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    delete(server, &format!("{collection}/{name}")).await?;
    let answer = post(server, collection, body).await?;
    holds("the object can be created", answer.status == 201, answer.text())?;
    Ok(answer.json())
}

/// Checks status code and reason of a refusal.
fn refused(what: &str, answer: &Answer, code: u16, reason: &str) -> Result<(), Wrong> {
    let status = answer.json();
    let actual = (answer.status, status["kind"].clone(), status["reason"].clone(), status["code"].clone());
    equal(what, actual, (code, json!("Status"), json!(reason), json!(code)))
}

pub(super) fn lease(name: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "holderIdentity": "a",
            "leaseDurationSeconds": 3,
            "leaseTransitions": 0,
            "acquireTime": "2026-01-02T03:04:05.000000Z",
            "renewTime": "2026-01-02T03:04:05.000000Z",
        },
    })
}

pub(super) fn vtep(name: &str) -> Value {
    let endpoint = json!({"name": "vpc-gateway", "tunnelEndpoint": "10.0.1.10", "cidr": "10.0.0.0/16", "mac": "b6:f0:38:8f:19:b9"});
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumVTEPConfig",
        "metadata": {"name": name},
        "spec": {"endpoints": [endpoint]},
    })
}

fn without_version(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    object
}

async fn discovery(server: &Endpoint) -> Result<(), Wrong> {
    equal("readyz", server.get("/readyz").await?.text().as_str(), "ok")?;
    holds("the version has a gitVersion", server.get("/version").await?.json()["gitVersion"].is_string(), ())?;
    holds("v1 is served", server.get("/api").await?.text().contains("\"v1\""), ())?;
    let groups = server.get("/apis").await?.json();
    for (group, version) in [("cilium.io", "v2"), ("coordination.k8s.io", "v1")] {
        let entry = groups["groups"].as_array().into_iter().flatten().find(|entry| entry["name"] == group);
        equal(group, entry.map(|entry| &entry["preferredVersion"]["version"]), Some(&json!(version)))?;
        let alone = server.get(&format!("/apis/{group}")).await?.json();
        equal(group, &alone["preferredVersion"]["groupVersion"], &json!(format!("{group}/{version}")))?;
    }
    let resources = server.get("/apis/cilium.io/v2").await?.json();
    for (name, kind) in [("ciliumnodes", "CiliumNode"), ("ciliumvtepconfigs", "CiliumVTEPConfig")] {
        let entry = resources["resources"].as_array().into_iter().flatten().find(|entry| entry["name"] == name);
        let seen = entry.map(|entry| (&entry["kind"], &entry["namespaced"], &entry["singularName"]));
        equal(name, seen, Some((&json!(kind), &json!(false), &json!(kind.to_lowercase()))))?;
    }
    equal("a version that is not installed", server.get("/apis/cilium.io/v2alpha1").await?.status, 404)
}

async fn published_schema(server: &Endpoint, vtep: VtepCrd) -> Result<(), Wrong> {
    // A real server publishes the schema of a new CRD some moments after it begins to serve it.
    let mut schema = Value::Null;
    for _ in 0..100 {
        let mut document = server.get("/openapi/v3/apis/cilium.io/v2").await?.json();
        schema = document["components"]["schemas"]["io.cilium.v2.CiliumVTEPConfig"].take();
        if schema.is_object() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let gvk = json!([{"group": "cilium.io", "kind": "CiliumVTEPConfig", "version": "v2"}]);
    equal("group, version and kind", &schema["x-kubernetes-group-version-kind"], &gvk)?;
    let spec = &schema["properties"]["spec"];
    let endpoints = &spec["properties"]["endpoints"];
    equal("most endpoints", &endpoints["maxItems"], &json!(8))?;
    equal("fields of an endpoint", &endpoints["items"]["required"], &json!(["name", "tunnelEndpoint", "cidr", "mac"]))?;
    let default = if vtep == VtepCrd::OneMask { json!("255.255.255.0") } else { Value::Null };
    equal("default of the mask", &spec["properties"]["cidrMask"]["default"], &default)?;
    let meta = &schema["properties"]["metadata"]["allOf"][0]["$ref"];
    equal("metadata", meta, &json!("#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"))
}

async fn lease_creation(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{LEASES}/contract-new");
    delete(server, &path).await?;
    refused("a missing lease", &server.get(&path).await?, 404, "NotFound")?;
    let mut wanted = lease("contract-new");
    // Fields behind a gate that is off are dropped, like unknown ones.
    wanted["spec"]["preferredHolder"] = json!("b");
    wanted["extra"] = json!(true);
    let stored = post(server, LEASES, &wanted).await?;
    equal("creation", stored.status, 201)?;
    let stored = stored.json();
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        holds("the server's metadata is filled in", stored["metadata"][field].is_string(), (field, &stored))?;
    }
    equal("the spec is stored as given", &stored["spec"], &lease("")["spec"])?;
    equal("unknown fields", &stored["extra"], &Value::Null)?;
    refused("the second creation", &post(server, LEASES, &lease("contract-new")).await?, 409, "AlreadyExists")?;
    equal("what is read", &server.get(&path).await?.json()["metadata"]["uid"], &stored["metadata"]["uid"])?;
    delete(server, &path).await.map(drop)
}

async fn lease_replacement(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{LEASES}/contract-replaced");
    let first = fresh(server, LEASES, &lease("contract-replaced")).await?;
    let mut second = first.clone();
    second["spec"]["renewTime"] = json!("2026-01-02T03:04:06.000000Z");
    let stored = put(server, &path, &second).await?;
    equal("replacement", stored.status, 200)?;
    let stored = stored.json();
    holds("the version moves on", stored["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"], &stored)?;
    refused("a stale version", &put(server, &path, &second).await?, 409, "Conflict")?;
    refused("no version", &put(server, &path, &without_version(second)).await?, 422, "Invalid")?;
    let again = put(server, &path, &stored).await?.json();
    equal("a change of nothing", &again["metadata"]["resourceVersion"], &stored["metadata"]["resourceVersion"])?;
    let mut other = stored;
    other["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    refused("another uid", &put(server, &path, &other).await?, 409, "Conflict")?;
    delete(server, &path).await.map(drop)
}

/// A gateway must know this: after its lease was deleted, a renewal without uid makes a new one, even with a resourceVersion.
async fn lease_by_put(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{LEASES}/contract-put");
    let old = fresh(server, LEASES, &lease("contract-put")).await?;
    delete(server, &path).await?;
    refused("the uid of a deleted lease", &put(server, &path, &old).await?, 409, "Conflict")?;
    let mut anonymous = lease("contract-put");
    anonymous["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
    let made = put(server, &path, &anonymous).await?;
    equal("a put without uid", made.status, 201)?;
    holds("it is another object", made.json()["metadata"]["uid"] != old["metadata"]["uid"], ())?;
    delete(server, &path).await.map(drop)
}

async fn lease_refusals(server: &Endpoint) -> Result<(), Wrong> {
    let refuse = async |field: &str, value: Value, code: u16, reason: &str| {
        let mut bad = lease("contract-bad");
        bad["spec"][field] = value;
        refused(field, &post(server, LEASES, &bad).await?, code, reason)
    };
    refuse("leaseDurationSeconds", json!(0), 422, "Invalid").await?;
    refuse("leaseTransitions", json!(-1), 422, "Invalid").await?;
    refuse("renewTime", json!("2026-01-02T03:04:05Z"), 400, "BadRequest").await?;
    refuse("acquireTime", json!("2026-01-02T03:04:05.123456789Z"), 400, "BadRequest").await?;
    let mut bad = lease("contract-bad");
    bad["metadata"]["resourceVersion"] = json!("5");
    equal("a creation with a version", post(server, LEASES, &bad).await?.status, 500)?;
    refused("a bad name", &post(server, LEASES, &lease("Contract_Bad")).await?, 422, "Invalid")
}

async fn vtep_creation(server: &Endpoint, crd: VtepCrd) -> Result<(), Wrong> {
    let mut wanted = vtep("contract-new");
    wanted["spec"]["endpoints"][0]["colour"] = json!("blue");
    wanted["extra"] = json!(true);
    wanted["status"] = json!({"endpointCount": 1});
    let stored = fresh(server, VTEP_CONFIGS, &wanted).await?;
    equal("endpoints", &stored["spec"]["endpoints"], &vtep("")["spec"]["endpoints"])?;
    let mask = if crd == VtepCrd::OneMask { json!("255.255.255.0") } else { Value::Null };
    equal("the mask", &stored["spec"]["cidrMask"], &mask)?;
    equal("unknown fields", &stored["extra"], &Value::Null)?;
    equal("status", &stored["status"], &Value::Null)?;
    equal("generation", &stored["metadata"]["generation"], &json!(1))?;
    delete(server, &format!("{VTEP_CONFIGS}/contract-new")).await.map(drop)
}

async fn vtep_replacement(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{VTEP_CONFIGS}/contract-replaced");
    delete(server, &path).await?;
    refused("a put of a missing object", &put(server, &path, &vtep("contract-replaced")).await?, 404, "NotFound")?;
    let first = fresh(server, VTEP_CONFIGS, &vtep("contract-replaced")).await?;
    let mut second = first.clone();
    second["spec"]["endpoints"][0]["tunnelEndpoint"] = json!("10.0.2.10");
    let stored = put(server, &format!("{path}?fieldManager=hybridge-gateway"), &second).await?.json();
    equal("generation", &stored["metadata"]["generation"], &json!(2))?;
    equal("age", &stored["metadata"]["creationTimestamp"], &first["metadata"]["creationTimestamp"])?;
    refused("a stale version", &put(server, &path, &second).await?, 409, "Conflict")?;
    refused("no version", &put(server, &path, &without_version(second)).await?, 422, "Invalid")?;
    let mut noted = stored;
    noted["metadata"]["annotations"] = json!({"hybridge/epoch": "4"});
    let noted = put(server, &path, &noted).await?.json();
    equal("an annotation is no new generation", &noted["metadata"]["generation"], &json!(2))?;
    delete(server, &path).await.map(drop)
}

async fn vtep_refusals(server: &Endpoint) -> Result<(), Wrong> {
    let refuse = async |field: &str, value: Value, reason: &str| {
        let mut bad = vtep("contract-bad");
        bad["spec"]["endpoints"][0][field] = value;
        let answer = post(server, VTEP_CONFIGS, &bad).await?;
        refused(field, &answer, 422, "Invalid")?;
        let causes = &answer.json()["details"]["causes"];
        let wanted = json!([{"reason": reason, "field": format!("spec.endpoints[0].{field}"), "message": causes[0]["message"]}]);
        equal(field, causes, &wanted)
    };
    refuse("mac", json!("02:00"), "FieldValueInvalid").await?;
    refuse("mac", json!(7), "FieldValueTypeInvalid").await?;
    refuse("cidr", json!("fd00::/8"), "FieldValueInvalid").await?;
    refuse("tunnelEndpoint", json!("gateway"), "FieldValueInvalid").await?;
    refuse("name", json!("a".repeat(64)), "FieldValueTooLong").await?;
    let mut crowd = vtep("contract-bad");
    let one = crowd["spec"]["endpoints"][0].clone();
    crowd["spec"]["endpoints"] = (0..9).map(|n| merged(&one, "name", json!(format!("e{n}")))).collect();
    let answer = post(server, VTEP_CONFIGS, &crowd).await?;
    refused("nine endpoints", &answer, 422, "Invalid")?;
    equal("nine endpoints", &answer.json()["details"]["causes"][0]["reason"], &json!("FieldValueTooMany"))?;
    let mut twins = vtep("contract-bad");
    twins["spec"]["endpoints"] = json!([one, one]);
    let answer = post(server, VTEP_CONFIGS, &twins).await?;
    equal("twins", &answer.json()["details"]["causes"][0]["reason"], &json!("FieldValueDuplicate"))
}

fn merged(object: &Value, field: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[field] = value;
    object
}

async fn vtep_status(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{VTEP_CONFIGS}/contract-status");
    let stored = fresh(server, VTEP_CONFIGS, &vtep("contract-status")).await?;
    let mut both = stored.clone();
    both["status"] = json!({"endpointCount": 1});
    both["spec"]["endpoints"] = json!([]);
    let with_status = put(server, &format!("{path}/status"), &both).await?.json();
    equal("status", &with_status["status"]["endpointCount"], &json!(1))?;
    equal("the rest stays", &with_status["spec"]["endpoints"], &stored["spec"]["endpoints"])?;
    equal("generation", &with_status["metadata"]["generation"], &json!(1))?;
    let mut cleared = with_status;
    cleared["status"] = json!({"endpointCount": 2});
    let kept = put(server, &path, &cleared).await?.json();
    equal("a put keeps the status", &kept["status"]["endpointCount"], &json!(1))?;
    delete(server, &path).await.map(drop)
}

async fn config_map(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{CONFIG_MAPS}/contract-state");
    let named = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "contract-state"}, "data": {"members": "[]"}});
    let first = fresh(server, CONFIG_MAPS, &named).await?;
    let second = merged(&first, "data", json!({"members": "[1]"}));
    equal("replacement", put(server, &path, &second).await?.status, 200)?;
    refused("a stale version", &put(server, &path, &second).await?, 409, "Conflict")?;
    equal("no version", put(server, &path, &without_version(second)).await?.status, 200)?;
    let numbers = merged(&named, "data", json!({"members": 1}));
    refused("data that is no text", &put(server, &path, &numbers).await?, 400, "BadRequest")?;
    delete(server, &path).await?;
    refused("a put of a missing one", &put(server, &path, &named).await?, 404, "NotFound")
}

async fn events(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{EVENTS}/contract-event");
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "contract-event", "namespace": "default"},
        "involvedObject": {"apiVersion": "cilium.io/v2", "kind": "CiliumNode", "name": "n1"},
        "reason": "PodCIDRConflict",
        "message": "two nodes claim one network",
        "type": "Warning",
        "count": 1,
        "source": {"component": "hybrid-gateway"},
        "firstTimestamp": "2026-01-02T03:04:05Z",
        "lastTimestamp": "2026-01-02T03:04:05Z",
    });
    fresh(server, EVENTS, &event).await?;
    let patch = json!({"count": 2, "lastTimestamp": "2026-01-02T03:05:05Z"});
    let patched = server.send("PATCH", &path, ("application/strategic-merge-patch+json", patch.to_string().into_bytes())).await?;
    equal("a patch", (patched.status, &patched.json()["count"], &patched.json()["reason"]), (200, &json!(2), &event["reason"]))?;
    delete(server, &path).await?;
    let mut elsewhere = event;
    elsewhere["metadata"]["namespace"] = json!("kube-system");
    let answer = post(server, "/api/v1/namespaces/kube-system/events", &elsewhere).await?;
    refused("an event about a cluster-scoped object outside default", &answer, 422, "Invalid")
}

async fn deletion(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{CILIUM_NODES}/contract-deleted");
    let node = json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNode", "metadata": {"name": "contract-deleted"}, "spec": {}});
    fresh(server, CILIUM_NODES, &node).await?;
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "00000000-0000-4000-8000-000000000000"}});
    let answer = server.send("DELETE", &path, ("application/json", options.to_string().into_bytes())).await?;
    refused("another uid", &answer, 409, "Conflict")?;
    let gone = delete(server, &path).await?;
    equal("deletion", (gone.status, &gone.json()["status"]), (200, &json!("Success")))?;
    refused("the second deletion", &delete(server, &path).await?, 404, "NotFound")?;

    let mut held = node;
    held["metadata"]["finalizers"] = json!(["hybridge.test/held"]);
    let held = post(server, CILIUM_NODES, &held).await?.json();
    let marked = delete(server, &path).await?.json();
    holds("a finalizer holds the object", marked["metadata"]["deletionTimestamp"].is_string(), &marked)?;
    let mut released = server.get(&path).await?.json();
    equal("it is the same object", &released["metadata"]["uid"], &held["metadata"]["uid"])?;
    released["metadata"]["finalizers"] = json!([]);
    equal("the finalizer can be removed", put(server, &path, &released).await?.status, 200)?;
    refused("then it is gone", &server.get(&path).await?, 404, "NotFound")
}
