//! What can be said about a picture without looking at it. How it looks was judged by eye.

use super::super::{Mark, MarkKind, Run, fixtures};
use super::*;
use crate::probe::Window;

const LIMIT: usize = 60_000;

/// Every element is closed, in order.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (inside, _) = tag.split_once('>').unwrap();
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !inside.ends_with('/') {
            open.push(inside.split([' ', '\n']).next().unwrap());
        }
        assert_eq!(inside.matches('"').count() % 2, 0, "{inside}");
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// A run in which everything that can be drawn happens at every opportunity.
fn worst() -> Run {
    let mut run = fixtures::restart();
    let window = |n: u32| Window {
        start: run.outcome.start + Duration::from_millis(40) * n,
        length: Duration::from_millis(20),
        hit: 1,
        open: false,
    };
    let windows: Vec<_> = (0..600).map(window).collect();
    for probe in &mut run.outcome.probes {
        probe.losses = windows.clone();
        probe.stalls = windows.clone();
    }
    let start = run.outcome.start;
    run.marks =
        (0..40).map(|n| Mark::new(MarkKind::Route, start + Duration::from_millis(500) * n, format!("route table {n} & <more>"))).collect();
    run
}

#[test]
fn pictures_are_well_formed_and_small() {
    let runs = [fixtures::restart(), fixtures::quiet(), fixtures::dead(), worst()];
    for svg in runs.iter().map(render).chain([compare(&runs[..3])]) {
        assert_well_formed(&svg);
        assert!(svg.len() < LIMIT, "{} bytes", svg.len());
    }
}

#[test]
fn a_picture_says_what_happened() {
    let svg = render(&fixtures::restart());
    for text in
        ["rolling restart of both gateways", "packets flow both ways", "SIGTERM gateway A", "VTEP → gateway B ×2", ">4.21 s<", "1 died"]
    {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg.matches(r#"class="flow" x="218""#).count(), 8);
}

#[test]
fn text_from_outside_cannot_break_the_picture() {
    let mut run = fixtures::restart();
    run.title = r#"</svg><script>alert("&")</script>"#.into();
    let svg = render(&run);
    assert!(!svg.contains("<script"));
    assert_well_formed(&svg);
}

#[test]
fn compared_runs_share_one_scale() {
    let (long, mut short) = (fixtures::restart(), fixtures::restart());
    short.outcome.end = short.outcome.start + long.length() / 2;
    let svg = compare(&[long, short]);
    let bars =
        |width: u32| svg.matches(r#"class="flow" x="218" y="#).count() == 16 && svg.matches(&format!(r#"width="{width}""#)).count() == 8;
    assert!(bars(572) && bars(286));
}

#[test]
fn nothing_at_all_still_gives_a_picture() {
    assert_well_formed(&compare(&[]));
    let mut run = fixtures::quiet();
    run.outcome.probes.clear();
    assert_well_formed(&render(&run));
}
