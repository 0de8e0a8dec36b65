//! Probes between a cloud pod and a hybrid pod: do packets flow, both ways, and when did they not?
//!
//! Four probes ask in each direction: UDP echo, UDP packets of the path MTU that may not be fragmented, new TCP connections, and
//! established ones. Client and server are both in this process, on plain threads whose sockets belong to the namespaces; all
//! moments are offsets from one origin, so that what the probes saw can be laid beside what was done to the gateways.
//!
//! ```text
//!            sends at fixed times         ┌────────┐ settled in order  ┌─────────┐
//!  threads ──────────────────────────────►│ Ledger │──────────────────►│ Windows │──► Outcome
//!            answers, errors, whenever    └────────┘                   └─────────┘
//! ```

mod connect;
mod df;
mod gaps;
mod latency;
mod ledger;
mod outcome;
mod pace;
mod server;
mod stream;
#[cfg(test)]
mod tests;
mod udp;
mod windows;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) use outcome::seconds;
pub use outcome::{Death, Direction, Kind, Latency, Outcome, ProbeOutcome, Window};

use crate::netns::Netns;
use ledger::{Ledger, Limits};
use pace::Clock;

/// How long answers are waited for after the last send. What has not come by then is lost.
const DRAIN: Duration = Duration::from_millis(120);

/// One end of the path: a pod.
#[derive(Clone, Debug)]
pub struct Side {
    /// The pod's network namespace.
    pub ns: Netns,
    /// The pod's address.
    pub address: Ipv4Addr,
}

impl Side {
    fn refused(&self, source: io::Error) -> StartError {
        StartError::Socket { address: self.address, namespace: self.ns.name().to_owned(), source }
    }
}

/// How much is asked, in each direction. Zero leaves a probe out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// UDP packets a second.
    pub udp: u32,
    /// New TCP connections a second.
    pub connects: u32,
    /// Established TCP connections.
    pub streams: usize,
    /// Packets of the path MTU a second.
    pub df: u32,
    /// Their size in bytes with IPv4 and UDP headers: the MTU inside the tunnel. At least 44.
    pub df_packet: u16,
}

impl Default for Load {
    /// 1,000 UDP packets, 50 connections and 50 packets of 1,450 bytes (1,500 less the 50 of VXLAN over IPv4, RFC 7348 §5) a second, one stream.
    fn default() -> Self {
        Self { udp: 1000, connects: 50, streams: 1, df: 50, df_packet: 1450 }
    }
}

/// What to probe.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pod in the VPC.
    pub cloud: Side,
    /// The pod on premises.
    pub hybrid: Side,
    /// What all moments are offsets from.
    pub origin: Instant,
    /// How much.
    pub load: Load,
}

/// Why no probe was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket could not be opened where the pod is.
    #[error("cannot open a socket on {address} in network namespace `{namespace}`")]
    Socket {
        /// The pod's address.
        address: Ipv4Addr,
        /// The name of its namespace.
        namespace: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The packet has no room for its number.
    #[error("a packet of {packet} bytes is too small to probe with: at least {min} are needed")]
    PacketTooSmall {
        /// What was asked for.
        packet: u16,
        /// What is needed.
        min: usize,
    },
    /// The machine gives no more threads or descriptors.
    #[error("cannot start a thread of a probe")]
    Thread(#[source] io::Error),
}

/// How one probe does right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Which probe.
    pub kind: Kind,
    /// Who asks.
    pub direction: Direction,
    /// Sends so far.
    pub sent: u64,
    /// Answers so far.
    pub answered: u64,
    /// Losses so far that are certain; a send counts as lost only a second (connections: three) after it left.
    pub lost: u64,
    /// Time since the last answer, or since the start. Longer than the distance of two sends means that nothing flows just now.
    pub silent: Duration,
}

/// A probe's ledger, shared by its threads.
#[derive(Clone, Debug)]
struct Book(Arc<Mutex<Ledger>>);

impl Book {
    fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(limits))))
    }

    fn open(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Probe {
    kind: Kind,
    direction: Direction,
    rate: u32,
    book: Book,
    /// Streams only.
    shelf: stream::Shelf,
}

/// Probes at work. Dropping this stops them too, and what they found is lost.
#[derive(Debug)]
pub struct Running {
    clock: Clock,
    start: Duration,
    probes: Vec<Probe>,
    threads: Threads,
}

/// Threads, in the order in which they are ended.
#[derive(Debug, Default)]
struct Threads {
    /// Those that do nothing but send; they end when the run drains.
    senders: Vec<JoinHandle<()>>,
    /// Those that read answers; they end when the run is over.
    clients: Vec<JoinHandle<()>>,
    /// Those that answer; they end when it is closed.
    servers: Vec<JoinHandle<()>>,
}

/// Opens all sockets, then starts all probes. When it fails, nothing is left running.
pub fn start(plan: Plan) -> Result<Running, StartError> {
    let Plan { cloud, hybrid, origin, load } = plan;
    let clock = Clock::new(origin);
    let mut running = Running { start: clock.now(), clock, probes: Vec::new(), threads: Threads::default() };
    for kind in Kind::ALL {
        for direction in Direction::BOTH {
            let (from, to) = match direction {
                Direction::CloudToHybrid => (&cloud, &hybrid),
                Direction::HybridToCloud => (&hybrid, &cloud),
            };
            running.add(kind, direction, (from, to), load)?;
        }
    }
    Ok(running)
}

impl Running {
    /// How every probe does right now, in the order of the outcome.
    pub fn counters(&self) -> Vec<Live> {
        let now = self.clock.now();
        let live = |probe: &Probe| {
            let book = probe.book.open();
            Live {
                kind: probe.kind,
                direction: probe.direction,
                sent: book.total(),
                answered: book.total_answered(),
                lost: book.total_lost(),
                silent: now.saturating_sub(book.last_answer().unwrap_or(self.start)),
            }
        };
        self.probes.iter().map(live).collect()
    }

    /// Stops everything within 200 ms and says what was found.
    pub fn stop(mut self) -> Outcome {
        let end = self.clock.now();
        self.halt();
        let closed = |probe: Probe| {
            let findings = std::mem::take(&mut *probe.shelf.lock().unwrap_or_else(PoisonError::into_inner));
            // All threads have ended, so what is left in its place is read by nobody.
            let ledger = std::mem::replace(&mut *probe.book.open(), Ledger::new(udp::LIMITS));
            let outcome = ledger.close(probe.kind, probe.direction, probe.rate, end);
            match probe.kind {
                Kind::Udp | Kind::Df | Kind::Connect => outcome,
                Kind::Stream => ProbeOutcome { stalls: findings.stalls, deaths: findings.deaths, ..outcome },
            }
        };
        Outcome { start: self.start, end, probes: std::mem::take(&mut self.probes).into_iter().map(closed).collect() }
    }

    /// Lets the last answers come in, then ends and joins all threads.
    fn halt(&mut self) {
        self.clock.drain();
        // First of all, so that nothing leaves when the wait for answers has begun.
        join(&mut self.threads.senders);
        let until = self.clock.now() + DRAIN;
        while self.clock.now() < until && self.probes.iter().any(|probe| probe.book.open().waits()) {
            thread::sleep(Duration::from_millis(2));
        }
        self.clock.end();
        join(&mut self.threads.clients);
        self.clock.close();
        join(&mut self.threads.servers);
    }

    /// Starts one probe in one direction, unless the load leaves it out.
    fn add(&mut self, kind: Kind, direction: Direction, (from, to): (&Side, &Side), load: Load) -> Result<(), StartError> {
        let (rate, limits) = match kind {
            Kind::Udp => (load.udp, udp::LIMITS),
            Kind::Df => (load.df, udp::LIMITS),
            Kind::Connect => (load.connects, connect::LIMITS),
            Kind::Stream => (if load.streams == 0 { 0 } else { stream::RATE }, stream::LIMITS),
        };
        if rate == 0 {
            return Ok(());
        }
        let (book, shelf) = (Book::new(limits), stream::Shelf::default());
        self.probes.push(Probe { kind, direction, rate, book: book.clone(), shelf: shelf.clone() });
        let (clock, own) = (self.clock.clone(), book.clone());
        match kind {
            Kind::Udp => {
                let flow = udp::Flow { rate, payload: udp::MIN_PAYLOAD };
                self.echo(udp::Sockets::open(from, to)?, &book, flow)?;
            }
            Kind::Df => {
                let flow = df::flow(rate, load.df_packet)?;
                self.echo(df::open(from, to)?, &book, flow)?;
            }
            Kind::Connect => {
                let address = self.serve(to, server::accept_only)?;
                self.client(from, move || connect::run(address, &clock, &own, rate))?;
            }
            Kind::Stream => {
                let address = self.serve(to, server::echo)?;
                self.client(from, move || stream::run(address, (&clock, &own), load.streams, &shelf))?;
            }
        }
        Ok(())
    }

    fn echo(&mut self, sockets: udp::Sockets, book: &Book, flow: udp::Flow) -> Result<(), StartError> {
        let Threads { senders, clients, servers } = udp::start(sockets, &self.clock, book, flow).map_err(StartError::Thread)?;
        self.threads.senders.extend(senders);
        self.threads.clients.extend(clients);
        self.threads.servers.extend(servers);
        Ok(())
    }

    /// Listens on the side's address and serves what comes.
    fn serve(&mut self, side: &Side, serve: fn(&TcpListener, &Clock)) -> Result<SocketAddr, StartError> {
        let listener = server::listen(side)?;
        let address = listener.local_addr().map_err(|source| side.refused(source))?;
        let clock = self.clock.clone();
        let thread = thread::Builder::new().name("probe-server".into()).spawn(move || serve(&listener, &clock));
        self.threads.servers.push(thread.map_err(StartError::Thread)?);
        Ok(address)
    }

    /// Starts a client that opens sockets all the time, and so has to be inside its side's namespace.
    fn client(&mut self, side: &Side, body: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        let ns = side.ns.clone();
        let thread = thread::Builder::new().name("probe-client".into()).spawn(move || ns.run(body));
        self.threads.clients.push(thread.map_err(StartError::Thread)?);
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Waits for the threads. A panic of one of them goes on here.
fn join(threads: &mut Vec<JoinHandle<()>>) {
    for thread in threads.drain(..) {
        if let Err(panic) = thread.join()
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
