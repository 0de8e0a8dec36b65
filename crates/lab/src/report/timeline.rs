//! The run as a timeline in plain text: a row for each probe and direction, a cell for each stretch of time.

use std::time::Duration;

use super::figures::{moment, tick};
use super::{Mark, Run};
use crate::probe::{Kind, ProbeOutcome, Window};

/// Columns before the first cell: `TCP streams cloud → hybrid `.
const LABEL: usize = 27;

/// Names of the marks, in the order of time; those beyond have none.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const FLOWS: char = '·';
const LOST: char = 'x';
const STALLED: char = '~';
const DIED: char = '!';

/// The timeline in 80 columns, its marks explained below, with a newline at its end.
pub fn render(run: &Run) -> String {
    render_in(run, 80)
}

/// The same in as many columns as there are, at least 60.
pub fn render_in(run: &Run, columns: usize) -> String {
    let scale = Scale { length: run.length().max(Duration::from_millis(1)), cells: columns.max(60) - LABEL };
    let marks = run.timeline_marks();
    let mut lines = vec![axis(scale)];
    if !marks.is_empty() {
        lines.push(format!("{:LABEL$}{}", "", mark_row(run, &marks, scale)));
    }
    let mut above = None;
    for probe in &run.outcome.probes {
        let title = if above.replace(probe.kind) == Some(probe.kind) { "" } else { probe.kind.title() };
        lines.push(format!("{title:<11} {} {}", probe.direction, cells(run, probe, scale)));
    }
    lines.push(format!("{:LABEL$}{}", "", legend(run)));
    for (index, mark) in marks.iter().enumerate() {
        lines.push(format!("{} {:>10}  {}", letter(index), moment(run.since_start(mark.at)), mark.label));
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[derive(Clone, Copy)]
struct Scale {
    length: Duration,
    cells: usize,
}

impl Scale {
    /// The cell of a moment; the end of the run belongs to the last one.
    fn cell(self, at: Duration) -> usize {
        let cell = at.as_nanos() * self.cells as u128 / self.length.as_nanos();
        usize::try_from(cell).unwrap_or(usize::MAX).min(self.cells - 1)
    }
}

fn axis(scale: Scale) -> String {
    // A number of up to five digits and a distance need seven cells.
    let step = tick(scale.length, u32::try_from(scale.cells / 7).unwrap_or(1));
    let mut line = " ".repeat(LABEL);
    for at in (0..).map(|n| step * n).take_while(|at| *at <= scale.length) {
        let column = LABEL + scale.cell(at);
        let text = format!("{}{}", at.as_secs_f64(), if at.is_zero() { " s" } else { "" });
        if line.chars().count() <= column && column + text.len() <= LABEL + scale.cells {
            line.extend(std::iter::repeat_n(' ', column - line.chars().count()));
            line.push_str(&text);
        }
    }
    line
}

fn letter(index: usize) -> char {
    LETTERS.chars().nth(index).unwrap_or('*')
}

/// A letter above the cell of each mark; where that is taken, in the next free one.
fn mark_row(run: &Run, marks: &[Mark], scale: Scale) -> String {
    let mut row = vec![' '; scale.cells];
    for (index, mark) in marks.iter().enumerate() {
        let wanted = scale.cell(run.since_start(mark.at));
        if let Some(free) = row.iter_mut().skip(wanted).find(|cell| **cell == ' ') {
            *free = letter(index);
        }
    }
    row.into_iter().collect()
}

/// What is worse hides what is less bad, however short it was: a loss of a millisecond fills its cell.
fn cells(run: &Run, probe: &ProbeOutcome, scale: Scale) -> String {
    let mut row = vec![FLOWS; scale.cells];
    let mut paint = |windows: &[Window], sign: char| {
        for window in windows {
            let last = window.end().saturating_sub(Duration::from_nanos(1)).max(window.start);
            row[scale.cell(run.since_start(window.start))..=scale.cell(run.since_start(last))].fill(sign);
        }
    };
    paint(&probe.stalls, STALLED);
    paint(&probe.losses, LOST);
    for death in &probe.deaths {
        row[scale.cell(run.since_start(death.at))] = DIED;
    }
    row.into_iter().collect()
}

/// Explains the signs; that of a death only where there can be one.
fn legend(run: &Run) -> String {
    let streams = run.outcome.probes.iter().any(|probe| probe.kind == Kind::Stream);
    format!("{FLOWS} flows  {LOST} lost  {STALLED} stalled{}", if streams { format!("  {DIED} connection died") } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn a_restart_in_eighty_columns() {
        insta::assert_snapshot!(render(&fixtures::restart()));
    }

    #[test]
    fn a_dead_path_ends_in_losses() {
        insta::assert_snapshot!(render(&fixtures::dead()));
    }

    #[test]
    fn every_row_of_cells_fills_the_columns_exactly() {
        for columns in [60, 80, 131] {
            let text = render_in(&fixtures::restart(), columns);
            let widths: Vec<_> =
                text.lines().filter(|line| line.contains('→') && line.contains(FLOWS)).map(|line| line.chars().count()).collect();
            assert_eq!(widths, [columns; 8]);
        }
    }

    #[test]
    fn the_shortest_loss_is_seen() {
        let mut run = fixtures::quiet();
        run.outcome.probes[0].losses = vec![Window { start: run.outcome.start, length: Duration::from_micros(1), hit: 1, open: false }];
        assert!(render(&run).contains("cloud → hybrid x·"));
    }
}
