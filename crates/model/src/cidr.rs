//! IPv4 networks in CIDR notation.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// An IPv4 network whose host bits are zero, such as `10.250.0.0/16`.
///
/// Ordered by address, then by prefix length, so sets of them print in a stable order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr4(Ipv4Net);

/// Why a text is no [`Cidr4`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Not of the form `a.b.c.d/n`.
    #[error("`{0}` is no IPv4 network in CIDR notation")]
    Syntax(String),
    /// An address without a prefix length.
    #[error("`{0}` has no prefix length")]
    NoPrefix(String),
    /// IPv6, which neither the VXLAN data path nor `CiliumVTEPConfig` carries.
    #[error("`{0}` is IPv6; only IPv4 is supported")]
    Ipv6(String),
    /// Bits are set to the right of the prefix.
    #[error("`{given}` has host bits set")]
    HostBits {
        /// What was written.
        given: String,
        /// The network that contains it.
        network: Cidr4,
    },
}

impl CidrError {
    /// What to write instead, as a sentence fragment.
    pub fn fix(&self) -> String {
        match self {
            Self::Syntax(_) => "write it as `10.250.0.0/16`".into(),
            Self::NoPrefix(given) => format!("append the prefix length, for example `{given}/32` for one address"),
            Self::Ipv6(_) => "give the IPv4 network of the cluster".into(),
            Self::HostBits { network, .. } => format!("write `{network}`"),
        }
    }
}

impl Cidr4 {
    /// The network of `prefix` bits (0 to 32) that contains `address`; host bits are cleared. `None` for a longer prefix.
    pub fn containing(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        Ipv4Net::new(address, prefix).ok().map(|net| Self(net.trunc()))
    }

    /// The single address `address`/32.
    pub fn host(address: Ipv4Addr) -> Self {
        Self(Ipv4Net::from(address))
    }

    /// The first address.
    pub fn network(&self) -> Ipv4Addr {
        self.0.network()
    }

    /// Prefix length, 0 to 32.
    pub fn prefix(&self) -> u8 {
        self.0.prefix_len()
    }

    /// The mask in dotted form, such as 255.255.0.0.
    pub fn mask(&self) -> Ipv4Addr {
        self.0.netmask()
    }

    /// Whether `address` lies in this network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether every address of `other` lies in this network.
    pub fn covers(&self, other: Cidr4) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether some address lies in both.
    pub fn overlaps(&self, other: Cidr4) -> bool {
        self.covers(other) || other.covers(*self)
    }

    /// The networks of `prefix` bits that make up this one, in order; only itself where `prefix` is not longer.
    pub fn split(&self, prefix: u8) -> impl Iterator<Item = Cidr4> + use<> {
        let prefix = prefix.clamp(self.prefix(), 32);
        let step = 1u64 << (32 - prefix);
        let first = u64::from(u32::from(self.network()));
        let count = 1u64 << (prefix - self.prefix());
        (0..count).filter_map(move |i| {
            let address = u32::try_from(first + i * step).ok()?;
            Self::containing(Ipv4Addr::from(address), prefix)
        })
    }
}

/// The first two networks of a list that overlap, in the order given.
pub fn first_overlap(cidrs: &[Cidr4]) -> Option<(Cidr4, Cidr4)> {
    cidrs.iter().enumerate().find_map(|(i, a)| cidrs[i + 1..].iter().find(|b| a.overlaps(**b)).map(|b| (*a, *b)))
}

impl FromStr for Cidr4 {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let text = text.trim();
        if text.contains(':') {
            return Err(CidrError::Ipv6(text.into()));
        }
        if text.parse::<Ipv4Addr>().is_ok() {
            return Err(CidrError::NoPrefix(text.into()));
        }
        let net: Ipv4Net = text.parse().map_err(|_| CidrError::Syntax(text.into()))?;
        if net.addr() != net.network() {
            return Err(CidrError::HostBits { given: text.into(), network: Self(net.trunc()) });
        }
        Ok(Self(net))
    }
}

impl TryFrom<String> for Cidr4 {
    type Error = CidrError;

    fn try_from(text: String) -> Result<Self, CidrError> {
        text.parse()
    }
}

impl From<Cidr4> for String {
    fn from(cidr: Cidr4) -> String {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cidr4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cidr(text: &str) -> Cidr4 {
        text.parse().unwrap()
    }

    #[test]
    fn bad_text_is_refused_with_the_right_text() {
        for (given, message, fix) in [
            ("10.0.0.5/16", "`10.0.0.5/16` has host bits set", "write `10.0.0.0/16`"),
            ("10.0.0.0", "`10.0.0.0` has no prefix length", "append the prefix length, for example `10.0.0.0/32` for one address"),
            ("10.0.0/16", "`10.0.0/16` is no IPv4 network in CIDR notation", "write it as `10.250.0.0/16`"),
            ("10.0.0.0/33", "`10.0.0.0/33` is no IPv4 network in CIDR notation", "write it as `10.250.0.0/16`"),
            ("fd00::/8", "`fd00::/8` is IPv6; only IPv4 is supported", "give the IPv4 network of the cluster"),
        ] {
            let error = given.parse::<Cidr4>().unwrap_err();
            assert_eq!((error.to_string().as_str(), error.fix().as_str()), (message, fix));
        }
    }

    #[test]
    fn overlap_is_found_in_the_order_given() {
        let list = [cidr("10.0.0.0/16"), cidr("10.1.0.0/16"), cidr("10.1.2.0/24")];
        assert_eq!(first_overlap(&list), Some((cidr("10.1.0.0/16"), cidr("10.1.2.0/24"))));
        assert_eq!(first_overlap(&list[..2]), None);
    }

    proptest! {
        #[test]
        fn splitting_covers_exactly_the_network(address: u32, prefix in 8u8..=32, extra in 0u8..=6) {
            let whole = Cidr4::containing(Ipv4Addr::from(address), prefix).unwrap();
            let longer = (prefix + extra).min(32);
            let parts: Vec<_> = whole.split(longer).collect();
            prop_assert_eq!(parts.len(), 1usize << (longer - prefix));
            prop_assert!(parts.iter().all(|p| whole.covers(*p)));
            prop_assert_eq!(first_overlap(&parts), None);
        }

        #[test]
        fn text_and_value_agree(address: u32, prefix in 0u8..=32) {
            let value = Cidr4::containing(Ipv4Addr::from(address), prefix).unwrap();
            prop_assert_eq!(value.to_string().parse::<Cidr4>().unwrap(), value);
        }
    }
}
