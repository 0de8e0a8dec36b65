//! How commands print: data on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

use hybridge_report::{Exit, Finding, Severity};
use serde::Serialize;

use crate::args::Output;

/// Prints data; whoever reads may have seen enough, as `head` has.
pub(crate) fn data(text: &str) -> Exit {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            line(format_args!("error: cannot print: {error}"));
            Exit::Unexpected
        }
    }
}

/// Prints data as JSON.
pub(crate) fn json(value: &impl Serialize) -> Exit {
    let text = serde_json::to_string_pretty(value).expect("our own types have text keys only");
    data(&(text + "\n"))
}

/// Prints data as YAML.
pub(crate) fn yaml(value: &impl Serialize) -> Exit {
    let value = serde_json::to_value(value).expect("our own types have text keys only");
    data(&hybridge_document::write(&value))
}

/// Prints data for programs: as YAML if that is asked for, else as JSON.
pub(crate) fn structured(form: Output, value: &impl Serialize) -> Exit {
    match form {
        Output::Yaml => yaml(value),
        Output::Json | Output::Table => json(value),
    }
}

/// Prints a line to standard error.
#[expect(clippy::print_stderr, reason = "the command line's own edge")]
pub(crate) fn line(text: impl Display) {
    eprintln!("{text}");
}

/// What goes on right now, where somebody watches; a log gets none of it.
pub(crate) fn progress(text: impl Display) {
    if std::io::stderr().is_terminal() {
        line(format_args!("… {text}"));
    }
}

/// Prints findings, errors last so that they are what is seen; says whether there are errors.
pub(crate) fn findings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> bool {
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    for finding in warnings.iter().chain(&errors) {
        line(finding);
    }
    !errors.is_empty()
}
