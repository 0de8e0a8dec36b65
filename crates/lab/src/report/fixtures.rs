//! Runs for the tests of the reports, made by hand after what real ones look like.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Mark, MarkKind, Run};
use crate::probe::{Death, Direction, Kind, Latency, Outcome, ProbeOutcome, Window};

/// The probes start this long after the origin.
const START: u64 = 1_500;
const LENGTH: u64 = 24_000;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn window(start: u64, length: u64, hit: u64) -> Window {
    Window { start: ms(START + start), length: ms(length), hit, open: false }
}

fn probe(kind: Kind, direction: Direction) -> ProbeOutcome {
    let (rate, latency) = match kind {
        Kind::Udp => (1000, Latency { median: Duration::from_micros(120), p99: Duration::from_micros(900), max: ms(14) }),
        Kind::Df => (50, Latency { median: Duration::from_micros(140), p99: Duration::from_micros(950), max: ms(9) }),
        Kind::Connect => (50, Latency { median: Duration::from_micros(210), p99: ms(2), max: ms(17) }),
        Kind::Stream => (100, Latency { median: Duration::from_micros(160), p99: ms(1), max: ms(16) }),
    };
    let sent = u64::from(rate) * LENGTH / 1000;
    ProbeOutcome {
        kind,
        direction,
        rate,
        sent,
        answered: sent,
        lost: 0,
        answers_lost: 0,
        errors: BTreeMap::new(),
        losses: Vec::new(),
        stalls: Vec::new(),
        deaths: Vec::new(),
        longest_pause: ms(3),
        latency: Some(latency),
    }
}

/// Nothing happened.
pub(super) fn quiet() -> Run {
    let probes = Kind::ALL.into_iter().flat_map(|kind| Direction::BOTH.map(|direction| probe(kind, direction))).collect();
    Run { title: "idle".into(), outcome: Outcome { start: ms(START), end: ms(START + LENGTH), probes }, marks: Vec::new() }
}

fn lose(probe: &mut ProbeOutcome, losses: Vec<Window>) {
    probe.lost = losses.iter().map(|window| window.hit).sum();
    probe.answered = probe.sent - probe.lost;
    probe.losses = losses;
}

/// A rolling restart of both gateways: a long outage, a short one.
pub(super) fn restart() -> Run {
    let mut run = quiet();
    run.title = "rolling restart of both gateways".into();
    for probe in &mut run.outcome.probes {
        match probe.kind {
            Kind::Udp => lose(probe, vec![window(6_003, 4_212, 4_209), window(16_480, 38, 38)]),
            Kind::Df => lose(probe, vec![window(6_010, 4_220, 211), window(16_480, 40, 2)]),
            Kind::Connect => {
                lose(probe, vec![window(6_000, 1_220, 61)]);
                probe.stalls = vec![window(7_220, 3_000, 150), window(16_490, 40, 2)];
                if let Some(latency) = &mut probe.latency {
                    latency.max = ms(3_000);
                }
                probe.errors = BTreeMap::from([("ETIMEDOUT".to_owned(), 61)]);
            }
            Kind::Stream => {
                probe.stalls = vec![window(6_004, 4_890, 489), window(16_470, 231, 21)];
                probe.longest_pause = ms(41);
            }
        }
    }
    run.outcome.probes[0].longest_pause = ms(23);
    run.outcome.probes[1].answers_lost = 4_209;
    run.outcome.probes[6].deaths = vec![Death { at: ms(START + 10_300), reason: "ECONNRESET".into() }];
    let mark = |kind, at, label: &str| Mark::new(kind, ms(START + at), label);
    run.marks = vec![
        mark(MarkKind::Fault, 6_000, "SIGTERM gateway A"),
        mark(MarkKind::Route, 10_180, "route → gateway B"),
        mark(MarkKind::Vtep, 10_214, "VTEP → gateway B"),
        mark(MarkKind::Vtep, 10_216, "VTEP → gateway B"),
        mark(MarkKind::Note, 12_000, "gateway A starts"),
        mark(MarkKind::Fault, 16_470, "SIGTERM gateway B"),
        mark(MarkKind::Route, 16_510, "route → gateway A"),
        mark(MarkKind::Vtep, 16_518, "VTEP → gateway A"),
        mark(MarkKind::Note, 23_700, "gateway B is ready & standing by"),
    ];
    run
}

/// The path dies and stays dead.
pub(super) fn dead() -> Run {
    let mut run = quiet();
    run.title = "host loss without a second gateway".into();
    for probe in &mut run.outcome.probes {
        let open = Window { open: true, ..window(9_000, LENGTH - 9_000, u64::from(probe.rate) * 15) };
        lose(probe, vec![open]);
    }
    run.marks = vec![Mark::new(MarkKind::Fault, ms(START + 9_000), "host of gateway A lost")];
    run
}
