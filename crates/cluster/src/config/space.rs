//! Addresses that are free.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

/// Networks of RFC 1918, in the order in which a VPC is looked for: the largest first, as it has most room.
const PRIVATE: [(Ipv4Addr, u8); 3] =
    [(Ipv4Addr::new(10, 0, 0, 0), 8), (Ipv4Addr::new(172, 16, 0, 0), 12), (Ipv4Addr::new(192, 168, 0, 0), 16)];
/// RFC 6598.
const CARRIER_GRADE_NAT: (Ipv4Addr, u8) = (Ipv4Addr::new(100, 64, 0, 0), 10);
/// What EKS takes for services if nothing is said (`KubernetesNetworkConfigRequest` of its API).
const SERVICES: [(Ipv4Addr, u8); 2] = [(Ipv4Addr::new(10, 100, 0, 0), 16), (Ipv4Addr::new(172, 20, 0, 0), 16)];

/// Prefix lengths of a VPC that is made, as eksctl has them (`pkg/vpc/vpc.go`).
pub const VPC_PREFIXES: std::ops::RangeInclusive<u8> = 16..=24;
/// What eksctl takes for a VPC if nothing is said.
pub const DEFAULT_VPC: &str = "192.168.0.0/16";

fn network((address, prefix): (Ipv4Addr, u8)) -> Cidr4 {
    Cidr4::containing(address, prefix).expect("the prefix is at most 32")
}

/// Whether all of it is private (RFC 1918).
pub fn is_private(cidr: Cidr4) -> bool {
    PRIVATE.into_iter().any(|private| network(private).covers(cidr))
}

/// Whether all of it is for carriers (100.64.0.0/10, RFC 6598).
pub fn is_carrier_grade_nat(cidr: Cidr4) -> bool {
    network(CARRIER_GRADE_NAT).covers(cidr)
}

/// Networks one of which EKS takes for services if the file says nothing.
pub fn default_services() -> [Cidr4; 2] {
    SERVICES.map(network)
}

/// A private network for a VPC that overlaps nothing of `taken`: a /16 if there is one, else the largest down to /24. The same for the
/// same networks. None: there is none.
///
/// The networks that EKS may take for services are never proposed.
pub fn propose_vpc(taken: &[Cidr4]) -> Option<Cidr4> {
    let taken: Vec<Cidr4> = taken.iter().copied().chain(default_services()).collect();
    VPC_PREFIXES.into_iter().find_map(|prefix| PRIVATE.into_iter().find_map(|private| free(network(private), &taken, prefix)))
}

/// The first network of `prefix` bits within `block` that overlaps nothing.
fn free(block: Cidr4, taken: &[Cidr4], prefix: u8) -> Option<Cidr4> {
    let taken: Vec<Cidr4> = taken.iter().copied().filter(|other| other.overlaps(block)).collect();
    if taken.is_empty() {
        return Cidr4::containing(block.network(), prefix.max(block.prefix()));
    }
    if block.prefix() >= prefix || taken.iter().any(|other| other.covers(block)) {
        return None;
    }
    block.split(block.prefix() + 1).find_map(|half| free(half, &taken, prefix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cidrs(texts: &[&str]) -> Vec<Cidr4> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_vpc_is_proposed_where_there_is_room() {
        for (taken, proposed) in [
            (&[][..], Some("10.0.0.0/16")),
            (&["192.168.0.0/16"], Some("10.0.0.0/16")),
            (&["10.0.0.0/16", "10.1.2.0/24"], Some("10.2.0.0/16")),
            (&["10.0.0.0/8"], Some("172.16.0.0/16")),
            (&["10.0.0.0/8", "172.16.0.0/12"], Some("192.168.0.0/16")),
            (&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/18"], Some("192.168.128.0/17")),
            (&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], None),
            (&["0.0.0.0/0"], None),
        ] {
            assert_eq!(propose_vpc(&cidrs(taken)), proposed.map(|text| text.parse().unwrap()), "{taken:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_proposed_is_free_and_private(taken in prop::collection::vec((any::<u32>(), 1u8..=32), 0..40)) {
            let taken: Vec<Cidr4> = taken
                .into_iter()
                .map(|(bits, prefix)| Cidr4::containing(Ipv4Addr::from(bits % 0x0100_0000 + 0x0a00_0000), prefix.max(9)).unwrap())
                .collect();
            let proposed = propose_vpc(&taken).unwrap();
            prop_assert!(is_private(proposed) && VPC_PREFIXES.contains(&proposed.prefix()));
            prop_assert!(taken.iter().chain(&default_services()).all(|other| !other.overlaps(proposed)));
        }
    }
}
