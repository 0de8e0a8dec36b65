//! Tells what changes about links, addresses, routes, rules and nftables, one event for each message.

use std::io;

use futures::{Stream, StreamExt};
use hybridge_model::kernel::Link;
use hybridge_model::routing::{InterfaceAddress, Rule, TableRoute};
use netlink_packet_core::{NetlinkBuffer, NlasIterator};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::LinkHeader;
use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};

use super::observe;
use crate::error::NetlinkError;
use crate::socket::{Socket, messages};

const GROUPS: u32 = 1 << (libc::RTNLGRP_LINK - 1)
    | 1 << (libc::RTNLGRP_IPV4_IFADDR - 1)
    | 1 << (libc::RTNLGRP_IPV4_ROUTE - 1)
    | 1 << (libc::RTNLGRP_IPV4_RULE - 1)
    | 1 << (libc::RTNLGRP_IPV4_NETCONF - 1);

/// `NFNLGRP_NFTABLES` of linux/netfilter/nfnetlink.h.
const NFTABLES_GROUP: u32 = 1 << (7 - 1);

/// `NFNL_SUBSYS_NFTABLES`: the upper byte of the type of its messages.
const NFTABLES: u16 = 10;

/// `NFT_MSG_NEWGEN`: the last message of each transaction.
const NEW_GENERATION: u16 = NFTABLES << 8 | 15;

/// `NFTA_GEN_PROC_NAME`.
const PROCESS_NAME: u16 = 3;

/// `RTM_NEWNETCONF` of linux/rtnetlink.h, and `NETCONFA_IFINDEX` of linux/netconf.h.
const NEW_SETTINGS: u16 = 80;
const SETTINGS_LINK: u16 = 1;

/// Length of `struct netconfmsg` with its padding, after which attributes begin.
const SETTINGS_HEADER: usize = 4;

/// Length of `struct nfgenmsg`, after which attributes begin.
const NETFILTER_HEADER: usize = 4;

/// What happened; perhaps by ourselves. `gone` tells that it is there no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoutingEvent {
    /// A link: made, changed, gone.
    Link {
        /// As it is now, or was.
        link: Link,
        /// Whether the cable is in and the other side is there.
        carrier: bool,
        /// It is there no more.
        gone: bool,
    },
    /// An IPv4 address of a link.
    Address {
        /// Which.
        address: InterfaceAddress,
        /// It is there no more.
        gone: bool,
    },
    /// An IPv4 unicast route.
    Route {
        /// Which.
        route: TableRoute,
        /// It is there no more.
        gone: bool,
    },
    /// An IPv4 rule.
    Rule {
        /// Which.
        rule: Rule,
        /// It is there no more.
        gone: bool,
    },
    /// A sysctl under `net.ipv4.conf`: `rp_filter`, forwarding. Others, such as `arp_ignore`, change without notice.
    Settings {
        /// Kernel index of the link; -1 for `all`, -2 for `default`.
        link: i32,
    },
    /// Something in a table of nftables, or the table itself.
    NftTable {
        /// Name of the table; those of all families.
        table: String,
    },
    /// A transaction of nftables is done; follows its [`RoutingEvent::NftTable`]s.
    NftDone {
        /// Name of the process that did it, as the kernel has it: up to 15 bytes.
        process: String,
    },
    /// Events were lost, so anything may have changed.
    Overrun,
}

/// Events of the network namespace of the calling thread. Those of nftables need CAP_NET_ADMIN and are missing without it.
///
/// Must be called inside a tokio runtime. The stream ends only if its socket fails. Changes made through
/// [`Netlink`](crate::Netlink) appear as well.
pub fn routing_events() -> Result<impl Stream<Item = RoutingEvent> + Send + use<>, NetlinkError> {
    let routing = Socket::open(NETLINK_ROUTE, GROUPS).map_err(NetlinkError::Open)?;
    let nftables = match Socket::open(NETLINK_NETFILTER, NFTABLES_GROUP) {
        Ok(socket) => stream(socket).left_stream(),
        Err(error) => {
            tracing::warn!(%error, "changes of nftables will not be noticed as they happen");
            futures::stream::pending().right_stream()
        }
    };
    // Where routing ends, all ends; nftables may be missing.
    let nftables = nftables.chain(futures::stream::pending());
    let end = stream(routing).map(Some).chain(futures::stream::once(std::future::ready(None)));
    Ok(futures::stream::select(end, nftables.map(Some))
        .take_while(|event| std::future::ready(event.is_some()))
        .filter_map(std::future::ready))
}

fn stream(socket: Socket) -> impl Stream<Item = RoutingEvent> + Send {
    futures::stream::unfold(socket, |mut socket| async move {
        let events = match next(&mut socket).await {
            Ok(events) => events,
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => vec![RoutingEvent::Overrun],
            Err(error) => {
                tracing::error!(%error, "the netlink socket for events failed");
                return None;
            }
        };
        Some((futures::stream::iter(events), socket))
    })
    .flatten()
}

async fn next(socket: &mut Socket) -> io::Result<Vec<RoutingEvent>> {
    Ok(messages(socket.receive().await?).filter_map(|message| event(&message)).collect())
}

fn event(message: &NetlinkBuffer<&[u8]>) -> Option<RoutingEvent> {
    let payload = message.payload();
    match message.message_type() {
        kind @ (libc::RTM_NEWLINK | libc::RTM_DELLINK) => link(payload, kind == libc::RTM_DELLINK),
        kind @ (libc::RTM_NEWADDR | libc::RTM_DELADDR) => {
            let address = observe::decode_address(payload)?;
            Some(RoutingEvent::Address { address, gone: kind == libc::RTM_DELADDR })
        }
        kind @ (libc::RTM_NEWROUTE | libc::RTM_DELROUTE) => {
            Some(RoutingEvent::Route { route: observe::decode_route(payload)?, gone: kind == libc::RTM_DELROUTE })
        }
        kind @ (libc::RTM_NEWRULE | libc::RTM_DELRULE) => {
            Some(RoutingEvent::Rule { rule: observe::decode_rule(payload)?, gone: kind == libc::RTM_DELRULE })
        }
        NEW_SETTINGS => {
            let mut attributes = NlasIterator::new(payload.get(SETTINGS_HEADER..)?).flatten();
            let link = attributes.find(|attribute| attribute.kind() == SETTINGS_LINK)?;
            Some(RoutingEvent::Settings { link: i32::from_ne_bytes(link.value().try_into().ok()?) })
        }
        NEW_GENERATION => Some(RoutingEvent::NftDone { process: text(payload, PROCESS_NAME).unwrap_or_default() }),
        // The first attribute of every other message about tables, chains, rules and sets is the table's name.
        kind if kind >> 8 == NFTABLES => Some(RoutingEvent::NftTable { table: text(payload, 1)? }),
        _ => None,
    }
}

fn link(payload: &[u8], gone: bool) -> Option<RoutingEvent> {
    // Messages of other families tell about ports of bridges.
    if LinkHeader::parse(payload).ok()?.interface_family != AddressFamily::Unspec {
        return None;
    }
    let found = observe::decode_link(payload)?;
    Some(RoutingEvent::Link { link: found.link, carrier: found.carrier, gone })
}

/// An attribute that is a text, of a message of netfilter.
fn text(payload: &[u8], kind: u16) -> Option<String> {
    let attributes = NlasIterator::new(payload.get(NETFILTER_HEADER..)?);
    let attribute = attributes.flatten().find(|attribute| attribute.kind() == kind)?;
    Some(String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned())
}
