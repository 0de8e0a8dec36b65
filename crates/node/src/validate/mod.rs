//! What would keep the node from joining or working, told before anything is changed: pure checks of configuration and facts.
//!
//! A question that was not asked has no finding. Each check has a name by which `--skip` leaves it out.

mod access;
mod addresses;
mod certificates;
mod endpoints;
mod firewall;
mod proxy;
mod skips;
mod system;
mod versions;

use hybridge_report::Finding;
use jiff::Timestamp;

use crate::config::NodeConfig;
use crate::facts::Facts;

pub use access::same_role;
pub use skips::{Check, Skips};

type Run = fn(&Subject<'_>) -> Vec<Finding>;

/// What the checks look at.
#[derive(Clone, Copy, Debug)]
struct Subject<'a> {
    config: &'a NodeConfig,
    facts: &'a Facts,
    now: Timestamp,
}

/// In the order in which a person would mend things: the machine, its credentials, the way to AWS, the cluster.
const CHECKS: [(Check, Run); 16] = [
    (Check::Installed, system::installed),
    (Check::System, system::mounts_and_swap),
    (Check::Clock, system::clock),
    (Check::NodeInactive, system::inactive),
    (Check::Cni, firewall::overlay),
    (Check::Credentials, certificates::credentials),
    (Check::Proxy, proxy::consistent),
    (Check::SsmEndpoint, endpoints::ssm),
    (Check::RolesAnywhereEndpoint, endpoints::roles_anywhere),
    (Check::AwsAuthentication, access::caller),
    (Check::ApiEndpointResolution, endpoints::resolution),
    (Check::ApiEndpoint, endpoints::api),
    (Check::KubeletCertificate, certificates::kubelet),
    (Check::VersionSkew, versions::skew),
    (Check::NodeIp, addresses::node_ip),
    (Check::ClusterAccess, access::entries),
];

/// All findings, errors and warnings, of the checks that are not skipped. Only nodes outside (`hybrid:`) have any: on EC2 image and
/// VPC see to these things.
pub fn validate(config: &NodeConfig, facts: &Facts, skips: &Skips, now: Timestamp) -> Vec<Finding> {
    if config.hybrid.is_none() {
        return Vec::new();
    }
    let subject = Subject { config, facts, now };
    let mut findings: Vec<Finding> = CHECKS.iter().filter(|(check, _)| !skips.skips(*check)).flat_map(|(_, run)| run(&subject)).collect();
    if !skips.skips(Check::ApiAuthentication) {
        findings.extend(access::api(&subject));
    }
    findings
}

#[cfg(test)]
mod tests;
