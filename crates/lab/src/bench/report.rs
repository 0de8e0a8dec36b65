//! What was measured, as a table and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Quantity, Sample, Unit};
use crate::report::figures::length;

/// Several values of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// What 95 of 100 do not exceed (the value at that rank); of fewer than twenty, the greatest.
    pub p95: f64,
    /// How many there are.
    pub runs: usize,
}

impl Spread {
    /// `None` of no values.
    fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        // The nearest rank: 19 of 20, 48 of 50.
        let p95 = sorted[(sorted.len() * 95).div_ceil(100) - 1];
        Some(Self { median, min, max, p95, runs: sorted.len() })
    }

    fn text(&self, unit: Unit) -> String {
        let [median, min, max] = [self.median, self.min, self.max].map(|value| show(value, unit));
        if min == max { median } else { format!("{median} ({min} – {max})") }
    }
}

/// One quantity, measured of one program or two.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub quantity: Quantity,
    /// `s` or `B`.
    pub unit: &'static str,
    /// Ours; `None` where only the peer could be measured.
    pub ours: Option<Spread>,
    /// The most that is asked of ours.
    pub target: Option<f64>,
    /// Whether the median is above that.
    pub short_of_target: bool,
    /// The other program's.
    pub peer: Option<Spread>,
    /// Ours, divided by the peer's.
    pub ratio: Option<f64>,
    /// What was once measured of the reference gateway: from, to.
    pub reference: Option<(f64, f64)>,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Processors of this machine.
    pub processors: usize,
    /// Load averages of the last minute when the measurements began and when they ended.
    pub load: [f64; 2],
    /// In the order of the quantities.
    pub rows: Vec<Row>,
    /// What could not be measured, and why.
    pub problems: Vec<String>,
    #[serde(skip)]
    values: BTreeMap<Quantity, [Vec<f64>; 2]>,
}

impl Report {
    pub(super) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { processors, load: [load(); 2], rows: Vec::new(), problems: Vec::new(), values: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, samples: &[Sample], is_peer: bool) {
        for sample in samples {
            self.values.entry(sample.quantity).or_default()[usize::from(is_peer)].push(sample.value);
        }
    }

    pub(super) fn finish(mut self) -> Self {
        self.load[1] = load();
        self.rows = self.values.iter().map(|(quantity, [ours, peer])| row(*quantity, ours, peer)).collect();
        self
    }

    /// As JSON: times in seconds, sizes in bytes.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and texts become JSON")
    }

    /// As a table for people, with a newline at its end.
    pub fn table(&self) -> String {
        let columns = Columns {
            tail: self.rows.iter().any(|row| row.ours.is_some_and(|ours| ours.runs >= MANY)),
            peer: self.rows.iter().any(|row| row.peer.is_some()),
        };
        let mut lines = vec![columns.heads()];
        lines.extend(self.rows.iter().map(|row| cells(row, columns)));
        let mut text = aligned(&lines);
        let [before, after] = self.load;
        text.push_str(&format!("\n{} processors, load {before:.1} before and {after:.1} after.", self.processors));
        text.push_str(" reference: what was once measured of the programs that these replace, on 2 processors.\n");
        for problem in &self.problems {
            text.push_str(&format!("not measured: {problem}\n"));
        }
        text
    }
}

fn row(quantity: Quantity, ours: &[f64], peer: &[f64]) -> Row {
    let (ours, peer, target) = (Spread::of(ours), Spread::of(peer), quantity.target());
    let unit = match quantity.unit() {
        Unit::Seconds => "s",
        Unit::Bytes => "B",
    };
    Row {
        quantity,
        unit,
        ours,
        target,
        short_of_target: ours.zip(target).is_some_and(|(ours, target)| ours.median > target),
        peer,
        ratio: ours.zip(peer).filter(|(_, peer)| peer.median > 0.0).map(|(ours, peer)| ours.median / peer.median),
        reference: quantity.reference(),
    }
}

/// From so many runs on, a twentieth of them says more than the one that took longest.
const MANY: usize = 20;

/// Which columns a table has beside those that every table has.
#[derive(Clone, Copy)]
struct Columns {
    tail: bool,
    peer: bool,
}

impl Columns {
    fn heads(self) -> Vec<String> {
        let tail: &[&str] = if self.tail { &["95 %"] } else { &[] };
        let peer: &[&str] = if self.peer { &["peer", "ours : peer"] } else { &[] };
        let heads = [&["what", "median (min – max)"], tail, &["at most", ""], peer, &["reference"]].concat();
        heads.into_iter().map(str::to_owned).collect()
    }
}

fn cells(row: &Row, columns: Columns) -> Vec<String> {
    let unit = row.quantity.unit();
    let spread = |spread: Option<Spread>| spread.map_or_else(String::new, |spread| spread.text(unit));
    let verdict = match (row.ours, row.target) {
        (None, _) | (_, None) => "",
        (Some(_), Some(_)) if row.short_of_target => "short of the target",
        (Some(_), Some(_)) => "met",
    };
    let target = row.target.map_or_else(String::new, |target| show(target, unit));
    let mut cells = vec![row.quantity.to_string(), spread(row.ours)];
    if columns.tail {
        cells.push(row.ours.filter(|ours| ours.runs >= MANY).map_or_else(String::new, |ours| show(ours.p95, unit)));
    }
    cells.extend([target, verdict.to_owned()]);
    if columns.peer {
        cells.extend([spread(row.peer), row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))]);
    }
    cells.push(match row.reference {
        None => String::new(),
        Some((from, to)) if from >= to => show(from, unit),
        Some((from, to)) => format!("{} – {}", show(from, unit), show(to, unit)),
    });
    cells
}

fn aligned(lines: &[Vec<String>]) -> String {
    let mut widths = Vec::new();
    for line in lines {
        widths.resize(line.len().max(widths.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let pad = |(cell, width): (&String, &usize)| format!("{cell:<width$}");
    let joined = |line: &Vec<String>| line.iter().zip(&widths).map(pad).collect::<Vec<_>>().join("  ");
    lines.iter().map(|line| format!("{}\n", joined(line).trim_end())).collect()
}

fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => length(Duration::from_secs_f64(value)),
        Unit::Bytes => format!("{:.1} MB", value / 1e6),
    }
}

/// Load average of the last minute, 0 where the kernel does not say.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::Apis;
    use super::*;

    fn report(ours: &[f64], peer: &[f64], quantity: Quantity) -> Report {
        let samples = |values: &[f64]| values.iter().map(|value| Sample { quantity, value: *value }).collect::<Vec<_>>();
        let mut report = Report::new();
        report.add(&samples(ours), false);
        report.add(&samples(peer), true);
        report.finish()
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        let spread = |values: &[f64]| Spread::of(values).map(|s| (s.median, s.min, s.max, s.runs));
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((2.0, 1.0, 3.0, 3)));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some((2.5, 1.0, 4.0, 4)));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn the_slowest_twentieth_is_told_where_there_are_runs_enough() {
        let values = |runs: u32| (1..=runs).rev().map(|value| f64::from(value) / 1e3).collect::<Vec<_>>();
        let p95 = |runs: u32| Spread::of(&values(runs)).unwrap().p95;
        assert_eq!((p95(1), p95(5), p95(20), p95(50), p95(100)), (0.001, 0.005, 0.019, 0.048, 0.095));
        let table = |runs: u32| report(&values(runs), &[], Quantity::MaxPods).table();
        let heads = |runs: u32| table(runs).lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(heads(20), "what median (min – max) 95 % at most reference");
        assert_eq!(heads(19), "what median (min – max) at most reference");
        assert!(table(20).contains(" 19 ms "), "{}", table(20));
    }

    #[test]
    fn a_row_says_whether_the_target_is_met_and_how_the_peer_compares() {
        let good = report(&[0.1, 0.12, 0.2], &[0.3, 0.24, 0.2], Quantity::Start(Apis::Real));
        let table = good.table();
        assert!(table.contains("120 ms (100 ms – 200 ms)  150 ms   met  240 ms (200 ms – 300 ms)  0.50"), "{table}");
        assert!(table.contains("290 ms – 340 ms"), "{table}");
        let bad = report(&[0.16], &[], Quantity::Start(Apis::Real));
        assert!(bad.table().contains("short of the target") && !bad.table().contains("peer"), "{}", bad.table());
        assert!(bad.rows[0].short_of_target && !good.rows[0].short_of_target);
    }

    #[test]
    fn json_has_plain_numbers_and_what_was_not_measured() {
        let mut report = report(&[40e6], &[], Quantity::Peak(Apis::Builtin));
        report.problems.push("loss, ours: no".into());
        let value: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(value["rows"][0]["ours"]["median"], 40e6);
        assert_eq!((&value["rows"][0]["unit"], &value["rows"][0]["short_of_target"]), (&"B".into(), &true.into()));
        assert_eq!(value["problems"][0], "loss, ours: no");
    }
}
