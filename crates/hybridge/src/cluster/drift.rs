//! `hybridge cluster drift`.

use hybridge_cluster::drift::compare;
use hybridge_cluster::preflight::Outcome;
use hybridge_cluster::template;
use hybridge_report::{Exit, Finding};
use serde::Serialize;

use super::known::known;
use super::outcomes;
use crate::args::Output;
use crate::args::cluster::Look;
use crate::tell;

/// JSON form.
#[derive(Serialize)]
struct Report<'a> {
    /// Something is not as the file says, or could not be compared.
    drift: bool,
    comparisons: &'a [Outcome],
}

pub(super) fn run(asked: &Look) -> Exit {
    let known = match known(asked) {
        Ok(known) => known,
        Err(exit) => return exit,
    };
    let (cluster, world) = (&known.cluster, &known.world);
    let template = template::stacks(cluster, world).first().map(|stack| stack.template.to_json());
    let comparisons = known.placed(compare(cluster, world, template.as_ref()));
    let findings: Vec<&Finding> = comparisons.iter().flat_map(|comparison| &comparison.findings).collect();
    // What could not be compared is not well: who watches the exit code alone has to see it.
    let drift = !findings.is_empty();
    let said = match asked.output {
        form @ (Output::Json | Output::Yaml) => tell::structured(form, &Report { drift, comparisons: &comparisons }),
        Output::Table => {
            let said = tell::data(&outcomes::table(&comparisons));
            tell::findings(findings);
            said
        }
    };
    match said {
        Exit::Ok if drift => Exit::Input,
        said @ (Exit::Ok | Exit::Input | Exit::Unexpected | Exit::Partly) => said,
    }
}
