//! Answers ARP for the addresses of Services, as MetalLB's speaker does in layer 2 mode: with the MAC address of the interface itself,
//! and with gratuitous ARP, request and reply, when it takes over (RFC 5227 calls it an announcement).

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};

use nix::sys::socket::{MsgFlags, recv, send};
use tokio::io::unix::AsyncFd;

use super::LniError;
use super::server::Server;
use crate::netns::Task;
use crate::topology::wire;

/// Announces addresses until it is dropped.
#[derive(Debug)]
pub struct Announcer {
    task: Task,
}

const BROADCAST: [u8; 6] = [0xff; 6];
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

impl Announcer {
    /// Begins to answer for `vips` on the LNI of a server, after it has told everybody.
    pub fn start(server: &Server, vips: impl IntoIterator<Item = Ipv4Addr>) -> Result<Self, LniError> {
        let vips: BTreeSet<_> = vips.into_iter().collect();
        let mac = server.lni_mac.0;
        let index = wire::index(&server.node, &server.plan.names.lni)?;
        let failed = |source| LniError::Listen { name: "announcer".into(), source };
        let socket = server.node.run(|| arp_socket(index)).map_err(failed)?;
        for vip in &vips {
            for operation in [REQUEST, REPLY] {
                let announcement = frame(operation, (mac, *vip), (BROADCAST, *vip));
                send(socket.as_raw_fd(), &announcement, MsgFlags::empty()).map_err(|errno| failed(errno.into()))?;
            }
        }
        let task = server.node.spawn("announcer", move |token| async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = answer(socket, mac, vips) => {}
            }
        });
        Ok(Self { task })
    }

    /// Ends, as a speaker that is killed: nobody is told.
    pub fn stop(self) {
        self.task.stop();
    }
}

#[allow(unsafe_code, reason = "tokio wants to be told that the descriptor stays open")]
async fn answer(socket: OwnedFd, mac: [u8; 6], vips: BTreeSet<Ipv4Addr>) {
    // SAFETY: an OwnedFd is open and has one number as long as it lives.
    let Ok(socket) = (unsafe { AsyncFd::register(socket) }) else { return };
    while let Ok(mut ready) = socket.readable().await {
        let mut packet = [0; 64];
        let received = ready.try_io(|fd| Ok(recv(fd.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT)?));
        if let Ok(Ok(length)) = received
            && let Some((asker, vip)) = asked(&packet[..length])
            && vips.contains(&vip)
        {
            let _gone = send(socket.as_fd().as_raw_fd(), &frame(REPLY, (mac, vip), asker), MsgFlags::empty());
        }
    }
}

/// Who asks for which address, if this is a request for one.
fn asked(packet: &[u8]) -> Option<(([u8; 6], Ipv4Addr), Ipv4Addr)> {
    let arp = packet.get(14..42)?;
    if arp[..8] != [0, 1, 8, 0, 6, 4, 0, REQUEST] {
        return None;
    }
    let address = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&arp[at..at + 4]).expect("four bytes"));
    let mac = <[u8; 6]>::try_from(&arp[8..14]).expect("six bytes");
    Some(((mac, address(14)), address(24)))
}

/// An ARP packet in its Ethernet frame (RFC 826).
fn frame(operation: u8, (mac, address): ([u8; 6], Ipv4Addr), (to, about): ([u8; 6], Ipv4Addr)) -> Vec<u8> {
    let mut frame = Vec::with_capacity(42);
    frame.extend(to);
    frame.extend(mac);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(mac);
    frame.extend(address.octets());
    frame.extend(to);
    frame.extend(about.octets());
    frame
}

/// A socket that sees and sends the ARP frames of one interface.
#[allow(unsafe_code, reason = "an AF_PACKET socket is bound by an address that nix does not make")]
fn arp_socket(index: u32) -> io::Result<OwnedFd> {
    let protocol = (libc::ETH_P_ARP as u16).to_be();
    // SAFETY: socket(2) returns a new descriptor or -1; an all-zero sockaddr_ll is a value of that type, and its size is given.
    unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, protocol.into());
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let socket = OwnedFd::from_raw_fd(fd);
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol;
        address.sll_ifindex = index as i32;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        if libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(socket)
    }
}
