//! When EC2 said that a route was written, read from the wire.
//!
//! Asking the emulator as often as would be needed would keep it from answering the gateway.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket};
use nix::sys::time::TimeVal;

use super::BenchError;
use crate::netns::Netns;

/// How EC2's answer to a successful call begins, whichever emulator gives it.
const ANSWERS: [&[u8]; 2] = [b"<CreateRouteResponse", b"<ReplaceRouteResponse"];

/// How long a listener that is to end waits for one more packet, in microseconds.
const LAST_WAIT: i64 = 100_000;

/// The moments at which EC2 confirmed a route.
pub(super) struct RouteWrites {
    seen: Arc<Mutex<Vec<Instant>>>,
    stop: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl RouteWrites {
    /// Watches the wire of the EC2 API's host until dropped.
    pub(super) fn watch(ns: &Netns) -> Result<Self, BenchError> {
        let wire = ns.run(open).map_err(io::Error::from).map_err(BenchError::machine("listen to packets"))?;
        let (seen, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (noted, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let listener = thread::spawn(move || {
            if let Err(error) = listen(&wire, &noted, &stopped) {
                tracing::error!(%error, "cannot listen to packets");
            }
        });
        Ok(Self { seen, stop, listener: Some(listener) })
    }

    /// The moment of the `n`th confirmation after `begin`, counted from 1.
    pub(super) fn nth_since(&self, begin: Instant, n: usize) -> Option<Instant> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|at| **at > begin).nth(n - 1).copied()
    }
}

impl Drop for RouteWrites {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            // A panic in it was told by the panic itself.
            let _ended = listener.join();
        }
    }
}

fn open() -> nix::Result<OwnedFd> {
    let wire = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
    setsockopt(&wire, ReceiveTimeout, &TimeVal::new(0, LAST_WAIT))?;
    Ok(wire)
}

fn listen(wire: &OwnedFd, seen: &Mutex<Vec<Instant>>, stop: &AtomicBool) -> nix::Result<()> {
    let mut packet = vec![0; 1 << 16];
    while !stop.load(Ordering::Relaxed) {
        let length = match recv(wire.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            Ok(length) => length,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(error) => return Err(error),
        };
        let now = Instant::now();
        if ANSWERS.iter().any(|answer| packet[..length].windows(answer.len()).any(|part| part == *answer)) {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::Server;
    use crate::isolate::isolated;

    #[test]
    fn confirmations_are_seen_and_counted_from_a_moment_on() {
        isolated(|| {
            let ns = Netns::new("ec2").unwrap();
            let writes = RouteWrites::watch(&ns).unwrap();
            let listener = ns.run(|| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
            let address = listener.local_addr().unwrap();
            let server = thread::spawn(move || {
                for answer in ["<CreateRouteResponse>", "<CreateRouteTableResponse>", "<ReplaceRouteResponse>"] {
                    let (mut stream, _) = listener.accept().unwrap();
                    let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
                    io::Write::write_all(&mut stream, text.as_bytes()).unwrap();
                    // Reads the request, so that closing sends no reset.
                    let _request = io::Read::read(&mut stream, &mut [0; 4096]).unwrap();
                }
            });
            let begin = Instant::now();
            for _ in 0..3 {
                Server::plain(&ns, address).get("/").unwrap();
            }
            server.join().unwrap();
            thread::sleep(Duration::from_millis(20));
            // On the loopback device, every packet passes twice: once out, once in.
            let seen = (1..).map_while(|n| writes.nth_since(begin, n)).count();
            assert_eq!(seen, 4);
            assert_eq!(writes.nth_since(Instant::now(), 1), None);
        });
    }
}
