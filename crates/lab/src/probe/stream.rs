//! Established TCP connections: a record every 10 ms on each, echoed by the other side.
//!
//! Silence of 100 ms or more while an answer is due is a stall ([`super::gaps`]). A connection that is reset, or whose records stay
//! unacknowledged for 20 seconds, has died; another one takes its place, as an application would do it, so that the probe goes on.
//! Records in flight when a connection dies are the lost ones.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{setsockopt, sockopt};

use super::Book;
use super::connect::{self, reset_on_close};
use super::gaps::Gaps;
use super::ledger::Limits;
use super::outcome::{Death, Window};
use super::pace::{Clock, NAP, Pace};
use super::server::would_block;
use super::udp::errno;
use super::windows;

/// Records a second on each connection.
pub(super) const RATE: u32 = 100;

/// A record is lost only with its connection.
pub(super) const LIMITS: Limits = Limits { lost: Duration::MAX, stalled: None };

/// A connection dies after this long without acknowledgement (TCP_USER_TIMEOUT, RFC 5482), in milliseconds; the kernel's own
/// retransmissions would go on for a quarter of an hour.
const USER_TIMEOUT_MS: u32 = 20_000;

/// Between two attempts to open a connection.
const REOPEN_AFTER: Duration = Duration::from_millis(100);

/// An attempt to open one is given up after this.
const OPEN_LIMIT: Duration = Duration::from_secs(3);

/// Record: number, then moment of sending in nanoseconds, both big endian.
const RECORD: usize = 16;

/// What is known of the connections beyond the book's counts.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) stalls: Vec<Window>,
    pub(super) deaths: Vec<Death>,
}

/// Where a thread leaves its findings when it ends.
pub(super) type Shelf = Arc<Mutex<Findings>>;

/// Keeps `count` connections to `to` until the run is over. To be called inside the asking side's namespace.
pub(super) fn run(to: SocketAddr, (clock, book): (&Clock, &Book), count: usize, shelf: &Shelf) {
    let mut pace = Pace::new(clock.now(), RATE);
    let mut lines: Vec<Line> = (0..count).map(|_| Line::default()).collect();
    let mut end = None;
    while !clock.over() {
        let now = clock.now();
        if clock.probing() {
            let due = pace.due(now);
            lines.iter_mut().for_each(|line| line.tick(to, now, due, book));
        } else {
            end.get_or_insert(now);
        }
        wait(&lines, if clock.probing() { pace.left(clock.now()).min(NAP) } else { NAP });
        lines.iter_mut().for_each(|line| line.serve(clock.now(), book));
    }
    let end = end.unwrap_or_else(|| clock.now());
    let mut findings = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    for line in lines {
        let (stalls, deaths) = line.finish(end);
        findings.stalls.extend(stalls);
        findings.deaths.extend(deaths);
    }
    findings.stalls = windows::union(std::mem::take(&mut findings.stalls));
    findings.deaths.sort_by_key(|death| death.at);
}

fn wait(lines: &[Line], timeout: Duration) {
    let mut fds: Vec<_> = lines.iter().filter_map(Line::poll).collect();
    // A signal interrupts the wait; the caller then finds nothing to do and comes back.
    let _ = ppoll(&mut fds, Some(timeout.into()), None);
}

/// One connection after the other.
#[derive(Default)]
struct Line {
    state: State,
    gaps: Gaps,
    deaths: Vec<Death>,
}

#[derive(Default)]
enum State {
    #[default]
    New,
    /// The next attempt follows at this time.
    Closed {
        until: Duration,
    },
    Opening {
        socket: OwnedFd,
        since: Duration,
    },
    Open(Connection),
}

struct Connection {
    stream: TcpStream,
    /// Records without an answer: number in the book, and when sent.
    waiting: VecDeque<(u64, Duration)>,
    /// The rest of a record that did not fit into the socket's buffer.
    unsent: Vec<u8>,
    /// The beginning of an answer whose rest has not come.
    partial: Vec<u8>,
}

impl Line {
    fn poll(&self) -> Option<PollFd<'_>> {
        match &self.state {
            State::New | State::Closed { .. } => None,
            State::Opening { socket, .. } => Some(PollFd::new(socket.as_fd(), PollFlags::POLLOUT)),
            State::Open(connection) => Some(PollFd::new(connection.stream.as_fd(), PollFlags::POLLIN)),
        }
    }

    /// Time has passed: opens a connection where there is none, and sends a record where one is due.
    fn tick(&mut self, to: SocketAddr, now: Duration, due: bool, book: &Book) {
        match &mut self.state {
            State::New => self.begin(to, now),
            State::Closed { until } if now >= *until => self.begin(to, now),
            State::Opening { since, .. } if now - *since >= OPEN_LIMIT => self.begin(to, now),
            State::Open(connection) if due => {
                if let Err(error) = connection.send(now, book) {
                    self.die(reason(&error), now, book);
                }
            }
            State::Closed { .. } | State::Opening { .. } | State::Open(_) => {}
        }
    }

    /// Does what can be done without waiting.
    fn serve(&mut self, now: Duration, book: &Book) {
        match &mut self.state {
            State::New | State::Closed { .. } => {}
            State::Opening { .. } => self.finish_opening(now),
            State::Open(connection) => {
                if let Err(error) = connection.receive(now, book, &mut self.gaps) {
                    self.die(reason(&error), now, book);
                }
            }
        }
    }

    fn begin(&mut self, to: SocketAddr, now: Duration) {
        self.state = match connect::begin(to) {
            Ok(socket) => State::Opening { socket, since: now },
            Err(_) => State::Closed { until: now + REOPEN_AFTER },
        };
    }

    fn finish_opening(&mut self, now: Duration) {
        let State::Opening { socket, since } = std::mem::take(&mut self.state) else { return };
        self.state = match connect::outcome(&socket) {
            Ok(()) => match Connection::new(socket) {
                Ok(connection) => State::Open(connection),
                // Not connected yet.
                Err((socket, Errno::ENOTCONN)) => State::Opening { socket, since },
                Err(_) => State::Closed { until: now + REOPEN_AFTER },
            },
            Err(_) => State::Closed { until: now + REOPEN_AFTER },
        };
    }

    fn die(&mut self, reason: String, now: Duration, book: &Book) {
        if let State::Open(connection) = std::mem::take(&mut self.state) {
            self.gaps.died(connection.waiting.front().map(|(_, sent)| *sent), now);
            let mut book = book.open();
            connection.waiting.iter().for_each(|(number, _)| book.failed(*number, None));
        }
        self.deaths.push(Death { at: now, reason });
        self.state = State::Closed { until: now + REOPEN_AFTER };
    }

    fn finish(self, end: Duration) -> (Vec<Window>, Vec<Death>) {
        let waiting = match &self.state {
            State::New | State::Closed { .. } | State::Opening { .. } => None,
            State::Open(connection) => connection.waiting.front().map(|(_, sent)| (*sent, connection.waiting.len() as u64)),
        };
        (self.gaps.finish(waiting, end), self.deaths)
    }
}

impl Connection {
    /// From a socket that has connected; gives it back with `ENOTCONN` when it has not.
    fn new(socket: OwnedFd) -> Result<Self, (OwnedFd, Errno)> {
        let stream = TcpStream::from(socket);
        let prepared = stream
            .peer_addr()
            .and_then(|_| stream.set_nodelay(true))
            .and_then(|()| Ok(setsockopt(&stream.as_fd(), sockopt::TcpUserTimeout, &USER_TIMEOUT_MS)?));
        if let Err(error) = prepared {
            return Err((stream.into(), errno(&error)));
        }
        reset_on_close(&stream.as_fd());
        Ok(Self { stream, waiting: VecDeque::new(), unsent: Vec::new(), partial: Vec::new() })
    }

    /// Writes the next record. Where the socket's buffer is full, nothing: the connection stalls anyway.
    fn send(&mut self, now: Duration, book: &Book) -> std::io::Result<()> {
        if self.unsent.is_empty() {
            let number = book.open().sent(now);
            let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            self.unsent.extend(number.to_be_bytes());
            self.unsent.extend(nanos.to_be_bytes());
            self.waiting.push_back((number, now));
        }
        match self.stream.write(&self.unsent) {
            Ok(length) => drop(self.unsent.drain(..length)),
            Err(error) if would_block(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads what has come.
    fn receive(&mut self, now: Duration, book: &Book, gaps: &mut Gaps) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.partial.extend_from_slice(&buffer[..length]),
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            while let Some((record, _)) = self.partial.split_first_chunk::<RECORD>() {
                self.answer(*record, now, book, gaps)?;
                self.partial.drain(..RECORD);
            }
        }
    }

    /// One record has come back; it has to be the oldest that is missing.
    fn answer(&mut self, record: [u8; RECORD], now: Duration, book: &Book, gaps: &mut Gaps) -> std::io::Result<()> {
        let waiting = self.waiting.len() as u64;
        let number = record.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let (expected, sent) = self.waiting.pop_front().filter(|(expected, _)| Some(*expected) == number).ok_or(ErrorKind::InvalidData)?;
        book.open().answered(expected, now);
        gaps.answered(sent, now, waiting);
        Ok(())
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => format!("{:?}", Errno::from_raw(number)),
        None if error.kind() == ErrorKind::UnexpectedEof => "EOF".to_owned(),
        None => "damaged data".to_owned(),
    }
}
