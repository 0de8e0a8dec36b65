//! Disks of the instance store: an array, a file system, mounts.
//!
//! Nothing that is on a disk is ever overwritten. A disk counts as blank only if blkid finds nothing on it; what we begin on a blank
//! one stands in the record first, so that a run that follows a kill knows its own half-made file system.

use std::fs;

use hybridge_node::config::own::FileSystem;
use hybridge_node::disks::unit;
use hybridge_node::plan::DiskStep;
use hybridge_report::Finding;

use crate::apply::Run;
use crate::command::{CHANGE, Call};
use crate::commit::Batch;
use crate::error::ApplyError;
use crate::facts::block::users;
use crate::facts::storage::{mounts, signature};
use crate::files::{Body, Target};
use crate::host::Host;
use crate::report::{Change, Deed};
use crate::service::Unit;

/// A disk that the document chose.
struct Volume<'a> {
    device: &'a str,
    filesystem: FileSystem,
    label: &'a str,
    wipe: bool,
    path: &'a str,
}

impl Run<'_> {
    /// One step of disks.
    pub(crate) fn disk(&mut self, step: &DiskStep) -> Result<(), ApplyError> {
        match step {
            DiskStep::Array { name, level, members } => self.array(name, *level, members),
            DiskStep::Format { device } => self.format(device),
            DiskStep::Mount { device, path } => self.mount(device, path),
            DiskStep::Volume { device, filesystem, label, wipe, path } => {
                self.volume(&Volume { device, filesystem: *filesystem, label, wipe: *wipe, path })
            }
            DiskStep::Bind { path, source, users } => self.bind(path, source, users),
        }
    }

    /// The device behind a name of the plan: an array's name may have changed with a reboot (`/dev/md127`).
    fn device(&self, name: &str) -> String {
        self.arrays.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn array(&mut self, name: &str, level: u8, members: &[String]) -> Result<(), ApplyError> {
        if let Some(array) = assembled(self.host, members)? {
            self.arrays.insert(name.into(), array);
            return Ok(());
        }
        let mut ours = 0;
        for member in members {
            match signature(self.host, member).map_err(|what| disk(member, what))? {
                None => {}
                Some(found) if found.kind == "linux_raid_member" => ours += 1,
                Some(found) => return Err(disk(member, format!("holds {}; it is not made part of an array", found.kind))),
            }
        }
        let begun = self.state.formatting.contains(name);
        if ours == members.len() {
            self.act(&Call::change("mdadm", ["--assemble", "--run", name]).and(members.iter().cloned()))?;
        } else if ours == 0 || begun {
            self.create(name, level, members)?;
        } else {
            return Err(disk(name, format!("{ours} of {} disks belong to an array of somebody", members.len())));
        }
        self.state.formatting.remove(name);
        let array = assembled(self.host, members)?.unwrap_or_else(|| name.to_owned());
        self.arrays.insert(name.into(), array);
        self.changed(Change::new(Deed::Prepare, name).with(format!("array of {} disks, level {level}", members.len())));
        Ok(())
    }

    fn create(&mut self, name: &str, level: u8, members: &[String]) -> Result<(), ApplyError> {
        self.state.formatting.insert(name.into());
        self.save_state()?;
        let (level, count) = (format!("--level={level}"), format!("--raid-devices={}", members.len()));
        let short = format!("--name={}", name.rsplit('/').next().unwrap_or(name));
        // --run: no question is asked about disks that look used; whether they are was seen above.
        self.act(&Call::change("mdadm", ["--create", name, "--run", &level, &short, &count]).and(members.iter().cloned()))?;
        Ok(())
    }

    fn format(&mut self, name: &str) -> Result<(), ApplyError> {
        let device = self.device(name);
        let found = signature(self.host, &device).map_err(|what| disk(&device, what))?;
        let begun = self.state.formatting.contains(name);
        match found {
            Some(found) if !begun && found.kind == "xfs" => return Ok(()),
            Some(found) if !begun => return Err(disk(&device, format!("holds {}; it is not formatted", found.kind))),
            Some(_) | None => {}
        }
        if mounts(&self.host.text("/proc/self/mounts").ok().flatten().unwrap_or_default()).iter().any(|mount| mount.device == device) {
            return Err(disk(&device, "is mounted; it is not formatted".into()));
        }
        self.state.formatting.insert(name.into());
        self.save_state()?;
        // -f only over what we began ourselves. -K: the disks of an instance store come trimmed. Log stripes of 32 KiB, as in the
        // image's own setup-local-disks.
        let call = Call::change("mkfs.xfs", ["-K", "-l", "su=8b"]).and(begun.then_some("-f")).and([device.as_str()]);
        self.act(&call)?;
        self.state.formatting.remove(name);
        self.save_state()?;
        self.changed(Change::new(Deed::Prepare, device).with("XFS"));
        Ok(())
    }

    /// A file system with a label, and its mount.
    fn volume(&mut self, volume: &Volume<'_>) -> Result<(), ApplyError> {
        if self.is_taken(volume.path)? {
            return Ok(());
        }
        self.make_volume(volume)?;
        let found = signature(self.host, volume.device).map_err(|what| disk(volume.device, what))?;
        let uuid = found.and_then(|found| found.uuid).ok_or_else(|| disk(volume.device, "has no file system with a UUID".into()))?;
        self.mount_unit(volume.path, unit::volume(&uuid, volume.path, volume.filesystem.name()))
    }

    fn make_volume(&mut self, volume: &Volume<'_>) -> Result<(), ApplyError> {
        let (device, kind) = (volume.device, volume.filesystem.name());
        let found = signature(self.host, device).map_err(|what| disk(device, what))?;
        let begun = self.state.formatting.contains(device);
        let overwrite = begun || volume.wipe;
        match found {
            Some(found) if !begun && found.kind == kind && found.label.as_deref() == Some(volume.label) => return Ok(()),
            Some(found) if !overwrite => return Err(disk(device, format!("holds {}; it is not formatted", found.kind))),
            Some(_) | None => {}
        }
        // Facts are older than this, and a disk may have several names.
        if in_use(self.host, device)? {
            return Err(disk(device, "is in use; it is not formatted".into()));
        }
        self.state.formatting.insert(device.into());
        self.save_state()?;
        let program = format!("mkfs.{kind}");
        let force = match volume.filesystem {
            FileSystem::Xfs => "-f",
            FileSystem::Ext4 => "-F",
        };
        self.act(&Call::change(&program, ["-L", volume.label]).and(overwrite.then_some(force)).and([device]))?;
        self.state.formatting.remove(device);
        self.save_state()?;
        self.changed(Change::new(Deed::Prepare, device).with(format!("{kind} with the label {}", volume.label)));
        Ok(())
    }

    /// Whether somebody else has mounted something there, which is left.
    fn is_taken(&mut self, path: &str) -> Result<bool, ApplyError> {
        let unit = format!("/etc/systemd/system/{}", unit_name(path)?);
        let taken = is_mounted(self.host, path) && !self.host.path(&unit).exists();
        if taken {
            let fix = format!("unmount it if {path} is to be on the local disks");
            self.warn(Finding::warning("apply.mounted", path, "something else is mounted there, and is left").fix(fix));
        }
        Ok(taken)
    }

    fn mount(&mut self, name: &str, path: &str) -> Result<(), ApplyError> {
        if self.is_taken(path)? {
            return Ok(());
        }
        let device = self.device(name);
        let found = signature(self.host, &device).map_err(|what| disk(&device, what))?;
        let uuid = found.and_then(|found| found.uuid).ok_or_else(|| disk(&device, "has no file system with a UUID".into()))?;
        self.mount_unit(path, unit::mount(&uuid, path, "xfs"))
    }

    /// Writes, enables and starts a mount unit.
    fn mount_unit(&mut self, path: &str, text: String) -> Result<(), ApplyError> {
        let unit = unit_name(path)?;
        self.make_parents(&format!("{path}/."), &mut Vec::new())?;
        let owner = self.host.is_system().then_some((0, 0));
        // Not ours to remove one day: a node would lose its data with the unit.
        let file = Target {
            path: format!("/etc/systemd/system/{unit}"),
            body: Body::File { content: text, mode: 0o644, owner },
            secret: false,
            ours: false,
        };
        self.commit(Batch { targets: vec![file], stale: Vec::new() })?;
        self.reload_if_changed()?;
        let shown = Unit::show(self.host, &unit)?;
        if !shown.enabled() || !shown.active() {
            self.act(&Call::change("systemctl", ["enable", "--now", &unit]))?;
            self.changed(Change::new(Deed::Prepare, path).with("mounted"));
        }
        Ok(())
    }

    fn bind(&mut self, path: &str, source: &str, users: &[String]) -> Result<(), ApplyError> {
        if self.is_taken(path)? {
            return Ok(());
        }
        if !is_mounted(self.host, path) {
            self.move_to(path, source, users)?;
        }
        self.mount_unit(path, unit::bind(source, path))?;
        self.state.moving.remove(path);
        // Started after the directory is where it belongs, also if an earlier run had stopped them.
        let stopped: Vec<String> = users.iter().filter(|unit| self.state.stopped.contains(*unit)).cloned().collect();
        for unit in stopped {
            self.act(&Call::change("systemctl", ["start", "--no-block", &unit]))?;
            self.state.stopped.remove(&unit);
        }
        self.save_state()
    }

    /// Copies what is in a directory to the disk; the copy gets its name when it is whole.
    fn move_to(&mut self, path: &str, source: &str, users: &[String]) -> Result<(), ApplyError> {
        let there = self.host.path(source).exists();
        if there && !self.state.moving.contains(path) {
            // Of an earlier life of this machine. It is the newer one, as the directory was bound to it.
            let what = format!("is bound to {source}, which was there already; what is in {path} itself is hidden by that");
            self.warn(Finding::warning("apply.bind", path, what));
            return self.stop(users);
        }
        self.stop(users)?;
        self.state.moving.insert(path.into());
        self.save_state()?;
        let copy = format!("{source}.hybridge-new");
        for old in [&copy, source].into_iter().filter(|old| self.host.path(old).exists()) {
            // Copies of ours: the original is still in use.
            self.about_to(&format!("remove {old}"))?;
            fs::remove_dir_all(self.host.path(old)).map_err(ApplyError::file("remove", old))?;
        }
        self.make_parents(&format!("{path}/."), &mut Vec::new())?;
        self.make_parents(&copy, &mut Vec::new())?;
        let (from, to) = (self.host.path(path), self.host.path(&copy));
        self.act(&Call { limit: CHANGE * 2, ..Call::change("cp", ["-a", "-T"]).and([from.to_string_lossy(), to.to_string_lossy()]) })?;
        self.act(&Call::change("sync", ["-f"]).and([to.to_string_lossy()]))?;
        self.about_to(&format!("rename to {source}"))?;
        fs::rename(&to, self.host.path(source)).map_err(ApplyError::file("make", source))?;
        self.changed(Change::new(Deed::Prepare, source).with(format!("copy of {path}")));
        Ok(())
    }

    /// Stops the units that use a directory, and notes which ran.
    fn stop(&mut self, users: &[String]) -> Result<(), ApplyError> {
        for unit in users {
            if Unit::show(self.host, unit)?.active() {
                self.state.stopped.insert(unit.clone());
                self.save_state()?;
                self.act(&Call::change("systemctl", ["stop", unit]))?;
            }
        }
        Ok(())
    }
}

/// Whether the disk or a partition of it is mounted, swapped to, or part of something else.
fn in_use(host: &Host, device: &str) -> Result<bool, ApplyError> {
    let name = host.kernel_name(device).ok_or_else(|| disk(device, "is not there".into()))?;
    Ok(users(host, &name).any())
}

fn disk(device: &str, what: String) -> ApplyError {
    ApplyError::Disk { device: device.into(), what }
}

/// The array that these disks are members of. Members of different arrays, or of one with more, are an error.
fn assembled(host: &Host, members: &[String]) -> Result<Option<String>, ApplyError> {
    let mut names = Vec::new();
    for member in members {
        names.push(host.kernel_name(member).ok_or_else(|| disk(member, "is not there".into()))?);
    }
    names.sort();
    for (array, of) in host.arrays() {
        if of == names {
            return Ok(Some(array));
        }
        if let Some(shared) = names.iter().find(|name| of.contains(name)) {
            return Err(disk(&array, format!("has /dev/{shared} as a member, but not exactly the disks of the instance store")));
        }
    }
    Ok(None)
}

pub(crate) fn is_mounted(host: &Host, path: &str) -> bool {
    mounts(&host.text("/proc/self/mounts").ok().flatten().unwrap_or_default()).iter().any(|mount| mount.path == path)
}

fn unit_name(path: &str) -> Result<String, ApplyError> {
    unit::name(path).ok_or_else(|| disk(path, "is no place for a mount: write an absolute path without `..`".into()))
}
