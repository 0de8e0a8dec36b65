//! How long to wait before trying again.

use std::time::Duration;

/// The first wait is between half of this and this.
const FIRST: Duration = Duration::from_millis(100);
/// No wait is longer than this.
const LONGEST: Duration = Duration::from_secs(5);

/// Doubling waits with jitter, from 50–100 ms up to 2.5–5 s, for ever.
///
/// The jitter keeps the gateways of a cluster from asking a recovering API server in step.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure; `chance` is a random number from 0 to 1.
    pub(crate) fn next(&mut self, chance: f64) -> Duration {
        // 2^6 × 100 ms is past the cap already; more would overflow after a day of failures.
        let doubled = FIRST * 2_u32.pow(self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        doubled.min(LONGEST).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }

    /// Starts over, after a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_start_over_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next(0.0), Duration::from_millis(50));
        for _ in 0..100 {
            assert!(backoff.next(0.5) <= LONGEST);
        }
    }
}
