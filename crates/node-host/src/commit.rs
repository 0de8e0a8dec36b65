//! Files take effect together: all are staged beside their places and put on disk, then all are renamed.
//!
//! Up to the first rename nothing of the machine has changed, so that a full or read-only disk changes nothing.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown, symlink};
use std::path::Path;
use std::thread;
use std::time::Instant;

use hybridge_report::Finding;

use crate::apply::Run;
use crate::command::Call;
use crate::error::ApplyError;
use crate::files::{Body, Now, Stale, Target, staging};
use crate::report::{Change, Deed};
use crate::state::Previous;

/// Files of one phase that are written at once.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) targets: Vec<Target>,
    pub(crate) stale: Vec<Stale>,
}

impl Batch {
    /// Files that go.
    pub(crate) fn removed(&self) -> BTreeSet<String> {
        let paths = self.stale.iter().filter_map(|stale| if let Stale::Remove(path) = stale { Some(path.clone()) } else { None });
        paths.collect()
    }
}

impl Run<'_> {
    /// Brings the files of a batch about.
    pub(crate) fn commit(&mut self, batch: Batch) -> Result<(), ApplyError> {
        let mut pending = Vec::new();
        for target in batch.targets {
            let now = Now::at(self.host, &target.path)?;
            if now == Now::Directory {
                return Err(ApplyError::Directory { path: target.path });
            }
            if target.is(&now) { self.adopt(&target) } else { pending.push((target, now)) }
        }
        let mut doomed = Vec::new();
        for stale in batch.stale {
            match stale {
                Stale::Remove(path) => doomed.push(path),
                Stale::Gone(path) => drop(self.state.files.remove(&path)),
                Stale::Keep(path) => self.keep(path),
            }
        }
        if pending.is_empty() && doomed.is_empty() {
            return self.relabel();
        }
        let before = self.state.clone();
        self.intend(&pending, &doomed);
        self.save_state()?;
        let made = match self.stage(&pending) {
            Ok(made) => made,
            // As if killed: what is left must do for the next run.
            Err(error @ ApplyError::Stopped(_)) => return Err(error),
            Err(error) => {
                self.state = before;
                // The error that led here is the one worth telling; a record that says too much only restarts a service once more.
                let _ = self.save_state();
                return Err(error);
            }
        };
        let directories = made.iter().filter(|path| self.host.path(path).is_dir()).map(|path| parent(path)).collect();
        self.rename(&pending, &doomed, directories)?;
        self.relabel()
    }

    /// A file that is already as we want it is ours from now on.
    fn adopt(&mut self, target: &Target) {
        if target.ours {
            self.state.wrote(&target.path, &target.digest());
        }
    }

    fn keep(&mut self, path: String) {
        let what = "is no longer needed, but has been changed since we wrote it, and is left";
        self.warn(Finding::warning("apply.kept", &path, what).fix(format!("remove {path} if it is not needed")));
        self.state.files.remove(&path);
    }

    /// Writes into the record what will be.
    fn intend(&mut self, pending: &[(Target, Now)], doomed: &[String]) {
        for (target, now) in pending {
            self.remember(&target.path, now);
            self.state.staged.insert(staging(&target.path));
            self.state.intend(&target.path, Some(&target.digest()).filter(|_| target.ours).map(String::as_str));
            if self.selinux {
                self.state.unlabelled.insert(target.path.clone());
            }
        }
        doomed.iter().for_each(|path| self.state.intend(path, None));
    }

    /// Keeps what a service was started with until it has been started with something else.
    fn remember(&mut self, path: &str, now: &Now) {
        if !self.read_by_services.contains(path) || self.state.previous.contains_key(path) {
            return;
        }
        let (content, mode) = match now {
            Now::Absent | Now::Link(_) | Now::Directory => (None, 0o644),
            Now::File { bytes, mode, .. } => match String::from_utf8(bytes.clone()) {
                Ok(text) => (Some(text), *mode),
                // Nothing that a service of ours could have read.
                Err(_) => return,
            },
        };
        let ours = self.state.files.contains_key(path);
        self.state.previous.insert(path.into(), Previous { content, mode, ours });
    }

    /// Writes everything under temporary names; returns what was made, directories among it.
    fn stage(&mut self, pending: &[(Target, Now)]) -> Result<Vec<String>, ApplyError> {
        let mut made = Vec::new();
        let result = self.stage_all(pending, &mut made);
        if matches!(&result, Err(error) if !matches!(error, ApplyError::Stopped(_))) {
            // Room was short or the disk read-only: what was staged is taken away again, newest first.
            made.iter().rev().for_each(|path| {
                let path = self.host.path(path);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
            });
        }
        result.map(|()| made)
    }

    fn stage_all(&mut self, pending: &[(Target, Now)], made: &mut Vec<String>) -> Result<(), ApplyError> {
        for (target, _) in pending {
            self.make_parents(&target.path, made)?;
            let temporary = staging(&target.path);
            self.about_to(&format!("write {temporary}"))?;
            made.push(temporary.clone());
            write_body(&self.host.path(&temporary), &target.body).map_err(ApplyError::file("write", &target.path))?;
        }
        if pending.is_empty() {
            return Ok(());
        }
        self.about_to("put the staged files on disk")?;
        let regular = pending.iter().filter(|(target, _)| matches!(target.body, Body::File { .. }));
        self.sync(&regular.map(|(target, _)| staging(&target.path)).collect())
    }

    /// Makes the directories above a path, 0755 whatever the umask.
    pub(crate) fn make_parents(&mut self, path: &str, made: &mut Vec<String>) -> Result<(), ApplyError> {
        let Some((dir, _)) = path.rsplit_once('/').filter(|(dir, _)| !dir.is_empty()) else { return Ok(()) };
        if fs::metadata(self.host.path(dir)).is_ok_and(|meta| meta.is_dir()) {
            return Ok(());
        }
        self.make_parents(dir, made)?;
        self.about_to(&format!("make {dir}"))?;
        let real = self.host.path(dir);
        fs::create_dir(&real).map_err(ApplyError::file("make", dir))?;
        made.push(dir.into());
        fs::set_permissions(&real, Permissions::from_mode(0o755)).map_err(ApplyError::file("make", dir))
    }

    /// Waits until files or directories are on disk. All at once, so that a file system with a journal writes it once.
    pub(crate) fn sync(&mut self, paths: &BTreeSet<String>) -> Result<(), ApplyError> {
        let started = Instant::now();
        let host = self.host;
        let one =
            |path: &String| File::open(host.path(path)).and_then(|file| file.sync_all()).map_err(ApplyError::file("put on disk", path));
        let result = match paths.len() {
            0 | 1 => paths.iter().try_for_each(one),
            _ => thread::scope(|scope| {
                let threads: Vec<_> = paths.iter().map(|path| scope.spawn(move || one(path))).collect();
                threads.into_iter().try_for_each(|thread| thread.join().expect("syncing a file does not panic"))
            }),
        };
        self.phase.sync_milliseconds += started.elapsed().as_secs_f64() * 1000.0;
        result
    }

    /// Lets all files take effect. `dirs` are directories that were changed already.
    fn rename(&mut self, pending: &[(Target, Now)], doomed: &[String], mut dirs: BTreeSet<String>) -> Result<(), ApplyError> {
        for (done, (target, now)) in pending.iter().enumerate() {
            self.about_to(&format!("rename to {}", target.path))?;
            if let Err(error) = fs::rename(self.host.path(&staging(&target.path)), self.host.path(&target.path)) {
                self.undo(pending, done);
                return Err(ApplyError::file("replace", &target.path)(error));
            }
            dirs.insert(parent(&target.path));
            let deed = if *now == Now::Absent { Deed::Create } else { Deed::Update };
            self.changed(Change::new(deed, &target.path));
        }
        for path in doomed {
            self.about_to(&format!("remove {path}"))?;
            fs::remove_file(self.host.path(path)).map_err(ApplyError::file("remove", path))?;
            self.state.files.remove(path);
            dirs.insert(parent(path));
            self.changed(Change::new(Deed::Remove, path));
        }
        self.state.staged.clear();
        pending.iter().filter(|(target, _)| target.ours).for_each(|(target, _)| self.state.wrote(&target.path, &target.digest()));
        self.sync(&dirs)
    }

    /// Puts back what the first `done` renames replaced, and takes away what is still staged. What does not go back stays as the next
    /// run wants it anyway.
    fn undo(&self, pending: &[(Target, Now)], done: usize) {
        for (target, now) in &pending[..done] {
            let (temporary, path) = (self.host.path(&staging(&target.path)), self.host.path(&target.path));
            let _ = match now {
                Now::File { bytes, mode, owner } => write_file(&temporary, bytes, *mode, self.host.is_system().then_some(*owner))
                    .and_then(|()| fs::rename(&temporary, &path)),
                Now::Link(to) => replace_link(&temporary, to).and_then(|()| fs::rename(&temporary, &path)),
                Now::Absent | Now::Directory => fs::remove_file(&path),
            };
        }
        for (target, _) in &pending[done..] {
            let _ = fs::remove_file(self.host.path(&staging(&target.path)));
        }
    }

    /// Gives changed files the label that SELinux's policy has for their place.
    fn relabel(&mut self) -> Result<(), ApplyError> {
        if self.state.unlabelled.is_empty() {
            return Ok(());
        }
        if self.selinux {
            let call = Call::change("restorecon", ["-F"]).and(self.state.unlabelled.iter().cloned());
            self.act(&call)?;
        }
        self.state.unlabelled.clear();
        Ok(())
    }
}

/// Directory of a path.
fn parent(path: &str) -> String {
    path.rsplit_once('/').map_or("/", |(dir, _)| dir).to_owned() + "/"
}

fn write_body(temporary: &Path, body: &Body) -> io::Result<()> {
    match body {
        Body::File { content, mode, owner } => write_file(temporary, content.as_bytes(), *mode, *owner),
        Body::Link(target) => replace_link(temporary, target),
    }
}

/// A file that nobody else can open until it has its mode and owner.
pub(crate) fn write_file(path: &Path, bytes: &[u8], mode: u32, owner: Option<(u32, u32)>) -> io::Result<()> {
    remove_left_over(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    if let Some((user, group)) = owner {
        fchown(&file, Some(user), Some(group))?;
    }
    file.set_permissions(Permissions::from_mode(mode))
}

fn replace_link(path: &Path, target: &str) -> io::Result<()> {
    remove_left_over(path)?;
    symlink(target, path)
}

/// Of a run that was killed.
fn remove_left_over(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
