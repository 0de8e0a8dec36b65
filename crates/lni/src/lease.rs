//! What the LAN's DHCP server gave.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::profile::HostAddress;

/// A lease (RFC 2131). Saved, so that a machine that starts without the server keeps its address while the lease lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Address with the subnet mask as a prefix.
    pub address: HostAddress,
    /// Routers (option 3), best first.
    pub routers: Vec<Ipv4Addr>,
    /// DNS servers (option 6).
    pub dns: Vec<Ipv4Addr>,
    /// Who gave it (option 54).
    pub server: Ipv4Addr,
    /// When it was acknowledged.
    pub since: Timestamp,
    /// Ask the server again then (T1).
    pub renew: Timestamp,
    /// Ask any server then (T2).
    pub rebind: Timestamp,
    /// The address must be given up then.
    pub expires: Timestamp,
}
