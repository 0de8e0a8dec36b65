//! Outcomes of checks, a line each.

use std::fmt::Write as _;

use hybridge_cluster::preflight::{Outcome, State};
use hybridge_report::Severity;

/// A line a check: its state, code and what it looks at. Checks that do not apply are counted, not shown.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let shown: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.state != State::Idle).collect();
    let width = shown.iter().map(|outcome| outcome.code.len()).max().unwrap_or_default();
    for outcome in &shown {
        let _ = writeln!(text, "{:<7}  {:<width$}  {}", name(outcome.state), outcome.code, outcome.about);
    }
    let idle = outcomes.len() - shown.len();
    if idle > 0 {
        let _ = writeln!(text, "{idle} {} not apply to this cluster", if idle == 1 { "check does" } else { "checks do" });
    }
    text
}

const fn name(state: State) -> &'static str {
    match state {
        State::Pass => "pass",
        State::Idle => "-",
        State::Warn => "warn",
        State::Unknown => "unknown",
        State::Fail => "fail",
    }
}

/// Whether something is wrong.
pub(super) fn failed(outcomes: &[Outcome]) -> bool {
    outcomes.iter().flat_map(|outcome| &outcome.findings).any(|finding| finding.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use hybridge_report::Finding;

    use super::*;

    #[test]
    fn each_check_has_a_line_and_those_that_do_not_apply_are_counted() {
        let outcome = |code, state, findings| Outcome { code, about: "it is so", state, findings };
        let all = [
            outcome("a.b", State::Pass, vec![]),
            outcome("long.code", State::Unknown, vec![Finding::warning("long.code", "x", "y")]),
            outcome("c.d", State::Idle, vec![]),
        ];
        assert_eq!(table(&all), "pass     a.b        it is so\nunknown  long.code  it is so\n1 check does not apply to this cluster\n");
        assert!(!failed(&all));
        assert!(failed(&[outcome("a.b", State::Fail, vec![Finding::error("a.b", "x", "y")])]));
    }
}
