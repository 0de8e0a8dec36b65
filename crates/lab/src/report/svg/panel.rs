//! One run in the picture: heading, labelled marks, a bar for each probe and direction, axis.

use std::fmt::Write;
use std::time::Duration;

use super::super::figures::{count, length, tick};
use super::super::{Mark, MarkKind, Run, Verdict};
use super::labels::{Label, Place, Side};
use super::{MARGIN, WIDTH, cross, dot, element, escape, label, labels, line, number, rect};
use crate::probe::{ProbeOutcome, Window};

/// Left edge of the bars.
pub(super) const PLOT_LEFT: f64 = 218.0;

/// Width of the bars.
pub(super) const PLOT_WIDTH: f64 = 572.0;

/// Right edges of the two columns of figures.
const LOST_RIGHT: f64 = 850.0;
const LONGEST_RIGHT: f64 = WIDTH - MARGIN;

const DIRECTION_LEFT: f64 = 118.0;
const LANE: f64 = 18.0;

/// What a mark's label takes beside its two texts: the dot and the spaces.
const LABEL_FRAME: f64 = 17.0;

const BAR: f64 = 15.0;
const ROW: f64 = 20.0;
const GROUP_GAP: f64 = 9.0;

/// The shortest window is drawn this wide, so that it can be seen.
const MIN_WINDOW: f64 = 2.0;

/// Windows closer together than this are drawn as one: no eye tells them apart, and the file stays small.
const MIN_SPACE: f64 = 1.0;

pub(super) struct Panel<'a> {
    run: &'a Run,
    marks: Vec<Mark>,
    places: Vec<Place>,
    /// Length of the axis.
    length: Duration,
    top: f64,
}

impl<'a> Panel<'a> {
    pub(super) fn new(run: &'a Run, length: Duration, top: f64) -> Self {
        let mut panel = Self { run, marks: run.timeline_marks(), places: Vec::new(), length, top };
        let labels: Vec<_> = panel.marks.iter().map(|mark| panel.wanted(mark)).collect();
        panel.places = labels::place(&labels);
        panel
    }

    /// Draws it and returns where it ends.
    pub(super) fn draw(&self, body: &mut String) -> f64 {
        let verdict = Verdict::of(self.run);
        dot(body, if verdict.flows { "ok" } else { "cut" }, [MARGIN + 4.0, self.top + 14.0]);
        label(body, "title", [MARGIN + 16.0, self.top + 20.0], &self.run.title);
        let room = WIDTH - 2.0 * MARGIN - 16.0;
        label(body, "verdict", [MARGIN + 16.0, self.top + 41.0], &labels::fit(&verdict.to_string(), 13.0, room));

        let lanes = self.places.iter().map(|place| place.lane + 1).max().unwrap_or(0);
        let lowest_lane = self.top + 46.0 + lanes as f64 * LANE;
        let heads = lowest_lane + 20.0;
        let rows = heads + 8.0;
        let end = self.end_of_rows(rows);
        self.axis(body, rows, end);
        self.lines(body, lowest_lane, end);
        label(body, "head", [LOST_RIGHT, heads], "lost");
        label(body, "head", [LONGEST_RIGHT, heads], "longest gap");
        self.rows(body, rows);
        self.labels(body, lowest_lane);
        end + 22.0
    }

    fn x(&self, at: Duration) -> f64 {
        PLOT_LEFT + self.run.since_start(at).as_secs_f64() / self.length.as_secs_f64() * PLOT_WIDTH
    }

    /// The place that a mark's label would like to have.
    fn wanted(&self, mark: &Mark) -> Label {
        let x = self.x(mark.at);
        let width = LABEL_FRAME + labels::width(&mark.label, 12.0) + labels::width(&self.time(mark), 12.0);
        Label { x, width, room_left: x - MARGIN, room_right: WIDTH - MARGIN - x }
    }

    fn time(&self, mark: &Mark) -> String {
        format!("{:.2} s", self.run.since_start(mark.at).as_secs_f64())
    }

    fn end_of_rows(&self, top: f64) -> f64 {
        self.positions(top).last().map_or(top, |(y, _)| y + ROW)
    }

    /// Where each probe's bar begins; the two directions of a kind stand together.
    fn positions(&self, top: f64) -> Vec<(f64, &'a ProbeOutcome)> {
        let mut y = top;
        let groups = self.run.outcome.probes.chunk_by(|a, b| a.kind == b.kind);
        groups
            .flat_map(|group| {
                let rows: Vec<_> = group.iter().enumerate().map(|(row, probe)| (y + row as f64 * ROW, probe)).collect();
                y += group.len() as f64 * ROW + GROUP_GAP;
                rows
            })
            .collect()
    }

    fn axis(&self, body: &mut String, top: f64, bottom: f64) {
        let step = tick(self.length, 12);
        for at in (0..).map(|n| step * n).take_while(|at| *at <= self.length) {
            let x = self.x(self.run.outcome.start + at);
            line(body, "grid", [x, top - 2.0, x, bottom + 2.0]);
            let unit = if at.is_zero() { " s" } else { "" };
            label(body, "axis", [x, bottom + 17.0], &format!("{}{unit}", at.as_secs_f64()));
        }
    }

    fn rows(&self, body: &mut String, top: f64) {
        let mut above = None;
        for (y, probe) in self.positions(top) {
            let text = y + BAR - 3.5;
            if above.replace(probe.kind) != Some(probe.kind) {
                label(body, "kind", [MARGIN, text], probe.kind.title());
            }
            label(body, "muted", [DIRECTION_LEFT, text], &probe.direction.to_string());
            self.bar(body, y, probe);
            figures(body, text, probe);
        }
    }

    fn bar(&self, body: &mut String, y: f64, probe: &'a ProbeOutcome) {
        let end = self.x(self.run.outcome.end);
        rect(body, "flow", [PLOT_LEFT, y, end - PLOT_LEFT, BAR]);
        self.windows(body, y, "stalled", &probe.stalls);
        self.windows(body, y, "loss", &probe.losses);
        self.lengths(body, y + BAR - 3.5, probe);
        for death in &probe.deaths {
            let (x, middle) = (self.x(death.at), y + BAR / 2.0);
            let [left, up] = [x - 4.5, middle - 4.5].map(number);
            element(body, format_args!(r#"<path class="halo" d="M{left} {up}l9 9m0-9l-9 9"/>"#));
            cross(body, [x, middle]);
        }
    }

    /// The length of each window, inside it or else to its right, wherever there is room.
    fn lengths(&self, body: &mut String, y: f64, probe: &'a ProbeOutcome) {
        let named = |windows: &'a [Window], class| windows.iter().map(move |window| (window, class));
        let mut windows: Vec<_> = named(&probe.losses, "loss").chain(named(&probe.stalls, "stall")).collect();
        windows.sort_by_key(|(window, _)| window.start);
        // Of a stall that a loss interrupts it would be unclear what the number measures.
        let mixed = |a: &Window, b: &Window| a.start < b.end() && b.start < a.end();
        for (index, (window, class)) in windows.iter().enumerate() {
            let next = windows.get(index + 1).map(|(next, _)| *next);
            let before = index.checked_sub(1).map(|before| windows[before].0);
            if next.into_iter().chain(before).any(|other| mixed(window, other)) {
                continue;
            }
            let (start, end) = (self.x(window.start), self.x(window.end()));
            let text = length(window.length);
            let room = labels::width(&text, 11.0) + 8.0;
            let right = next.map_or(self.x(self.run.outcome.end), |next| self.x(next.start));
            if end - start >= room {
                label(body, &format!("in {class}"), [(start + end) / 2.0, y], &text);
            } else if right - end.max(start + MIN_WINDOW) >= room {
                label(body, &format!("by {class}"), [end.max(start + MIN_WINDOW) + 4.0, y], &text);
            }
        }
    }

    /// All windows of a row as one path.
    fn windows(&self, body: &mut String, y: f64, class: &str, windows: &[Window]) {
        let mut spans: Vec<(f64, f64)> = Vec::new();
        for window in windows {
            let start = self.x(window.start);
            let end = self.x(window.end()).max(start + MIN_WINDOW);
            match spans.last_mut().filter(|(_, last)| start < *last + MIN_SPACE) {
                Some((_, last)) => *last = last.max(end),
                None => spans.push((start, end)),
            }
        }
        if spans.is_empty() {
            return;
        }
        let mut path = String::new();
        for (start, end) in spans {
            let width = number(end - start);
            write!(path, "M{} {}h{width}v{}h-{width}z", number(start), number(y), number(BAR)).expect("a string takes everything");
        }
        element(body, format_args!(r#"<path class="{class}" d="{path}"/>"#));
    }

    /// The marks' lines, behind the bars so that they hide nothing.
    fn lines(&self, body: &mut String, lowest_lane: f64, bottom: f64) {
        for (mark, place) in self.marks.iter().zip(&self.places) {
            let (x, y) = (self.x(mark.at), lowest_lane - place.lane as f64 * LANE);
            line(body, &format!("mark {}", class(mark.kind)), [x, y, x, bottom + 2.0]);
        }
    }

    fn labels(&self, body: &mut String, lowest_lane: f64) {
        for (mark, place) in self.marks.iter().zip(&self.places) {
            let (x, y) = (self.x(mark.at), lowest_lane - place.lane as f64 * LANE);
            dot(body, class(mark.kind), [x, y - 4.0]);
            let time = self.time(mark);
            let room = WIDTH - MARGIN - x - LABEL_FRAME - labels::width(&time, 12.0);
            let (x, anchor, text) = match place.side {
                Side::Left => (x - 9.0, r#" text-anchor="end""#, mark.label.clone()),
                Side::Right => (x + 9.0, "", labels::fit(&mark.label, 12.0, room)),
            };
            let ([x, y], text) = ([x, y].map(number), escape(&text));
            element(body, format_args!(r#"<text x="{x}" y="{y}"{anchor}>{text} <tspan class="time" dx="2">{time}</tspan></text>"#));
        }
    }
}

fn class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Fault => "fault",
        MarkKind::Route => "route",
        MarkKind::Vtep => "vtep",
        MarkKind::Note => "note",
    }
}

/// What was lost, and the longest window, at the right of a row.
fn figures(body: &mut String, y: f64, probe: &ProbeOutcome) {
    let (class, text) = match (probe.deaths.len(), probe.lost) {
        (0, 0) => ("none", "0".to_owned()),
        (0, lost) => ("bad", count(lost)),
        (died, _) => ("bad", format!("{died} died")),
    };
    label(body, class, [LOST_RIGHT, y], &text);
    let loss = probe.longest_loss().map(|window| ("bad", window.length));
    let stall = probe.longest_stall().map(|window| ("late", window.length));
    // Of equal ones the last, which is the worse.
    match stall.into_iter().chain(loss).max_by_key(|(_, length)| *length) {
        Some((class, longest)) => label(body, class, [LONGEST_RIGHT, y], &length(longest)),
        None => label(body, "none", [LONGEST_RIGHT, y], "–"),
    }
}
