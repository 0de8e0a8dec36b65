//! One line: did packets flow?

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Run;
use super::figures::{count, counted, length};
use crate::probe::{Direction, Kind, ProbeOutcome};

/// Whether packets flowed, and the worst that happened on the way. Its text form is one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Every probe got through in both directions, and still did so at the end of the run.
    pub flows: bool,
    /// Probes that did not.
    pub cut: Vec<(Kind, Direction)>,
    /// How many probes there were, each direction counted.
    pub probes: usize,
    /// The longest time without a way for packets: of all losses of all probes the longest.
    pub worst: Option<Worst>,
    /// Packets and connections that were lost, out of how many.
    pub lost: u64,
    /// What `lost` is out of.
    pub sent: u64,
    /// Established connections that died.
    pub died: u64,
}

/// The longest loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Worst {
    /// Which probe saw it.
    pub kind: Kind,
    /// In which direction.
    pub direction: Direction,
    /// How long it lasted, in seconds.
    #[serde(serialize_with = "crate::probe::seconds::serialize")]
    pub length: Duration,
}

impl Verdict {
    /// Judges a run. A run without probes shows nothing, so nothing flowed.
    pub fn of(run: &Run) -> Self {
        let probes = &run.outcome.probes;
        let cut: Vec<_> = probes.iter().filter(|probe| !probe.flows()).map(|probe| (probe.kind, probe.direction)).collect();
        let longest = |probe: &ProbeOutcome| {
            let length = probe.longest_loss()?.length;
            // How long the path was cut at least: one interval less. So the probe with the finest sight wins over equal ones.
            let certain = length.saturating_sub(Duration::from_secs(1) / probe.rate.max(1));
            Some((certain, Worst { kind: probe.kind, direction: probe.direction, length }))
        };
        // Of equal ones the first, in the order of the table.
        let worst = probes.iter().filter_map(longest).rev().max_by_key(|(certain, _)| *certain).map(|(_, worst)| worst);
        // Records of a stream are no packets: TCP sends them again.
        let packets = || probes.iter().filter(|probe| probe.kind != Kind::Stream);
        Self {
            flows: cut.is_empty() && !probes.is_empty(),
            cut,
            probes: probes.len(),
            worst,
            lost: packets().map(|probe| probe.lost).sum(),
            sent: packets().map(|probe| probe.sent).sum(),
            died: probes.iter().map(|probe| probe.deaths.len() as u64).sum(),
        }
    }
}

impl Verdict {
    /// Nothing where nothing flows at all, else the probes that do not get through.
    fn where_cut(&self) -> String {
        if self.cut.len() == self.probes {
            return String::new();
        }
        let names: Vec<String> = self.cut.iter().map(|(kind, direction)| format!("{} {direction}", kind.title())).collect();
        format!(": {}", names.join(", "))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.flows {
            f.write_str("packets flow both ways")?;
        } else if self.sent == 0 {
            return f.write_str("nothing was probed");
        } else {
            write!(f, "packets do not flow{}", self.where_cut())?;
        }
        match self.worst {
            None => write!(f, "; none of {} lost", count(self.sent))?,
            Some(Worst { kind, direction, length: longest }) => write!(
                f,
                "; longest loss {} ({} {direction}), {} of {} lost",
                length(longest),
                kind.title(),
                count(self.lost),
                count(self.sent)
            )?,
        }
        if self.died > 0 {
            write!(f, ", {} died", counted(self.died, "connection"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn a_run_with_an_outage_names_the_longest() {
        let verdict = Verdict::of(&fixtures::restart());
        assert!(verdict.flows);
        insta::assert_snapshot!(verdict, @"packets flow both ways; longest loss 4.21 s (UDP echo cloud → hybrid), 9,042 of 52,800 lost, 1 connection died");
    }

    #[test]
    fn a_run_without_loss_says_so() {
        let verdict = Verdict::of(&fixtures::quiet());
        assert!(verdict.flows);
        insta::assert_snapshot!(verdict, @"packets flow both ways; none of 52,800 lost");
    }

    #[test]
    fn a_path_that_is_cut_at_the_end_does_not_flow() {
        let verdict = Verdict::of(&fixtures::dead());
        assert!(!verdict.flows);
        insta::assert_snapshot!(verdict, @"packets do not flow; longest loss 15.0 s (UDP echo cloud → hybrid), 33,000 of 52,800 lost");
    }

    #[test]
    fn one_probe_that_is_cut_is_named() {
        let mut run = fixtures::quiet();
        run.outcome.probes[2] = fixtures::dead().outcome.probes[2].clone();
        let verdict = Verdict::of(&run);
        assert!(!verdict.flows);
        insta::assert_snapshot!(verdict, @"packets do not flow: DF packets cloud → hybrid; longest loss 15.0 s (DF packets cloud → hybrid), 750 of 52,800 lost");
    }

    #[test]
    fn a_run_without_probes_shows_nothing() {
        let mut run = fixtures::quiet();
        run.outcome.probes.clear();
        let verdict = Verdict::of(&run);
        assert!(!verdict.flows);
        insta::assert_snapshot!(verdict, @"nothing was probed");
    }
}
