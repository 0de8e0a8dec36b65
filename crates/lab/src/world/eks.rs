//! The netfilter rules of an EKS node, as far as they touch a gateway's packets.
//!
//! Rules of our own with the effects of amazon-vpc-cni's AWS-SNAT-CHAIN (what leaves the VPC's networks gets the node's
//! address, unless AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS names it) and of kube-proxy's KUBE-FORWARD (packets that connection
//! tracking calls INVALID are dropped). Both need connection tracking, which they switch on.

use std::io::{ErrorKind, Write as _};
use std::net::Ipv4Addr;
use std::process::Stdio;

use hybridge_model::Cidr4;

use crate::netns::Netns;

/// Why a host could not be made like an EKS node.
#[derive(Debug, thiserror::Error)]
pub enum EksError {
    /// The `nft` program is not there.
    #[error("`--host eks` needs the program nft; install it with `apt-get install nftables`")]
    NoNft(#[source] std::io::Error),
    /// It could not be talked to.
    #[error("cannot run nft in namespace `{namespace}`")]
    Run {
        /// The namespace.
        namespace: String,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// It refused the rules.
    #[error("nft refuses the rules of an EKS node in namespace `{namespace}`: {said}")]
    Refused {
        /// The namespace.
        namespace: String,
        /// Its first line.
        said: String,
    },
}

/// Gives a host the rules of an EKS node.
pub(super) fn make_eks_node(ns: &Netns, node_ip: Ipv4Addr, vpc_cidrs: &[Cidr4]) -> Result<(), EksError> {
    let mut nft = ns.command("nft");
    nft.arg("-f").arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let run = |source| EksError::Run { namespace: ns.name().into(), source };
    let no_start = |source: std::io::Error| if source.kind() == ErrorKind::NotFound { EksError::NoNft(source) } else { run(source) };
    let mut child = nft.spawn().map_err(no_start)?;
    let mut input = child.stdin.take().expect("its input is piped");
    input.write_all(rules(node_ip, vpc_cidrs).as_bytes()).map_err(run)?;
    drop(input);
    let output = child.wait_with_output().map_err(run)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
    Err(EksError::Refused { namespace: ns.name().into(), said })
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
