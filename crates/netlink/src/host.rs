//! What this process may do, and what this host is set to do.

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

/// Whether the kernel would let the calling thread change its network namespace, which takes CAP_NET_ADMIN in the user namespace
/// that owns it.
///
/// Asks the kernel instead of reading the thread's capabilities, because in a user namespace without a network namespace of its
/// own they say yes where the kernel says no.
pub fn has_net_admin() -> bool {
    // The permission is checked before the message: a change of no link is EPERM or EINVAL.
    matches!(answer_to_empty_change(), Ok(code) if code != -libc::EPERM)
}

fn answer_to_empty_change() -> io::Result<i32> {
    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK;
    let change = RouteNetlinkMessage::SetLink(LinkMessage::default());
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(change));
    message.finalize();
    let mut request = vec![0; message.buffer_len()];
    message.serialize(&mut request);
    socket.send(&request, 0)?;
    let (answer, _sender) = socket.recv_from_full()?;
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map(|answer| answer.payload) {
        Ok(NetlinkPayload::Error(error)) => Ok(error.raw_code()),
        Ok(_) | Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Whether the calling thread's network namespace forwards IPv4 packets (`net.ipv4.ip_forward`).
pub fn ip_forward() -> io::Result<bool> {
    Ok(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward")?.trim() != "0")
}
