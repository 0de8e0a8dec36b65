//! What Cilium's operator and its agents do to the API: networks for the pods of each hybrid Node, and a CiliumNode that says so.

use std::collections::BTreeMap;
use std::time::Duration;

use hybridge_gateway::nodes::HYBRID_LABEL;
use hybridge_model::Cidr4;
use serde_json::{Value, json};

use crate::http::{HttpError, Server};
use crate::netns::{Netns, Task};
use crate::real::{Kube, User};
use crate::topology::pod_cidr;

const NODES: &str = "/api/v1/nodes";
const CILIUM_NODES: &str = "/apis/cilium.io/v2/ciliumnodes";

/// Between two looks at the Nodes.
const POLL: Duration = Duration::from_millis(200);

/// Length of a node's network.
const PREFIX: u8 = 24;

/// Derives CiliumNodes from Nodes until the task is dropped. It works from a namespace that has a route to the API server.
pub(super) fn follow(kube: &Kube, from: &Netns) -> Task {
    let api = kube.server(from, User::Admin);
    from.spawn("cilium-nodes", move |stop| async move {
        while !stop.is_cancelled() {
            // The API server may be busy or away: then the next look is as good.
            if let Err(error) = derive(&api) {
                tracing::debug!(error = &error as &dyn std::error::Error, "the hybrid Nodes cannot be read");
            }
            tokio::time::sleep(POLL).await;
        }
    })
}

fn derive(api: &Server) -> Result<(), HttpError> {
    let (label, value) = HYBRID_LABEL;
    let nodes = items(api, &format!("{NODES}?labelSelector={}%3D{value}", label.replace('/', "%2F")))?;
    let present = items(api, CILIUM_NODES)?;
    for change in changes(&nodes, &present) {
        let (method, path, body) = match &change {
            Change::GiveNetwork(node, cidr) => {
                let spec = json!({"spec": {"podCIDR": cidr.to_string(), "podCIDRs": [cidr.to_string()]}});
                ("PATCH", format!("{NODES}/{node}"), Some(("application/merge-patch+json", spec.to_string())))
            }
            Change::Create(object) => ("POST", CILIUM_NODES.to_owned(), Some(("application/json", object.to_string()))),
            Change::Update(name, object) => {
                ("PATCH", format!("{CILIUM_NODES}/{name}"), Some(("application/merge-patch+json", object.to_string())))
            }
            Change::Delete(name) => ("DELETE", format!("{CILIUM_NODES}/{name}"), None),
        };
        let reply = api.send(method, &path, body.as_ref().map(|(kind, text)| (*kind, text.as_bytes())))?;
        if !(200..300).contains(&reply.status) {
            tracing::warn!(status = reply.status, said = reply.text(), "{method} {path}");
        }
    }
    Ok(())
}

fn items(api: &Server, path: &str) -> Result<Vec<Value>, HttpError> {
    let list: Value = serde_json::from_slice(&api.get(path)?.body).unwrap_or_default();
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// One step from what is to what should be.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    /// A Node gets a network for its pods, as `kube-controller-manager --allocate-node-cidrs` gives it.
    GiveNetwork(String, Cidr4),
    Create(Value),
    Update(String, Value),
    Delete(String),
}

/// A Node has its CiliumNode as soon as it has an address and a network; that of a Node that is gone goes.
fn changes(nodes: &[Value], present: &[Value]) -> Vec<Change> {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let known: BTreeMap<String, &Value> = present.iter().map(|object| (name(object), object)).collect();
    let mut taken: Vec<Cidr4> = nodes.iter().flat_map(networks).collect();
    let mut changes = Vec::new();
    for node in nodes {
        let networks = networks(node);
        if networks.is_empty() {
            // The first one stays free: its addresses look like the range's own.
            if let Some(free) = pod_cidr().split(PREFIX).skip(1).find(|cidr| !taken.contains(cidr)) {
                taken.push(free);
                changes.push(Change::GiveNetwork(name(node), free));
            }
            continue;
        }
        let Some(address) = internal_address(node) else { continue };
        let wanted = cilium_node(&name(node), address, &networks);
        match known.get(&name(node)) {
            None => changes.push(Change::Create(wanted)),
            Some(known) if known["spec"]["addresses"] == wanted["spec"]["addresses"] && known["spec"]["ipam"] == wanted["spec"]["ipam"] => {
            }
            Some(_) => changes.push(Change::Update(name(node), wanted)),
        }
    }
    let gone = known.keys().filter(|known| !nodes.iter().any(|node| name(node) == **known));
    changes.extend(gone.map(|name| Change::Delete(name.clone())));
    changes
}

fn networks(node: &Value) -> Vec<Cidr4> {
    let texts = node["spec"]["podCIDRs"].as_array().into_iter().flatten();
    texts.filter_map(|text| text.as_str()?.parse().ok()).collect()
}

fn internal_address(node: &Value) -> Option<&str> {
    let addresses = node["status"]["addresses"].as_array()?;
    addresses.iter().find(|address| address["type"] == "InternalIP")?["address"].as_str()
}

fn cilium_node(name: &str, address: &str, networks: &[Cidr4]) -> Value {
    let (label, value) = HYBRID_LABEL;
    json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNode",
        "metadata": {"name": name, "labels": {label: value}},
        "spec": {
            "addresses": [{"type": "InternalIP", "ip": address}],
            "ipam": {"podCIDRs": networks.iter().map(ToString::to_string).collect::<Vec<_>>()},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, address: Option<&str>, networks: &[&str]) -> Value {
        let addresses: Vec<_> = address.into_iter().map(|ip| json!({"type": "InternalIP", "address": ip})).collect();
        json!({"metadata": {"name": name}, "spec": {"podCIDRs": networks}, "status": {"addresses": addresses}})
    }

    fn of(name: &str, address: &str, network: &str) -> Value {
        cilium_node(name, address, &[network.parse().unwrap()])
    }

    #[test]
    fn a_node_without_a_network_gets_the_first_free_one() {
        let nodes = [node("a", None, &["10.250.1.0/24"]), node("b", None, &[]), node("c", None, &[])];
        let given = |name: &str, cidr: &str| Change::GiveNetwork(name.into(), cidr.parse().unwrap());
        assert_eq!(changes(&nodes, &[]), [given("b", "10.250.2.0/24"), given("c", "10.250.3.0/24")]);
    }

    #[test]
    fn the_cilium_node_follows_address_and_network_and_goes_with_its_node() {
        let nodes = [node("a", Some("192.168.10.11"), &["10.250.1.0/24"])];
        let same = of("a", "192.168.10.11", "10.250.1.0/24");
        assert_eq!(changes(&nodes, &[]), [Change::Create(same.clone())]);
        assert_eq!(changes(&nodes, std::slice::from_ref(&same)), []);
        let old = of("a", "192.168.10.9", "10.250.1.0/24");
        assert_eq!(changes(&nodes, &[old]), [Change::Update("a".into(), same.clone())]);
        assert_eq!(changes(&[], &[same]), [Change::Delete("a".into())]);
    }

    #[test]
    fn a_node_that_has_said_no_address_yet_has_no_cilium_node() {
        assert_eq!(changes(&[node("a", None, &["10.250.1.0/24"])], &[]), []);
    }
}
