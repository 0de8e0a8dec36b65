//! Network objects of the Linux kernel, as data: what was observed, what should be, and the changes between the two.
//!
//! Products compute these; the `netlink` crate reads and writes them. IPv4 only, main routing table only.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{Cidr4, MacAddr};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Kernel index, from 1.
    pub index: u32,
    /// Name, up to 15 bytes.
    pub name: String,
    /// Administratively up.
    pub up: bool,
    /// Largest packet, in bytes, without the link-layer header.
    pub mtu: u32,
    /// Ethernet address, where the link has one.
    pub mac: Option<MacAddr>,
    /// IPv4 addresses assigned to it.
    pub addresses: BTreeSet<Ipv4Addr>,
    /// Tunnel parameters, where it is a VXLAN device.
    pub vxlan: Option<Vxlan>,
}

/// Parameters of a VXLAN device that the kernel fixes at creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vxlan {
    /// Network identifier, 0 to 2^24 - 1.
    pub vni: u32,
    /// UDP destination port.
    pub port: u16,
    /// Source address of outer packets.
    pub local: Option<Ipv4Addr>,
    /// Whether it learns forwarding entries from packets.
    pub learning: bool,
    /// Whether tunnel keys come with each packet (`external`, "collect metadata") instead of from the device.
    pub external: bool,
}

/// A VXLAN device to be made. Its outer packets carry no UDP checksum (RFC 7348 §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VxlanSpec {
    /// Name of the device.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Largest inner packet, in bytes.
    pub mtu: u32,
    /// Tunnel parameters.
    pub vxlan: Vxlan,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NextHop {
    /// To a gateway on the observed device, without asking whether the gateway is in an attached network (`onlink`).
    Device(Ipv4Addr),
    /// Nowhere: the sender gets ICMP host unreachable.
    Unreachable,
    /// Anything else that carries our protocol number or lies on the device (no gateway, several, another device).
    Other,
}

/// A route of the main table.
///
/// Ordered and compared by destination first. The kernel tells routes apart by destination and metric, so a
/// [`Change::SetRoute`] replaces what has the same two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Destination.
    pub destination: Cidr4,
    /// Priority; lower wins, 0 is the kernel's default for IPv4.
    pub metric: u32,
    /// Next hop.
    pub via: NextHop,
    /// Who made it (`rtm_protocol`, see /etc/iproute2/rt_protos).
    pub protocol: u8,
}

/// A permanent neighbour (ARP) entry on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Neighbour {
    /// IPv4 address.
    pub address: Ipv4Addr,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Whether the kernel will never age or probe it.
    pub permanent: bool,
}

/// An entry of the VXLAN device's own forwarding table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FdbEntry {
    /// Inner destination.
    pub mac: MacAddr,
    /// Outer destination; 0.0.0.0 stands for anything but a plain IPv4 remote (a port, VNI or interface of its own, a next hop
    /// object, IPv6). Deleting such an entry removes all entries of its `mac`.
    pub remote: Ipv4Addr,
    /// Whether the kernel will never age it.
    pub permanent: bool,
}

/// What is in the kernel about one VXLAN device and one route protocol, read in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Every link of the namespace, in the order of their index.
    pub links: Vec<Link>,
    /// Routes over the device, whoever made them, and all routes of the main table with the protocol number.
    pub routes: BTreeSet<Route>,
    /// IPv4 neighbours on the device.
    pub neighbours: BTreeSet<Neighbour>,
    /// Forwarding entries of the device.
    pub fdb: BTreeSet<FdbEntry>,
}

impl Snapshot {
    /// The link of that name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// The first link that holds `address`.
    pub fn link_with(&self, address: Ipv4Addr) -> Option<&Link> {
        self.links.iter().find(|link| link.addresses.contains(&address))
    }
}

/// One change to the kernel. Each is idempotent: setting what is there and deleting what is gone succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Makes a VXLAN device and brings it up (`ip link add … type vxlan`).
    CreateVxlan(VxlanSpec),
    /// Sets state and MTU of an existing device in place (`ip link set … up mtu N`).
    SetLink {
        /// Which device.
        name: String,
        /// Wanted state.
        up: bool,
        /// Wanted MTU, in bytes.
        mtu: u32,
    },
    /// Removes a device and all that hangs on it (`ip link del`).
    DeleteLink {
        /// Which device.
        name: String,
    },
    /// Adds or replaces the route with that destination and metric (`ip route replace`).
    SetRoute(Route),
    /// Removes it (`ip route del`).
    DeleteRoute(Route),
    /// Adds or replaces (`ip neigh replace … nud permanent`).
    SetNeighbour(Neighbour),
    /// Removes (`ip neigh del`).
    DeleteNeighbour(Neighbour),
    /// Adds or replaces (`bridge fdb replace … self permanent`).
    SetFdb(FdbEntry),
    /// Removes (`bridge fdb del … self`).
    DeleteFdb(FdbEntry),
}
