//! Disks that are chosen by what they are (`spec.instance.disks`): which ones, and that nothing on them is lost.
//!
//! A disk that carries our label is the one of an earlier run and is only mounted. Of the others, as many as are wanted must fit, not
//! more: to guess between two would format the wrong one some day.

use std::collections::BTreeSet;

use hybridge_report::Finding;

use super::unit;
use crate::config::own::{self, UserDisk};
use crate::facts::{BlockDevice, Facts};
use crate::node::Node;
use crate::plan::{DiskStep, Step};

/// What is to be done to disks that the document chooses.
///
/// # Errors
/// A finding for each entry that no disk, or more than one, fits, and for disks that hold something.
pub fn steps(node: &Node<'_>) -> Result<Vec<Step>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut steps = Vec::new();
    let mut taken = BTreeSet::new();
    // Disks of earlier runs first, so that no other entry takes them.
    let wanted = &node.config.instance.disks;
    let ours: BTreeSet<String> = wanted.iter().flat_map(labels).collect();
    let local = node.config.instance.local_storage.strategy.is_some();
    for (number, entry) in wanted.iter().enumerate() {
        let looking = Looking { entry, place: format!("spec.instance.disks[{number}]"), ours: &ours, local, facts: node.facts };
        match looking.find(&mut taken) {
            Ok(found) => steps.extend(found.into_iter().map(Step::Disk)),
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() { Ok(steps) } else { Err(findings) }
}

/// Labels of an entry's disks: its own, or with a number each.
fn labels(entry: &UserDisk) -> Vec<String> {
    match own::count(&entry.select.count).unwrap_or(1) {
        1 => vec![entry.label.clone()],
        several => (1..=several).map(|number| format!("{}-{number}", entry.label)).collect(),
    }
}

/// One entry.
struct Looking<'a> {
    entry: &'a UserDisk,
    place: String,
    /// Labels of all entries.
    ours: &'a BTreeSet<String>,
    /// Disks of the instance store are taken by `localStorage`.
    local: bool,
    facts: &'a Facts,
}

impl Looking<'_> {
    fn find(&self, taken: &mut BTreeSet<String>) -> Result<Vec<DiskStep>, Finding> {
        let root = unit::simplify(&self.entry.mount_path).filter(|path| path != "/");
        let root = root.ok_or_else(|| {
            let what = format!("{:?} is not a directory that a disk can be mounted at", self.entry.mount_path);
            Finding::error("disks.mount-path", format!("{}.mountPath", self.place), what)
                .fix("write an absolute path below /, without `..`")
        })?;
        let labels = labels(self.entry);
        let mut known = Vec::new();
        for label in &labels {
            known.push(self.known(label)?);
        }
        let open = known.iter().filter(|disk| disk.is_none()).count();
        let mut new = self.unused(open, taken)?.into_iter();
        let mut steps = Vec::new();
        for (number, (label, known)) in labels.iter().zip(known).enumerate() {
            let disk = known.or_else(|| new.next()).expect("as many new disks were found as labels have none");
            taken.insert(disk.id.clone());
            let path = if labels.len() == 1 { root.clone() } else { format!("{root}/{}", number + 1) };
            self.free(&path, disk)?;
            steps.push(DiskStep::Volume {
                device: disk.id.clone(),
                filesystem: self.entry.filesystem.unwrap_or_default(),
                label: label.clone(),
                wipe: self.entry.wipe == Some(true),
                path,
            });
        }
        Ok(steps)
    }

    /// The disk that an earlier run has given this label.
    fn known(&self, label: &str) -> Result<Option<&BlockDevice>, Finding> {
        let with: Vec<&BlockDevice> = self.facts.block_devices.iter().filter(|disk| disk.label.as_deref() == Some(label)).collect();
        let filesystem = self.entry.filesystem.unwrap_or_default().name();
        match with.as_slice() {
            [] => Ok(None),
            [disk] if disk.signature.as_deref() == Some(filesystem) => Ok(Some(disk)),
            [disk] => {
                let found = disk.signature.as_deref().unwrap_or("nothing");
                let what = format!("has the label {label:?} and holds {found}, not {filesystem}; it is not overwritten");
                Err(Finding::error("disks.holds-data", disk.id.as_str(), what)
                    .fix(format!("write filesystem: {found}, or choose another label")))
            }
            [..] => {
                let what = format!("{} disks have the label {label:?}: {}", with.len(), names(&with));
                Err(Finding::error("disks.ambiguous", self.place.as_str(), what)
                    .fix("take the label off all but one: xfs_admin -L, e2label"))
            }
        }
    }

    /// Disks that have the properties, as many as are wanted.
    fn unused(&self, wanted: usize, taken: &BTreeSet<String>) -> Result<Vec<&BlockDevice>, Finding> {
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let open = |disk: &&BlockDevice| {
            let ours = disk.label.as_ref().is_some_and(|label| self.ours.contains(label));
            let others = self.local && disk.instance_store;
            let spoken_for = ours || others || taken.contains(&disk.id);
            !spoken_for && self.fits(disk)
        };
        let fitting: Vec<&BlockDevice> = self.facts.block_devices.iter().filter(open).collect();
        if fitting.len() > wanted {
            let what = format!("{} disks fit, {wanted} wanted: {}", fitting.len(), names(&fitting));
            let fix = "say more of the disk in select (minSize, model, instanceStore), or take all of them with count";
            return Err(Finding::error("disks.ambiguous", self.place.as_str(), what).fix(fix));
        }
        if fitting.len() < wanted {
            let all: Vec<String> = self.facts.block_devices.iter().map(|disk| format!("{}: {}", disk.id, self.why_not(disk))).collect();
            let there = if all.is_empty() { "there is no disk with a stable name".to_owned() } else { all.join("; ") };
            let what = format!("{} of {wanted} disks found ({there})", fitting.len());
            return Err(Finding::error("disks.too-few", self.place.as_str(), what).fix("change select, or attach the disk"));
        }
        for disk in &fitting {
            if let Some(why) = self.facts.missing.get(&disk.id) {
                let finding = Finding::error("disks.unknown", disk.id.as_str(), format!("what is on it is not known: {why}"));
                return Err(finding.fix(format!("look at it with `blkid -p {}`", disk.id)));
            }
            if let Some(signature) = disk.signature.as_deref().filter(|_| self.entry.wipe != Some(true)) {
                let finding = Finding::error("disks.holds-data", disk.id.as_str(), format!("holds {signature}; it is not overwritten"));
                return Err(
                    finding.fix(format!("save what you need, then write `wipe: true` in {} or run wipefs --all {}", self.place, disk.id))
                );
            }
        }
        Ok(fitting)
    }

    fn fits(&self, disk: &BlockDevice) -> bool {
        self.against(disk).is_none()
    }

    /// What keeps a disk from being chosen.
    fn against(&self, disk: &BlockDevice) -> Option<String> {
        let select = &self.entry.select;
        let least = own::bytes(&select.min_size).unwrap_or_default();
        if disk.root {
            return Some("is the root disk".to_owned());
        }
        if let Some(path) = disk.mounted.first() {
            return Some(format!("is mounted at {path}"));
        }
        if let Some(holder) = disk.holders.first() {
            return Some(format!("is used by {holder}"));
        }
        match select.instance_store {
            Some(true) if !disk.instance_store => return Some("is not of the instance store".to_owned()),
            Some(false) if disk.instance_store => return Some("is of the instance store".to_owned()),
            Some(_) | None => {}
        }
        if disk.size < least {
            return Some(format!("has {} bytes only", disk.size));
        }
        let model = select.model.to_lowercase();
        (!disk.model.to_lowercase().contains(&model)).then(|| format!("is a {:?}", disk.model))
    }

    fn why_not(&self, disk: &BlockDevice) -> String {
        let elsewhere = if self.local && disk.instance_store { "is taken by localStorage" } else { "is taken by another entry" };
        self.against(disk).unwrap_or_else(|| elsewhere.to_owned())
    }

    fn free(&self, path: &str, disk: &BlockDevice) -> Result<(), Finding> {
        let mount = self.facts.mounts.iter().rev().find(|mount| mount.path == path);
        match mount {
            Some(mount) if mount.device != disk.device && mount.device != disk.id => {
                let what = format!("{} is mounted there", mount.device);
                Err(Finding::error("disks.occupied", path, what).fix(format!("unmount it, or write another {}.mountPath", self.place)))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn names(disks: &[&BlockDevice]) -> String {
    disks.iter().map(|disk| disk.id.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
