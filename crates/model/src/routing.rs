//! Addresses, policy routing and rules of the Linux kernel, as data. IPv4 only.
//!
//! Products compute these; the `netlink` crate reads and writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::Cidr4;
use crate::kernel::Link;

/// An address of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InterfaceAddress {
    /// Kernel index of the link.
    pub link: u32,
    /// The address.
    pub address: Ipv4Addr,
    /// Length of its network's prefix, 0 to 32.
    pub prefix: u8,
}

/// A unicast route of any table.
///
/// The kernel tells routes of a table apart by destination and metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableRoute {
    /// Number of the table; 254 is main, 255 local.
    pub table: u32,
    /// Destination.
    pub destination: Cidr4,
    /// Priority; lower wins.
    pub metric: u32,
    /// Next hop; none for what is attached (scope link).
    pub via: Option<Ipv4Addr>,
    /// Kernel index of the link it leaves by.
    pub link: u32,
    /// Preferred source address.
    pub source: Option<Ipv4Addr>,
    /// Who made it (`rtm_protocol`).
    pub protocol: u8,
}

/// What packets a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Selector {
    /// `fwmark mark/mask`.
    Mark {
        /// Value.
        mark: u32,
        /// Bits that are compared.
        mask: u32,
    },
    /// `from CIDR`; 0.0.0.0/0 stands for all packets.
    From(Cidr4),
    /// `to CIDR`.
    To(Cidr4),
    /// Anything else, or several of these; as a text, for people.
    Other(String),
}

/// A rule of policy routing that leads to a table (`ip rule`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Lower goes first.
    pub priority: u32,
    /// What packets it is for.
    pub selector: Selector,
    /// Number of the table; 0 for rules that lead to none.
    pub table: u32,
    /// Who made it (`FRA_PROTOCOL`); 0 where the kernel does not say.
    pub protocol: u8,
}

/// What is in the kernel about addresses and policy routing, read in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// Every link of the namespace, in the order of their index.
    pub links: Vec<Link>,
    /// IPv4 addresses with their prefixes.
    pub addresses: BTreeSet<InterfaceAddress>,
    /// Unicast routes of all tables but `local`.
    pub routes: BTreeSet<TableRoute>,
    /// All IPv4 rules.
    pub rules: BTreeSet<Rule>,
    /// Links with a carrier: the cable is in, the other side is there.
    #[serde(default)]
    pub carrier: BTreeSet<u32>,
    /// Links of VLANs, by their index.
    #[serde(default)]
    pub vlans: BTreeMap<u32, Vlan>,
}

/// What makes a link that of a VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vlan {
    /// Kernel index of the link under it.
    pub parent: u32,
    /// Number of the VLAN.
    pub id: u16,
}

/// One change. Each is idempotent: setting what is there and deleting what is gone succeed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RoutingChange {
    /// Brings a link up and sets its largest packet.
    SetLink {
        /// Kernel index.
        link: u32,
        /// Largest packet in bytes.
        mtu: u32,
    },
    /// Adds (`ip address replace`).
    SetAddress(InterfaceAddress),
    /// Removes.
    DeleteAddress(InterfaceAddress),
    /// Adds or replaces what has the same table, destination and metric.
    SetRoute(TableRoute),
    /// Removes.
    DeleteRoute(TableRoute),
    /// Adds. Only [`Selector::Mark`], [`Selector::From`] and [`Selector::To`] can be set.
    SetRule(Rule),
    /// Removes.
    DeleteRule(Rule),
}

/// In the words of `ip rule`.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark { mark, mask } => write!(f, "fwmark {mark:#x}/{mask:#x}"),
            Self::From(network) => write!(f, "from {network}"),
            Self::To(network) => write!(f, "to {network}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// The command line that does the same. Links go by their index (`if7`), as commands take them.
impl fmt::Display for RoutingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetLink { link, mtu } => write!(f, "ip link set if{link} up mtu {mtu}"),
            Self::SetAddress(address) => write!(f, "ip address replace {address}"),
            Self::DeleteAddress(address) => write!(f, "ip address del {address}"),
            Self::SetRoute(route) => write!(f, "ip route replace {route}"),
            Self::DeleteRoute(route) => write!(f, "ip route del {route}"),
            Self::SetRule(rule) => write!(f, "ip rule add {rule}"),
            Self::DeleteRule(rule) => write!(f, "ip rule del {rule}"),
        }
    }
}

/// In the words of `ip address`.
impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} dev if{}", self.address, self.prefix, self.link)
    }
}

/// In the words of `ip route`.
impl fmt::Display for TableRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, destination, metric, via, link, source, protocol } = self;
        let via = via.map(|gateway| format!(" via {gateway}")).unwrap_or_default();
        let source = source.map(|address| format!(" src {address}")).unwrap_or_default();
        write!(f, "{destination}{via} dev if{link}{source} table {table} proto {protocol} metric {metric}")
    }
}

/// In the words of `ip rule`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { priority, selector, table, protocol } = self;
        write!(f, "{selector} lookup {table} priority {priority} protocol {protocol}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_written_as_the_command_that_does_the_same() {
        let lan: Cidr4 = "192.168.2.0/24".parse().unwrap();
        let address = InterfaceAddress { link: 7, address: Ipv4Addr::new(192, 168, 2, 10), prefix: 24 };
        let via = Some(Ipv4Addr::new(192, 168, 2, 1));
        let route = TableRoute { table: 2100, destination: lan, metric: 0, via, link: 7, source: Some(address.address), protocol: 105 };
        let rule = |selector| Rule { priority: 600, selector, table: 2100, protocol: 105 };
        let cases = [
            (RoutingChange::SetLink { link: 7, mtu: 1500 }, "ip link set if7 up mtu 1500"),
            (RoutingChange::SetAddress(address), "ip address replace 192.168.2.10/24 dev if7"),
            (RoutingChange::DeleteAddress(address), "ip address del 192.168.2.10/24 dev if7"),
            (
                RoutingChange::SetRoute(route),
                "ip route replace 192.168.2.0/24 via 192.168.2.1 dev if7 src 192.168.2.10 table 2100 proto 105 metric 0",
            ),
            (
                RoutingChange::SetRule(rule(Selector::Mark { mark: 0x2000, mask: 0x2000 })),
                "ip rule add fwmark 0x2000/0x2000 lookup 2100 priority 600 protocol 105",
            ),
            (RoutingChange::DeleteRule(rule(Selector::To(lan))), "ip rule del to 192.168.2.0/24 lookup 2100 priority 600 protocol 105"),
        ];
        for (change, expected) in cases {
            assert_eq!(change.to_string(), expected);
        }
    }
}
