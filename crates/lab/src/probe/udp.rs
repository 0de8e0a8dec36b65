//! UDP echo: numbered packets at fixed times, and whether each came back.
//!
//! A reply counts if it comes within one second. That is far more than any path here takes, and long enough that packets which the
//! kernel held back while it resolved a neighbour still count; a path that answers later than that is as good as cut.
//!
//! Three threads for each direction: the sender, which never waits for anything but its next deadline; the receiver of the replies;
//! and the echo on the other side, which also notes what reached it, so that a lost reply is told from a lost request.
//! The sockets are not connected: an ICMP error would otherwise make a later, innocent send fail.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use super::ledger::Limits;
use super::pace::{Clock, NAP, Pace};
use super::{Book, Side, StartError, Threads};

/// See the module's head.
pub(super) const LIMITS: Limits = Limits { lost: Duration::from_secs(1), stalled: None };

/// Marks our packets.
const MAGIC: [u8; 8] = *b"hybridge";

/// Shortest payload: the mark and the number.
pub(super) const MIN_PAYLOAD: usize = 16;

/// The sockets of one direction.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) client: UdpSocket,
    pub(super) server: UdpSocket,
}

impl Sockets {
    /// Opens both, each in its side's namespace.
    pub(super) fn open(from: &Side, to: &Side) -> Result<Self, StartError> {
        Ok(Self { client: bind(from)?, server: bind(to)? })
    }
}

fn bind(side: &Side) -> Result<UdpSocket, StartError> {
    let open = || {
        let socket = UdpSocket::bind((side.address, 0))?;
        socket.set_read_timeout(Some(NAP))?;
        Ok(socket)
    };
    side.ns.run(open).map_err(|source| side.refused(source))
}

/// Starts the threads of one direction.
pub(super) fn start(sockets: Sockets, clock: &Clock, book: &Book, flow: Flow) -> io::Result<Threads> {
    let Sockets { client, server } = sockets;
    let (to, sender) = (server.local_addr()?, client.try_clone()?);
    let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| thread::Builder::new().name(name.into()).spawn(body);
    let own = || (clock.clone(), book.clone());
    let ((echo_clock, echo_book), (receive_clock, receive_book), (send_clock, send_book)) = (own(), own(), own());
    Ok(Threads {
        servers: vec![spawn("probe-echo", Box::new(move || echo(&server, &echo_clock, &echo_book)))?],
        clients: vec![spawn("probe-receive", Box::new(move || receive(&client, &receive_clock, &receive_book)))?],
        senders: vec![spawn("probe-send", Box::new(move || send(&sender, to, (&send_clock, &send_book), flow)))?],
    })
}

/// How often, and how large.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    /// Packets a second.
    pub(super) rate: u32,
    /// Bytes of payload, at least [`MIN_PAYLOAD`].
    pub(super) payload: usize,
}

fn send(socket: &UdpSocket, to: SocketAddr, (clock, book): (&Clock, &Book), flow: Flow) {
    let mut packet = vec![0; flow.payload];
    packet[..8].copy_from_slice(&MAGIC);
    let mut pace = Pace::new(clock.now(), flow.rate);
    while let Some(now) = clock.wait(&mut pace) {
        // Booked before it leaves, or the reply could overtake the entry.
        let number = book.open().sent(now);
        packet[8..16].copy_from_slice(&number.to_be_bytes());
        if let Err(error) = socket.send_to(&packet, to) {
            book.open().failed(number, Some(errno(&error)));
        }
    }
}

fn receive(socket: &UdpSocket, clock: &Clock, book: &Book) {
    let mut buffer = [0; u16::MAX as usize];
    while !clock.over() {
        if let Some((number, _, _)) = next_packet(socket, &mut buffer) {
            book.open().answered(number, clock.now());
        }
    }
}

fn echo(socket: &UdpSocket, clock: &Clock, book: &Book) {
    let mut buffer = [0; u16::MAX as usize];
    while !clock.closed() {
        let Some((number, length, from)) = next_packet(socket, &mut buffer) else { continue };
        book.open().reached(number);
        if let Err(error) = socket.send_to(&buffer[..length], from) {
            book.open().note(errno(&error));
        }
    }
}

/// The next packet of ours with its number, length and sender. `None` after a nap without one, and for anything else.
fn next_packet(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(u64, usize, SocketAddr)> {
    let (length, from) = socket.recv_from(buffer).ok()?;
    let number = buffer[..length].strip_prefix(&MAGIC)?.first_chunk()?;
    Some((u64::from_be_bytes(*number), length, from))
}

/// The system's number of an error of a system call.
pub(super) fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// Size of the IPv4 packet around a payload: 20 bytes of IPv4 header (RFC 791, no options), 8 of UDP header (RFC 768).
pub(super) const HEADERS: usize = 28;

/// Bytes of the smallest IPv4 packet that can carry a number.
pub(super) const MIN_PACKET: usize = HEADERS + MIN_PAYLOAD;
