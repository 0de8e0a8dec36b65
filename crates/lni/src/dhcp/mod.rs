//! The client of DHCP: what to send when, and what an answer means (RFC 2131 §4.4).
//!
//! ```text
//!          saved lease ─► Rebooting ──ACK──┐        ┌─ T1 ─► Renewing ── T2 ─► Rebinding
//!                             │ NAK        ▼        │           │ ACK              │ ACK
//!  Selecting ─OFFER─► Requesting ──ACK─► Bound ─────┘◄──────────┴──────────────────┘
//!      ▲                      │ NAK                              NAK, expiry
//!      └──────────────────────┴───────────────────────────────────────┘
//! ```
//!
//! It reads no clock and has no socket: it is told the time and what has arrived, and tells what to send and until when to wait.

mod message;

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use crate::lease::Lease;
use crate::profile::HostAddress;
pub use message::{Answer, Ask, CLIENT_PORT, Outgoing, Reply, SERVER_PORT};

/// First pause before something is sent again; doubled each time (RFC 2131 §4.1 has 4 s, clients of today 1 to 3).
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// Longest such pause (RFC 2131 §4.1).
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(64);
/// Shortest pause while a lease is to be extended (RFC 2131 §4.4.5).
const EXTEND_PAUSE: SignedDuration = SignedDuration::from_secs(60);
/// Pause after an address was declined (RFC 2131 §3.1.5).
const DECLINE_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// How often a saved lease is asked about before it is used without an answer (RFC 2131 §3.2), and an offer is asked for.
const TRIES: u32 = 2;

/// What happened to the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A server gave or extended it.
    Leased(Lease),
    /// No server answers; the saved one is used while it lasts.
    Resumed(Lease),
    /// It must not be used any longer.
    Lost {
        /// What was had.
        lease: Lease,
        /// Why it is gone.
        why: Loss,
    },
}

/// Why a lease is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A server said no (NAK), perhaps with words.
    Refused(Option<String>),
    /// Its time is over, and no server extended it.
    Expired,
    /// Somebody else has the address.
    Duplicate,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// To be sent.
    pub send: Vec<Outgoing>,
    /// What happened.
    pub event: Option<Event>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Discover when it is due.
    Init,
    Selecting,
    Requesting {
        address: Ipv4Addr,
        server: Ipv4Addr,
    },
    Rebooting(Lease),
    Bound(Lease),
    Renewing(Lease),
    Rebinding(Lease),
}

/// A client on one interface.
#[derive(Clone, Debug)]
pub struct Client {
    phase: Phase,
    /// When there is something to do without an answer.
    due: Timestamp,
    transaction: u32,
    /// When the exchange began.
    began: Timestamp,
    /// How often the question was sent.
    tries: u32,
    /// How often in a row it was refused.
    refused: u32,
    /// The address that was had last; asked for again.
    last: Option<Ipv4Addr>,
    /// Takes pauses and numbers apart from those of other machines that start at the same time.
    random: u64,
}

impl Client {
    /// A client that starts now, with a saved lease if there is one. `seed` is anything that differs between machines and starts.
    pub fn new(saved: Option<Lease>, now: Timestamp, seed: u64) -> Self {
        let last = saved.as_ref().map(|lease| lease.address.address);
        let phase = saved.filter(|lease| now < lease.expires).map_or(Phase::Init, Phase::Rebooting);
        Self { phase, due: now, transaction: 0, began: now, tries: 0, refused: 0, last, random: seed | 1 }
    }

    /// When [`Client::poll`] has something to do.
    pub fn due(&self) -> Timestamp {
        self.due
    }

    /// Whether an answer is awaited; else nothing needs to be received.
    pub fn listens(&self) -> bool {
        match &self.phase {
            Phase::Init | Phase::Bound(_) => false,
            Phase::Selecting | Phase::Requesting { .. } | Phase::Rebooting(_) | Phase::Renewing(_) | Phase::Rebinding(_) => true,
        }
    }

    /// Does what is due.
    pub fn poll(&mut self, now: Timestamp) -> Output {
        let mut output = Output::default();
        // Each round sends, or moves on to a phase that is due at once.
        while now >= self.due && output.send.is_empty() && output.event.is_none() {
            self.step(now, &mut output);
        }
        output
    }

    fn step(&mut self, now: Timestamp, output: &mut Output) {
        match self.phase.clone() {
            Phase::Init => self.begin(Phase::Selecting, now),
            Phase::Selecting => {
                self.ask(Ask::Discover { last: self.last }, now, output);
            }
            Phase::Requesting { .. } | Phase::Rebooting(_) if self.tries > 2 * TRIES => self.begin(Phase::Selecting, now),
            Phase::Requesting { address, server } => self.ask(Ask::Take { address, server }, now, output),
            Phase::Rebooting(lease) if now >= lease.expires => self.lose(lease, Loss::Expired, now, output),
            Phase::Rebooting(lease) if self.tries >= TRIES => {
                self.due = lease.renew;
                self.phase = Phase::Bound(lease.clone());
                output.event = Some(Event::Resumed(lease));
            }
            Phase::Rebooting(lease) => self.ask(Ask::Confirm { address: lease.address.address }, now, output),
            Phase::Bound(lease) => self.begin(Phase::Renewing(lease), now),
            Phase::Renewing(lease) if now >= lease.rebind => self.begin(Phase::Rebinding(lease), now),
            Phase::Renewing(lease) => self.extend(&lease, Some(lease.server), lease.rebind, (now, output)),
            Phase::Rebinding(lease) if now >= lease.expires => self.lose(lease, Loss::Expired, now, output),
            Phase::Rebinding(lease) => self.extend(&lease, None, lease.expires, (now, output)),
        }
    }

    /// Takes an answer.
    pub fn receive(&mut self, reply: &Reply, now: Timestamp) -> Output {
        let mut output = Output::default();
        if !self.listens() || reply.transaction != self.transaction {
            return output;
        }
        match (reply.answer, self.phase.clone()) {
            (Answer::Offer, Phase::Selecting) if reply.lease.is_some() && !reply.address.is_unspecified() => {
                self.phase = Phase::Requesting { address: reply.address, server: reply.server };
                (self.tries, self.due) = (0, now);
                output = self.poll(now);
            }
            (Answer::Ack, Phase::Requesting { server, .. }) if server != reply.server => {}
            (Answer::Ack, Phase::Requesting { .. } | Phase::Rebooting(_) | Phase::Renewing(_) | Phase::Rebinding(_)) => {
                if let Some(lease) = lease(reply, now) {
                    self.last = Some(lease.address.address);
                    (self.refused, self.due) = (0, lease.renew);
                    self.phase = Phase::Bound(lease.clone());
                    output.event = Some(Event::Leased(lease));
                }
            }
            (Answer::Nak, Phase::Rebooting(lease) | Phase::Renewing(lease) | Phase::Rebinding(lease)) => {
                self.last = None;
                self.lose(lease, Loss::Refused(reply.text.clone()), now, &mut output);
                self.refuse(now);
            }
            (Answer::Nak, Phase::Requesting { .. }) => {
                self.last = None;
                self.phase = Phase::Init;
                self.refuse(now);
            }
            (Answer::Offer | Answer::Ack | Answer::Nak, _) => {}
        }
        output
    }

    /// Gives the address back, because somebody else has it.
    pub fn decline(&mut self, now: Timestamp) -> Output {
        let mut output = Output::default();
        let (Phase::Bound(lease) | Phase::Renewing(lease) | Phase::Rebinding(lease) | Phase::Rebooting(lease)) = self.phase.clone() else {
            return output;
        };
        let ask = Ask::Decline { address: lease.address.address, server: lease.server };
        output.send.push(Outgoing { transaction: self.random(), seconds: 0, ask, to: None });
        self.last = None;
        self.lose(lease, Loss::Duplicate, now, &mut output);
        self.due = later(now, DECLINE_PAUSE);
        output
    }

    /// Starts over with what is had, as after the cable was out: the machine may be in another network now.
    pub fn restart(&mut self, now: Timestamp) {
        match self.phase.clone() {
            Phase::Bound(lease) | Phase::Renewing(lease) | Phase::Rebinding(lease) | Phase::Rebooting(lease) => {
                self.begin(Phase::Rebooting(lease), now);
            }
            Phase::Init | Phase::Selecting | Phase::Requesting { .. } => self.begin(Phase::Selecting, now),
        }
    }

    fn begin(&mut self, phase: Phase, now: Timestamp) {
        self.transaction = self.random();
        (self.phase, self.began, self.tries, self.due) = (phase, now, 0, now);
    }

    fn ask(&mut self, ask: Ask, now: Timestamp, output: &mut Output) {
        // A lease that is asked about has one exchange from its first question.
        if self.tries == 0 && matches!(ask, Ask::Confirm { .. }) {
            self.transaction = self.random();
            self.began = now;
        }
        output.send.push(self.outgoing(ask, None, now));
        self.due = later(now, self.pause(self.tries));
        self.tries += 1;
    }

    fn extend(&mut self, lease: &Lease, to: Option<Ipv4Addr>, until: Timestamp, (now, output): (Timestamp, &mut Output)) {
        output.send.push(self.outgoing(Ask::Extend { address: lease.address.address }, to, now));
        let half = until.duration_since(now) / 2;
        self.due = later(now, half.max(EXTEND_PAUSE)).min(until);
        self.tries += 1;
    }

    fn outgoing(&self, ask: Ask, to: Option<Ipv4Addr>, now: Timestamp) -> Outgoing {
        let seconds = u16::try_from(now.duration_since(self.began).as_secs()).unwrap_or(u16::MAX);
        Outgoing { transaction: self.transaction, seconds, ask, to }
    }

    fn lose(&mut self, lease: Lease, why: Loss, now: Timestamp, output: &mut Output) {
        (self.phase, self.due) = (Phase::Init, now);
        output.event = Some(Event::Lost { lease, why });
    }

    /// The first refusal is followed at once, as the network is simply another one; further ones more and more slowly.
    fn refuse(&mut self, now: Timestamp) {
        self.due = if self.refused == 0 { now } else { later(now, self.pause(self.refused - 1)) };
        self.refused += 1;
    }

    /// The pause after as many tries: doubled each time, up to a second more or less.
    fn pause(&mut self, tries: u32) -> SignedDuration {
        let base = FIRST_PAUSE.saturating_mul(1 << tries.min(6)).min(LONGEST_PAUSE);
        base + SignedDuration::from_millis(i64::from(self.random() % 2000) - 1000)
    }

    /// xorshift64: enough to differ from the neighbours.
    fn random(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 32) as u32
    }
}

/// What an ACK grants. One without a duration, address or network grants nothing.
fn lease(reply: &Reply, now: Timestamp) -> Option<Lease> {
    // Infinity (2^32 - 1) is 136 years; more than anybody's clock allows for is as good.
    let seconds = i64::from(reply.lease?.clamp(1, i32::MAX as u32));
    let prefix = reply.prefix.filter(|prefix| (1..=32).contains(prefix))?;
    if reply.address.is_unspecified() {
        return None;
    }
    let or = |given: Option<u32>, otherwise: i64, limit: i64| {
        given.map(i64::from).filter(|given| *given > 0 && *given <= limit).unwrap_or(otherwise)
    };
    let rebind = or(reply.rebind, seconds * 7 / 8, seconds);
    let renew = or(reply.renew, (seconds / 2).min(rebind), rebind);
    let at = |seconds| later(now, SignedDuration::from_secs(seconds));
    Some(Lease {
        address: HostAddress { address: reply.address, prefix },
        routers: reply.routers.clone(),
        dns: reply.dns.clone(),
        server: reply.server,
        since: now,
        renew: at(renew),
        rebind: at(rebind),
        expires: at(seconds),
    })
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).expect("a duration of seconds cannot fail")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
