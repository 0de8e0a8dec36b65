//! New TCP connections: how long each takes to open, and whether it does.
//!
//! A lost SYN is sent again after one second (RFC 6298 §2.1), so a connection that took a second or more is a stall, and one that
//! did not open within three seconds is lost. One thread for each direction has all of them in the air at once, since a client that
//! waited for one before it began the next would not see an outage but sleep through it.
//! What has opened is closed at once with a reset: it leaves no state behind on either side.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, getsockopt, setsockopt, socket, sockopt};

use super::Book;
use super::ledger::Limits;
use super::pace::{Clock, NAP, Pace};

/// See the module's head.
pub(super) const LIMITS: Limits = Limits { lost: Duration::from_secs(3), stalled: Some(Duration::from_secs(1)) };

struct Attempt {
    number: u64,
    at: Duration,
    socket: OwnedFd,
}

/// Opens connections to `to` until the run is over. To be called inside the asking side's namespace.
pub(super) fn run(to: SocketAddr, clock: &Clock, book: &Book, rate: u32) {
    let mut pace = Pace::new(clock.now(), rate);
    let mut attempts: Vec<Attempt> = Vec::new();
    while !clock.over() {
        let now = clock.now();
        if clock.probing() && pace.due(now) {
            let number = book.open().sent(now);
            match begin(to) {
                Ok(socket) => attempts.push(Attempt { number, at: now, socket }),
                Err(error) => book.open().failed(number, Some(error)),
            }
        }
        let ready = wait(&attempts, if clock.probing() { pace.left(clock.now()).min(NAP) } else { NAP });
        settle(&mut attempts, &ready, clock.now(), book);
    }
}

/// A socket that has begun to connect.
pub(super) fn begin(to: SocketAddr) -> Result<OwnedFd, Errno> {
    let SocketAddr::V4(to) = to else { return Err(Errno::EAFNOSUPPORT) };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    match connect(std::os::fd::AsRawFd::as_raw_fd(&socket), &SockaddrIn::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// How the connecting of a socket that became writable ended.
pub(super) fn outcome(socket: &OwnedFd) -> Result<(), Errno> {
    match getsockopt(socket, sockopt::SocketError)? {
        0 => Ok(()),
        error => Err(Errno::from_raw(error)),
    }
}

/// For each attempt, whether its socket has news. Returns at the latest after `timeout`.
fn wait(attempts: &[Attempt], timeout: Duration) -> Vec<bool> {
    let mut fds: Vec<_> = attempts.iter().map(|attempt| PollFd::new(attempt.socket.as_fd(), PollFlags::POLLOUT)).collect();
    match ppoll(&mut fds, Some(timeout.into()), None) {
        Ok(_) => fds.iter().map(|fd| fd.any().unwrap_or(false)).collect(),
        // A signal; nothing is lost, the next turn asks again.
        Err(_) => vec![false; attempts.len()],
    }
}

/// Books every attempt that has ended and drops it.
fn settle(attempts: &mut Vec<Attempt>, ready: &[bool], now: Duration, book: &Book) {
    let mut ready = ready.iter();
    attempts.retain(|attempt| {
        let ready = *ready.next().unwrap_or(&false);
        let overdue = now.saturating_sub(attempt.at) > LIMITS.lost;
        if ready {
            match outcome(&attempt.socket) {
                Ok(()) => book.open().answered(attempt.number, now),
                Err(error) => book.open().failed(attempt.number, Some(error)),
            }
            reset_on_close(&attempt.socket);
        } else if overdue {
            book.open().failed(attempt.number, Some(Errno::ETIMEDOUT));
        }
        !ready && !overdue
    });
}

/// Makes closing send a reset, so that no TIME_WAIT remains.
pub(super) fn reset_on_close(socket: &impl AsFd) {
    let now = libc::linger { l_onoff: 1, l_linger: 0 };
    // Cannot fail on a TCP socket; if it did, closing would only be slower.
    let _ = setsockopt(socket, sockopt::Linger, &now);
}
