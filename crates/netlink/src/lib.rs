//! Observes and changes the kernel's network objects: links, VXLAN devices, routes, neighbours, forwarding entries; addresses and
//! policy routing.
//!
//! The only user of netlink among the products. It knows no policy: what should be is computed elsewhere, from a
//! [`Snapshot`] to a list of [`Change`]s (gateways: IPv4 and the main routing table only), or from a [`Routing`] to
//! [`RoutingChange`]s (LNIs: IPv4, any table but `local`). Nothing else is ever touched.

mod apply;
mod error;
mod events;
mod host;
mod observe;
mod request;
mod routing;
mod socket;
mod table;

use hybridge_model::kernel::{Change, Snapshot};
use hybridge_model::routing::{Routing, RoutingChange};
use tokio::sync::Mutex;

pub use error::{Failure, NetlinkError, Refusal, RoutingFailure};
pub use events::{Event, events};
pub use host::{has_net_admin, ip_forward};
pub use routing::events::{RoutingEvent, routing_events};

use apply::Applier;
use socket::Socket;

/// What has passed over a link since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Administratively up.
    pub up: bool,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets received and thrown away.
    pub rx_dropped: u64,
    /// Packets to be sent and thrown away.
    pub tx_dropped: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
}

/// A connection to the kernel, in the network namespace of the thread that made it.
///
/// Calls wait for each other, because the kernel keeps one dump per socket. Any of them may be dropped before its end.
pub struct Netlink {
    socket: Mutex<Socket>,
}

impl Netlink {
    /// Opens the socket. Must be called inside a tokio runtime; needs no capability.
    pub fn connect() -> Result<Self, NetlinkError> {
        let socket = Socket::connect().map_err(NetlinkError::Open)?;
        Ok(Self { socket: Mutex::new(socket) })
    }

    /// What there is: all links, what hangs on `device`, and the routes with the protocol number. The device may be missing.
    ///
    /// Reads each table again if it changes meanwhile, up to 20 times. The tables are read one after the other, so a change in
    /// between can show in one and not in the other; its event comes afterwards (see [`events`]).
    pub async fn snapshot(&self, device: &str, protocol: u8) -> Result<Snapshot, NetlinkError> {
        table::snapshot(&mut *self.socket.lock().await, device, protocol).await
    }

    /// Carries out `changes` in order and goes on after a failure; returns what failed.
    ///
    /// Routes, neighbours and forwarding entries are those of `device`. Each change is idempotent. Unlike the kernel's own
    /// deletion, that of a route with metric 0 never removes a route with another metric.
    pub async fn apply(&self, changes: &[Change], device: &str) -> Vec<Failure> {
        let mut socket = self.socket.lock().await;
        Applier::new(&mut socket, device).run(changes).await
    }

    /// Links, addresses, routes and rules.
    ///
    /// Each table is read again if it changes meanwhile, up to 20 times; between tables, what [`Netlink::snapshot`] says holds.
    pub async fn routing(&self) -> Result<Routing, NetlinkError> {
        routing::read(&mut *self.socket.lock().await).await
    }

    /// Carries out `changes` in order and goes on after a failure; returns what failed. Each change is idempotent.
    ///
    /// The kernel takes a rule without a network for "any network" when one is deleted, so of rules with the same priority, table
    /// and protocol another may go first; who looks again and applies the difference has both right after the second time.
    pub async fn apply_routing(&self, changes: &[RoutingChange]) -> Vec<RoutingFailure> {
        routing::apply(&mut *self.socket.lock().await, changes).await
    }

    /// State and counters of a link; `None` where there is none of that name.
    pub async fn counters(&self, name: &str) -> Result<Option<LinkCounters>, NetlinkError> {
        table::counters(&mut *self.socket.lock().await, name).await
    }
}
