//! Time that only goes forward, for leases.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that was right when it was made and is never set: a step of the system's clock neither ends a lease nor lengthens it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: Timestamp,
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { wall: Timestamp::now(), start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.wall.saturating_add(self.elapsed()).expect("a duration in seconds cannot fail")
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// When it will be `time`.
    pub(crate) fn instant(&self, time: Timestamp) -> Instant {
        let wait = time.duration_since(self.wall);
        self.start + Duration::try_from(wait.max(SignedDuration::ZERO)).unwrap_or_default()
    }

    /// What the system's clock will show then, as far as it shows now how much it differs.
    pub(crate) fn wall(&self, time: Timestamp) -> Timestamp {
        let drift = Timestamp::now().duration_since(self.now());
        time.saturating_add(drift).unwrap_or(time)
    }
}
