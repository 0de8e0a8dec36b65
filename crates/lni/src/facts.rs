//! What is known of the machine: gathered once, saved and replayed like those of the node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use hybridge_model::routing::Routing;
use hybridge_model::{Cidr4, MacAddr};
use serde::{Deserialize, Serialize};

/// Everything that decisions depend on besides the profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Facts {
    /// Links, addresses, routes and rules.
    pub routing: Routing,
    /// Interfaces as EC2's instance metadata tells them; empty where it does not answer.
    pub interfaces: Vec<Ec2Interface>,
    /// Networks of the VPC, from instance metadata.
    pub vpc_cidrs: Vec<Cidr4>,
    /// Sysctls that matter → value: `net.ipv4.conf.all.rp_filter`.
    pub sysctls: BTreeMap<String, String>,
    /// Bits of packet marks that live rules of nftables and iptables use, with who uses them (`ip nat KUBE-SERVICES`).
    pub marks: BTreeMap<String, u32>,
    /// Whether `nft` is there.
    pub nft: bool,
    /// Units of systemd that are active or enabled, of those that meddle with interfaces.
    pub units: BTreeSet<String>,
    /// `/etc/os-release` ID.
    pub os: String,
    /// What could not be found out, and why.
    pub missing: BTreeMap<String, String>,
}

/// An interface as instance metadata tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ec2Interface {
    /// MAC address.
    pub mac: MacAddr,
    /// `device-number`.
    pub device_index: u8,
    /// `interface-id`.
    pub id: String,
    /// Its first private address; unusable on an LNI.
    pub address: Option<Ipv4Addr>,
}
