//! What was done, or would be.

use std::fmt;

use hybridge_report::Finding;
use serde::Serialize;

/// What became of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// One by one, in the order of the plan.
    pub phases: Vec<PhaseReport>,
    /// What was left as it is, and why.
    pub warnings: Vec<Finding>,
}

impl Report {
    /// How much was changed.
    pub fn changes(&self) -> usize {
        self.phases.iter().map(|phase| phase.changes.len()).sum()
    }
}

/// One phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseReport {
    /// As in the plan.
    pub name: &'static str,
    /// Wall time in milliseconds.
    pub milliseconds: f64,
    /// Of these, waiting until files were on disk.
    pub sync_milliseconds: f64,
    /// In order; without texts.
    pub changes: Vec<Change>,
}

/// One thing that was changed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What.
    pub deed: Deed,
    /// A path, unit, module …
    pub subject: String,
    /// The difference in unified form, or why a service restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// It was not there.
    Create,
    /// It was there and differs.
    Update,
    /// It is as it should be.
    Unchanged,
    /// It was ours and is wanted no more.
    Remove,
    /// It was ours, is wanted no more, but has been changed by somebody.
    Keep,
    /// A unit.
    Enable,
    /// A unit that does not run.
    Start,
    /// A unit that runs.
    Restart,
    /// systemd reads its units.
    Reload,
    /// Into the kernel: a module, a value, no swap.
    Set,
    /// Of a firewall.
    Open,
    /// Something of a disk: an array, a file system, a mount.
    Prepare,
    /// The machine, with Systems Manager.
    Register,
    /// An image.
    Fetch,
    /// A script of the user's.
    Run,
}

impl Change {
    pub(crate) fn new(deed: Deed, subject: impl Into<String>) -> Self {
        Self { deed, subject: subject.into(), detail: None }
    }

    pub(crate) fn with(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Unchanged => "unchanged",
            Self::Remove => "remove",
            Self::Keep => "keep",
            Self::Enable => "enable",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Set => "set",
            Self::Open => "open",
            Self::Prepare => "prepare",
            Self::Register => "register",
            Self::Fetch => "fetch",
            Self::Run => "run",
        })
    }
}

/// `update    /etc/hosts`, then the detail, indented.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9} {}", self.deed, self.subject)?;
        self.detail.iter().flat_map(|detail| detail.lines()).try_for_each(|line| write!(f, "\n    {line}"))
    }
}
