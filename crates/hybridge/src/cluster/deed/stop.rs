//! Why a command stops, and what AWS's refusals mean to whoever reads.

use hybridge_aws::{CallError, Kind};
use hybridge_report::{Exit, Finding, chain};

use crate::cluster::gather::code;

/// A command cannot go on.
#[derive(Debug)]
pub(in crate::cluster) struct Stop {
    /// What is wrong; printed by whoever gives up.
    pub(in crate::cluster) findings: Vec<Finding>,
    /// What it counts as if nothing was changed before.
    pub(in crate::cluster) exit: Exit,
}

/// The result of a step.
pub(in crate::cluster) type Done<T> = Result<T, Stop>;

impl Stop {
    /// The user has to do something.
    pub(in crate::cluster) fn input(findings: Vec<Finding>) -> Self {
        Self { findings, exit: Exit::Input }
    }

    /// Prints it, where nothing was changed.
    pub(in crate::cluster) fn print(self) -> Exit {
        crate::tell::findings(&self.findings);
        self.exit
    }

    /// One finding.
    pub(in crate::cluster) fn one(finding: Finding) -> Self {
        Self::input(vec![finding])
    }
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self::one(finding)
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        let exit = match error.kind() {
            Kind::AccessDenied | Kind::NoCredentials | Kind::BadCredentials | Kind::ClockSkew | Kind::NotFound => Exit::Input,
            Kind::Throttled | Kind::NoNetwork | Kind::Other => Exit::Unexpected,
        };
        Self { findings: vec![refusal(&error)], exit }
    }
}

/// A call that failed, as a finding: what was asked, what AWS said, what to do.
pub(in crate::cluster) fn refusal(error: &CallError) -> Finding {
    let (call, what) = (error.call().to_string(), chain(error));
    let what = what.strip_prefix(&call).map_or(what.as_str(), |rest| rest.trim_start_matches(": ")).to_owned();
    let mut finding = Finding::error(code(error), call, what);
    finding.fix = error.fix();
    finding
}
