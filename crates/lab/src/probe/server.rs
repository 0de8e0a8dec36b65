//! The answering side of the TCP probes.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, ppoll};

use super::pace::{Clock, NAP};
use super::{Side, StartError};

/// A listener on a port of the kernel's choice, in the side's namespace.
pub(super) fn listen(side: &Side) -> Result<TcpListener, StartError> {
    let open = || {
        let listener = TcpListener::bind((side.address, 0))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    side.ns.run(open).map_err(|source| side.refused(source))
}

/// Accepts and closes: all that [`super::connect`] asks for.
///
/// Closed with FIN and not with a reset, which could overtake the client's look at whether its connection opened.
pub(super) fn accept_only(listener: &TcpListener, clock: &Clock) {
    while !clock.closed() {
        wait(listener, &[]);
        while listener.accept().is_ok() {}
    }
}

/// Sends back whatever comes, on every connection.
pub(super) fn echo(listener: &TcpListener, clock: &Clock) {
    let mut connections: Vec<Echo> = Vec::new();
    while !clock.closed() {
        wait(listener, &connections);
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_ok() {
                connections.push(Echo { stream, waiting: Vec::new() });
            }
        }
        connections.retain_mut(Echo::serve);
    }
}

fn wait(listener: &TcpListener, connections: &[Echo]) {
    let mut fds = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    fds.extend(connections.iter().map(|echo| PollFd::new(echo.stream.as_fd(), echo.wants())));
    // A signal interrupts the wait; the caller then finds nothing to do and comes back.
    let _ = ppoll(&mut fds, Some(NAP.into()), None);
}

struct Echo {
    stream: TcpStream,
    /// Read and not yet written back. Nothing more is read until it is empty, so it never holds more than one read.
    waiting: Vec<u8>,
}

impl Echo {
    fn wants(&self) -> PollFlags {
        if self.waiting.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLOUT }
    }

    /// Does what can be done without waiting. `false` when the connection has ended.
    fn serve(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            if self.waiting.is_empty() {
                match self.stream.read(&mut buffer) {
                    Ok(0) => return false,
                    Ok(length) => self.waiting.extend_from_slice(&buffer[..length]),
                    Err(error) => return would_block(&error),
                }
            }
            match self.stream.write(&self.waiting) {
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(error) => return would_block(&error),
            }
        }
    }
}

/// Whether the call only has to be made again later.
pub(super) fn would_block(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
