//! The gateway's Kubernetes client against the built-in API server, on loopback.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use hybridge_gateway::lease::LeaseRecord;
use hybridge_gateway::nodes::HYBRID_LABEL;
use hybridge_gateway::vtep::Schema;
use hybridge_kube_io::{EventNote, Kube, NodeEvent, Regarding};
use hybridge_lab::kube::{FakeKube, Kind, VtepCrd};
use serde_json::{Value, json};

/// Longer than any answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(5);

async fn served(crd: VtepCrd) -> (FakeKube, Kube) {
    let fake = FakeKube::new(crd);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": format!("http://{}", listener.local_addr().unwrap())}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "kube-system"}}],
        "users": [{"name": "lab", "user": {}}],
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    let api = fake.api();
    tokio::spawn(async move { axum::serve(listener, api).await.unwrap() });
    let kube = Kube::connect(Some(file.path())).await.unwrap();
    (fake, kube)
}

fn node(name: &str, pod_cidrs: Value) -> Value {
    let (label, value) = HYBRID_LABEL;
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNode",
        "metadata": {"name": name, "labels": {label: value}},
        "spec": {"ipam": {"podCIDRs": pod_cidrs}},
    })
}

#[tokio::test]
async fn each_form_of_the_crd_is_recognised() {
    for (crd, wanted) in
        [(VtepCrd::LongestPrefix, Some(Schema::LongestPrefix)), (VtepCrd::OneMask, Some(Schema::OneMask)), (VtepCrd::Missing, None)]
    {
        let (fake, kube) = served(crd).await;
        assert_eq!(kube.vtep_schema().await.unwrap(), wanted, "{crd:?}");
        assert_eq!(fake.unexpected(), Vec::<String>::new());
    }
    let (_, kube) = served(VtepCrd::Unknown).await;
    assert!(matches!(kube.vtep_schema().await.unwrap(), Some(Schema::Unknown(_))));
}

#[tokio::test]
async fn leases_are_compared_and_swapped() {
    let (fake, kube) = served(VtepCrd::OneMask).await;
    let record = |holder: &str| LeaseRecord { holder: holder.into(), duration_seconds: 3, transitions: 1 };
    assert!(kube.lease("kube-system", "leader").await.unwrap().is_none());
    let made = kube.create_lease("kube-system", "leader", &record("a"), DEADLINE).await.unwrap();
    assert!(kube.create_lease("kube-system", "leader", &record("b"), DEADLINE).await.unwrap_err().is_conflict());
    let renewed = kube.update_lease(&made, &record("a"), DEADLINE).await.unwrap();
    assert!(kube.update_lease(&made, &record("b"), DEADLINE).await.unwrap_err().is_conflict());
    let read = kube.lease("kube-system", "leader").await.unwrap().unwrap();
    assert_eq!(read.observed(), renewed.observed());
    assert_eq!(read.observed().record, record("a"));

    assert!(fake.delete_object(Kind::Lease, "kube-system", "leader"));
    let late = kube.update_lease(&renewed, &record("a"), DEADLINE).await.unwrap_err();
    assert!(late.is_conflict(), "a late renewal must not bring a deleted lease back: {late}");
    assert_eq!(fake.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn other_objects_are_written_as_the_gateway_writes_them() {
    let (fake, kube) = served(VtepCrd::LongestPrefix).await;
    let data = |text: &str| [("members".to_owned(), text.to_owned())].into();
    assert!(kube.config_map("kube-system", "state").await.unwrap().is_none());
    let first = kube.create_config_map("kube-system", "state", &data("1"), DEADLINE).await.unwrap();
    kube.update_config_map(&first, &data("2"), DEADLINE).await.unwrap();
    assert!(kube.update_config_map(&first, &data("3"), DEADLINE).await.unwrap_err().is_conflict());

    let config = json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumVTEPConfig",
        "metadata": {"name": "hybrid-gateway"},
        "spec": {"endpoints": []},
    });
    assert_eq!(kube.vtep("hybrid-gateway").await.unwrap(), None);
    let stored = kube.create_vtep(&config, DEADLINE).await.unwrap();
    let mut changed = stored.clone();
    changed["metadata"]["annotations"] = json!({"epoch": "2"});
    kube.replace_vtep(&changed, DEADLINE).await.unwrap();
    assert!(kube.replace_vtep(&changed, DEADLINE).await.unwrap_err().is_conflict());

    let regarding =
        Regarding { api_version: "cilium.io/v2".into(), kind: "CiliumNode".into(), namespace: None, name: "h1".into(), uid: None };
    let note = EventNote {
        regarding,
        reason: "PodCIDRConflict".into(),
        message: "two nodes claim one network".into(),
        warning: true,
        instance: "a".into(),
    };
    kube.post_event(&note).await.unwrap();
    assert_eq!(fake.list(Kind::Event)[0]["reason"], "PodCIDRConflict");

    let labelled = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "a", "labels": {"gateway": "true"}},
        "spec": {"providerID": "aws:///us-west-2a/i-0a"},
    });
    fake.put_object(labelled).unwrap();
    fake.put_object(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "b"}})).unwrap();
    assert_eq!(kube.gateway_nodes("gateway").await.unwrap(), ["i-0a".parse().unwrap()].into());
    assert_eq!(fake.unexpected(), Vec::<String>::new());
}

/// The next thing that happens to the nodes, as one word and the names it is about.
async fn next(nodes: &mut (impl Stream<Item = NodeEvent<Value>> + Unpin)) -> String {
    let event = tokio::time::timeout(Duration::from_secs(15), nodes.next()).await.expect("something happens").unwrap();
    match event {
        NodeEvent::Listed(all) => {
            let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
            format!("listed {}", names.join(" "))
        }
        NodeEvent::Applied(name, _) => format!("applied {name}"),
        NodeEvent::Deleted(name) => format!("deleted {name}"),
        NodeEvent::Failed(_) => "failed".into(),
        NodeEvent::Recovered => "recovered".into(),
    }
}

#[tokio::test]
async fn the_stream_of_nodes_survives_compaction_and_an_outage() {
    let (fake, kube) = served(VtepCrd::Missing).await;
    fake.put_object(node("h1", json!(["10.250.1.0/24"]))).unwrap();
    let mut nodes = pin!(kube.nodes(|_, _, spec| spec.clone()));
    assert_eq!(next(&mut nodes).await, "listed h1");
    fake.put_object(node("h2", json!("not a list"))).unwrap();
    assert_eq!(next(&mut nodes).await, "applied h2");
    fake.delete_object(Kind::CiliumNode, "", "h1");
    assert_eq!(next(&mut nodes).await, "deleted h1");

    fake.compact();
    fake.put_object(node("h3", json!([]))).unwrap();
    let mut seen = vec![next(&mut nodes).await];
    while seen.last().is_some_and(|event| !event.starts_with("listed")) {
        seen.push(next(&mut nodes).await);
    }
    assert_eq!(seen.last().unwrap(), "listed h2 h3", "{seen:?}");

    fake.set_down(true);
    assert_eq!(next(&mut nodes).await, "failed");
    fake.put_object(node("h4", json!([]))).unwrap();
    fake.set_down(false);
    let mut seen = Vec::new();
    while !seen.iter().any(|event: &String| event.contains("h4")) {
        seen.push(next(&mut nodes).await);
    }
    assert_eq!(fake.unexpected(), Vec::<String>::new());
}

/// 1,200 nodes are three pages.
#[tokio::test]
async fn many_nodes_come_in_pages() {
    let (fake, kube) = served(VtepCrd::Missing).await;
    for number in 0..1200 {
        fake.put_object(node(&format!("h{number:04}"), json!([]))).unwrap();
    }
    let mut nodes = pin!(kube.nodes(|name, _, _| Value::from(name)));
    let NodeEvent::Listed(all) = nodes.next().await.unwrap() else { panic!("no list first") };
    assert_eq!(all.len(), 1200);
    let lists = fake.requests().into_iter().filter(|request| request.query.contains("limit=500")).count();
    assert_eq!(lists, 3);
}
