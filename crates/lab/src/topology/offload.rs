//! Checksum offload of a wire's end.
//!
//! Between virtual interfaces a packet never gets its checksum: it carries a note that some hardware will fill it in. A packet
//! that comes from a real wire has one. The kernel treats the two differently where a tunnel's outer header is translated (the
//! outer UDP checksum of the first sort comes out wrong), so hosts with translation need packets of the second sort.

use std::io;
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::netns::Netns;

/// `ETHTOOL_STXCSUM` of linux/ethtool.h: switches transmit checksum offload.
const SET_TX_CHECKSUM: u32 = 0x17;

/// `struct ethtool_value` of linux/ethtool.h.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Lets an interface's own host compute the checksums of what it sends.
pub(crate) fn compute_checksums(ns: &Netns, interface: &str) -> io::Result<()> {
    ns.run(|| Ok(switch_off(interface)?))
}

#[allow(unsafe_code, reason = "ioctl(2) on an interface has no safe form")]
fn switch_off(interface: &str) -> nix::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut value = Value { command: SET_TX_CHECKSUM, data: 0 };
    // SAFETY: an all-zero ifreq is a value of that type.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the name is NUL-terminated, and request and value live through the call, which writes to nothing else.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) }).map(drop)
}
