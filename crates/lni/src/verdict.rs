//! What a check came to: passed, worth a look, failed or not made, with what was seen.

use hybridge_report::{Finding, Severity};
use serde::Serialize;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All is well.
    Pass,
    /// It does not apply, or could not be made; the evidence says why.
    Skip,
    /// Something is worth a look.
    Warn,
    /// Something is wrong.
    Fail,
}

/// A check, what it came to and what it saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Stable name for scripts.
    pub code: &'static str,
    /// What is looked at.
    pub about: &'static str,
    /// What it came to.
    pub outcome: Outcome,
    /// What was seen, or why nothing was.
    pub evidence: String,
    /// What is wrong, and what to do.
    pub findings: Vec<Finding>,
}

/// A check's name, before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Stable name for scripts.
    pub code: &'static str,
    /// What is looked at.
    pub about: &'static str,
}

impl Check {
    /// A check by its name and what it looks at.
    pub const fn new(code: &'static str, about: &'static str) -> Self {
        Self { code, about }
    }

    /// Passed, as far as `findings` say nothing else.
    pub fn of(self, evidence: impl Into<String>, findings: Vec<Finding>) -> Verdict {
        let worst = findings.iter().map(|finding| finding.severity).max();
        let outcome = match worst {
            None => Outcome::Pass,
            Some(Severity::Warning) => Outcome::Warn,
            Some(Severity::Error) => Outcome::Fail,
        };
        Verdict { code: self.code, about: self.about, outcome, evidence: evidence.into(), findings }
    }

    /// All is well.
    pub fn pass(self, evidence: impl Into<String>) -> Verdict {
        self.of(evidence, Vec::new())
    }

    /// It was not made.
    pub fn skip(self, why: impl Into<String>) -> Verdict {
        Verdict { outcome: Outcome::Skip, ..self.of(why, Vec::new()) }
    }

    /// Something is wrong; what was seen stands in the finding.
    pub fn fail(self, place: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Verdict {
        let finding = Finding::error(self.code, place, what).fix(fix);
        self.of(finding.what.clone(), vec![finding])
    }

    /// Something is worth a look; what was seen stands in the finding.
    pub fn warn(self, place: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Verdict {
        let finding = Finding::warning(self.code, place, what).fix(fix);
        self.of(finding.what.clone(), vec![finding])
    }
}

/// Whether one of them failed.
pub fn failed(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail)
}
