//! Control groups of a node: the one thing of it that outlives its processes, so it is removed by hand.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::real::RealError;

/// Where the hierarchies are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// Begins the names of all groups of labs.
const PREFIX: &str = "hybridge-lab-";

/// The group below of the process that lives as long as the lab.
const HOLDER: &str = "holder";

/// How long killed processes may take to leave their groups.
const PATIENCE: Duration = Duration::from_secs(10);

/// A control group in every hierarchy. Dropping removes it with all groups below; their processes must have been killed.
#[derive(Debug)]
pub(super) struct Cgroup {
    name: String,
    hierarchies: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes a group under a new name, after removing those of labs that were killed.
    pub(super) fn new() -> Result<Self, RealError> {
        let hierarchies = hierarchies(Path::new(ROOT));
        remove_abandoned(&hierarchies);
        let group = Self { name: format!("{PREFIX}{:016x}", rand::random::<u64>()), hierarchies };
        for path in group.paths() {
            fs::create_dir(&path).map_err(|source| RealError::Cgroup { path, source })?;
        }
        Ok(group)
    }

    /// As the kubelet takes it.
    pub(super) fn name(&self) -> String {
        format!("/{}", self.name)
    }

    /// Puts a process into a group below, by which other labs see that this one is alive.
    pub(super) fn occupy(&self, pid: u32) -> Result<(), RealError> {
        let Some(path) = self.paths().last().map(|path| path.join(HOLDER)) else { return Ok(()) };
        let written = fs::create_dir(&path).and_then(|()| fs::write(path.join("cgroup.procs"), pid.to_string()));
        written.map_err(|source| RealError::Cgroup { path, source })
    }

    /// The group in each hierarchy.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.hierarchies.iter().map(|hierarchy| hierarchy.join(&self.name))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let start = Instant::now();
        for path in self.paths() {
            // Busy until the kernel has buried the last process.
            while is_left(&path) && start.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Tries to remove a group and says whether it is still there.
fn is_left(group: &Path) -> bool {
    remove(group).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
}

/// The one hierarchy of version 2, or each of version 1. The last one is the one to [`Cgroup::occupy`]: of version 1 `pids`, which
/// needs no settings and limits nothing.
fn hierarchies(root: &Path) -> Vec<PathBuf> {
    if root.join("cgroup.controllers").exists() {
        return vec![root.into()];
    }
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    // `cpu,cpuacct` has symbolic links beside it.
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    let mut hierarchies: Vec<_> = folders.filter(|path| path.join("cgroup.procs").exists()).collect();
    hierarchies.sort_by_key(|path| path.ends_with("pids"));
    hierarchies
}

/// Removes the groups of labs that have ended without doing so. One that is just starting has its groups before its process.
fn remove_abandoned(hierarchies: &[PathBuf]) {
    let Some(last) = hierarchies.last() else { return };
    for entry in fs::read_dir(last).into_iter().flatten().flatten() {
        let (name, holder) = (entry.file_name(), entry.path().join(HOLDER));
        if name.to_string_lossy().starts_with(PREFIX) && holder.exists() && !is_occupied(&holder) {
            for hierarchy in hierarchies {
                // Busy ones stay until the next time.
                let _ = remove(&hierarchy.join(&name));
            }
        }
    }
}

fn is_occupied(group: &Path) -> bool {
    fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|pids| !pids.trim().is_empty())
}

/// Removes a group and those below. Files in it are the kernel's and go along.
fn remove(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
