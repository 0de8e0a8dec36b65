//! What a file is to be, and what is there now.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use hybridge_node::hybrid::ssm;
use hybridge_node::plan::{Edit, Plan, Step, owned};

use crate::error::ApplyError;
use crate::host::Host;
use crate::options::Edits;
use crate::state::{State, digest};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Now {
    Absent,
    File {
        bytes: Vec<u8>,
        mode: u32,
        owner: (u32, u32),
    },
    /// A symbolic link, and where it leads.
    Link(String),
    Directory,
}

impl Now {
    pub(crate) fn at(host: &Host, path: &str) -> Result<Self, ApplyError> {
        let failed = |source| ApplyError::File { doing: "read", path: path.into(), source };
        let meta = match fs::symlink_metadata(host.path(path)) {
            Ok(meta) => meta,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => return Ok(Self::Absent),
            Err(error) => return Err(failed(error)),
        };
        if meta.is_symlink() {
            return Ok(Self::Link(fs::read_link(host.path(path)).map_err(failed)?.to_string_lossy().into_owned()));
        }
        if meta.is_dir() {
            return Ok(Self::Directory);
        }
        let bytes = fs::read(host.path(path)).map_err(failed)?;
        Ok(Self::File { bytes, mode: meta.permissions().mode() & 0o7777, owner: (meta.uid(), meta.gid()) })
    }

    /// What stands for the content in the record.
    pub(crate) fn digest(&self) -> Option<String> {
        match self {
            Self::Absent | Self::Directory => None,
            Self::File { bytes, .. } => Some(digest(bytes)),
            Self::Link(target) => Some(link_digest(target)),
        }
    }
}

fn link_digest(target: &str) -> String {
    digest(format!("-> {target}").as_bytes())
}

/// Content and permission bits, or where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    File {
        content: String,
        mode: u32,
        /// Set where we may set it: on the machine itself.
        owner: Option<(u32, u32)>,
    },
    Link(String),
}

/// A file as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) path: String,
    pub(crate) body: Body,
    /// Not to be shown.
    pub(crate) secret: bool,
    /// All of it is ours, so that we may remove it one day.
    pub(crate) ours: bool,
}

impl Target {
    /// The file that a step of a plan asks for; `None` if the step is about something else, or leaves a foreign file as it is.
    pub(crate) fn of(step: &Step, host: &Host, edits: &Edits) -> Result<Option<Self>, ApplyError> {
        if let Step::Write(file) = step {
            let body = Body::File { content: file.content.clone(), mode: file.mode, owner: root_on(host) };
            let ours = file.path != ssm::CONFIG;
            return Ok(Some(Self { path: file.path.clone(), body, secret: file.secret, ours }));
        }
        if let Step::Symlink { path, target } = step {
            return Ok(Some(Self { path: path.clone(), body: Body::Link(target.clone()), secret: false, ours: true }));
        }
        if let Step::Edit { path, edit } = step { Self::edited(path, edit, host, edits) } else { Ok(None) }
    }

    fn edited(path: &str, edit: &Edit, host: &Host, edits: &Edits) -> Result<Option<Self>, ApplyError> {
        let path = &through_links(host, path);
        let now = Now::at(host, path)?;
        let (old, mode, owner) = match &now {
            Now::Absent | Now::Link(_) => (String::new(), 0o644, root_on(host)),
            Now::Directory => return Err(ApplyError::Directory { path: path.clone() }),
            // A text in another encoding would be damaged by our reading of it.
            Now::File { bytes, mode, owner } => (
                String::from_utf8(bytes.clone()).map_err(|error| ApplyError::File {
                    doing: "edit",
                    path: path.clone(),
                    source: io::Error::other(error),
                })?,
                *mode,
                host.is_system().then_some(*owner),
            ),
        };
        let content = match edit {
            Edit::Hosts { entries } => (edits.hosts)(&old, entries),
            Edit::NoSwap => (edits.without_swap)(&old),
        };
        let needless = now == Now::Absent && content.is_empty();
        Ok((!needless).then(|| Self { path: path.clone(), body: Body::File { content, mode, owner }, secret: false, ours: false }))
    }

    /// Whether what is there is already as it should be.
    pub(crate) fn is(&self, now: &Now) -> bool {
        match (&self.body, now) {
            (Body::File { content, mode, owner }, Now::File { bytes, mode: is, owner: of }) => {
                content.as_bytes() == bytes.as_slice() && mode == is && owner.is_none_or(|owner| owner == *of)
            }
            (Body::Link(target), Now::Link(is)) => target == is,
            (Body::File { .. } | Body::Link(_), Now::Absent | Now::Directory | Now::File { .. } | Now::Link(_)) => false,
        }
    }

    pub(crate) fn digest(&self) -> String {
        match &self.body {
            Body::File { content, .. } => digest(content.as_bytes()),
            Body::Link(target) => link_digest(target),
        }
    }
}

fn root_on(host: &Host) -> Option<(u32, u32)> {
    host.is_system().then_some((0, 0))
}

/// The file behind a link: somebody's link to somebody's file is not replaced by a file.
fn through_links(host: &Host, path: &str) -> String {
    let is_link = fs::symlink_metadata(host.path(path)).is_ok_and(|meta| meta.is_symlink());
    let real = is_link.then(|| fs::canonicalize(host.path(path)).ok()).flatten();
    real.map_or_else(|| path.to_owned(), |real| host.name(&real))
}

/// Where the file is written before it takes its name: a hidden name that no program reads as a drop-in.
pub(crate) fn staging(path: &str) -> String {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{dir}/.{name}.hybridge-new")
}

/// A file of ours that no step asks for any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// As we wrote it.
    Remove(String),
    /// Somebody has changed it since.
    Keep(String),
    /// It is gone already.
    Gone(String),
}

/// Files in the record that are no longer the plan's; none unless it holds all that the configuration writes.
pub(crate) fn stale(host: &Host, state: &State, plan: &Plan) -> Result<Vec<Stale>, ApplyError> {
    let mut stale = Vec::new();
    if !plan.whole {
        return Ok(stale);
    }
    let ours = owned(plan);
    for (path, digests) in state.files.iter().filter(|(path, _)| ours.binary_search(path).is_err()) {
        stale.push(match Now::at(host, path)?.digest() {
            None => Stale::Gone(path.clone()),
            Some(digest) if digests.contains(&digest) => Stale::Remove(path.clone()),
            Some(_) => Stale::Keep(path.clone()),
        });
    }
    Ok(stale)
}

/// Files of others with a block of ours that the plan no longer wants, as they are to be without it.
pub(crate) fn blockless(host: &Host, state: &State, plan: &Plan, edits: &Edits) -> Result<Vec<Target>, ApplyError> {
    if !plan.whole {
        return Ok(Vec::new());
    }
    let wanted = |block: &str| {
        let steps = plan.phases.iter().flat_map(|phase| &phase.steps);
        steps.into_iter().any(|step| matches!(step, Step::Edit { path, edit: Edit::Hosts { .. } } if through_links(host, path) == block))
    };
    let blocks = state.blocks.iter().filter(|path| !wanted(path));
    let targets = blocks.map(|path| Target::edited(path, &Edit::Hosts { entries: Vec::new() }, host, edits));
    targets.filter_map(Result::transpose).collect()
}
