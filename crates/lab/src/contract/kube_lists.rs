//! Lists of the Kubernetes API: labels, pages, order.

use serde_json::{Value, json};

use super::http::Endpoint;
use super::kube::{CILIUM_NODES, delete, fresh};
use super::{Case, Wrong, equal, holds};

/// A label that no other object of the cluster carries.
pub(super) const LABEL: &str = "hybridge.test/contract";

pub(super) async fn cases(server: &Endpoint) -> Vec<Case> {
    vec![
        Case { name: "pages together are the list, at one version", outcome: pages(server).await },
        Case { name: "lists of built-in kinds leave out the kind of their items", outcome: built_in_items(server).await },
        Case { name: "junk parameters are refused", outcome: junk(server).await },
    ]
}

pub(super) fn cilium_node(name: &str, label: &str) -> Value {
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNode",
        "metadata": {"name": name, "labels": {LABEL: label}},
        "spec": {
            "addresses": [{"type": "InternalIP", "ip": "192.168.10.11"}],
            "ipam": {"podCIDRs": ["10.250.1.0/24"]},
        },
    })
}

fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().into_iter().flatten().filter_map(|item| Some(item["metadata"]["name"].as_str()?.to_owned())).collect()
}

async fn pages(server: &Endpoint) -> Result<(), Wrong> {
    let all: Vec<String> = (1..=7).map(|n| format!("contract-page-{n}")).collect();
    for name in &all {
        fresh(server, CILIUM_NODES, &cilium_node(name, "pages")).await?;
    }
    fresh(server, CILIUM_NODES, &cilium_node("contract-page-other", "other")).await?;
    let path = format!("{CILIUM_NODES}?labelSelector={LABEL}%3Dpages");
    let whole = server.get(&path).await?.json();
    equal("the whole list", (names(&whole), &whole["kind"]), (all.clone(), &json!("CiliumNodeList")))?;
    holds("items of custom kinds name their kind", whole["items"][0]["kind"] == "CiliumNode", &whole["items"][0])?;

    let first = server.get(&format!("{path}&limit=3")).await?.json();
    equal("the first page", names(&first), &all[..3])?;
    // What happens between the pages does not show in them.
    delete(server, &format!("{CILIUM_NODES}/{}", all[5])).await?;
    let (mut seen, mut last) = (names(&first), first.clone());
    while let Some(token) = last["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) {
        let token = token.replace(':', "%3A");
        last = server.get(&format!("{path}&limit=3&continue={token}")).await?.json();
        equal("the version of a page", &last["metadata"]["resourceVersion"], &first["metadata"]["resourceVersion"])?;
        seen.extend(names(&last));
    }
    equal("all pages", &seen, &all)?;
    for name in all.iter().map(String::as_str).chain(["contract-page-other"]) {
        delete(server, &format!("{CILIUM_NODES}/{name}")).await?;
    }
    equal("in the end", names(&server.get(&path).await?.json()), Vec::<String>::new())
}

async fn built_in_items(server: &Endpoint) -> Result<(), Wrong> {
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "contract-node", "labels": {LABEL: "node"}},
        "spec": {"providerID": "aws:///us-west-2a/i-0a1b2c"},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.1.10"}]},
    });
    fresh(server, "/api/v1/nodes", &node).await?;
    let list = server.get(&format!("/api/v1/nodes?labelSelector={LABEL}%3Dnode")).await?.json();
    equal("names", names(&list), ["contract-node"])?;
    let item = &list["items"][0];
    equal("kind and version of an item", (item.get("kind"), item.get("apiVersion")), (None, None))?;
    equal("provider", &item["spec"]["providerID"], &node["spec"]["providerID"])?;
    equal("status of a created node", &item["status"]["addresses"], &node["status"]["addresses"])?;
    delete(server, "/api/v1/nodes/contract-node").await.map(drop)
}

async fn junk(server: &Endpoint) -> Result<(), Wrong> {
    equal("continue", server.get(&format!("{CILIUM_NODES}?limit=1&continue=junk")).await?.status, 400)?;
    equal("limit", server.get(&format!("{CILIUM_NODES}?limit=many")).await?.status, 400)
}
