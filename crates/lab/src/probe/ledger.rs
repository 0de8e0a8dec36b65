//! The book of one probe in one direction: what was sent, what came back, what did not. Pure; moments are passed in.
//!
//! A send stays open until it is answered, fails, or is older than the limit. Sends are settled in the order in which they left,
//! so at most `limit × rate` of them are kept, however long the run.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nix::errno::Errno;

use super::latency::Latencies;
use super::outcome::{Direction, Kind, ProbeOutcome};
use super::windows::Windows;

/// What makes an answer count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A send that was not answered within this is lost.
    pub(super) lost: Duration,
    /// An answer that took this long or longer came after a stall. `None`: only losses are looked for.
    pub(super) stalled: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Send {
    at: Duration,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing is known of it.
    Away,
    /// It reached the other side.
    Reached,
    /// It was answered after this long.
    Answered(Duration),
    /// It is known to be lost.
    Failed,
}

/// Counts, windows and open sends of one probe.
#[derive(Debug)]
pub(super) struct Ledger {
    limits: Limits,
    open: VecDeque<Send>,
    /// Number of the first open send; the first of all is 0.
    first: u64,
    answered: u64,
    lost: u64,
    answers_lost: u64,
    errors: BTreeMap<String, u64>,
    losses: Windows,
    stalls: Windows,
    latencies: Latencies,
    last_send: Option<Duration>,
    last_answer: Option<Duration>,
    longest_pause: Duration,
}

impl Ledger {
    /// An empty book.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: VecDeque::new(),
            first: 0,
            answered: 0,
            lost: 0,
            answers_lost: 0,
            errors: BTreeMap::new(),
            losses: Windows::default(),
            stalls: Windows::default(),
            latencies: Latencies::default(),
            last_send: None,
            last_answer: None,
            longest_pause: Duration::ZERO,
        }
    }

    /// A send leaves; returns its number. Settles what has become too old.
    pub(super) fn sent(&mut self, at: Duration) -> u64 {
        self.settle(at);
        if let Some(last) = self.last_send.replace(at) {
            self.longest_pause = self.longest_pause.max(at - last);
        }
        self.open.push_back(Send { at, fate: Fate::Away });
        self.total() - 1
    }

    /// The other side got it.
    pub(super) fn reached(&mut self, number: u64) {
        if let Some(send) = self.entry(number).filter(|send| send.fate == Fate::Away) {
            send.fate = Fate::Reached;
        }
    }

    /// The answer came. Too late, a second time, or for something never sent: without effect.
    pub(super) fn answered(&mut self, number: u64, at: Duration) {
        let limit = self.limits.lost;
        let Some(send) = self.entry(number) else { return };
        let took = at.saturating_sub(send.at);
        if matches!(send.fate, Fate::Away | Fate::Reached) && took <= limit {
            send.fate = Fate::Answered(took);
            self.answered += 1;
            self.latencies.record(took);
            self.last_answer = self.last_answer.max(Some(at));
        }
    }

    /// There will be no answer: the kernel says so with an error, or what carried it is gone.
    pub(super) fn failed(&mut self, number: u64, error: Option<Errno>) {
        if let Some(error) = error {
            self.note(error);
        }
        if let Some(send) = self.entry(number) {
            send.fate = Fate::Failed;
        }
    }

    /// An error that belongs to no single send.
    pub(super) fn note(&mut self, error: Errno) {
        *self.errors.entry(format!("{error:?}")).or_default() += 1;
    }

    /// Settles every send whose fate is known at `now`, up to the first one that is still open.
    pub(super) fn settle(&mut self, now: Duration) {
        let limit = self.limits.lost;
        let known = |send: &mut Send| match send.fate {
            Fate::Answered(_) | Fate::Failed => true,
            Fate::Away | Fate::Reached => now.saturating_sub(send.at) > limit,
        };
        while let Some(send) = self.open.pop_front_if(known) {
            self.first += 1;
            self.enter(send);
        }
    }

    /// Whether a send is still open.
    pub(super) fn waits(&self) -> bool {
        self.open.iter().any(|send| matches!(send.fate, Fate::Away | Fate::Reached))
    }

    /// Sends up to now.
    pub(super) fn total(&self) -> u64 {
        self.first + self.open.len() as u64
    }

    /// Answers up to now.
    pub(super) fn total_answered(&self) -> u64 {
        self.answered
    }

    /// Losses that are certain up to now.
    pub(super) fn total_lost(&self) -> u64 {
        self.lost
    }

    /// When the last answer came.
    pub(super) fn last_answer(&self) -> Option<Duration> {
        self.last_answer
    }

    /// Closes the book at the end of the run: what is not answered by now is lost.
    pub(super) fn close(mut self, kind: Kind, direction: Direction, rate: u32, end: Duration) -> ProbeOutcome {
        self.settle(Duration::MAX);
        ProbeOutcome {
            kind,
            direction,
            rate,
            sent: self.total(),
            answered: self.answered,
            lost: self.lost,
            answers_lost: self.answers_lost,
            errors: self.errors,
            losses: self.losses.finish(end),
            stalls: self.stalls.finish(end),
            deaths: Vec::new(),
            longest_pause: self.longest_pause,
            latency: self.latencies.summary(),
        }
    }

    fn entry(&mut self, number: u64) -> Option<&mut Send> {
        let index = number.checked_sub(self.first)?;
        self.open.get_mut(usize::try_from(index).ok()?)
    }

    /// The fate of one send, in the order of sending. A lost send says nothing about stalls, so it neither begins nor ends one.
    fn enter(&mut self, send: Send) {
        match send.fate {
            Fate::Answered(took) => {
                self.losses.push(send.at, false);
                self.stalls.push(send.at, self.limits.stalled.is_some_and(|limit| took >= limit));
            }
            Fate::Away | Fate::Reached | Fate::Failed => {
                self.lost += 1;
                self.answers_lost += u64::from(send.fate == Fate::Reached);
                self.losses.push(send.at, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(1000);

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn ledger() -> Ledger {
        Ledger::new(Limits { lost: LIMIT, stalled: Some(ms(200)) })
    }

    fn close(ledger: Ledger, end: u64) -> ProbeOutcome {
        ledger.close(Kind::Udp, Direction::CloudToHybrid, 1000, ms(end))
    }

    #[test]
    fn an_answer_counts_up_to_the_limit_and_only_once() {
        let mut ledger = ledger();
        let (a, b) = (ledger.sent(ms(0)), ledger.sent(ms(1)));
        ledger.answered(a, ms(1000));
        ledger.answered(a, ms(1000));
        ledger.answered(b, ms(1002));
        ledger.answered(77, ms(1002));
        let outcome = close(ledger, 1100);
        assert_eq!((outcome.sent, outcome.answered, outcome.lost), (2, 1, 1));
    }

    #[test]
    fn a_lost_answer_is_told_from_a_lost_request() {
        let mut ledger = ledger();
        let (a, _) = (ledger.sent(ms(0)), ledger.sent(ms(1)));
        ledger.reached(a);
        let outcome = close(ledger, 10);
        assert_eq!((outcome.lost, outcome.answers_lost), (2, 1));
    }

    #[test]
    fn late_answers_are_a_stall_and_no_loss() {
        let mut ledger = ledger();
        for at in (0..100).step_by(10) {
            let number = ledger.sent(ms(at));
            // Everything sent from 30 to 69 ms is answered at 300 ms.
            ledger.answered(number, if (30..70).contains(&at) { ms(300) } else { ms(at + 1) });
        }
        let outcome = close(ledger, 400);
        assert_eq!(outcome.losses, []);
        let stall = outcome.longest_stall().unwrap();
        assert_eq!((stall.start, stall.length, stall.hit, stall.open), (ms(30), ms(40), 4, false));
    }

    #[test]
    fn a_refused_send_is_lost_and_its_error_counted_by_name() {
        let mut ledger = ledger();
        let number = ledger.sent(ms(0));
        ledger.failed(number, Some(Errno::EMSGSIZE));
        ledger.answered(number, ms(1));
        let outcome = close(ledger, 10);
        assert_eq!((outcome.answered, outcome.lost), (0, 1));
        assert_eq!(outcome.errors, BTreeMap::from([("EMSGSIZE".to_owned(), 1)]));
    }

    #[test]
    fn the_longest_pause_of_the_sender_is_kept() {
        let mut ledger = ledger();
        for at in [0, 1, 2, 50, 51] {
            ledger.sent(ms(at));
        }
        assert_eq!(close(ledger, 60).longest_pause, ms(48));
    }

    proptest! {
        /// Minutes of probing into a black hole keep no more than a limit's worth of sends.
        #[test]
        fn memory_is_bounded_by_limit_times_rate(interval in 1_u64..50) {
            let mut ledger = ledger();
            for number in 0..3000 {
                ledger.sent(ms(number * interval));
                prop_assert!(ledger.open.len() as u64 <= 1000 / interval + 2);
            }
        }

        /// Answers in any order and with any delay: everything is counted once, and lost is what took too long or never came.
        #[test]
        fn every_send_is_either_answered_or_lost(delays in prop::collection::vec(prop::option::weighted(0.8, 0_u64..1500), 1..200)) {
            let mut events: Vec<(u64, bool, u64)> = Vec::new();
            for (number, delay) in delays.iter().enumerate() {
                let at = number as u64 * 7;
                events.push((at, false, number as u64));
                events.extend(delay.map(|delay| (at + delay, true, number as u64)));
            }
            events.sort_unstable();
            let mut ledger = ledger();
            for (at, is_answer, number) in events {
                if is_answer { ledger.answered(number, ms(at)) } else { prop_assert_eq!(ledger.sent(ms(at)), number) }
            }
            let outcome = close(ledger, 10_000);
            let in_time = delays.iter().flatten().filter(|delay| **delay <= 1000).count() as u64;
            prop_assert_eq!(outcome.sent, delays.len() as u64);
            prop_assert_eq!(outcome.answered, in_time);
            prop_assert_eq!(outcome.lost, delays.len() as u64 - in_time);
            prop_assert_eq!(outcome.losses.iter().map(|w| w.hit).sum::<u64>(), outcome.lost);
        }
    }
}
