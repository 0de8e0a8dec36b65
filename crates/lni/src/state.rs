//! What of an LNI is in the kernel, or should be.

use std::collections::{BTreeMap, BTreeSet};

use hybridge_model::routing::{InterfaceAddress, Rule, TableRoute};
use serde::{Deserialize, Serialize};

/// Who made our routes and rules (`rtm_protocol`, `FRA_PROTOCOL`): not among those of /etc/iproute2/rt_protos.
pub const PROTOCOL: u8 = 105;

/// Our nftables table of family `inet`: marks and firewall.
pub const TABLE: &str = "hybridge_lni";

/// Our nftables table of family `ip`: masquerading.
pub const NAT_TABLE: &str = "hybridge_lni_nat";

/// The part of the kernel's state that belongs to the LNI. Everything else is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Kernel index of the LNI; of the VLAN's interface where there is one.
    pub link: u32,
    /// Administratively up.
    pub up: bool,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Addresses of the LNI.
    pub addresses: BTreeSet<InterfaceAddress>,
    /// Routes of the LNI's own table, and those of the main one that carry [`PROTOCOL`].
    pub routes: BTreeSet<TableRoute>,
    /// Rules that lead to it.
    pub rules: BTreeSet<Rule>,
    /// Sysctl → value.
    pub sysctls: BTreeMap<String, String>,
    /// Text of our nftables tables, as [`crate::nft`] writes it; none where they are missing or changed by somebody.
    pub ruleset: Option<String>,
}
