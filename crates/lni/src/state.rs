//! What of an LNI is in the kernel, or should be.

use std::collections::{BTreeMap, BTreeSet};

use hybridge_model::routing::{InterfaceAddress, Routing, Rule, TableRoute};
use serde::{Deserialize, Serialize};

use crate::desired::MAIN;
use crate::resolve::Lni;

/// Who made our routes and rules (`rtm_protocol`, `FRA_PROTOCOL`): not among those of /etc/iproute2/rt_protos.
pub const PROTOCOL: u8 = 105;

/// Our nftables table of family `inet`: marks and firewall.
pub const TABLE: &str = "hybridge_lni";

/// Our nftables table of family `ip`: masquerading.
pub const NAT_TABLE: &str = "hybridge_lni_nat";

/// Name that the LNI has on machines that start from our files.
pub const NAME: &str = "lni0";

/// Name of a VLAN's interface: without a point, as that separates the parts of a sysctl's name.
pub fn vlan_name(vlan: u16) -> String {
    format!("lni{vlan}")
}

/// Where it lies unless told otherwise.
pub const DIRECTORY: &str = "/var/lib/hybridge/lni";

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
    /// Text of our nftables tables, as [`crate::nft`] writes it; none where one is missing. What somebody has changed
    /// is another text.
    pub ruleset: Option<String>,
}

/// What of a reading of the kernel belongs to the LNI; sysctls and ruleset are for the caller to add.
///
/// Ours are routes of our table that carry our protocol or lie on our link, those of the main table with our protocol, rules that
/// lead to our table or carry our protocol, and every address of the link but those of the pools: announcers such as kube-vip and
/// keepalived put the addresses of Services on it.
pub fn observed(lni: &Lni, routing: &Routing) -> State {
    let table = lni.profile.routing.table;
    let pools = &lni.profile.vips.pools;
    let service = |address: &InterfaceAddress| pools.iter().any(|pool| (pool.first..=pool.last).contains(&address.address));
    let ours = |route: &TableRoute| match route.table {
        number if number == table => route.protocol == PROTOCOL || route.link == lni.link,
        number => number == MAIN && route.protocol == PROTOCOL,
    };
    let link = routing.links.iter().find(|link| link.index == lni.link);
    State {
        link: lni.link,
        up: link.is_some_and(|link| link.up),
        mtu: link.map_or(0, |link| link.mtu),
        addresses: routing.addresses.iter().filter(|address| address.link == lni.link && !service(address)).copied().collect(),
        routes: routing.routes.iter().filter(|route| ours(route)).copied().collect(),
        rules: routing.rules.iter().filter(|rule| rule.table == table || rule.protocol == PROTOCOL).cloned().collect(),
        sysctls: BTreeMap::new(),
        ruleset: None,
    }
}
