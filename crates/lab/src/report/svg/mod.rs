//! The run as a picture: one self-contained SVG without scripts and fonts of its own, readable on light and dark pages.
//!
//! ```text
//!  title                                                      ┐
//!  verdict                                                    │
//!                    ● fault  6.00 s                          │ a panel for each run, all of them
//!                    │         ● route  10.18 s               │ on the same scale of time
//!  UDP echo  c → h   ━━━━━━▓▓▓▓▓▓━━━━━━━━━━━━    850   4.21 s │
//!            h → c   ━━━━━━▓▓▓▓▓▓━━━━━━━━━━━━    850   4.21 s │
//!                    0 s       5       10                     ┘
//!  legend
//! ```

mod labels;
mod panel;
mod style;

use std::fmt::Write;
use std::time::Duration;

use super::{Run, Verdict};
use panel::Panel;

/// Width of every picture. GitHub shows a README about as wide.
const WIDTH: f64 = 960.0;

/// Between the edge of the card and what is on it.
const MARGIN: f64 = 28.0;

/// Between two panels.
const PANEL_GAP: f64 = 26.0;

const LEGEND_HEIGHT: f64 = 46.0;

/// One run.
pub fn render(run: &Run) -> String {
    compare(std::slice::from_ref(run))
}

/// Several runs, one below the other on the same scale of time, so that lengths can be compared by eye.
pub fn compare(runs: &[Run]) -> String {
    let length = runs.iter().map(Run::length).max().unwrap_or_default().max(Duration::from_millis(1));
    let mut body = String::new();
    let mut y = MARGIN - 6.0;
    for (index, run) in runs.iter().enumerate() {
        if index > 0 {
            line(&mut body, "rule", [MARGIN, y + PANEL_GAP / 2.0, WIDTH - MARGIN, y + PANEL_GAP / 2.0]);
            y += PANEL_GAP;
        }
        y = Panel::new(run, length, y).draw(&mut body);
    }
    let height = y + LEGEND_HEIGHT;
    legend(&mut body, y + 28.0);
    let titles: Vec<String> = runs.iter().map(|run| format!("{}: {}", run.title, Verdict::of(run))).collect();
    document(height, &escape(&titles.join(". ")), &body)
}

fn document(height: f64, description: &str, body: &str) -> String {
    let style = style::SHEET;
    let (w, h) = (number(WIDTH), number(height));
    let (card_w, card_h) = (number(WIDTH - 1.0), number(height - 1.0));
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-labelledby="t d">
<title id="t">Timeline of packets lost between cloud pod and hybrid pod</title>
<desc id="d">{description}</desc>
<style>{style}</style>
<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="stall" width="6" height="6"/><rect class="stripe" width="2.4" height="6"/></pattern></defs>
<rect class="card" x=".5" y=".5" width="{card_w}" height="{card_h}" rx="10"/>
{body}</svg>
"##
    )
}

/// What the colours mean, on one line.
fn legend(body: &mut String, y: f64) {
    let mut x = MARGIN;
    for (class, text) in [("flow", "answered"), ("loss", "lost"), ("stalled", "stalled")] {
        rect(body, class, [x, y - 9.0, 18.0, 10.0]);
        x += 24.0;
        label(body, "muted", [x, y], text);
        x += labels::width(text, 12.0) + 20.0;
    }
    cross(body, [x + 5.0, y - 4.0]);
    label(body, "muted", [x + 15.0, y], "connection died");
    let marks = [("fault", "fault"), ("route", "route change"), ("vtep", "VTEP change"), ("note", "other")];
    let width = |text: &str| labels::width(text, 12.0) + 32.0;
    x = WIDTH - MARGIN + 18.0 - marks.iter().map(|(_, text)| width(text)).sum::<f64>();
    for (class, text) in marks {
        dot(body, class, [x, y - 4.0]);
        label(body, "muted", [x + 9.0, y], text);
        x += width(text);
    }
}

// Elements. Numbers are rounded to a tenth, which nobody sees and which keeps the file small.

fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn rect(body: &mut String, class: &str, [x, y, width, height]: [f64; 4]) {
    let [x, y, width, height] = [x, y, width, height].map(number);
    element(body, format_args!(r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="2"/>"#));
}

fn line(body: &mut String, class: &str, ends: [f64; 4]) {
    let [x1, y1, x2, y2] = ends.map(number);
    element(body, format_args!(r#"<path class="{class}" d="M{x1} {y1}L{x2} {y2}"/>"#));
}

fn dot(body: &mut String, class: &str, [x, y]: [f64; 2]) {
    let [x, y] = [x, y].map(number);
    element(body, format_args!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="4"/>"#));
}

fn cross(body: &mut String, [x, y]: [f64; 2]) {
    let [x, y] = [x - 4.5, y - 4.5].map(number);
    element(body, format_args!(r#"<path class="died" d="M{x} {y}l9 9m0-9l-9 9"/>"#));
}

fn label(body: &mut String, class: &str, [x, y]: [f64; 2], text: &str) {
    let ([x, y], text) = ([x, y].map(number), escape(text));
    element(body, format_args!(r#"<text class="{class}" x="{x}" y="{y}">{text}</text>"#));
}

fn element(body: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(body, "{element}").expect("a string takes everything");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
