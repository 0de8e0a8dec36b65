//! What a handover tells at its end.

use hybridge_cluster::handover::Step;
use hybridge_cluster::handover::node::code_document;
use hybridge_node::secret::Secret;
use hybridge_report::{Exit, Finding, Severity};
use jiff::Timestamp;
use serde::Serialize;

use super::files::Deed;
use crate::args::Output;
use crate::tell;

/// All of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    /// Nothing was done, only looked at.
    pub(super) dry_run: bool,
    /// Files, and what became of them.
    pub(super) files: Vec<File>,
    /// The activation; none: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) activation: Option<Activation>,
    /// What is wrong or missing.
    pub(super) findings: Vec<Finding>,
    /// What is left to do.
    pub(super) steps: Vec<Step>,
}

/// A file and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct File {
    /// Where it is.
    pub(super) path: String,
    /// What became of it.
    pub(super) action: Deed,
    /// For its owner alone.
    pub(super) private: bool,
}

/// An activation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Activation {
    /// UUID; none: a dry run that would make one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// It was made just now.
    pub(super) made: bool,
    /// When it ends, if it was made just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<Timestamp>,
    /// Its code, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "revealed")]
    pub(super) code: Option<Secret>,
}

/// `--print-code` asks for it.
fn revealed<S: serde::Serializer>(code: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    code.as_ref().map(Secret::reveal).serialize(to)
}

impl Told {
    /// Whether files were written, or something was made.
    fn something(&self) -> bool {
        !self.files.is_empty() || self.activation.as_ref().is_some_and(|activation| activation.made)
    }

    /// How the command ends.
    fn exit(&self) -> Exit {
        match (self.findings.iter().any(|finding| finding.severity == Severity::Error), self.something()) {
            (false, _) => Exit::Ok,
            (true, true) if !self.dry_run => Exit::Partly,
            (true, _) => Exit::Input,
        }
    }

    /// Prints everything and says how the command ends.
    pub(super) fn print(&self, output: Output) -> Exit {
        let printed = match output {
            Output::Json | Output::Yaml => tell::structured(output, self),
            Output::Table => self.table(),
        };
        match printed {
            Exit::Ok => self.exit(),
            Exit::Input | Exit::Unexpected | Exit::Partly => printed,
        }
    }

    /// With `--print-code` the code is all that stands on standard output, as a document that `init` takes beside the NodeConfig.
    fn table(&self) -> Exit {
        let would = if self.dry_run { "would be " } else { "" };
        let lines = self.files.iter().map(|file| {
            let action = if file.action == Deed::Unchanged { "unchanged".to_owned() } else { format!("{would}{}", file.action.name()) };
            let private = if file.private { "  (for its owner alone)" } else { "" };
            format!("{action}  {}{private}\n", file.path)
        });
        let mut text: String = lines.collect();
        if let Some(activation) = &self.activation {
            text.push_str(&activation.line(would));
        }
        let code = self.activation.as_ref().and_then(|activation| activation.code.as_ref());
        let printed = match code {
            Some(code) => {
                tell::line(text.trim_end());
                tell::data(&code_document(code.reveal()))
            }
            None => tell::data(&text),
        };
        self.next();
        tell::findings(&self.findings);
        printed
    }

    fn next(&self) {
        if self.steps.is_empty() {
            return;
        }
        tell::line("\nNext:");
        for (number, step) in self.steps.iter().enumerate() {
            tell::line(format_args!("{}. {}", number + 1, step.what));
            step.commands.iter().for_each(|command| tell::line(format_args!("     {command}")));
        }
    }
}

impl Activation {
    fn line(&self, would: &str) -> String {
        let id = self.id.as_deref().unwrap_or("(new)");
        let end = self.expires.map_or_else(String::new, |end| format!(", which ends {end}"));
        if self.made { format!("{would}made  activation {id}{end}\n") } else { format!("unchanged  activation {id}\n") }
    }
}
