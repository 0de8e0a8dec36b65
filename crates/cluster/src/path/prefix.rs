//! Longest prefix first, for one address and for a whole network.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

/// What the longest prefix that contains `address` leads to; of equal ones, the first.
pub(crate) fn longest<T: Copy>(entries: &[(Cidr4, T)], address: Ipv4Addr) -> Option<(Cidr4, T)> {
    let mut best: Option<(Cidr4, T)> = None;
    for entry in entries.iter().filter(|(network, _)| network.contains(address)) {
        if best.is_none_or(|(network, _)| network.prefix() < entry.0.prefix()) {
            best = Some(*entry);
        }
    }
    best
}

/// The parts of `network` that are treated alike, in order, with what each leads to.
///
/// A network of sixteen bits may be covered by one entry of eight, or by two of seventeen, or by half.
pub(crate) fn parts<T: Copy>(entries: &[(Cidr4, T)], network: Cidr4) -> Vec<(Cidr4, Option<T>)> {
    let inside: Vec<(Cidr4, T)> =
        entries.iter().copied().filter(|(entry, _)| network.covers(*entry) && entry.prefix() > network.prefix()).collect();
    if inside.is_empty() {
        return vec![(network, longest(entries, network.network()).map(|(_, what)| what))];
    }
    let around: Vec<(Cidr4, T)> = entries.iter().copied().filter(|(entry, _)| entry.covers(network)).collect();
    network
        .split(network.prefix() + 1)
        .flat_map(|half| {
            let here: Vec<(Cidr4, T)> = inside.iter().chain(&around).copied().filter(|(entry, _)| entry.overlaps(half)).collect();
            parts(&here, half)
        })
        .collect()
}

/// Whether the networks together contain every address of `network`.
pub(crate) fn covered(networks: &[Cidr4], network: Cidr4) -> bool {
    let entries: Vec<(Cidr4, ())> = networks.iter().map(|network| (*network, ())).collect();
    parts(&entries, network).iter().all(|(_, what)| what.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> Cidr4 {
        text.parse().unwrap()
    }

    #[test]
    fn halves_cover_a_whole_and_a_quarter_does_not() {
        let whole = net("10.80.0.0/16");
        assert!(covered(&[net("10.0.0.0/8")], whole));
        assert!(covered(&[net("10.80.0.0/17"), net("10.80.128.0/17")], whole));
        assert!(!covered(&[net("10.80.0.0/17"), net("10.80.128.0/18")], whole));
        assert!(!covered(&[net("10.80.1.0/24")], whole));
        assert!(!covered(&[], whole));
    }

    #[test]
    fn a_more_specific_entry_takes_its_part_away() {
        let entries = [(net("10.80.0.0/16"), 1), (net("10.80.128.0/17"), 2)];
        assert_eq!(parts(&entries, net("10.80.0.0/16")), [(net("10.80.0.0/17"), Some(1)), (net("10.80.128.0/17"), Some(2))]);
        assert_eq!(parts(&entries, net("10.80.200.0/24")), [(net("10.80.200.0/24"), Some(2))]);
        assert_eq!(longest(&entries, Ipv4Addr::new(10, 80, 1, 1)), Some((net("10.80.0.0/16"), 1)));
    }

    proptest! {
        #[test]
        fn every_address_of_a_part_leads_where_the_part_leads(
            entries in proptest::collection::vec((0u32..1 << 12, 20u8..=32), 0..8),
            address in 0u32..1 << 12,
        ) {
            let base = u32::from(Ipv4Addr::new(10, 80, 0, 0));
            let entries: Vec<(Cidr4, usize)> = entries
                .iter()
                .enumerate()
                .map(|(i, (offset, prefix))| (Cidr4::containing(Ipv4Addr::from(base + offset), *prefix).unwrap(), i))
                .collect();
            let address = Ipv4Addr::from(base + address);
            let network = Cidr4::containing(Ipv4Addr::from(base), 20).unwrap();
            let parts = parts(&entries, network);
            let here: Vec<_> = parts.iter().filter(|(part, _)| part.contains(address)).collect();
            prop_assert_eq!(here.len(), 1);
            prop_assert_eq!(here[0].1, longest(&entries, address).map(|(_, what)| what));
        }
    }
}
