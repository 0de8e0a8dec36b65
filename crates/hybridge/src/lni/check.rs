//! `hybridge lni check`.

use hybridge_document::Problem;
use hybridge_report::{Exit, Finding, Severity};
use serde_json::json;

use super::source;
use crate::args::Output;
use crate::args::lni::Check;
use crate::tell;

pub(crate) fn run(flags: &Check) -> Exit {
    let problems = match source::load(&flags.profile.file) {
        Ok(parsed) => parsed.problems,
        Err(Finding { code, severity, place, what, fix }) => {
            vec![Problem { severity, fix, ..Problem::at_field(code, &place, what, "") }]
        }
    };
    let valid = problems.iter().all(|problem| problem.severity != Severity::Error);
    let said = match flags.output {
        form @ (Output::Json | Output::Yaml) => tell::structured(form, &json!({ "valid": valid, "problems": problems })),
        Output::Table => {
            let findings: Vec<Finding> = problems.into_iter().map(Finding::from).collect();
            tell::findings(&findings);
            tell::data(if valid { "valid\n" } else { "not valid\n" })
        }
    };
    if said == Exit::Ok && !valid { Exit::Input } else { said }
}
