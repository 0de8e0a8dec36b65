//! When to send: absolute deadlines that do not drift, and the run's clock with its stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// No thread of a probe waits longer than this without looking whether the run is over.
pub(super) const NAP: Duration = Duration::from_millis(20);

/// After a delay (a busy machine) so many missed deadlines are made up for at once; the rest is skipped, so that no burst fills
/// queues that the path would not have filled.
const MAKE_UP: u32 = 10;

const PROBING: u8 = 0;
const DRAINING: u8 = 1;
const OVER: u8 = 2;
const CLOSED: u8 = 3;

/// The time of a run, and how far it has come: probing, then draining (nothing is sent any more, answers are waited for), then over
/// (nothing is read any more), then closed (nothing is answered any more). An echo that ended before its client would look like a
/// connection that died.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    origin: Instant,
    phase: Arc<AtomicU8>,
}

impl Clock {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin, phase: Arc::new(AtomicU8::new(PROBING)) }
    }

    /// Time since the origin.
    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    pub(super) fn probing(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == PROBING
    }

    pub(super) fn over(&self) -> bool {
        self.phase.load(Ordering::Relaxed) >= OVER
    }

    pub(super) fn closed(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == CLOSED
    }

    pub(super) fn drain(&self) {
        self.phase.store(DRAINING, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.phase.store(OVER, Ordering::Relaxed);
    }

    pub(super) fn close(&self) {
        self.phase.store(CLOSED, Ordering::Relaxed);
    }

    /// Sleeps until the next deadline and returns the time then; `None` when nothing shall be sent any more.
    pub(super) fn wait(&self, pace: &mut Pace) -> Option<Duration> {
        loop {
            let now = self.now();
            if !self.probing() {
                return None;
            }
            if pace.due(now) {
                return Some(now);
            }
            thread::sleep(pace.left(now).min(NAP));
        }
    }
}

/// A row of deadlines at equal distances.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    start: Duration,
    rate: u32,
    next: u32,
}

impl Pace {
    /// `rate` deadlines a second, at least one; the first at `start`.
    pub(super) fn new(start: Duration, rate: u32) -> Self {
        Self { start, rate: rate.max(1), next: 0 }
    }

    /// Whether a deadline has come; if so, it is passed.
    pub(super) fn due(&mut self, now: Duration) -> bool {
        let due = self.left(now).is_zero();
        if due {
            let behind = (now - self.deadline()).as_nanos() * u128::from(self.rate) / 1_000_000_000;
            let skipped = u32::try_from(behind).unwrap_or(u32::MAX).saturating_sub(MAKE_UP);
            self.next += 1 + skipped;
        }
        due
    }

    /// Time until the next deadline.
    pub(super) fn left(&self, now: Duration) -> Duration {
        self.deadline().saturating_sub(now)
    }

    // Computed from the start each time: a sum of rounded intervals would drift.
    fn deadline(&self) -> Duration {
        self.start + Duration::from_nanos(u64::from(self.next) * 1_000_000_000 / u64::from(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_do_not_drift_at_a_rate_that_does_not_divide_a_second() {
        let mut pace = Pace::new(Duration::ZERO, 3);
        let fired = (0..=100_000_u32).filter(|ms| pace.due(Duration::from_millis(u64::from(*ms)))).count();
        assert_eq!(fired, 301);
    }

    #[test]
    fn a_short_delay_is_made_up_for() {
        let mut pace = Pace::new(Duration::ZERO, 1000);
        let now = Duration::from_millis(8);
        let fired = (0..100).take_while(|_| pace.due(now)).count();
        assert_eq!(fired, 9);
    }

    #[test]
    fn a_long_delay_makes_no_burst() {
        let mut pace = Pace::new(Duration::ZERO, 1000);
        let now = Duration::from_millis(500);
        let fired = (0..1000).take_while(|_| pace.due(now)).count();
        assert_eq!(fired as u32, MAKE_UP + 1);
        assert!(pace.left(now) <= Duration::from_millis(1));
    }

    #[test]
    fn waiting_ends_when_the_run_drains() {
        let clock = Clock::new(Instant::now());
        let mut pace = Pace::new(Duration::from_secs(3600), 1);
        clock.drain();
        assert_eq!(clock.wait(&mut pace), None);
    }
}
