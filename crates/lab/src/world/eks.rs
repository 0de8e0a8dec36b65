//! The netfilter rules of an EKS node, as far as they touch a gateway's packets.
//!
//! Rules of our own with the effects of amazon-vpc-cni's AWS-SNAT-CHAIN (what leaves the VPC's networks gets the node's
//! address, unless AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS names it) and of kube-proxy's KUBE-FORWARD (packets that connection
//! tracking calls INVALID are dropped). Both need connection tracking, which they switch on.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use crate::netns::Netns;
use crate::nft::{self, NftError};

/// Gives a host the rules of an EKS node.
pub(super) fn make_eks_node(ns: &Netns, node_ip: Ipv4Addr, vpc_cidrs: &[Cidr4]) -> Result<(), NftError> {
    nft::load(ns, &rules(node_ip, vpc_cidrs))
}

fn rules(node_ip: Ipv4Addr, vpc_cidrs: &[Cidr4]) -> String {
    let vpc = vpc_cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "table ip eks_node {{
  chain forward {{
    type filter hook forward priority filter; policy accept;
    ct state invalid counter drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname != \"lo\" ip daddr != {{ {vpc} }} counter snat to {node_ip} fully-random
  }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::isolated;

    #[test]
    fn the_kernel_takes_the_rules() {
        isolated(|| {
            let ns = Netns::new("eks").unwrap();
            let cidrs = ["10.0.0.0/16".parse().unwrap(), "100.64.0.0/16".parse().unwrap()];
            make_eks_node(&ns, Ipv4Addr::new(10, 0, 1, 10), &cidrs).unwrap();
            let listed = ns.command("nft").args(["list", "ruleset"]).output().unwrap();
            let text = String::from_utf8(listed.stdout).unwrap();
            assert!(text.contains("ct state invalid") && text.contains("snat to 10.0.1.10"), "{text}");
        });
    }
}
