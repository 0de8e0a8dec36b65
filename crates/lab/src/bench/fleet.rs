//! Thousands of hybrid nodes that exist as objects only.

use std::net::Ipv4Addr;

use hybridge_gateway::nodes::{self, HYBRID_LABEL, HybridNode};
use hybridge_model::Cidr4;
use serde_json::{Value, json};

use crate::topology::pod_cidr;

/// Prefix length of their pod networks: 5,000 of them lie within the lab's pod network beside those of its living nodes.
const PREFIX: u8 = 29;
/// The first one starts this many addresses into the pod network, beyond those of the living nodes.
const OFFSET: u32 = 16 << 8;

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 16, 0, 1)) + number)
}

fn pods(number: u32) -> Cidr4 {
    let first = u32::from(pod_cidr().network()) + OFFSET + (number << (32 - PREFIX));
    Cidr4::containing(Ipv4Addr::from(first), PREFIX).expect("29 is a prefix length")
}

fn name(number: u32) -> String {
    format!("mi-{number:017x}")
}

fn spec(number: u32) -> Value {
    json!({
        "addresses": [{"type": "InternalIP", "ip": address(number).to_string()}],
        "ipam": {"podCIDRs": [pods(number).to_string()]},
    })
}

/// The CiliumNode of a hybrid node.
pub(super) fn object(number: u32) -> Value {
    let (label, value) = HYBRID_LABEL;
    json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNode",
        "metadata": {"name": name(number), "labels": {label: value}},
        "spec": spec(number),
    })
}

/// The first `count` nodes as a gateway understands them.
pub(super) fn decoded(count: u32) -> Vec<HybridNode> {
    let node = |number| nodes::decode(&name(number), 0, &spec(number)).expect("the object above is well-formed");
    (0..count).map(node).collect()
}

#[cfg(test)]
mod tests {
    use hybridge_gateway::nodes::settle;

    use super::*;

    #[test]
    fn five_thousand_nodes_own_what_they_claim_within_the_labs_pod_network() {
        let nodes = decoded(5_000);
        let claims = settle(&nodes, []);
        assert_eq!((claims.owners.len(), claims.conflicts.len()), (5_000, 0));
        let living = Cidr4::containing(pod_cidr().network(), 20).unwrap();
        for cidr in claims.owners.keys() {
            assert!(pod_cidr().contains(cidr.network()) && !living.contains(cidr.network()), "{cidr}");
        }
    }
}
