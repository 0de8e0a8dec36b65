//! ICMP echo from one namespace to an address.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::netns::Netns;

/// Sends one echo request of 64 bytes; the time until its reply, or `None` if there was none within `timeout`.
///
/// # Errors
/// No raw socket, or no route to the destination.
pub fn ping(from: &Netns, to: Ipv4Addr, timeout: Duration) -> io::Result<Option<Duration>> {
    from.run(|| echo(to, timeout))
}

fn echo(to: Ipv4Addr, timeout: Duration) -> io::Result<Option<Duration>> {
    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp)?;
    let identifier: [u8; 2] = rand::random();
    let mut request = [0u8; 64];
    request[0] = ECHO_REQUEST;
    request[4..6].copy_from_slice(&identifier);
    let sum = checksum(&request).to_be_bytes();
    request[2..4].copy_from_slice(&sum);

    let start = Instant::now();
    sendto(raw.as_raw_fd(), &request, &SockaddrIn::from(SocketAddrV4::new(to, 0)), MsgFlags::empty())?;
    let mut buffer = [0u8; 1500];
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        setsockopt(&raw, ReceiveTimeout, &TimeVal::microseconds(i64::try_from(left.as_micros()).unwrap_or(i64::MAX).max(1)))?;
        let length = match recv(raw.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => continue,
            other => other?,
        };
        // A raw socket sees the IPv4 header, and every ICMP message to this host.
        let header = usize::from(buffer[0] & 0x0F) * 4;
        if let Some(reply) = buffer[..length].get(header..)
            && reply.len() >= 8
            && reply[0] == ECHO_REPLY
            && reply[4..6] == identifier
        {
            return Ok(Some(start.elapsed()));
        }
    }
}

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// The Internet checksum (RFC 1071) over an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    !(((folded & 0xFFFF) + (folded >> 16)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::isolated;

    #[test]
    fn loopback_answers_and_nothing_else_does() {
        isolated(|| {
            let ns = Netns::new("alone").unwrap();
            assert!(ping(&ns, Ipv4Addr::LOCALHOST, Duration::from_secs(1)).unwrap().is_some());
            assert!(ping(&ns, Ipv4Addr::new(10, 0, 0, 1), Duration::from_millis(50)).is_err(), "there is no route");
        });
    }
}
