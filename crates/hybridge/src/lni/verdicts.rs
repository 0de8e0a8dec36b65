//! Verdicts of checks, for people and for machines.

use hybridge_lni::verdict::{Outcome, Verdict, failed};
use hybridge_report::Exit;
use serde::Serialize;

use crate::args::Output;
use crate::{table, tell};

/// JSON form.
#[derive(Serialize)]
struct Report<'a> {
    /// Nothing is wrong.
    healthy: bool,
    checks: &'a [Verdict],
}

/// Prints them, and how the command ends: a check that failed is the user's to mend.
pub(super) fn print(verdicts: &[Verdict], output: Output) -> Exit {
    let healthy = !failed(verdicts);
    let said = match output {
        Output::Json | Output::Yaml => tell::structured(output, &Report { healthy, checks: verdicts }),
        Output::Table => {
            let said = tell::data(&text(verdicts));
            tell::findings(verdicts.iter().flat_map(|verdict| &verdict.findings));
            said
        }
    };
    if said == Exit::Ok && !healthy { Exit::Input } else { said }
}

fn text(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    let row = |verdict: &Verdict| {
        // What is wrong is told below, with what to do.
        let seen = if verdict.findings.is_empty() { verdict.evidence.as_str() } else { "" };
        let evidence = seen.lines().collect::<Vec<_>>().join("; ");
        [name(verdict.outcome).to_owned(), verdict.code.to_owned(), verdict.about.to_owned(), evidence]
    };
    table::plain(&mut text, &["", "CHECK", "WHAT IS LOOKED AT", "SEEN"], verdicts.iter().map(row).collect());
    text
}

const fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Skip => "skip",
        Outcome::Warn => "warn",
        Outcome::Fail => "fail",
    }
}
