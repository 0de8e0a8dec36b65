//! The address of the cluster's DNS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// EKS gives its DNS the tenth address of the service range: `10.100.0.10` of `10.100.0.0/16`, `fd00::a` of `fd00::/108`.
///
/// Upstream replaces what is behind the last dot, or appends an `a`, which for `10.0.0.128/25` leads out of the range.
///
/// # Errors
/// The range has no tenth address, or it is the last, which Kubernetes gives to no service.
pub fn cluster_dns(services: IpNet) -> Result<IpAddr, String> {
    let address = match services.network() {
        IpAddr::V4(network) => u32::from(network).checked_add(10).map(|address| IpAddr::V4(Ipv4Addr::from(address))),
        IpAddr::V6(network) => u128::from(network).checked_add(10).map(|address| IpAddr::V6(Ipv6Addr::from(address))),
    };
    match address {
        Some(address) if services.contains(&address) && address != services.broadcast() => Ok(address),
        Some(_) | None => Err(format!("{services} has no tenth address, where the cluster's DNS is")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tenth_address_is_dns() {
        for (range, address) in [
            ("10.100.0.0/16", "10.100.0.10"),
            ("172.20.0.0/16", "172.20.0.10"),
            ("10.100.7.9/16", "10.100.0.10"),
            ("10.0.0.128/25", "10.0.0.138"),
            ("10.0.0.240/28", "10.0.0.250"),
            ("fc00::/7", "fc00::a"),
            ("fd3f:78c0:b2ab::/108", "fd3f:78c0:b2ab::a"),
            ("fd00::f0/124", "fd00::fa"),
        ] {
            assert_eq!(cluster_dns(range.parse().unwrap()), Ok(address.parse().unwrap()), "{range}");
        }
        for small in ["10.0.0.0/29", "10.0.0.8/32", "255.255.255.248/29", "fd00::/125", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8/125"] {
            assert!(cluster_dns(small.parse().unwrap()).unwrap_err().contains("no tenth address"), "{small}");
        }
    }

    proptest! {
        #[test]
        fn dns_is_a_service_of_every_range_that_is_large_enough(bits: u32, length in 0u8..=32) {
            let range = IpNet::new(IpAddr::V4(Ipv4Addr::from(bits)), length).unwrap();
            let dns = cluster_dns(range);
            prop_assert_eq!(dns.is_ok(), length <= 28);
            if let Ok(IpAddr::V4(dns)) = dns {
                let IpAddr::V4(network) = range.network() else { unreachable!() };
                prop_assert!(range.contains(&IpAddr::V4(dns)));
                prop_assert_eq!(u32::from(dns) - u32::from(network), 10);
            }
        }

        #[test]
        fn the_same_holds_for_ipv6(bits: u128, length in 0u8..=128) {
            let range = IpNet::new(IpAddr::V6(Ipv6Addr::from(bits)), length).unwrap();
            let dns = cluster_dns(range);
            prop_assert_eq!(dns.is_ok(), length <= 124);
            prop_assert!(dns.is_err() || range.contains(&dns.unwrap()));
        }
    }
}
