//! When EC2 said that a route was written, read from the wire.
//!
//! Asking the emulator as often as would be needed would keep it from answering the gateway.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};
use tokio::io::unix::AsyncFd;

use super::BenchError;
use crate::netns::{Netns, Task};

/// How EC2's answer to a successful call begins, whichever emulator gives it.
const ANSWERS: [&[u8]; 2] = [b"<CreateRouteResponse", b"<ReplaceRouteResponse"];

/// The moments at which EC2 confirmed a route.
pub(super) struct RouteWrites {
    seen: Arc<Mutex<Vec<Instant>>>,
    _task: Task,
}

impl RouteWrites {
    /// Watches the wire of the EC2 API's host until dropped.
    pub(super) fn watch(ns: &Netns) -> Result<Self, BenchError> {
        let open = || socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll);
        let wire = ns.run(open).map_err(io::Error::from).map_err(BenchError::machine("listen to packets"))?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let task = ns.spawn("route-writes", move |stop| async move {
            tokio::select! {
                () = stop.cancelled() => {}
                result = listen(wire, &noted) => if let Err(error) = result {
                    tracing::error!(%error, "cannot listen to packets");
                },
            }
        });
        Ok(Self { seen, _task: task })
    }

    /// The moment of the `n`th confirmation after `begin`, counted from 1.
    pub(super) fn nth_since(&self, begin: Instant, n: usize) -> Option<Instant> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|at| **at > begin).nth(n - 1).copied()
    }
}

async fn listen(wire: OwnedFd, seen: &Mutex<Vec<Instant>>) -> io::Result<()> {
    let wire = AsyncFd::new(wire)?;
    let mut packet = vec![0; 1 << 16];
    loop {
        let read = |wire: &OwnedFd| Ok(recv(wire.as_raw_fd(), &mut packet, MsgFlags::empty())?);
        let length = wire.async_io(tokio::io::Interest::READABLE, read).await?;
        let now = Instant::now();
        if ANSWERS.iter().any(|answer| packet[..length].windows(answer.len()).any(|part| part == *answer)) {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        }
    }
}
