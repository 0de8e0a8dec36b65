//! The DHCP client with its sockets and its clock.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use hybridge_lni::dhcp::{Ask, CLIENT_PORT, Client, Event, Outgoing, Output, Reply, SERVER_PORT};
use hybridge_lni::lease::Lease;
use hybridge_model::MacAddr;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt};

use crate::clock::Clock;
use crate::packet::{Kind, PacketSocket};

/// A client on one interface.
pub(crate) struct Dhcp {
    client: Client,
    clock: Clock,
    link: u32,
    name: String,
    mac: MacAddr,
    /// Open while an answer is awaited.
    socket: Option<PacketSocket>,
    /// Holds the port while the server is asked alone, so that its answer is not refused.
    alone: Option<UdpSocket>,
}

impl Dhcp {
    pub(crate) fn new(link: u32, name: &str, mac: MacAddr, saved: Option<Lease>, clock: Clock) -> Self {
        let seed = mac.octets().iter().fold(u64::from(std::process::id()), |seed, byte| seed.rotate_left(8) ^ u64::from(*byte));
        let seed = seed ^ (clock.now().as_nanosecond() as u64);
        Self { client: Client::new(saved, clock.now(), seed), clock, link, name: name.into(), mac, socket: None, alone: None }
    }

    /// What happens next to the lease. May be dropped before its end.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let due = self.clock.instant(self.client.due());
            let output = if !self.client.listens() {
                (self.socket, self.alone) = (None, None);
                tokio::time::sleep_until(due).await;
                self.client.poll(self.clock.now())
            } else {
                self.wait(due).await
            };
            if let Some(event) = self.carry_out(output) {
                return event;
            }
        }
    }

    async fn wait(&mut self, due: tokio::time::Instant) -> Output {
        let mac = self.mac;
        let Some(socket) = self.opened() else {
            tokio::time::sleep_until(due).await;
            return self.client.poll(self.clock.now());
        };
        tokio::select! {
            packet = socket.receive() => match packet {
                Ok(packet) => {
                    let reply = Reply::from_packet(packet, mac);
                    reply.map(|reply| self.client.receive(&reply, self.clock.now())).unwrap_or_default()
                }
                Err(error) => {
                    // The link is down or gone; the agent hears of it by other ways.
                    tracing::debug!(%error, "the socket for DHCP failed");
                    self.socket = None;
                    tokio::time::sleep_until(due).await;
                    Output::default()
                }
            },
            () = tokio::time::sleep_until(due) => self.client.poll(self.clock.now()),
        }
    }

    fn opened(&mut self) -> Option<&mut PacketSocket> {
        if self.socket.is_none() {
            match PacketSocket::open(self.link, Kind::Dhcp) {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => tracing::warn!(%error, interface = self.name, "cannot open a socket for DHCP"),
            }
        }
        self.socket.as_mut()
    }

    /// Somebody else has the address.
    pub(crate) fn decline(&mut self) -> Option<Event> {
        let output = self.client.decline(self.clock.now());
        self.carry_out(output)
    }

    /// The cable was out.
    pub(crate) fn restart(&mut self) {
        (self.socket, self.alone) = (None, None);
        self.client.restart(self.clock.now());
    }

    fn carry_out(&mut self, output: Output) -> Option<Event> {
        for message in &output.send {
            // The socket stands before the question, or the answer would be missed.
            self.opened();
            tracing::debug!(ask = ?message.ask, to = ?message.to, "DHCP");
            if let Err(error) = self.send(message) {
                tracing::debug!(%error, ask = ?message.ask, "a message of DHCP was not sent");
            }
        }
        output.event
    }

    fn send(&mut self, message: &Outgoing) -> io::Result<()> {
        if let (Some(server), Ask::Extend { address }) = (message.to, message.ask) {
            match self.send_alone(server, address, &message.datagram(self.mac)) {
                Ok(()) => return Ok(()),
                Err(error) => tracing::debug!(%error, "cannot ask the DHCP server alone, asks everybody"),
            }
        }
        match &self.socket {
            Some(socket) => socket.send(&message.packet(self.mac)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn send_alone(&mut self, server: Ipv4Addr, own: Ipv4Addr, datagram: &[u8]) -> io::Result<()> {
        if self.alone.is_none() {
            let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
            // Beside a client of networkd, which has the port for its own first seconds.
            setsockopt(&socket, sockopt::ReuseAddr, &true)?;
            setsockopt(&socket, sockopt::BindToDevice, &self.name.clone().into())?;
            bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &SockaddrIn::from(SocketAddrV4::new(own, CLIENT_PORT)))?;
            self.alone = Some(UdpSocket::from(socket));
        }
        let socket = self.alone.as_ref().expect("it was made above");
        socket.send_to(datagram, SocketAddrV4::new(server, SERVER_PORT))?;
        Ok(())
    }
}
