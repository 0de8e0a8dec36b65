//! What the LAN's DHCP server gave.

use std::net::Ipv4Addr;

use hybridge_report::Finding;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::desired::gateway;
use crate::profile::{HostAddress, Profile};

/// A lease (RFC 2131). Saved, so that a machine that starts without the server keeps its address while the lease lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Address with the subnet mask as a prefix.
    pub address: HostAddress,
    /// Routers (option 3), best first.
    pub routers: Vec<Ipv4Addr>,
    /// DNS servers (option 6).
    pub dns: Vec<Ipv4Addr>,
    /// Who gave it (option 54).
    pub server: Ipv4Addr,
    /// When it was acknowledged.
    pub since: Timestamp,
    /// Ask the server again then (T1).
    pub renew: Timestamp,
    /// Ask any server then (T2).
    pub rebind: Timestamp,
    /// The address must be given up then.
    pub expires: Timestamp,
}

/// Whether a lease goes with the profile: what the LAN's DHCP server gives is not ours to choose, but may be of no use.
pub fn fits(profile: &Profile, lease: &Lease) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut warn = |code, what: String, fix: &str| findings.push(Finding::warning(code, "lease", what).fix(fix));
    let (address, given) = (lease.address.address, lease.address.network());
    if let Some(lan) = profile.lan.cidrs.first().filter(|lan| **lan != given) {
        let what = format!("{} is in {given}, and the first of lan.cidrs is {lan}", lease.address);
        warn("lni.lease-network", what, "write the network that the DHCP server serves first into lan.cidrs");
    }
    if let Some(pool) = profile.vips.pools.iter().find(|pool| pool.contains(address)) {
        let what = format!("{address} is in the pool {pool}, which is for Services");
        warn("lni.lease-pool", what, "take the pool out of what the DHCP server gives out, or the address out of the pool");
    }
    if let Some(range) = profile.lan.dhcp_range.filter(|range| !range.contains(address)) {
        let what = format!("{address} is not in lan.dhcpRange, {range}");
        warn("lni.lease-range", what, "write what the DHCP server gives out; an address that is reserved may be outside");
    }
    if gateway(profile, Some(lease)).is_none() && profile.lan.cidrs.len() > 1 {
        let named = if lease.routers.is_empty() { "names no router" } else { "names no router that is in its network" };
        let what = format!("the DHCP server {} {named}, so nothing leads to {}", lease.server, profile.lan.cidrs[1]);
        warn("lni.lease-router", what, "write lan.gateway");
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Addressing;
    use crate::profile::tests::profile;

    #[test]
    fn a_lease_that_is_of_no_use_is_told() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let mut asked = profile();
        asked.address = Addressing::Dhcp { use_dns: false, use_default_route: false };
        for (address, router, codes) in [
            ("192.168.2.120/24", "192.168.2.1", &[][..]),
            ("192.168.2.170/24", "192.168.2.1", &["lni.lease-pool", "lni.lease-range"][..]),
            ("192.168.3.120/24", "192.168.3.1", &["lni.lease-network", "lni.lease-range"][..]),
            ("192.168.2.120/24", "10.0.0.1", &["lni.lease-router"][..]),
        ] {
            let lease = Lease {
                address: address.parse().unwrap(),
                routers: vec![router.parse().unwrap()],
                dns: Vec::new(),
                server: Ipv4Addr::new(192, 168, 2, 1),
                since: at(0),
                renew: at(1800),
                rebind: at(3150),
                expires: at(3600),
            };
            let found: Vec<&str> = fits(&asked, &lease).iter().map(|finding| finding.code).collect();
            assert_eq!(found, codes, "{address} by {router}");
        }
    }
}
