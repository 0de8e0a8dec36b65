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

/// How long a lab may take from making its groups until its process is in one.
const STARTING: Duration = Duration::from_secs(60);

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

/// Removes the groups of labs that have ended without doing so.
fn remove_abandoned(hierarchies: &[PathBuf]) {
    let Some(last) = hierarchies.last() else { return };
    for entry in fs::read_dir(last).into_iter().flatten().flatten() {
        let (name, group) = (entry.file_name(), entry.path());
        if name.to_string_lossy().starts_with(PREFIX) && is_old(&group) && !is_held(&group) {
            for hierarchy in hierarchies {
                // Busy ones stay until the next time.
                let _ = remove(&hierarchy.join(&name));
            }
        }
    }
}

/// Whether its lab, if it lives, must have put its process into it.
fn is_old(group: &Path) -> bool {
    let made = fs::metadata(group).and_then(|metadata| metadata.modified());
    made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > STARTING))
}

/// Whether its lab lives, found out by trying to remove the group of its process. Only the kernel knows: a process of another PID
/// namespace does not appear in `cgroup.procs`, but the group that it is in cannot be removed.
fn is_held(group: &Path) -> bool {
    fs::remove_dir(group.join(HOLDER)).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
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

/// Tests that need root.
#[cfg(test)]
mod with_real_parts {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_group_is_held_as_long_as_the_process_in_it_lives_wherever_that_can_be_seen() {
        let group = Cgroup::new().unwrap();
        let path = group.paths().last().unwrap();
        assert!(!is_held(&path) && !is_old(&path));
        let mut process = Command::new("sleep").arg("60").spawn().unwrap();
        group.occupy(process.id()).unwrap();
        // As another lab sees it, from its own PID namespace: version 1 shows nothing, version 2 a zero.
        let mut other = Command::new("unshare");
        let other = other.args(["--pid", "--fork", "cat"]).arg(path.join(HOLDER).join("cgroup.procs")).output().unwrap();
        assert!(!String::from_utf8_lossy(&other.stdout).contains(&process.id().to_string()));
        assert!(is_held(&path));
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(!is_held(&path));
        drop(group);
        assert!(!path.exists());
    }
}
