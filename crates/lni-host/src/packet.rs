//! Packets of DHCP and ARP on one interface, past routing and firewall: before an interface has an address nothing else gets through.

#![allow(unsafe_code, reason = "packet(7) has no safe form")]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What passes the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Arp,
    /// UDP to port 68.
    Dhcp,
}

impl Kind {
    /// As `struct sockaddr_ll` wants it: in network order.
    fn protocol(self) -> u16 {
        let protocol = match self {
            Self::Arp => libc::ETH_P_ARP,
            Self::Dhcp => libc::ETH_P_IP,
        };
        (protocol as u16).to_be()
    }
}

/// A socket that sends to everybody on a link and receives what comes in by it, without the Ethernet header.
pub(crate) struct PacketSocket {
    socket: AsyncFd<OwnedFd>,
    kind: Kind,
    link: u32,
    buffer: Vec<u8>,
}

impl PacketSocket {
    /// Must be called inside a tokio runtime; takes CAP_NET_RAW.
    pub(crate) fn open(link: u32, kind: Kind) -> io::Result<Self> {
        // Receives nothing before it is bound, so that nothing gets past the filter.
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Datagram, flags, None)?;
        if kind == Kind::Dhcp {
            only_dhcp(&socket)?;
        }
        let address = address(link, kind);
        // SAFETY: the pointer and length are those of a whole sockaddr_ll.
        Errno::result(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of::<libc::sockaddr_ll>() as u32) })?;
        // SAFETY: the descriptor is owned, and it is neither closed nor exchanged before the AsyncFd is dropped.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE)? };
        Ok(Self { socket, kind, link, buffer: vec![0; 2048] })
    }

    /// The next packet. May be dropped before its end.
    pub(crate) async fn receive(&mut self) -> io::Result<&[u8]> {
        loop {
            let mut ready = self.socket.readable().await?;
            let buffer = &mut self.buffer;
            match ready.try_io(|socket| Ok(recv(socket.as_raw_fd(), buffer, MsgFlags::empty())?)) {
                Ok(Ok(length)) => return Ok(&self.buffer[..length]),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }

    /// Sends to everybody on the link.
    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        let address = address(self.link, self.kind);
        let socket = self.socket.get_ref().as_raw_fd();
        // SAFETY: pointers and lengths are those of a slice and of a whole sockaddr_ll.
        let sent = unsafe {
            let (to, length) = ((&raw const address).cast(), size_of::<libc::sockaddr_ll>() as u32);
            libc::sendto(socket, packet.as_ptr().cast(), packet.len(), libc::MSG_DONTWAIT, to, length)
        };
        Errno::result(sent)?;
        Ok(())
    }
}

fn address(link: u32, kind: Kind) -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: kind.protocol(),
        sll_ifindex: link as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0],
    }
}

/// Lets whole UDP packets to port 68 in, so that traffic of the LAN does not wake us.
fn only_dhcp(socket: &OwnedFd) -> io::Result<()> {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, 9),
        step(libc::BPF_JMP | libc::BPF_JEQ, 0, 6, 17),
        step(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 0, 0, 6),
        step(libc::BPF_JMP | libc::BPF_JSET, 4, 0, 0x1fff),
        step(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0, 0, 0),
        step(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, 0, 0, 2),
        step(libc::BPF_JMP | libc::BPF_JEQ, 0, 1, 68),
        step(libc::BPF_RET, 0, 0, 0xffff),
        step(libc::BPF_RET, 0, 0, 0),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which lives until the call has returned.
    let set = unsafe {
        let (value, length) = ((&raw const filter).cast(), size_of::<libc::sock_fprog>() as u32);
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, value, length)
    };
    Errno::result(set)?;
    Ok(())
}
