//! How often is asked.

use std::time::Duration;

/// Pauses between looks at something that AWS is at work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Pace {
    first: Duration,
    longest: Duration,
}

/// Milliseconds of every pause, in place of those below: for tests, whose AWS takes no time. Not documented for users.
const OVERRIDE: &str = "HYBRIDGE_POLL_MS";

/// Milliseconds in place of the time that pods are granted to leave a node: for tests, whose pods are held for ever. Not documented for
/// users.
const PODS: &str = "HYBRIDGE_DRAIN_MS";

/// For one node; pods end within 30 s unless they ask for more, and budgets hold some back for longer.
pub(in crate::cluster) fn drain_limit() -> Duration {
    let said = std::env::var(PODS).ok().and_then(|text| text.parse().ok());
    said.map_or(Duration::from_secs(15 * 60), Duration::from_millis)
}

impl Pace {
    /// For stacks: short at first, as most last seconds; then 10 s, since CloudFormation grants an account few DescribeStackEvents.
    pub(in crate::cluster) fn stacks() -> Self {
        Self::new(2, 10)
    }

    /// For add-ons, updates and other work of EKS, which takes minutes.
    pub(in crate::cluster) fn eks() -> Self {
        Self::new(3, 15)
    }

    fn new(first: u64, longest: u64) -> Self {
        match std::env::var(OVERRIDE).ok().and_then(|text| text.parse().ok()) {
            Some(millis) => Self { first: Duration::from_millis(millis), longest: Duration::from_millis(millis) },
            None => Self { first: Duration::from_secs(first), longest: Duration::from_secs(longest) },
        }
    }

    /// The pause before look number `look`, counted from 0.
    pub(in crate::cluster) fn pause(self, look: u32) -> Duration {
        let grown = self.first.as_secs_f64() * 1.3f64.powi(i32::try_from(look.min(40)).unwrap_or(40));
        Duration::from_secs_f64(grown).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_no_further() {
        let pace = Pace { first: Duration::from_secs(2), longest: Duration::from_secs(10) };
        let pauses: Vec<u64> = (0..9).map(|look| pace.pause(look).as_secs()).collect();
        assert_eq!(pauses, [2, 2, 3, 4, 5, 7, 9, 10, 10]);
        assert_eq!(pace.pause(u32::MAX), Duration::from_secs(10));
    }
}
