//! Hybrid nodes: read from CiliumNode objects, and whose pod CIDR is whose.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hybridge_model::{Cidr4, NodeName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Label key and value that mark the CiliumNode of a hybrid node.
pub const HYBRID_LABEL: (&str, &str) = ("eks.amazonaws.com/compute-type", "hybrid");

/// A hybrid node as its CiliumNode describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HybridNode {
    /// `metadata.name`.
    pub name: NodeName,
    /// `metadata.creationTimestamp`, in seconds since 1970; decides conflicts.
    pub created: i64,
    /// First `spec.addresses[]` of type InternalIP.
    pub node_ip: Ipv4Addr,
    /// Every IPv4 network of `spec.ipam.podCIDRs`, in order.
    pub pod_cidrs: Vec<Cidr4>,
}

/// Why a CiliumNode gives no [`HybridNode`]. It is left out and counted; the others are not held up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// No InternalIP among the addresses, or the list has another shape.
    #[error("`spec.addresses` holds no IPv4 address of type InternalIP")]
    NoInternalIp,
    /// The pod CIDRs are missing, or no list.
    #[error("`spec.ipam.podCIDRs` is missing, empty or no list")]
    NoPodCidrs,
    /// One of them is no text or no network.
    #[error("`spec.ipam.podCIDRs` holds {0}, which is no network")]
    BadPodCidr(String),
    /// None of them is IPv4.
    #[error("`spec.ipam.podCIDRs` holds no IPv4 network")]
    NoIpv4,
    /// A route to it would lead packets of the VPC, or of this host itself, into the tunnel.
    #[error("its pod CIDR {0} overlaps {1} of the VPC")]
    InVpc(Cidr4, Cidr4),
}

impl HybridNode {
    /// The node, if none of its pod CIDRs overlaps a network of the VPC.
    pub fn outside(self, vpc: &[Cidr4]) -> Result<Self, Undecodable> {
        let mut pairs = self.pod_cidrs.iter().flat_map(|cidr| vpc.iter().map(|vpc| (*cidr, *vpc)));
        match pairs.find(|(cidr, vpc)| cidr.overlaps(*vpc)) {
            Some((cidr, vpc)) => Err(Undecodable::InVpc(cidr, vpc)),
            None => Ok(self),
        }
    }
}

/// Reads the `spec` of a CiliumNode. `name` and `created` come from its metadata.
pub fn decode(name: &str, created: i64, spec: &Value) -> Result<HybridNode, Undecodable> {
    let addresses = spec.get("addresses").and_then(Value::as_array);
    let node_ip = addresses
        .into_iter()
        .flatten()
        .filter(|address| address.get("type").and_then(Value::as_str) == Some("InternalIP"))
        .find_map(|address| address.get("ip")?.as_str()?.parse().ok())
        .ok_or(Undecodable::NoInternalIp)?;
    let listed = spec.pointer("/ipam/podCIDRs").and_then(Value::as_array).filter(|list| !list.is_empty());
    let mut pod_cidrs = Vec::new();
    for entry in listed.ok_or(Undecodable::NoPodCidrs)? {
        let bad = || Undecodable::BadPodCidr(entry.to_string());
        let text = entry.as_str().ok_or_else(bad)?;
        // Dual-stack nodes list IPv6 networks too, which this data path does not carry.
        if !text.contains(':') {
            pod_cidrs.push(text.parse().map_err(|_| bad())?);
        }
    }
    if pod_cidrs.is_empty() {
        return Err(Undecodable::NoIpv4);
    }
    Ok(HybridNode { name: NodeName::new(name), created, node_ip, pod_cidrs })
}

/// Which node each pod CIDR belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Pod CIDR to the IP of the node that owns it. No two of them overlap.
    pub owners: BTreeMap<Cidr4, Ipv4Addr>,
    /// Claims that lost, in the order of the losers' age.
    pub conflicts: Vec<Conflict>,
}

/// A claim that lost against an older one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conflict {
    /// Who lost.
    pub loser: NodeName,
    /// What is claimed twice.
    pub claim: Claim,
    /// Who keeps it.
    pub owner: NodeName,
    /// The owner's pod CIDR or node IP.
    pub owned: Claim,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} conflicts with {} of older node {}, which keeps it", self.claim, self.owned, self.owner)
    }
}

/// Something that only one node can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Claim {
    /// A pod CIDR.
    Pods(Cidr4),
    /// A node address.
    Address(Ipv4Addr),
}

impl std::fmt::Display for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pods(cidr) => write!(f, "pod CIDR {cidr}"),
            Self::Address(address) => write!(f, "node IP {address}"),
        }
    }
}

/// Settles who owns what. The oldest claim wins, by creation time, then by name, so every gateway comes to the same result.
///
/// `live` nodes win over `held` ones (which are gone from the API, see [`crate::hold`]), whatever their age.
pub fn settle<'a>(live: impl IntoIterator<Item = &'a HybridNode>, held: impl IntoIterator<Item = &'a HybridNode>) -> Claims {
    let by_age = |nodes: &mut Vec<&HybridNode>| nodes.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    let mut live: Vec<_> = live.into_iter().collect();
    let mut held: Vec<_> = held.into_iter().collect();
    by_age(&mut live);
    by_age(&mut held);

    let mut claims = Claims::default();
    let mut names: BTreeMap<Cidr4, &NodeName> = BTreeMap::new();
    let mut addresses: BTreeMap<Ipv4Addr, &NodeName> = BTreeMap::new();
    for (node, is_live) in live.into_iter().map(|n| (n, true)).chain(held.into_iter().map(|n| (n, false))) {
        let mut lost = |claim, owner: &NodeName, owned| {
            if is_live {
                claims.conflicts.push(Conflict { loser: node.name.clone(), claim, owner: owner.clone(), owned });
            }
        };
        if let Some(owner) = addresses.get(&node.node_ip) {
            lost(Claim::Address(node.node_ip), owner, Claim::Address(node.node_ip));
            continue;
        }
        addresses.insert(node.node_ip, &node.name);
        for cidr in &node.pod_cidrs {
            match overlapping(&names, *cidr) {
                Some((_, owner)) if owner == node.name => {}
                Some((owned, owner)) => lost(Claim::Pods(*cidr), &owner, Claim::Pods(owned)),
                None => {
                    names.insert(*cidr, &node.name);
                    claims.owners.insert(*cidr, node.node_ip);
                }
            }
        }
    }
    claims
}

/// The owned network that overlaps `cidr`, if there is one. As owned networks never overlap each other, only the last one that
/// starts at or before it, and the first that starts within it, can.
fn overlapping(owned: &BTreeMap<Cidr4, &NodeName>, cidr: Cidr4) -> Option<(Cidr4, NodeName)> {
    let end = Cidr4::host(std::net::Ipv4Addr::from(u32::from(cidr.network()) | !u32::from(cidr.mask())));
    owned.range(..=end).next_back().filter(|(other, _)| other.overlaps(cidr)).map(|(other, owner)| (*other, (*owner).clone()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A node of age `created` with `ip` and `cidrs`.
    pub(crate) fn node(name: &str, created: i64, ip: &str, cidrs: &[&str]) -> HybridNode {
        HybridNode {
            name: NodeName::new(name),
            created,
            node_ip: ip.parse().unwrap(),
            pod_cidrs: cidrs.iter().map(|c| c.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn all_ipv4_pod_cidrs_and_the_first_internal_ip_are_read() {
        let spec = json!({
            "addresses": [{"type": "CiliumInternalIP", "ip": "10.250.1.1"}, {"type": "InternalIP", "ip": "fd00::1"},
                          {"type": "InternalIP", "ip": "192.168.10.11"}, {"type": "InternalIP", "ip": "192.168.10.99"}],
            "ipam": {"podCIDRs": ["10.250.1.0/24", "fd01::/64", "10.250.9.0/24"]}});
        assert_eq!(decode("n1", 7, &spec).unwrap(), node("n1", 7, "192.168.10.11", &["10.250.1.0/24", "10.250.9.0/24"]));
    }

    #[test]
    fn a_broken_object_says_what_is_broken() {
        let ip = json!([{"type": "InternalIP", "ip": "192.168.10.11"}]);
        for (spec, error) in [
            (json!({}), Undecodable::NoInternalIp),
            (json!({"addresses": "x"}), Undecodable::NoInternalIp),
            (json!({"addresses": ip}), Undecodable::NoPodCidrs),
            (json!({"addresses": ip, "ipam": {"podCIDRs": "10.250.1.0/24"}}), Undecodable::NoPodCidrs),
            (json!({"addresses": ip, "ipam": {"podCIDRs": [7]}}), Undecodable::BadPodCidr("7".into())),
            (json!({"addresses": ip, "ipam": {"podCIDRs": ["10.250.1.1/24"]}}), Undecodable::BadPodCidr("\"10.250.1.1/24\"".into())),
            (json!({"addresses": ip, "ipam": {"podCIDRs": ["fd01::/64"]}}), Undecodable::NoIpv4),
        ] {
            assert_eq!(decode("n1", 0, &spec), Err(error), "{spec}");
        }
    }

    #[test]
    fn a_node_that_claims_the_vpc_is_left_out() {
        let vpc = ["10.0.0.0/16".parse().unwrap(), "100.64.0.0/16".parse().unwrap()];
        let good = node("n1", 0, "192.168.10.11", &["10.250.1.0/24"]);
        assert_eq!(good.clone().outside(&vpc), Ok(good));
        for cidr in ["0.0.0.0/0", "10.0.1.0/24", "100.64.0.0/10"] {
            let bad = node("n2", 0, "192.168.10.12", &["10.250.2.0/24", cidr]);
            assert!(matches!(bad.outside(&vpc), Err(Undecodable::InVpc(_, _))), "{cidr}");
        }
    }

    #[test]
    fn the_oldest_claim_wins_and_unequal_overlaps_conflict_too() {
        let old = node("old", 1, "192.168.10.11", &["10.250.0.0/23"]);
        let young = node("young", 2, "192.168.10.12", &["10.250.1.0/24", "10.250.7.0/24"]);
        let same_ip = node("zz", 3, "192.168.10.11", &["10.250.9.0/24"]);
        let claims = settle([&young, &same_ip, &old], []);
        assert_eq!(claims.owners.len(), 2);
        assert_eq!(claims.owners[&"10.250.7.0/24".parse().unwrap()], young.node_ip);
        let told: Vec<_> = claims.conflicts.iter().map(|c| format!("{} {} / {} {}", c.loser, c.claim, c.owner, c.owned)).collect();
        assert_eq!(
            told,
            ["young pod CIDR 10.250.1.0/24 / old pod CIDR 10.250.0.0/23", "zz node IP 192.168.10.11 / old node IP 192.168.10.11"]
        );
    }

    #[test]
    fn a_live_node_takes_what_a_held_one_had_and_nobody_complains() {
        let gone = node("gone", 1, "192.168.10.11", &["10.250.1.0/24", "10.250.2.0/24"]);
        let new = node("new", 9, "192.168.10.12", &["10.250.1.0/24"]);
        let claims = settle([&new], [&gone]);
        assert_eq!(claims.owners[&"10.250.1.0/24".parse().unwrap()], new.node_ip);
        assert_eq!(claims.owners[&"10.250.2.0/24".parse().unwrap()], gone.node_ip);
        assert_eq!(claims.conflicts, []);
    }

    pub(crate) fn any_nodes() -> impl Strategy<Value = Vec<HybridNode>> {
        let one = (0i64..4, 1u8..12, proptest::collection::vec((0u8..8, 22u8..=25), 1..4)).prop_map(|(created, host, cidrs)| {
            let mut pod_cidrs: Vec<_> =
                cidrs.iter().map(|(third, prefix)| Cidr4::containing(Ipv4Addr::new(10, 250, *third, 0), *prefix).unwrap()).collect();
            pod_cidrs.dedup();
            (created, Ipv4Addr::new(192, 168, 10, host), pod_cidrs)
        });
        proptest::collection::vec(one, 0..10).prop_map(|nodes| {
            let named = nodes.into_iter().enumerate();
            named
                .map(|(i, (created, node_ip, pod_cidrs))| HybridNode { name: NodeName::new(format!("n{i}")), created, node_ip, pod_cidrs })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn owners_never_overlap_and_the_order_of_the_list_does_not_matter(nodes in any_nodes()) {
            let claims = settle(&nodes, []);
            let owned: Vec<_> = claims.owners.keys().copied().collect();
            prop_assert_eq!(hybridge_model::first_overlap(&owned), None);
            let reversed = settle(nodes.iter().rev(), []);
            prop_assert_eq!(&claims, &reversed);
            // Whoever lost names an owner whose claim really overlaps.
            for conflict in &claims.conflicts {
                if let (Claim::Pods(a), Claim::Pods(b)) = (conflict.claim, conflict.owned) {
                    prop_assert!(a.overlaps(b) && claims.owners.contains_key(&b));
                }
            }
        }
    }
}
