//! Profile of an LNI: what a user asks, each value checked on its own.
//!
//! ```yaml
//! lni:
//!   match: { deviceIndex: 14 }
//!   mtu: 1500
//!   address: { mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1 }
//!   lan: { cidrs: [192.168.2.0/24, 192.168.50.0/24], dhcpRange: 192.168.2.100-192.168.2.150 }
//!   routing: { table: 2100, mark: 0x2000, rulePriority: 600 }
//!   firewall: { hostPorts: [tcp/9100], allowFrom: [192.168.2.0/24] }
//!   vips: { pools: [192.168.2.160-192.168.2.190], announcer: metallb }
//! ```
//!
//! It stands in a NodeConfig (`spec.lni`) or in a file of its own, as above.

mod checks;
mod dump;
mod fields;
mod parse;
#[cfg(test)]
mod properties;
mod values;
mod walk;
mod whole;

pub use dump::{dump, explain, schema};
pub use parse::{Parsed, parse};
pub use values::{HostAddress, Port, Protocol, Range4, ValueError};
pub use walk::{Read, merge, read};
pub use whole::{Places, whole, whole_of};

use std::net::Ipv4Addr;

use hybridge_model::{Cidr4, MacAddr};
use serde::{Deserialize, Serialize};

/// What a user asks of an LNI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Which interface it is.
    #[serde(rename = "match")]
    pub which: Match,
    /// Largest packet in bytes, 576 to 9001; 1500 unless said.
    pub mtu: u16,
    /// Number of the VLAN, 1 to 4094; then all that follows is about the VLAN's interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// How it gets its address.
    pub address: Addressing,
    /// The network behind it.
    pub lan: Lan,
    /// Numbers in the kernel.
    pub routing: Routing,
    /// What the LAN may reach besides Services.
    pub firewall: Firewall,
    /// Addresses that are announced for Services.
    pub vips: Vips,
}

/// Which interface is the LNI. Names of interfaces change, so they are never configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Match {
    /// Device index in EC2, 1 to 15; IMDS tells the MAC address.
    DeviceIndex(u8),
    /// MAC address.
    Mac(MacAddr),
}

/// How the LNI gets its address. An LNI without one cannot work: the kernel drops what comes in by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "mode")]
pub enum Addressing {
    /// The LAN's DHCP server.
    #[serde(rename_all = "camelCase")]
    Dhcp {
        /// Whether its DNS servers are used; else those of the VPC alone.
        use_dns: bool,
        /// Whether its router becomes the way to everywhere, not only for the LAN's own flows.
        use_default_route: bool,
    },
    /// Written here.
    Static {
        /// Address with the length of its network's prefix.
        cidr: HostAddress,
        /// Router of the LAN; needed for what is behind it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gateway: Option<Ipv4Addr>,
    },
}

/// The network behind the LNI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lan {
    /// Networks that are reached by it; the first holds its own address.
    pub cidrs: Vec<Cidr4>,
    /// Addresses that the LAN's DHCP server gives out, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dhcp_range: Option<Range4>,
    /// Router of the LAN, if neither DHCP nor the static address names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
}

/// Numbers in the kernel, which nobody else may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Routing {
    /// Routing table of the LNI, 256 to 2^31-1; 2100 unless said.
    pub table: u32,
    /// One bit of packet and connection marks; 0x2000 unless said. Cilium has 0x0f00, kube-proxy 0x4000 and 0x8000, the VPC CNI 0x80.
    #[serde(with = "values::hexadecimal")]
    pub mark: u32,
    /// Priority of the first rule, 513 to 1022 (between the CNI's 512 and 1024); 600 unless said. The second has the next number.
    pub rule_priority: u32,
}

/// What the LAN may reach besides Services. No security group applies to an LNI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Firewall {
    /// Ports of the machine itself.
    pub host_ports: Vec<Port>,
    /// Who may reach them; the LAN's networks unless said.
    pub allow_from: Vec<Cidr4>,
}

/// Addresses that are announced for Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vips {
    /// Inside the LAN's first network, outside DHCP's range and the nodes' addresses.
    pub pools: Vec<Range4>,
    /// Who answers ARP for them.
    pub announcer: Announcer,
}

/// Who answers ARP for the addresses of Services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Announcer {
    /// MetalLB in layer 2 mode.
    #[default]
    Metallb,
    /// Nobody, or something that hybridge does not know.
    None,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::resolve::Lni;

    /// An LNI `eth1` with that profile, changed.
    pub(crate) fn lni(change: impl FnOnce(&mut Lni)) -> Lni {
        let mac = MacAddr::new([0x02, 0xab, 0xcd, 0, 0, 1]);
        let mut lni = Lni { profile: profile(), link: 3, name: "eth1".into(), mac, parent: None, vpc_routes: Vec::new() };
        change(&mut lni);
        lni
    }

    /// The profile of the reference, with a static address.
    pub(crate) fn profile() -> Profile {
        let cidr = |text: &str| text.parse::<Cidr4>().unwrap();
        let range = |first: &str, last: &str| Range4 { first: first.parse().unwrap(), last: last.parse().unwrap() };
        Profile {
            which: Match::DeviceIndex(14),
            mtu: 1500,
            vlan: None,
            address: Addressing::Static {
                cidr: HostAddress { address: Ipv4Addr::new(192, 168, 2, 10), prefix: 24 },
                gateway: Some(Ipv4Addr::new(192, 168, 2, 1)),
            },
            lan: Lan {
                cidrs: vec![cidr("192.168.2.0/24"), cidr("192.168.50.0/24")],
                dhcp_range: Some(range("192.168.2.100", "192.168.2.150")),
                gateway: None,
            },
            routing: Routing { table: 2100, mark: 0x2000, rule_priority: 600 },
            firewall: Firewall { host_ports: Vec::new(), allow_from: vec![cidr("192.168.2.0/24")] },
            vips: Vips { pools: vec![range("192.168.2.160", "192.168.2.190")], announcer: Announcer::Metallb },
        }
    }
}
