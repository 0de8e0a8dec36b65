//! Whether somebody else has an address: packets of ARP (RFC 826) as RFC 5227 uses them.

use std::net::Ipv4Addr;
use std::time::Duration;

use hybridge_model::MacAddr;
use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress};

/// Probes that are sent before an address is taken.
pub const PROBES: u32 = 3;

/// Between two probes, and after the last. RFC 5227 asks for seconds, for networks of any kind; on a cable to a switch an answer takes
/// less than a millisecond, and a machine should answer within a second of its carrier.
pub const WAIT: Duration = Duration::from_millis(120);

/// Asks who has `address`, without claiming it.
pub fn probe(mac: MacAddr, address: Ipv4Addr) -> Vec<u8> {
    request(mac, Ipv4Addr::UNSPECIFIED, address)
}

/// Tells all neighbours that `address` is ours.
pub fn announcement(mac: MacAddr, address: Ipv4Addr) -> Vec<u8> {
    request(mac, address, address)
}

fn request(mac: MacAddr, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let packet = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: EthernetAddress(mac.octets()),
        source_protocol_addr: sender,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    };
    let mut bytes = vec![0; packet.buffer_len()];
    packet.emit(&mut ArpPacket::new_unchecked(&mut bytes));
    bytes
}

/// Who has `address`, or is just about to take it, if this packet tells (RFC 5227 §2.1.1).
pub fn conflict(packet: &[u8], mac: MacAddr, address: Ipv4Addr) -> Option<MacAddr> {
    let packet = ArpPacket::new_checked(packet).ok()?;
    let ArpRepr::EthernetIpv4 { operation, source_hardware_addr, source_protocol_addr, target_protocol_addr, .. } =
        ArpRepr::parse(&packet).ok()?
    else {
        return None;
    };
    let other = MacAddr::new(source_hardware_addr.0);
    let probes = operation == ArpOperation::Request && source_protocol_addr.is_unspecified() && target_protocol_addr == address;
    (other != mac && (source_protocol_addr == address || probes)).then_some(other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OURS: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
    const OTHER: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 2]);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 10);
    const ELSE: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 11);

    #[test]
    fn who_has_the_address_or_wants_it_is_told() {
        for (name, packet, expected) in [
            ("our own probe comes back", probe(OURS, ADDRESS), None),
            ("our own announcement", announcement(OURS, ADDRESS), None),
            ("another announces it", announcement(OTHER, ADDRESS), Some(OTHER)),
            ("another probes for it", probe(OTHER, ADDRESS), Some(OTHER)),
            ("its owner asks for somebody", request(OTHER, ADDRESS, ELSE), Some(OTHER)),
            ("another asks for it", request(OTHER, ELSE, ADDRESS), None),
            ("another address", announcement(OTHER, ELSE), None),
        ] {
            assert_eq!(conflict(&packet, OURS, ADDRESS), expected, "{name}");
        }
    }

    #[test]
    fn a_probe_is_as_rfc_826_writes_it() {
        let expected = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 168, 2, 10];
        assert_eq!(probe(OURS, ADDRESS), expected);
    }

    proptest! {
        #[test]
        fn nothing_that_arrives_is_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            conflict(&bytes, OURS, ADDRESS);
        }
    }
}
