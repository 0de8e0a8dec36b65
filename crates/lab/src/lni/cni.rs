//! What the VPC CNI and kube-proxy set on a node: rules of our own with the effects of theirs.
//!
//! From amazon-vpc-cni-k8s (`pkg/networkutils/network.go`): priorities 512, 1024 and 1536, mark 0x80, source NAT of everything that
//! leaves the VPC's networks, whatever interface it leaves by. From kube-proxy (`pkg/proxy/iptables/proxier.go`): marks 0x4000,
//! destination NAT in prerouting and output, masquerading of what the mark is on.

use hybridge_model::Cidr4;
use hybridge_model::routing::{Rule, Selector};

use super::plan::{ENI_TABLE, Policy, ServerPlan, Service, VPC_ROUTER, vpc_cidr};
use super::{LniError, rules};
use crate::netns::Netns;
use crate::nft;
use crate::topology::wire::{self, Interface, Path};

const MAIN: u32 = 254;
const MARK: u32 = 0x80;
const TO_POD: u32 = 512;
const BY_MARK: u32 = 1024;
const FROM_POD: u32 = 1536;

/// Sets rules and routes, as the CNI's plug-in and its daemon do.
pub(super) fn program(node: &Netns, plan: &ServerPlan) -> Result<(), LniError> {
    let router = Path { via: None, ..Path::direct(Cidr4::host(VPC_ROUTER)) }.in_table(ENI_TABLE);
    let paths = vec![router, Path::default_via(VPC_ROUTER).in_table(ENI_TABLE)];
    // The CNI sets the length of the subnet's prefix and then takes away the route that the kernel makes of it.
    wire::configure(&Interface { ns: node, name: &plan.names.eni, addresses: vec![(plan.secondary, 32)], paths })?;
    Ok(rules::add(node, &policy(plan))?)
}

/// Starts again: deletes its rules and sets them anew, as an `aws-node` that is replaced does.
pub(super) fn restart(node: &Netns, plan: &ServerPlan) -> Result<(), LniError> {
    rules::delete(node, |priority| [TO_POD, BY_MARK, FROM_POD].contains(&priority))?;
    nft::load(node, "table ip vpc_cni\ndelete table ip vpc_cni\n")?;
    nft::load(node, &firewall(plan))?;
    program(node, plan)
}

fn policy(plan: &ServerPlan) -> Vec<Rule> {
    let rule = |priority, selector, table| Rule { priority, selector, table, protocol: 0 };
    let to_pods = plan.pods.iter().map(|pod| rule(TO_POD, Selector::To(Cidr4::host(*pod)), MAIN));
    let mark = rule(BY_MARK, Selector::Mark { mark: MARK, mask: MARK }, MAIN);
    let from = rule(FROM_POD, Selector::From(Cidr4::host(plan.pods[1])), ENI_TABLE);
    to_pods.chain([mark, from]).collect()
}

/// The CNI's tables of netfilter.
pub(super) fn firewall(plan: &ServerPlan) -> String {
    let (primary, vpc, uplink) = (plan.primary, vpc_cidr(), &plan.names.vpc);
    format!(
        "table ip vpc_cni {{
  chain marks {{
    type filter hook prerouting priority mangle; policy accept;
    iifname \"{uplink}\" fib daddr . iif type local ct mark set ct mark or {MARK:#x}
    iifname \"eni*\" ct state new ip daddr != {vpc} ct mark set ct mark or {MARK:#x}
    iifname \"eni*\" ct mark and {MARK:#x} == {MARK:#x} meta mark set meta mark or {MARK:#x}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname != \"lo\" ip daddr != {vpc} fib daddr type != local snat to {primary} fully-random
  }}
}}
"
    )
}

/// kube-proxy's tables of netfilter for these Services. The pods of other servers are no local ones.
pub(super) fn proxy(plan: &ServerPlan, services: &[Service]) -> String {
    let local = |service: &Service| plan.pods.contains(service.backend.ip()) || plan.primary == *service.backend.ip();
    let (mut from_outside, mut from_node) = (String::new(), String::new());
    for service in services {
        let matched = format!("    ip daddr {} tcp dport {}", service.vip.ip(), service.vip.port());
        let any_pod = format!("{matched} meta mark set meta mark or 0x4000 dnat to {}\n", service.backend);
        match (service.policy, local(service)) {
            (Policy::Cluster, _) => from_outside += &any_pod,
            (Policy::Local, true) => from_outside += &format!("{matched} dnat to {}\n", service.backend),
            (Policy::Local, false) => from_outside += &format!("{matched} drop\n"),
        }
        from_node += &any_pod;
    }
    format!(
        "table ip kube_proxy {{
  chain services {{
    type nat hook prerouting priority dstnat; policy accept;
{from_outside}  }}
  chain services_of_node {{
    type nat hook output priority -100; policy accept;
{from_node}  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat - 10; policy accept;
    meta mark and 0x4000 == 0x4000 masquerade fully-random
  }}
}}
"
    )
}
