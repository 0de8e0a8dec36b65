//! Packets of the path MTU that routers may not fragment: an overlay that promises too large an MTU loses exactly these.
//!
//! The same echo as [`super::udp`], with the don't-fragment bit on both ways. Where a router says that a packet is too large (ICMP
//! "fragmentation needed"), the kernel remembers the smaller path MTU, and later sends fail with `EMSGSIZE`, which is counted.

use std::os::fd::AsFd;

use nix::sys::socket::setsockopt;
use nix::{setsockopt_impl, sockopt_impl};

use super::udp::{self, HEADERS, MIN_PACKET, Sockets};
use super::{Side, StartError};

// How the path MTU is used: IP_PMTUDISC_DO sets the bit and refuses what is larger than the path MTU known so far; see ip(7).
sockopt_impl!(
    /// `IP_MTU_DISCOVER`, which nix does not know on Linux.
    PathMtuDiscovery,
    SetOnly,
    libc::IPPROTO_IP,
    libc::IP_MTU_DISCOVER,
    libc::c_int
);

/// Sockets whose packets carry the don't-fragment bit.
pub(super) fn open(from: &Side, to: &Side) -> Result<Sockets, StartError> {
    let sockets = Sockets::open(from, to)?;
    for (socket, side) in [(&sockets.client, from), (&sockets.server, to)] {
        setsockopt(&socket.as_fd(), PathMtuDiscovery, &libc::IP_PMTUDISC_DO).map_err(|error| side.refused(error.into()))?;
    }
    Ok(sockets)
}

/// The flow whose IPv4 packets have `packet` bytes, headers included.
pub(super) fn flow(rate: u32, packet: u16) -> Result<udp::Flow, StartError> {
    let size = usize::from(packet);
    if size < MIN_PACKET {
        return Err(StartError::PacketTooSmall { packet, min: MIN_PACKET });
    }
    Ok(udp::Flow { rate, payload: size - HEADERS })
}
