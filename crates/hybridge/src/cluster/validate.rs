//! `hybridge cluster validate`.

use hybridge_document::Problem;
use hybridge_report::{Exit, Finding, Severity};
use jiff::Timestamp;
use serde::Serialize;

use super::file;
use crate::args::Output;
use crate::args::cluster::Validate;
use crate::tell;

/// JSON form.
#[derive(Serialize)]
struct Verdict {
    /// Whether commands would take the file.
    valid: bool,
    problems: Vec<Problem>,
}

pub(super) fn run(asked: &Validate) -> Exit {
    let problems = match file::load(&asked.file, Timestamp::now()) {
        Ok(parsed) => parsed.problems,
        Err(finding) => vec![of_file(finding)],
    };
    let valid = problems.iter().all(|problem| problem.severity != Severity::Error);
    let said = match asked.output {
        form @ (Output::Json | Output::Yaml) => tell::structured(form, &Verdict { valid, problems }),
        Output::Table => table(problems),
    };
    if said == Exit::Ok && !valid { Exit::Input } else { said }
}

/// A file that could not be opened, in the form of a problem in one.
fn of_file(finding: Finding) -> Problem {
    let Finding { code, severity, place, what, fix } = finding;
    Problem { severity, fix, ..Problem::at_field(code, &place, what, "") }
}

fn table(problems: Vec<Problem>) -> Exit {
    let count = problems.len();
    let findings: Vec<Finding> = problems.into_iter().map(Finding::from).collect();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    tell::findings(&findings);
    let text = match (count, errors) {
        (0, _) => "valid\n".to_owned(),
        (warnings, 0) => format!("valid, with {}\n", number(warnings, "warning")),
        (count, errors) if count == errors => format!("not valid: {}\n", number(errors, "error")),
        (count, errors) => format!("not valid: {}, {}\n", number(errors, "error"), number(count - errors, "warning")),
    };
    tell::data(&text)
}

fn number(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
