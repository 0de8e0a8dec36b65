//! Leader election over a Kubernetes Lease, as a state machine without clock or network.
//!
//! Leadership says one thing only: who may write VPC routes and the CiliumVTEPConfig. Every gateway forwards, leader or not.
//!
//! Safety rests on three rules, and none of them compares the clocks of two machines:
//!
//! 1. A write names the version that it replaces, so of two writers one gets a conflict.
//! 2. A holder may act until [`Guard::until`]: `renew_deadline` after the moment *before* its last successful write was sent.
//! 3. Another one takes the Lease only when it has seen the same version for the whole lease duration, by its own clock,
//!    which started later than that moment. As `lease > renew_deadline`, the old guard has said stop by then. A Lease that was
//!    there and is gone counts as a version of its own: deleting it does not stop its holder.
//!
//! ```text
//!               read: held by another           write succeeded
//!   ┌────────────┐ ◄────────────── ┌──────────┐ ──────────────► guard(now) = Some until renew_deadline has passed
//!   │  standing  │                 │  holding │
//!   │     by     │ ──────────────► │          │ ──────────────► released: holder "" written, nothing more is sent
//!   └────────────┘  take succeeded └──────────┘    release()
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Moment;

/// What a Lease says, as far as the election cares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// `spec.holderIdentity`; empty when released.
    pub holder: String,
    /// `spec.leaseDurationSeconds`.
    pub duration_seconds: u32,
    /// `spec.leaseTransitions`: counts changes of holder, and is the epoch of the holder's writes.
    pub transitions: u32,
}

/// A Lease as it was read, with the version that a write must name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedLease {
    /// `metadata.resourceVersion`.
    pub version: String,
    /// What it says.
    pub record: LeaseRecord,
}

/// The highest epoch there can be: `leaseTransitions` is an int32 (coordination.k8s.io/v1, LeaseSpec).
pub const HIGHEST_EPOCH: u32 = i32::MAX.unsigned_abs();
/// After so many failures in a row the waits no longer double.
const DOUBLINGS: u32 = 3;

/// Durations of the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long others wait, without seeing a renewal, before they take the Lease.
    pub lease: Duration,
    /// How long a holder may act after its last successful renewal was sent. Shorter than `lease`.
    pub renew_deadline: Duration,
    /// Time between renewals of the holder, and between looks of the others.
    pub retry: Duration,
}

impl Timing {
    /// How long one request to the Lease may take: two attempts fit between a renewal falling due and the guard's end,
    /// and never more than half of `renew_deadline`.
    pub fn request_deadline(&self) -> Duration {
        let slack = self.renew_deadline.saturating_sub(self.retry) / 2;
        slack.clamp(self.renew_deadline / 8, self.renew_deadline / 2)
    }
}

/// Permission to write, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The last moment at which a write may be sent.
    pub until: Moment,
    /// `leaseTransitions` of the holding; higher epochs are newer.
    pub epoch: u32,
}

/// A request that the shell sends to the API server, one at a time, each with [`Timing::request_deadline`] and no retry of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Get the Lease.
    Read,
    /// Create it.
    Create(LeaseRecord),
    /// Replace the version that is named.
    Update {
        /// The version to be replaced.
        version: String,
        /// What it shall say.
        record: LeaseRecord,
    },
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The Lease was read; `None`: there is none.
    Read(Option<ObservedLease>),
    /// The write succeeded; this is the result.
    Written(ObservedLease),
    /// The write was refused, since another version is there (409 on update, or on create).
    Conflict,
    /// No answer, or one that tells nothing: the write may have happened.
    Failed,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, then call [`Election::reply`].
    Send(Request),
    /// Nothing before that moment.
    Wait(Moment),
    /// Released; nothing more will be sent.
    Done,
}

#[derive(Clone, Debug)]
struct Seen {
    lease: Option<ObservedLease>,
    /// When this version was first seen here.
    since: Moment,
    /// How long it must stand still before it may be taken.
    rest: Duration,
}

/// One gateway's part in the election.
#[derive(Clone, Debug)]
pub struct Election {
    me: String,
    timing: Timing,
    seen: Option<Seen>,
    guard: Option<Guard>,
    next: Moment,
    /// What was seen may be out of date, since the outcome of a write is unknown: look before writing again.
    in_doubt: bool,
    releasing: bool,
    done: bool,
    /// No holding of ours may have a lower one.
    least_epoch: u32,
    /// Requests in a row that came to nothing.
    failures: u32,
}

impl Election {
    /// Takes part as `me`, which no other process, past or present, may be called.
    pub fn new(me: impl Into<String>, timing: Timing) -> Self {
        Self {
            me: me.into(),
            timing,
            seen: None,
            guard: None,
            next: Moment::default(),
            in_doubt: true,
            releasing: false,
            done: false,
            least_epoch: 0,
            failures: 0,
        }
    }

    /// The permission to write, if there is one at `now`.
    pub fn guard(&self, now: Moment) -> Option<Guard> {
        self.guard.filter(|guard| now < guard.until)
    }

    /// The holder that was seen last; `None` before the first answer and for a released or missing Lease.
    pub fn holder(&self) -> Option<&str> {
        self.lease().map(|lease| lease.record.holder.as_str()).filter(|holder| !holder.is_empty())
    }

    /// Whether the Lease, as last seen, is ours.
    pub fn holding(&self) -> bool {
        self.holder() == Some(self.me.as_str())
    }

    /// Gives the Lease up. From here on the guard says stop.
    pub fn release(&mut self) {
        self.releasing = true;
        self.guard = None;
        self.next = Moment::default();
    }

    /// Writes of an epoch up to `seen` were found, so ours has to be higher, as after a Lease that was deleted and made again.
    /// The next renewal raises it, which succeeds for the true holder only.
    pub fn outgrow(&mut self, seen: u32) {
        let higher = seen.saturating_add(1).min(HIGHEST_EPOCH);
        // Told again and again until the renewal has succeeded, which must not turn its pauses into none.
        if higher > self.least_epoch && self.lease().is_some_and(|lease| lease.record.transitions < higher) {
            self.least_epoch = higher;
            self.next = Moment::default();
        }
    }

    /// What to do at `now`. To be called again when the moment of [`Step::Wait`] comes; it changes nothing by itself.
    pub fn step(&self, now: Moment) -> Step {
        if self.done {
            return Step::Done;
        }
        let due = match self.expiry() {
            // After a failure even an expired Lease waits for its turn.
            Some(expiry) if !self.releasing && !self.in_doubt => self.next.min(expiry),
            Some(_) | None => self.next,
        };
        if now < due { Step::Wait(due) } else { self.request(now) }
    }

    /// Takes in how the request sent at `sent` ended at `now`. `spread`, from 0 to 1, is a random number for jitter.
    pub fn reply(&mut self, sent: Moment, now: Moment, reply: Reply, spread: f64) {
        match reply {
            Reply::Read(lease) => self.read(lease, now),
            Reply::Written(lease) => self.written(lease, sent, now),
            Reply::Conflict => {
                // Somebody wrote. Whoever it was, look before doing anything else.
                self.in_doubt = true;
                self.guard = None;
                return self.fail(now, spread);
            }
            Reply::Failed => {
                self.in_doubt = self.guard(now).is_none();
                return self.fail(now, spread);
            }
        }
        if self.next > now {
            self.next = self.next + self.timing.retry.mul_f64(0.1 * spread);
        }
    }

    fn lease(&self) -> Option<&ObservedLease> {
        self.seen.as_ref().and_then(|seen| seen.lease.as_ref())
    }

    /// The first wait is short, since a guard may be running out; an API server that goes on refusing is asked ever less.
    fn fail(&mut self, now: Moment, spread: f64) {
        let short = self.timing.retry.mul_f64(0.1 + 0.15 * spread);
        self.next = now + short * (1 << self.failures.min(DOUBLINGS));
        self.failures = self.failures.saturating_add(1);
    }

    /// When a Lease that is not ours may be taken, or made.
    fn expiry(&self) -> Option<Moment> {
        self.seen.as_ref().filter(|_| !self.holding()).map(|seen| seen.since + seen.rest)
    }

    /// How long what has just been seen must stand still.
    fn rest(&self, lease: Option<&ObservedLease>) -> Duration {
        match (lease, &self.seen) {
            (Some(lease), _) if lease.record.holder.is_empty() => Duration::ZERO,
            (Some(lease), _) => Duration::from_secs(lease.record.duration_seconds.into()).max(self.timing.lease),
            // A Lease that somebody deleted does not stop its holder's guard.
            (None, Some(before)) => before.rest.max(self.timing.lease),
            (None, None) => Duration::ZERO,
        }
    }

    fn request(&self, now: Moment) -> Step {
        let Some(seen) = self.seen.as_ref().filter(|_| !self.in_doubt) else { return Step::Send(Request::Read) };
        let expired = self.expiry().is_some_and(|expiry| expiry <= now);
        let Some(lease) = &seen.lease else {
            return match (self.releasing, expired) {
                (true, _) => Step::Done,
                (false, true) => Step::Send(Request::Create(self.record(self.least_epoch))),
                (false, false) => Step::Send(Request::Read),
            };
        };
        let update = |record| Step::Send(Request::Update { version: lease.version.clone(), record });
        let transitions = lease.record.transitions;
        if lease.record.holder == self.me {
            let record = self.record(transitions.max(self.least_epoch));
            update(if self.releasing { LeaseRecord { holder: String::new(), ..record } } else { record })
        } else if self.releasing {
            Step::Done
        } else if expired {
            update(self.record(transitions.saturating_add(1).max(self.least_epoch)))
        } else {
            Step::Send(Request::Read)
        }
    }

    fn record(&self, transitions: u32) -> LeaseRecord {
        // The field holds whole seconds: round up, so that nobody waits less than the guard needs.
        let seconds = self.timing.lease.as_millis().div_ceil(1000).max(1);
        let duration_seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        LeaseRecord { holder: self.me.clone(), duration_seconds, transitions: transitions.min(HIGHEST_EPOCH) }
    }

    fn read(&mut self, lease: Option<ObservedLease>, now: Moment) {
        self.in_doubt = false;
        let same = self.seen.as_ref().is_some_and(|seen| seen.lease == lease);
        if !same {
            if let (None, Some(gone)) = (&lease, self.lease()) {
                self.least_epoch = self.least_epoch.max(gone.record.transitions.saturating_add(1));
            }
            let rest = self.rest(lease.as_ref());
            self.seen = Some(Seen { lease, since: now, rest });
        }
        if self.holding() {
            // By a write whose answer was lost: go on at once.
            self.next = now;
        } else {
            self.guard = None;
            self.next = now + self.timing.retry;
            if self.expiry().is_some_and(|expiry| now < expiry) {
                self.failures = 0;
            }
        }
        if self.releasing && !self.holding() {
            self.done = true;
        }
    }

    fn written(&mut self, lease: ObservedLease, sent: Moment, now: Moment) {
        let epoch = lease.record.transitions;
        let ours = lease.record.holder == self.me;
        self.in_doubt = false;
        self.failures = 0;
        let rest = self.rest(Some(&lease));
        self.seen = Some(Seen { lease: Some(lease), since: now, rest });
        self.done = self.releasing && !ours;
        self.guard = (ours && !self.releasing).then(|| Guard { until: sent + self.timing.renew_deadline, epoch });
        self.next = sent + self.timing.retry;
        if self.releasing && ours {
            self.next = now;
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
