//! The one place that reads the clock.

use std::time::Instant;

use hybridge_gateway::Moment;

/// The monotonic clock, counted from the start of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(self) -> Moment {
        Moment::at(self.start.elapsed())
    }

    /// Sleeps until `moment`; not at all if it is past.
    pub(crate) async fn sleep_until(self, moment: Moment) {
        tokio::time::sleep(moment.since(self.now())).await;
    }
}
