//! The outcome as a text table: a row for each probe and direction, then what else has to be known.

use std::fmt::Write;
use std::time::Duration;

use super::Run;
use super::figures::{count, length};
use crate::probe::{Kind, ProbeOutcome};

const HEAD: [&str; 10] = ["probe", "direction", "sent", "lost", "windows", "longest", "stalls", "longest", "median", "max"];

/// A sender that paused longer than this and than three of its own intervals gets a note.
const PAUSE_NOTED: Duration = Duration::from_millis(20);

/// The table, at most 100 columns wide, with a newline at its end.
pub fn render(run: &Run) -> String {
    let probes = &run.outcome.probes;
    let rows: Vec<[String; 10]> = std::iter::once(HEAD.map(str::to_owned)).chain(probes.iter().map(row)).collect();
    let mut widths = [0; 10];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).enumerate();
        let line: Vec<String> =
            cells.map(|(i, (cell, width))| if i < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    for probe in probes {
        notes(&mut text, probe);
    }
    text
}

fn row(probe: &ProbeOutcome) -> [String; 10] {
    let nothing = || "–".to_owned();
    let number = |number: u64| if number == 0 { nothing() } else { count(number) };
    let longest = |window: Option<&crate::probe::Window>| window.map_or_else(nothing, |window| length(window.length));
    let [median, max] = match probe.latency {
        Some(latency) => [latency.median, latency.max].map(length),
        None => [nothing(), nothing()],
    };
    [
        probe.kind.title().to_owned(),
        probe.direction.to_string(),
        count(probe.sent),
        number(probe.lost),
        number(probe.losses.len() as u64),
        longest(probe.longest_loss()),
        number(probe.stalls.len() as u64),
        longest(probe.longest_stall()),
        median,
        max,
    ]
}

/// What the columns do not say, one line each.
fn notes(text: &mut String, probe: &ProbeOutcome) {
    let name = format!("{} {}", probe.kind.title(), probe.direction);
    let mut note = |what: String| writeln!(text, "  {name}: {what}").expect("a string takes everything");
    if !probe.flows() {
        note("did not flow at the end".into());
    }
    if !probe.deaths.is_empty() {
        let deaths: Vec<String> =
            probe.deaths.chunk_by(|a, b| a.reason == b.reason).map(|same| format!("{} × {}", same.len(), same[0].reason)).collect();
        note(format!("connections died: {}", deaths.join(", ")));
    }
    if probe.answers_lost > 0 {
        note(format!("{} of the lost reached the other side; their answers were lost", count(probe.answers_lost)));
    }
    if !probe.errors.is_empty() {
        let errors: Vec<String> = probe.errors.iter().map(|(error, times)| format!("{error} × {}", count(*times))).collect();
        note(format!("errors: {}", errors.join(", ")));
    }
    let interval = Duration::from_secs(1) / probe.rate.max(1);
    if probe.kind != Kind::Stream && probe.longest_pause > PAUSE_NOTED.max(3 * interval) {
        note(format!("the busy machine kept the sender waiting for up to {}", length(probe.longest_pause)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn a_restart_is_told_in_rows_and_notes() {
        insta::assert_snapshot!(render(&fixtures::restart()));
    }

    #[test]
    fn a_dead_path_is_told() {
        insta::assert_snapshot!(render(&fixtures::dead()));
    }

    #[test]
    fn no_line_is_wider_than_100_columns() {
        for run in [fixtures::restart(), fixtures::quiet(), fixtures::dead()] {
            for line in render(&run).lines() {
                assert!(line.chars().count() <= 100, "{line}");
            }
        }
    }
}
