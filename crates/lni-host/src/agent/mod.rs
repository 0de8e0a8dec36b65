//! The loop: waits until something happens, looks, puts in order.

mod address;
mod converge;
mod hear;

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use hybridge_lni::contest::Repairs;
use hybridge_lni::dhcp::Event;
use hybridge_lni::facts::Facts;
use hybridge_lni::lease::Lease;
use hybridge_lni::profile::{HostAddress, Profile};
use hybridge_lni::resolve::{Lni, resolve};
use hybridge_lni::state::State;
use hybridge_netlink::routing_events;
use hybridge_report::chain;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::dhcp::Dhcp;
use crate::error::HostError;
use crate::facts::{self, Ec2};
use crate::machine::Machine;
use crate::notify::notify;
use crate::status::{self, Phase, Status};
use crate::store::Store;
use address::Check;

/// Between two looks at what the kernel does not tell about.
const AUDIT: Duration = Duration::from_secs(60);
/// Every so many of these looks, nftables is listed, too.
const AUDITS_OF_TABLES: u32 = 10;
/// Pause after a failure; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// An answer of instance metadata to come.
pub type AskEc2 = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Ec2, String>>>>>;

/// What to keep, and where.
pub struct Options {
    /// What is wanted.
    pub profile: Profile,
    /// Our files.
    pub directory: PathBuf,
    /// Asks instance metadata.
    pub ask_ec2: AskEc2,
}

/// Keeps the LNI as the profile says until `stop` is done; then leaves everything as it is.
///
/// # Errors
/// Only where nothing can be done at all: no netlink socket.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> Result<(), HostError> {
    let mut events = std::pin::pin!(routing_events()?);
    let mut stop = std::pin::pin!(stop);
    let mut agent = Agent::new(options).await?;
    loop {
        if agent.is_due() {
            agent.converge().await;
            continue;
        }
        let wake = agent.wake();
        tokio::select! {
            biased;
            () = &mut stop => break,
            event = events.next() => {
                let Some(event) = event else { break };
                agent.hear(&event);
                // All that has come, so that one look is enough for it.
                while let Some(Some(event)) = events.next().now_or_never() {
                    agent.hear(&event);
                }
            }
            event = next(&mut agent.dhcp) => agent.lease_event(event),
            found = Check::done(&mut agent.check) => agent.checked(found),
            answer = answered(&mut agent.asking) => agent.ec2_answered(answer),
            () = tokio::time::sleep_until(wake) => agent.woken(),
        }
    }
    notify("STOPPING=1");
    agent.tell(Phase::Stopped);
    Ok(())
}

async fn next(dhcp: &mut Option<Dhcp>) -> Event {
    match dhcp {
        Some(dhcp) => dhcp.next().await,
        None => std::future::pending().await,
    }
}

type Asking = Option<Pin<Box<dyn Future<Output = Result<Ec2, String>>>>>;

async fn answered(asking: &mut Asking) -> Result<Ec2, String> {
    let answer = match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    };
    *asking = None;
    answer
}

struct Agent {
    profile: Profile,
    ask_ec2: AskEc2,
    asking: Asking,
    machine: Machine,
    clock: Clock,
    facts: Facts,
    lni: Option<Lni>,
    dhcp: Option<Dhcp>,
    lease: Option<Lease>,
    carrier: bool,
    /// It was there once and went away.
    carrier_lost: bool,
    check: Check,
    /// Until our own address is known, one of the LAN that others have set stays.
    hold: bool,
    repairs: Repairs,
    /// What was put in order last.
    settled: Option<State>,
    /// Something happened.
    dirty: bool,
    /// When it was heard of.
    heard: Option<Instant>,
    /// Nothing is done before.
    pause: Option<Instant>,
    failures: u32,
    audit: Instant,
    audits: u32,
    hearing: hear::Hearing,
    status: Status,
    /// The status as it was written last.
    written: Option<Status>,
    ready: bool,
    warned: BTreeSet<String>,
}

impl Agent {
    async fn new(options: Options) -> Result<Self, HostError> {
        let machine = Machine::open(Store::new(&options.directory))?;
        let mut facts = facts::gather(&machine.netlink).await?;
        facts.interfaces.clone_from(&machine.memory.interfaces);
        facts.vpc_cidrs.clone_from(&machine.memory.vpc_cidrs);
        let asking = Some((options.ask_ec2)());
        let status = Status { process: std::process::id(), ..Status::default() };
        let clock = Clock::new();
        Ok(Self {
            profile: options.profile,
            ask_ec2: options.ask_ec2,
            asking,
            machine,
            clock,
            facts,
            lni: None,
            dhcp: None,
            lease: None,
            carrier: false,
            carrier_lost: false,
            check: Check::default(),
            hold: true,
            repairs: Repairs::default(),
            settled: None,
            dirty: true,
            heard: None,
            pause: None,
            failures: 0,
            audit: Instant::now() + AUDIT,
            audits: 0,
            hearing: hear::Hearing::default(),
            status,
            written: None,
            ready: false,
            warned: BTreeSet::new(),
        })
    }

    fn is_due(&self) -> bool {
        self.dirty && self.pause.is_none_or(|pause| pause <= Instant::now())
    }

    fn wake(&self) -> Instant {
        let pause = self.pause.filter(|_| self.dirty).unwrap_or(self.audit);
        pause.min(self.audit).min(self.check.retry().unwrap_or(self.audit))
    }

    /// A time has come.
    fn woken(&mut self) {
        let now = Instant::now();
        if now >= self.audit {
            self.audit = now + AUDIT;
            self.audits += 1;
            self.dirty = true;
            self.repairs.forget(self.clock.elapsed());
            if self.audits.is_multiple_of(AUDITS_OF_TABLES) {
                self.machine.tables_changed();
            }
            if self.lni.is_none() && self.asking.is_none() {
                self.asking = Some((self.ask_ec2)());
            }
        }
        if self.check.retry().is_some_and(|retry| retry <= now) {
            self.check = Check::default();
            self.dirty = true;
        }
    }

    fn ec2_answered(&mut self, answer: Result<Ec2, String>) {
        match answer {
            Ok(ec2) => {
                let news = ec2.interfaces != self.facts.interfaces || ec2.vpc_cidrs != self.facts.vpc_cidrs;
                if news {
                    self.machine.memory.interfaces.clone_from(&ec2.interfaces);
                    self.machine.memory.vpc_cidrs.clone_from(&ec2.vpc_cidrs);
                    facts::put(&mut self.facts, ec2);
                    self.remember();
                    let found = resolve(&self.profile, &self.facts).ok().map(|(lni, _)| lni);
                    if found != self.lni {
                        self.lose_interface();
                    }
                    self.dirty = true;
                }
            }
            Err(why) => {
                tracing::debug!(why, "instance metadata does not answer; goes on with what is remembered");
                self.facts.missing.insert("interfaces".into(), why);
                self.dirty |= self.lni.is_none();
            }
        }
    }

    fn remember(&mut self) {
        if let Err(error) = self.machine.store.remember(&self.machine.memory) {
            self.warn(&error);
        }
    }

    /// Logs an error once, until something else comes up.
    fn warn(&mut self, error: &HostError) {
        let text = chain(error);
        if self.warned.insert(text.clone()) {
            tracing::warn!(error = text, hint = error.hint(), "failed");
        }
    }

    fn lose_interface(&mut self) {
        self.lni = None;
        self.dhcp = None;
        self.settled = None;
        self.carrier = false;
        self.check = Check::default();
        self.hold = true;
    }

    /// Writes the status, if it is another one.
    fn tell(&mut self, phase: Phase) {
        let address = hybridge_lni::desired::address(&self.profile, self.lease.as_ref());
        let set = |own: &HostAddress| {
            self.settled
                .iter()
                .flat_map(|state| &state.addresses)
                .any(|address| (address.address, address.prefix) == (own.address, own.prefix))
        };
        let status = Status {
            phase,
            interface: self.lni.as_ref().map(|lni| lni.name.clone()),
            mac: self.lni.as_ref().map(|lni| lni.mac),
            address: address.filter(set),
            lease: self.lease.clone(),
            time: self.status.time,
            ..self.status.clone()
        };
        let news = self.written.as_ref() != Some(&status);
        if phase != self.status.phase {
            let address = status.address.map(|address| address.to_string());
            tracing::info!(interface = status.interface, address, "{phase}");
        }
        self.status = status;
        if news {
            self.status.time = Some(jiff::Timestamp::now());
            if let Err(error) = status::write(&self.machine.store, &self.status) {
                self.warn(&error);
            }
            self.written = Some(self.status.clone());
            notify(&format!("STATUS={phase}"));
        }
    }
}
