//! Findings: what is wrong with an input or a machine, and what to do about it.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Work goes on without what it names.
    Warning,
    /// Nothing is touched until it is mended.
    Error,
}

/// One thing that is wrong, where, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Finding {
    /// Stable name for scripts, such as `cidr.host-bits`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a flag, a file with line and column, an object.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do, where we know it.
    pub fix: Option<String>,
}

impl Finding {
    /// A finding that stops everything.
    pub fn error(code: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, place: place.into(), what: what.into(), fix: None }
    }

    /// A finding that leaves something out.
    pub fn warning(code: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, what) }
    }

    /// The same with the way to mend it.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// Text form: `error[code]: place: what`, then an indented `hint:` line where there is a fix.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}[{}]: {}: {}", self.code, self.place, self.what)?;
        match &self.fix {
            Some(fix) => write!(f, "\n  hint: {fix}"),
            None => Ok(()),
        }
    }
}

/// Exit codes of every hybridge binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All done.
    Ok = 0,
    /// The user's input (usage errors too) or a failed check.
    Input = 1,
    /// Something unexpected.
    Unexpected = 2,
    /// Done in part.
    Partly = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The causes of an error, outermost first, on one line.
///
/// Our errors do not repeat their source in `Display`, so this is how one is shown whole.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
