//! Values of a profile that are written as texts.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use hybridge_model::Cidr4;
use serde::{Deserialize, Serialize};

/// A text that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {what}")]
pub struct ValueError {
    /// Stable name for scripts.
    pub code: &'static str,
    /// What was written.
    pub text: String,
    /// What is wrong with it; the text goes before it.
    pub what: String,
    /// What to write instead.
    pub fix: String,
}

impl ValueError {
    fn new(code: &'static str, text: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code, text: text.to_owned(), what: what.into(), fix: fix.into() }
    }
}

/// An address in its network: `192.168.2.10/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// Length of the prefix, 8 to 30.
    pub prefix: u8,
}

impl HostAddress {
    /// The network it is in.
    pub fn network(&self) -> Cidr4 {
        Cidr4::containing(self.address, self.prefix.min(32)).expect("no prefix is longer than 32")
    }
}

impl FromStr for HostAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = |what: &str, fix: &str| ValueError::new("lni.address", text, what, fix);
        let form = "write the address and the length of its network's prefix, as in 192.168.2.10/24";
        if text.parse::<Ipv4Addr>().is_ok() {
            return Err(bad("has no prefix length", &format!("write {text}/24, if the network has 256 addresses")));
        }
        let (address, prefix) = text.split_once('/').ok_or_else(|| bad("is no IPv4 address with a prefix length", form))?;
        let address = address.parse().map_err(|_| bad("is no IPv4 address with a prefix length", form))?;
        let prefix: u8 = number(prefix).ok_or_else(|| bad("has no number as prefix length", form))?;
        if !(8..=30).contains(&prefix) {
            return Err(bad("is in a network that is no LAN: prefixes have 8 to 30 bits", form));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Addresses from the first to the last, both included; `192.168.2.160-192.168.2.190`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Range4 {
    /// Lowest.
    pub first: Ipv4Addr,
    /// Highest.
    pub last: Ipv4Addr,
}

impl Range4 {
    /// All addresses of a network.
    pub fn of(network: Cidr4) -> Self {
        let last = u32::from(network.network()) | !u32::from(network.mask());
        Self { first: network.network(), last: last.into() }
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// Whether some address is in both.
    pub fn overlaps(&self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether all of `other` is in this one.
    pub fn covers(&self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

impl FromStr for Range4 {
    type Err = ValueError;

    /// Also takes one address, or a network, as MetalLB does.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let form = "write the first and the last address, as in 192.168.2.160-192.168.2.190, or a network";
        let bad = |what: &str, fix: &str| ValueError::new("lni.range", text, what, fix);
        if text.contains('/') {
            return text.parse().map(Self::of).map_err(|error: hybridge_model::CidrError| bad("is no network", &error.fix()));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let address = |text: &str| text.trim().parse::<Ipv4Addr>();
        let (Ok(first), Ok(last)) = (address(first), address(last)) else {
            return Err(bad("is no range of IPv4 addresses", form));
        };
        if first > last {
            return Err(bad("ends before it begins", &format!("write {last}-{first}")));
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for Range4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// A port of the machine: `tcp/9100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// 1 to 65535.
    pub port: u16,
}

impl FromStr for Port {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = |fix: String| Err(ValueError::new("lni.port", text, "is no port: protocol and number are", fix));
        let protocol = |text: &str| match text {
            "tcp" => Some(Protocol::Tcp),
            "udp" => Some(Protocol::Udp),
            _ => None,
        };
        let port = |text: &str| number::<u16>(text).filter(|port| *port > 0);
        let (one, two) = text.split_once('/').unwrap_or((text, ""));
        match (protocol(one), port(two)) {
            (Some(protocol), Some(port)) => Ok(Self { protocol, port }),
            _ => match (port(one), protocol(two)) {
                (Some(port), Some(protocol)) => bad(format!("write {protocol}/{port}")),
                (Some(port), None) if two.is_empty() => bad(format!("write tcp/{port} or udp/{port}")),
                _ => bad("write tcp/9100 or udp/161; ports are 1 to 65535".to_owned()),
            },
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.protocol, self.port)
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// Digits alone: no sign, no blanks.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl TryFrom<String> for $type {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
    )*};
}

as_text!(HostAddress, Range4, Port);

/// Bits are read best as `0x2000`.
pub(super) mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(value: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:#x}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::mark(&text).map_err(de::Error::custom)
    }
}

/// A number with one or more bits, decimal or `0x…`.
///
/// # Errors
/// It is no number of 32 bits.
pub(super) fn mark(text: &str) -> Result<u32, ValueError> {
    let digits = text.replace('_', "");
    let read = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => number(&digits),
    };
    read.ok_or_else(|| ValueError::new("lni.mark", text, "is no number of 32 bits", "write one bit, as in 0x2000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_people_write_them_and_refused_with_the_right_text() {
        let range = |text: &str| text.parse::<Range4>().map(|range| range.to_string()).map_err(|error| error.fix);
        let port = |text: &str| text.parse::<Port>().map(|port| port.to_string()).map_err(|error| error.fix);
        let host = |text: &str| text.parse::<HostAddress>().map(|host| host.to_string()).map_err(|error| error.fix);
        let bits = |text: &str| mark(text).map(|mark| format!("{mark:#x}")).map_err(|error| error.fix);
        let form = "write the address and the length of its network's prefix, as in 192.168.2.10/24";
        for (read, wanted) in [
            (range("192.168.2.160-192.168.2.190"), Ok("192.168.2.160-192.168.2.190")),
            (range("192.168.2.160 - 192.168.2.190"), Ok("192.168.2.160-192.168.2.190")),
            (range("192.168.2.160"), Ok("192.168.2.160")),
            (range("192.168.2.160/28"), Ok("192.168.2.160-192.168.2.175")),
            (range("192.168.2.190-192.168.2.160"), Err("write 192.168.2.160-192.168.2.190")),
            (range("192.168.2.161/28"), Err("write `192.168.2.160/28`")),
            (range("160-190"), Err("write the first and the last address, as in 192.168.2.160-192.168.2.190, or a network")),
            (port("tcp/9100"), Ok("tcp/9100")),
            (port("9100/udp"), Err("write udp/9100")),
            (port("9100"), Err("write tcp/9100 or udp/9100")),
            (port("tcp/0"), Err("write tcp/9100 or udp/161; ports are 1 to 65535")),
            (port("tcp/+22"), Err("write tcp/9100 or udp/161; ports are 1 to 65535")),
            (host("192.168.2.10/24"), Ok("192.168.2.10/24")),
            (host("192.168.2.10"), Err("write 192.168.2.10/24, if the network has 256 addresses")),
            (host("192.168.2.10/31"), Err(form)),
            (host("fd00::1/64"), Err(form)),
            (bits("0x2000"), Ok("0x2000")),
            (bits("8192"), Ok("0x2000")),
            (bits("0x"), Err("write one bit, as in 0x2000")),
            (bits("0x1_0000_0000"), Err("write one bit, as in 0x2000")),
        ] {
            assert_eq!(read.as_deref().map_err(String::as_str), wanted);
        }
    }
}
