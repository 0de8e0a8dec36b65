//! Tells when the kernel's state may have changed behind our back.
//!
//! Nothing is read from the events but whether they can concern us: whoever gets one observes again.

use std::io;

use futures::Stream;
use netlink_packet_core::{NetlinkBuffer, NlasIterator};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::LinkHeader;
use netlink_packet_route::neighbour::NeighbourHeader;
use netlink_packet_route::route::{RouteFlags, RouteHeader};
use netlink_sys::protocols::NETLINK_ROUTE;

use crate::error::NetlinkError;
use crate::observe;
use crate::socket::{Socket, messages};

/// Links, neighbours with forwarding entries, and IPv4 routes.
const GROUPS: u32 = 1 << (libc::RTNLGRP_LINK - 1) | 1 << (libc::RTNLGRP_NEIGH - 1) | 1 << (libc::RTNLGRP_IPV4_ROUTE - 1);

/// Length of `struct rtmsg`, after which attributes begin.
pub(crate) const ROUTE_HEADER: usize = 12;

/// Why to observe again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something about the device, a VXLAN device or our routes changed; perhaps by ourselves.
    Changed,
    /// Events were lost, so anything may have changed.
    Overrun,
}

/// Events that concern `device` (which need not exist yet) or routes with the protocol number, in the network namespace of the
/// calling thread.
///
/// Must be called inside a tokio runtime. The stream ends only if its socket fails. Changes made through
/// [`Netlink`](crate::Netlink) appear as well. Several changes at once give one event.
pub fn events(device: &str, protocol: u8) -> Result<impl Stream<Item = Event> + Send + use<>, NetlinkError> {
    let socket = Socket::open(NETLINK_ROUTE, GROUPS).map_err(NetlinkError::Open)?;
    // Looked up after the subscription, so that nothing is missed in between.
    let index = nix::net::if_::if_nametoindex(device).ok();
    let watch = Watch { device: device.into(), index, protocol };
    Ok(futures::stream::unfold((socket, watch), |(mut socket, mut watch)| async move {
        let event = next(&mut socket, &mut watch).await?;
        Some((event, (socket, watch)))
    }))
}

async fn next(socket: &mut Socket, watch: &mut Watch) -> Option<Event> {
    loop {
        match wait(socket, watch).await {
            Ok(false) => {}
            Ok(true) => return Some(Event::Changed),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Some(Event::Overrun),
            Err(error) => {
                tracing::error!(%error, "the netlink socket for events failed");
                return None;
            }
        }
    }
}

/// Waits for events, takes all that have come, and tells whether one of them concerns us.
async fn wait(socket: &mut Socket, watch: &mut Watch) -> io::Result<bool> {
    let mut concerned = watch.datagram(socket.receive().await?);
    while let Some(datagram) = socket.receive_now()? {
        concerned |= watch.datagram(datagram);
    }
    Ok(concerned)
}

/// What an event is judged by.
struct Watch {
    device: String,
    index: Option<u32>,
    protocol: u8,
}

impl Watch {
    fn datagram(&mut self, datagram: &[u8]) -> bool {
        // Every message must be seen, because it may change the index.
        messages(datagram).fold(false, |concerned, message| self.concerns(&message) | concerned)
    }

    fn concerns(&mut self, message: &NetlinkBuffer<&[u8]>) -> bool {
        let payload = message.payload();
        match message.message_type() {
            libc::RTM_NEWLINK => self.link(payload, true),
            libc::RTM_DELLINK => self.link(payload, false),
            libc::RTM_NEWNEIGH | libc::RTM_DELNEIGH => {
                NeighbourHeader::parse(payload).is_ok_and(|header| Some(header.ifindex) == self.index)
            }
            libc::RTM_NEWROUTE | libc::RTM_DELROUTE => self.route(payload),
            _ => false,
        }
    }

    fn link(&mut self, payload: &[u8], exists: bool) -> bool {
        // Messages of other families tell about ports of bridges.
        let Ok(header) = LinkHeader::parse(payload) else { return true };
        if header.interface_family != AddressFamily::Unspec {
            return false;
        }
        let Some(link) = observe::decode_link(payload) else { return true };
        let (was_ours, named_so) = (self.index == Some(link.index), link.name == self.device);
        if named_so && exists {
            self.index = Some(link.index);
        } else if was_ours {
            self.index = None;
        }
        was_ours || named_so || link.vxlan.is_some()
    }

    fn route(&self, payload: &[u8]) -> bool {
        let Ok(header) = RouteHeader::parse(payload) else { return true };
        if header.table != RouteHeader::RT_TABLE_MAIN || header.flags.contains(RouteFlags::Cloned) {
            return false;
        }
        let Some(index) = self.index else { return u8::from(header.protocol) == self.protocol };
        let mut attributes = NlasIterator::new(payload.get(ROUTE_HEADER..).unwrap_or_default()).flatten();
        u8::from(header.protocol) == self.protocol
            || attributes.any(|attribute| match attribute.kind() {
                libc::RTA_OIF => attribute.value() == index.to_ne_bytes(),
                libc::RTA_MULTIPATH => true,
                _ => false,
            })
    }
}
