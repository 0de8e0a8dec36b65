//! What is wrong with a document, and where.

use hybridge_report::{Finding, Severity};
use serde::Serialize;

/// Problems of one source that are told; a longer list helps nobody, and its memory is bounded.
pub const MAX_PROBLEMS: usize = 100;
/// Characters of offending text that are shown.
const MAX_TEXT: usize = 80;

/// What is shown instead of a secret.
pub const HIDDEN: &str = "(hidden)";

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable name for scripts, such as `cidr.host-bits`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The source, or the field's path (`spec.cluster.name`) where no place of a source is to blame.
    pub file: String,
    /// From 1; 0: no place.
    pub line: u32,
    /// In characters, from 1; 0: no place.
    pub column: u32,
    /// Of the value that is meant (`vpc.cidr`), where it is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The offending text as it stands there; empty where it is not to be shown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead, where we know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Problem {
    /// A problem without a place in a source.
    pub fn at_field(code: &'static str, field: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            file: field.to_owned(),
            line: 0,
            column: 0,
            path: String::new(),
            text: String::new(),
            what: what.into(),
            fix: Some(fix.into()),
        }
    }

    /// `file:line:column`, or what of it is known.
    pub fn place(&self) -> String {
        match (self.line, self.column) {
            (0, _) => self.file.clone(),
            (line, 0) => format!("{}:{line}", self.file),
            (line, column) => format!("{}:{line}:{column}", self.file),
        }
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        let place = problem.place();
        let what = match problem.text.as_str() {
            "" => problem.what,
            text => format!("{text:?} {}", problem.what),
        };
        let what = if what.contains(problem.path.as_str()) { what } else { format!("{}: {what}", problem.path) };
        Self { code: problem.code, severity: problem.severity, place, what, fix: problem.fix }
    }
}

/// A place in a text: line from 1, column in characters from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// From 1; 0: no place.
    pub line: u32,
    /// From 1; 0: no place.
    pub column: u32,
}

/// Collects the problems of one text.
#[derive(Debug)]
pub struct Problems {
    file: String,
    before: u32,
    secrets: Vec<String>,
    /// Of the value that is looked at.
    path: String,
    found: Vec<Problem>,
    /// How many are not told.
    more: usize,
    /// One of those is an error.
    worse: bool,
}

impl Problems {
    /// For a text before which there are `before` lines of `file`. `secrets`, in the order in which they are looked for, are never shown.
    pub fn new(file: &str, before: u32, secrets: Vec<String>) -> Self {
        Self { file: file.to_owned(), before, secrets, path: String::new(), found: Vec::new(), more: 0, worse: false }
    }

    /// More texts that are not to be shown.
    pub fn secret(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.secrets.push(text.to_owned());
        }
    }

    /// From now on the value at `path` is looked at.
    pub fn look_at(&mut self, path: &str) {
        path.clone_into(&mut self.path);
    }

    /// Notes an error.
    pub fn error(&mut self, code: &'static str, at: At, text: &str, what: impl Into<String>) -> &mut Self {
        self.push(code, Severity::Error, at, text, what.into())
    }

    /// Notes a warning.
    pub fn warning(&mut self, code: &'static str, at: At, text: &str, what: impl Into<String>) -> &mut Self {
        self.push(code, Severity::Warning, at, text, what.into())
    }

    /// Whether more problems are only counted.
    pub fn full(&self) -> bool {
        self.found.len() >= MAX_PROBLEMS
    }

    /// Texts that are not to be shown, so far.
    pub fn secrets(&self) -> usize {
        self.secrets.len()
    }

    /// How to mend what was noted last.
    pub fn fix(&mut self, fix: impl Into<String>) {
        if self.more == 0
            && let Some(last) = self.found.last_mut()
        {
            last.fix = Some(fix.into());
        }
    }

    /// Line of the source.
    pub fn line(&self, at: At) -> u32 {
        if at.line == 0 { 0 } else { at.line.saturating_add(self.before) }
    }

    fn push(&mut self, code: &'static str, severity: Severity, at: At, text: &str, what: String) -> &mut Self {
        if self.full() {
            self.more += 1;
            self.worse |= severity == Severity::Error;
            return self;
        }
        let line = self.line(at);
        let mut shown: String = text.chars().take(MAX_TEXT).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        let (file, path) = (self.file.clone(), self.path.clone());
        self.found.push(Problem { code, severity, file, line, column: at.column, path, text: shown, what, fix: None });
        self
    }

    /// All of them in the order of their places.
    pub fn finish(mut self) -> Vec<Problem> {
        for problem in &mut self.found {
            // Whole texts only: part of one is shown by nothing, as a text that holds a secret is dropped and not cut.
            if self.secrets.iter().any(|secret| overlaps(&problem.text, secret)) {
                problem.text.clear();
            }
            for text in [&mut problem.what, &mut problem.path].into_iter().chain(&mut problem.fix) {
                for secret in &self.secrets {
                    if text.contains(secret.as_str()) {
                        *text = text.replace(secret.as_str(), HIDDEN);
                    }
                }
            }
        }
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        if self.more > 0 {
            let (more, file) = (self.more, self.file);
            let what = format!("has {more} more problems; they are told when these are mended");
            let severity = if self.worse { Severity::Error } else { Severity::Warning };
            self.found.push(Problem { severity, ..Problem::at_field("document.problems", &file, what, "mend those above first") });
        }
        self.found
    }
}

/// Whether `text`, which may be cut off, shows `secret` or its beginning.
fn overlaps(text: &str, secret: &str) -> bool {
    !text.is_empty() && (text.contains(secret) || text.strip_suffix('…').is_some_and(|text| cut(text, secret)))
}

/// Whether `text` ends with the beginning of `secret`.
fn cut(text: &str, secret: &str) -> bool {
    secret.char_indices().skip(1).any(|(end, _)| text.ends_with(&secret[..end]))
}
