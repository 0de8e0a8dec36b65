//! What a run of the probes says to people and to programs: a verdict, a table, JSON, and timelines for terminal and README. Pure.

pub mod figures;
pub mod json;
pub mod svg;
pub mod table;
pub mod timeline;
mod verdict;

#[cfg(test)]
mod fixtures;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use verdict::Verdict;

use crate::probe::{Outcome, seconds};

/// What kind of event a mark stands for; timelines tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    /// The lab broke something.
    Fault,
    /// A route of the VPC changed.
    Route,
    /// A node's VTEP entries changed.
    Vtep,
    /// Anything else worth knowing, such as the start of a gateway.
    Note,
}

/// Something that happened during a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When, from the run's origin.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// What kind of event.
    pub kind: MarkKind,
    /// What happened, in a few words: `SIGTERM gateway A`.
    pub label: String,
}

impl Mark {
    /// A mark of any kind.
    pub fn new(kind: MarkKind, at: Duration, label: impl Into<String>) -> Self {
        Self { at, kind, label: label.into() }
    }
}

/// One run: what was done, and what the probes found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What the run shows, for headings: `host loss, hybridge`.
    pub title: String,
    /// What the probes found.
    pub outcome: Outcome,
    /// What happened meanwhile, in any order.
    pub marks: Vec<Mark>,
}

impl Run {
    /// How long the probes ran.
    pub fn length(&self) -> Duration {
        self.outcome.end.saturating_sub(self.outcome.start)
    }

    /// Moments in reports count from the start of the probes.
    fn since_start(&self, at: Duration) -> Duration {
        at.saturating_sub(self.outcome.start)
    }

    /// The marks within the run in the order of time. The same event on several objects within 100 ms is one mark with a count.
    fn timeline_marks(&self) -> Vec<Mark> {
        let within = self.outcome.start..=self.outcome.end;
        let mut marks: Vec<Mark> = self.marks.iter().filter(|mark| within.contains(&mark.at)).cloned().collect();
        marks.sort_by_key(|mark| mark.at);
        let mut joined: Vec<(Mark, u32)> = Vec::new();
        for mark in marks {
            let same = |(first, _): &&mut (Mark, u32)| {
                first.kind == mark.kind && first.label == mark.label && mark.at - first.at < Duration::from_millis(100)
            };
            match joined.iter_mut().rev().find(same) {
                Some((_, count)) => *count += 1,
                None => joined.push((mark, 1)),
            }
        }
        let counted = |(mark, count): (Mark, u32)| match count {
            1 => mark,
            more => Mark { label: format!("{} ×{more}", mark.label), ..mark },
        };
        joined.into_iter().map(counted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(ms: u64, label: &str) -> Mark {
        Mark::new(MarkKind::Vtep, Duration::from_millis(ms), label)
    }

    #[test]
    fn marks_are_ordered_and_equal_ones_close_together_are_counted() {
        let outcome = Outcome { start: Duration::from_millis(500), end: Duration::from_secs(9), probes: Vec::new() };
        let marks = vec![mark(1050, "VTEP → B"), mark(100, "before"), mark(1000, "VTEP → B"), mark(1020, "C"), mark(2000, "VTEP → B")];
        let run = Run { title: String::new(), outcome, marks };
        let labels: Vec<_> = run.timeline_marks().into_iter().map(|mark| (mark.at.as_millis(), mark.label)).collect();
        assert_eq!(labels, [(1000, "VTEP → B ×2".to_owned()), (1020, "C".to_owned()), (2000, "VTEP → B".to_owned())]);
    }
}
