//! What stops the carrying out of a plan.

use std::io;
use std::time::Duration;

use hybridge_report::{Finding, chain};

use crate::command::RunError;

/// Why a plan was not carried out to its end. Running it again after the cause is mended goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Only root may do this.
    #[error("a machine is changed by root only")]
    NotRoot,
    /// Another process is at it.
    #[error("another hybridge is changing this machine; it holds {path}")]
    Busy {
        /// The lock.
        path: String,
    },
    /// [`crate::apply::Watch`] asked to stop.
    #[error("stopped before: {0}")]
    Stopped(String),
    /// A file, directory or link cannot be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// `read`, `write` …
        doing: &'static str,
        /// On the machine.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Something else stands where a file is to be.
    #[error("{path} is a directory; a file of that name has to be written")]
    Directory {
        /// On the machine.
        path: String,
    },
    /// The record of what we did cannot be understood.
    #[error("{path} is no record of ours")]
    State {
        /// On the machine.
        path: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A program could not be run.
    #[error("{what}")]
    Run {
        /// What was to be done.
        what: String,
        /// Why not.
        #[source]
        source: RunError,
    },
    /// A program refused.
    #[error("`{call}` failed ({}): {said}", code.map_or("killed".to_owned(), |code| format!("exit code {code}")))]
    Program {
        /// Command line.
        call: String,
        /// Exit code.
        code: Option<i32>,
        /// Its last words.
        said: String,
    },
    /// A unit did not start.
    #[error("{unit} {why}{}{}", put_back_text(put_back), journal_text(journal))]
    Service {
        /// `containerd.service`.
        unit: String,
        /// `failed (result: exit-code, status 1)`.
        why: String,
        /// Files that were put back as they were, and how the unit fares with them.
        put_back: Option<PutBack>,
        /// Last lines of its journal.
        journal: Vec<String>,
    },
    /// Something that others make did not come.
    #[error("{what} did not come within {} s; {by} makes it", limit.as_secs())]
    NotCome {
        /// What is missing.
        what: String,
        /// Who makes it.
        by: String,
        /// How long we waited.
        limit: Duration,
    },
    /// A disk holds something that we did not put there.
    #[error("{device}: {what}")]
    Disk {
        /// Disk or array.
        device: String,
        /// What stands against it.
        what: String,
    },
    /// A script of the user's.
    #[error("step {id} of the phase {phase} {why}{}", log_text(log))]
    Script {
        /// Name.
        id: String,
        /// As documents have it.
        phase: &'static str,
        /// `ended with exit code 3`, `did not end within 30 s …`.
        why: String,
        /// Last lines that it printed.
        log: Vec<String>,
    },
    /// The machine was not registered with Systems Manager.
    #[error("Systems Manager does not register this machine: {0}")]
    Registration(String),
}

/// What became of a unit whose new configuration it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// Files that are again as they were.
    pub files: Vec<String>,
    /// Whether the unit runs with them.
    pub running: bool,
}

fn log_text(log: &[String]) -> String {
    if log.is_empty() { String::new() } else { format!("; it said:\n  {}", log.join("\n  ")) }
}

fn put_back_text(put_back: &Option<PutBack>) -> String {
    let Some(PutBack { files, running }) = put_back else { return String::new() };
    let now = if *running { "it runs with them" } else { "it does not start with them either" };
    format!("; put back as before: {}, {now}", files.join(", "))
}

fn journal_text(journal: &[String]) -> String {
    journal.iter().map(|line| format!("\n  {line}")).collect()
}

impl ApplyError {
    pub(crate) fn file(doing: &'static str, path: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    /// The error as users see it, with what to do about it where we know it.
    pub fn finding(&self) -> Finding {
        let (code, place) = self.place();
        let text = chain(self);
        // Some begin with the place, which a finding shows anyway.
        let what = text.strip_prefix(&place).map_or(text.as_str(), |rest| rest.trim_start_matches([':', ' ']));
        let finding = Finding::error(code, place, what);
        match self.fix() {
            Some(fix) => finding.fix(fix),
            None => finding,
        }
    }

    fn place(&self) -> (&'static str, String) {
        match self {
            Self::NotRoot => ("apply.not-root", "this process".into()),
            Self::Busy { path } => ("apply.busy", path.clone()),
            Self::Stopped(what) => ("apply.stopped", what.clone()),
            Self::File { path, .. } | Self::Directory { path } => ("apply.file", path.clone()),
            Self::State { path, .. } => ("apply.state", path.clone()),
            Self::Run { what, .. } => ("apply.program", what.clone()),
            Self::Program { call, .. } => ("apply.program", call.clone()),
            Self::Service { unit, .. } => ("apply.service", unit.clone()),
            Self::NotCome { what, .. } => ("apply.wait", what.clone()),
            Self::Disk { device, .. } => ("apply.disk", device.clone()),
            Self::Script { id, .. } => ("apply.step", format!("step {id}")),
            Self::Registration(_) => ("apply.ssm", "hybrid.ssm".into()),
        }
    }

    fn fix(&self) -> Option<String> {
        let fix = match self {
            Self::NotRoot => "run it with sudo, or with --dry-run, which changes nothing".into(),
            Self::Busy { .. } => "wait until it has ended; `fuser` with that path names the process".into(),
            Self::File { doing: "read", source, .. } if source.kind() == io::ErrorKind::PermissionDenied => "run it with sudo".into(),
            Self::File { source, .. } => return file_fix(source.kind()).map(String::from),
            Self::Directory { path } => format!("look what is in it, then move {path} away"),
            Self::State { path, .. } => {
                format!("move {path} away; then nothing of an earlier run is removed, and services are restarted once")
            }
            Self::Service { unit, .. } => format!("`journalctl -u {unit}` tells more; correct the configuration and run this again"),
            Self::NotCome { by, .. } => format!("see what {by} says: `journalctl -u {by}`"),
            Self::Disk { .. } => "if nothing on it is needed, clear it with `wipefs -a` and run this again".into(),
            Self::Script { .. } => "mend the script, or write `onFailure: continue`; what was done is not done again".into(),
            Self::Registration(_) => {
                "make a new activation in Systems Manager in the region of the configuration, and put its id and code there".into()
            }
            Self::Run { source: RunError::NotFound(program), .. } => format!("install {program}"),
            Self::Stopped(_) | Self::Run { .. } | Self::Program { .. } => return None,
        };
        Some(fix)
    }
}

fn file_fix(kind: io::ErrorKind) -> Option<&'static str> {
    // The kinds of an operating system are without end; each not named here speaks for itself.
    if kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded {
        Some("make room on that file system; no file of this phase was changed")
    } else if kind == io::ErrorKind::ReadOnlyFilesystem {
        Some("that file system is mounted read-only; make it writable, or bake the file into the image; no file of this phase was changed")
    } else if kind == io::ErrorKind::PermissionDenied {
        Some("see `lsattr` (chattr +i), the mount options and SELinux (`ausearch -m avc`)")
    } else if kind == io::ErrorKind::ResourceBusy {
        Some("the file itself is a mount point, as in containers; unmount it")
    } else {
        None
    }
}
