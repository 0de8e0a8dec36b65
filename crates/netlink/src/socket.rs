//! One netlink socket: requests out, answers in.
//!
//! rtnetlink's own connection is not used, for four things that it does not do: it sends one message a system call, it does not
//! show `NLM_F_DUMP_INTR`, it drops the kernel's own words about an error, and it gives up on the first message that it cannot
//! parse.

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket as RawSocket, SocketAddr};
use nix::errno::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::Refusal;

/// The kernel fills at most 32 KiB of a dump into one datagram (`netlink_dump` in net/netlink/af_netlink.c).
const DATAGRAM: usize = 64 * 1024;

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;

/// The attribute of an error that holds the kernel's words (`enum nlmsgerr_attrs` in linux/netlink.h).
const NLMSGERR_ATTR_MSG: u16 = 1;

/// Messages per system call. Their acknowledgements wait in the receive buffer together: 64 of under 1 KiB each fit into the
/// default of 208 KiB three times over.
pub(crate) const BATCH: usize = 64;

/// Why there is no answer, or not the wanted one.
#[derive(Debug)]
pub(crate) enum AnswerError {
    Refused(Refusal),
    /// The dump is not consistent, because what it shows changed meanwhile.
    Interrupted,
    Socket(io::Error),
}

impl From<io::Error> for AnswerError {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

/// Whether one object or all of a table are asked for.
#[derive(Clone, Copy)]
pub(crate) enum Extent {
    One,
    Table,
}

/// A socket of the NETLINK_ROUTE family in a tokio runtime.
pub(crate) struct Socket {
    socket: AsyncFd<RawSocket>,
    sequence: u32,
    buffer: Vec<u8>,
    /// Whether answers that nobody wants may be waiting, because a request was dropped before its end.
    unfinished: bool,
}

impl Socket {
    /// A socket for requests.
    pub(crate) fn connect() -> io::Result<Self> {
        let socket = Self::open(NETLINK_ROUTE, 0)?;
        let options = socket.socket.get_ref();
        options.connect(&SocketAddr::new(0, 0))?;
        // Filters in requests are obeyed or refused, not ignored.
        options.set_netlink_get_strict_chk(true)?;
        options.set_ext_ack(true)?;
        options.set_cap_ack(true)?;
        Ok(socket)
    }

    /// A socket of a netlink protocol that gets the notifications of `groups` (bit n - 1 for group n).
    #[allow(unsafe_code, reason = "tokio cannot check that a descriptor outlives its registration")]
    pub(crate) fn open(protocol: isize, groups: u32) -> io::Result<Self> {
        let mut socket = RawSocket::new(protocol)?;
        socket.bind(&SocketAddr::new(0, groups))?;
        socket.set_non_blocking(true)?;
        // SAFETY: the socket owns its descriptor, and it is neither closed nor exchanged before the AsyncFd is dropped.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE)? };
        Ok(Self { socket, sequence: 0, buffer: Vec::with_capacity(DATAGRAM), unfinished: false })
    }

    /// The next datagram, whole.
    pub(crate) async fn receive(&mut self) -> io::Result<&[u8]> {
        loop {
            let mut ready = self.socket.readable().await?;
            let buffer = &mut self.buffer;
            buffer.clear();
            match ready.try_io(|socket| socket.get_ref().recv(buffer, libc::MSG_TRUNC)) {
                Ok(Ok(length)) if length > self.buffer.len() => return Err(io::Error::other("a netlink datagram of more than 64 KiB")),
                Ok(Ok(_)) => return Ok(&self.buffer),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }

    /// A datagram that is already there; `None` where none is.
    pub(crate) fn receive_now(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.clear();
        match self.socket.get_ref().recv(&mut self.buffer, 0) {
            Ok(_) => Ok(Some(&self.buffer)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for objects and decodes each; those for which `decode` has nothing are left out.
    pub(crate) async fn read<T>(
        &mut self,
        request: RouteNetlinkMessage,
        extent: Extent,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, AnswerError> {
        let flags = match extent {
            Extent::One => NLM_F_REQUEST | NLM_F_ACK,
            Extent::Table => NLM_F_REQUEST | NLM_F_DUMP,
        };
        self.begin()?;
        let sequence = self.send(std::iter::once((request, flags)))?;
        let mut objects = Vec::new();
        let mut interrupted = false;
        let mut end = None;
        while end.is_none() {
            for message in messages(self.receive().await?).filter(|message| message.sequence_number() == sequence) {
                interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
                end = acknowledgement(&message);
                if end.is_none() {
                    objects.extend(decode(message.payload()));
                }
            }
        }
        self.unfinished = false;
        match end {
            Some(Err(refusal)) => Err(AnswerError::Refused(refusal)),
            Some(Ok(())) | None if interrupted => Err(AnswerError::Interrupted),
            Some(Ok(())) | None => Ok(objects),
        }
    }

    /// Has the kernel carry out all of `requests` (at most [`BATCH`]), in order; one answer for each.
    pub(crate) async fn execute(&mut self, requests: Vec<(RouteNetlinkMessage, u16)>) -> io::Result<Vec<Result<(), Refusal>>> {
        // What stays unanswered was lost to a full receive buffer.
        let mut answers = vec![Err(Refusal::from(Errno::ENOBUFS)); requests.len()];
        let mut missing = requests.len();
        self.begin()?;
        let last = self.send(requests.into_iter().map(|(request, flags)| (request, flags | NLM_F_REQUEST | NLM_F_ACK)))?;
        let first = last.wrapping_add(1).wrapping_sub(answers.len() as u32);
        while missing > 0 {
            let datagram = match self.receive().await {
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => break,
                other => other?,
            };
            for message in messages(datagram) {
                let index = message.sequence_number().wrapping_sub(first) as usize;
                if let (Some(slot), Some(answer)) = (answers.get_mut(index), acknowledgement(&message)) {
                    *slot = answer;
                    missing -= 1;
                }
            }
        }
        self.unfinished = missing > 0;
        Ok(answers)
    }

    /// Throws away the answers to a request that was dropped; an open dump would make the next one fail with EBUSY.
    fn begin(&mut self) -> io::Result<()> {
        // The kernel puts answers into the buffer before send(2) or recv(2) return, so nothing comes later.
        while self.unfinished {
            self.unfinished = match self.receive_now() {
                Ok(datagram) => datagram.is_some(),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => true,
                Err(error) => return Err(error),
            };
        }
        self.unfinished = true;
        Ok(())
    }

    /// Sends messages in one datagram, numbered one after the other; the number of the last.
    fn send(&mut self, requests: impl Iterator<Item = (RouteNetlinkMessage, u16)>) -> io::Result<u32> {
        let mut datagram = Vec::new();
        for (request, flags) in requests {
            self.sequence = self.sequence.wrapping_add(1);
            let mut header = NetlinkHeader::default();
            header.flags = flags;
            header.sequence_number = self.sequence;
            let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request));
            message.finalize();
            let start = datagram.len();
            datagram.resize(start + message.buffer_len().next_multiple_of(4), 0);
            message.serialize(&mut datagram[start..]);
        }
        self.socket.get_ref().send(&datagram, 0)?;
        Ok(self.sequence)
    }
}

/// The messages of a datagram; ends at the first that is cut off.
pub(crate) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = NetlinkBuffer<&[u8]>> {
    std::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(datagram).ok()?;
        let length = (message.length() as usize).next_multiple_of(4);
        datagram = datagram.get(length..).unwrap_or_default();
        Some(message)
    })
}

/// What a message says about the end of a request; `None` for an object.
fn acknowledgement(message: &NetlinkBuffer<&[u8]>) -> Option<Result<(), Refusal>> {
    let payload = message.payload();
    let code = match i32::from(message.message_type()) {
        libc::NLMSG_ERROR | libc::NLMSG_DONE => payload.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code)),
        _ => return None,
    };
    if code == 0 {
        return Some(Ok(()));
    }
    // Behind the code of an error stands the header of the request, without its payload (NETLINK_CAP_ACK); behind that, attributes.
    let skipped = if i32::from(message.message_type()) == libc::NLMSG_ERROR { 4 + HEADER } else { 4 };
    debug_assert!(i32::from(message.message_type()) == libc::NLMSG_DONE || message.flags() & NLM_F_CAPPED != 0);
    let attributes = NlasIterator::new(payload.get(skipped..).unwrap_or_default());
    let text = attributes.flatten().find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG).map(|attribute| {
        let text = String::from_utf8_lossy(attribute.value());
        text.trim_end_matches('\0').to_owned()
    });
    Some(Err(Refusal { errno: Errno::from_raw(-code), text }))
}
