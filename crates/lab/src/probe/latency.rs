//! How long answers took, in memory that does not grow: counts in buckets whose width grows with the value. Pure.

use std::time::Duration;

use super::outcome::Latency;

/// Buckets of equal width in each power of two, so a bucket's upper bound is at most 1/16 above what is in it.
const STEPS: u64 = 16;

/// A histogram of durations, in microseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

impl Latencies {
    /// Counts one answer.
    pub(super) fn record(&mut self, took: Duration) {
        let bucket = bucket(took.as_micros().try_into().unwrap_or(u64::MAX));
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.max = self.max.max(took);
    }

    /// Median, 99th percentile and maximum; `None` before the first answer.
    pub(super) fn summary(&self) -> Option<Latency> {
        Some(Latency { median: self.quantile(1, 2)?, p99: self.quantile(99, 100)?, max: self.max })
    }

    /// What `numerator / denominator` of the answers did not exceed.
    fn quantile(&self, numerator: u64, denominator: u64) -> Option<Duration> {
        let wanted = (self.total * numerator).div_ceil(denominator);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen > 0 && seen >= wanted
        })?;
        Some(Duration::from_micros(upper_bound(bucket)).min(self.max))
    }
}

/// The first `2 × STEPS` buckets hold one value each.
fn bucket(micros: u64) -> usize {
    let shift = (micros | STEPS).ilog2() - STEPS.ilog2();
    (u64::from(shift) * STEPS + (micros >> shift)) as usize
}

/// The largest value that falls into the bucket.
fn upper_bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / STEPS).saturating_sub(1);
    let first = bucket - shift * STEPS;
    ((first + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_recorded_has_no_summary() {
        assert_eq!(Latencies::default().summary(), None);
    }

    #[test]
    fn one_slow_answer_in_a_hundred_is_the_maximum_and_not_the_99th_percentile() {
        let mut latencies = Latencies::default();
        (0..99).for_each(|_| latencies.record(Duration::from_micros(10)));
        latencies.record(Duration::from_secs(1));
        let summary = latencies.summary().unwrap();
        assert_eq!([summary.median, summary.p99], [Duration::from_micros(10); 2]);
        assert_eq!(summary.max, Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn a_bucket_is_never_wider_than_a_sixteenth(micros in 0_u64..1 << 40) {
            let bound = upper_bound(bucket(micros));
            prop_assert!(bound >= micros);
            prop_assert!(bound - micros <= micros / STEPS);
        }

        #[test]
        fn buckets_follow_one_another(micros in 0_u64..1 << 40) {
            let this = bucket(micros);
            prop_assert!((this..=this + 1).contains(&bucket(micros + 1)));
            prop_assert_eq!(bucket(upper_bound(this) + 1), this + 1);
        }

        #[test]
        fn quantiles_bound_the_sorted_answers(mut micros in prop::collection::vec(0_u64..5_000_000, 1..300)) {
            let mut latencies = Latencies::default();
            micros.iter().for_each(|&m| latencies.record(Duration::from_micros(m)));
            micros.sort_unstable();
            let exact = micros[(micros.len() - 1) / 2];
            let found = latencies.summary().unwrap().median.as_micros() as u64;
            prop_assert!(exact <= found && found <= exact + exact / STEPS);
        }
    }
}
