//! Ethernet addresses, and the two rules by which gateways and hybrid nodes get theirs.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A 48-bit Ethernet address; prints as `02:00:c0:a8:0a:0b`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr([u8; 6]);

/// A text that is no Ethernet address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no Ethernet address of the form 02:00:c0:a8:0a:0b")]
pub struct MacError(String);

impl MacAddr {
    /// An address from its six octets, first on the wire first.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets, first on the wire first.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The address of a gateway's VXLAN device, which hybrid nodes use as inner destination.
    ///
    /// The first six bytes of SHA-256 over the node IP in its 16-byte IPv4-mapped form, made unicast and locally
    /// administered (aws/eks-hybrid-nodes-gateway e0ceb78, `internal/vxlan/interface.go`).
    pub fn of_gateway(node_ip: Ipv4Addr) -> Self {
        let hash = Sha256::digest(node_ip.to_ipv6_mapped().octets());
        Self([(hash[0] & 0xFE) | 0x02, hash[1], hash[2], hash[3], hash[4], hash[5]])
    }

    /// The address that a gateway uses for a hybrid node: `02:00` and the four octets of its IPv4 address
    /// (aws/eks-hybrid-nodes-gateway e0ceb78, `internal/vxlan/vtep.go`).
    pub const fn of_peer(node_ip: Ipv4Addr) -> Self {
        let [a, b, c, d] = node_ip.octets();
        Self([0x02, 0x00, a, b, c, d])
    }
}

impl FromStr for MacAddr {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let bad = || MacError(text.into());
        let mut octets = [0u8; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|p| p.len() == 2).ok_or_else(bad)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| bad())?;
        }
        if parts.next().is_some() { Err(bad()) } else { Ok(Self(octets)) }
    }
}

impl TryFrom<String> for MacAddr {
    type Error = MacError;

    fn try_from(text: String) -> Result<Self, MacError> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> String {
        mac.to_string()
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateway_address_is_the_reference_implementations() {
        // Go: sha256.Sum256(net.ParseIP("10.0.1.10")), first six bytes, bit 0 of octet 0 cleared, bit 1 set.
        for (ip, mac) in GATEWAY_VECTORS {
            assert_eq!(MacAddr::of_gateway(ip.parse().unwrap()).to_string(), *mac);
        }
    }

    const GATEWAY_VECTORS: &[(&str, &str)] = &[("10.0.1.10", "b6:f0:38:8f:19:b9"), ("192.168.1.1", "ce:46:c8:b0:40:ff")];

    #[test]
    fn peer_address_holds_the_ip() {
        assert_eq!(MacAddr::of_peer("192.168.10.11".parse().unwrap()).to_string(), "02:00:c0:a8:0a:0b");
    }

    #[test]
    fn text_and_value_agree_and_bad_text_is_refused() {
        let mac: MacAddr = "02:00:c0:a8:0a:0b".parse().unwrap();
        assert_eq!(mac.to_string().parse::<MacAddr>().unwrap(), mac);
        for bad in ["", "02:00:c0:a8:0a", "02:00:c0:a8:0a:0b:0c", "02:00:c0:a8:0a:xx", "2:0:c:a:0:b"] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }
}
