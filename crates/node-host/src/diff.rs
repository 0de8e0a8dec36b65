//! What a plan would change, without changing it.

use std::collections::BTreeSet;

use hybridge_node::plan::{DiskStep, Half, Plan, Step};
use similar::TextDiff;

use crate::apply::load_state;
use crate::commit::Batch;
use crate::disk::is_mounted;
use crate::error::ApplyError;
use crate::files::{Body, Now, Stale, Target, blockless, stale};
use crate::firewall::closed;
use crate::host::Host;
use crate::image::{is_ready, names};
use crate::kernel::{missing_modules, pending_values, swap_is_on};
use crate::options::Options;
use crate::registration::managed_instance;
use crate::report::{Change, Deed};
use crate::service::{Found, Unit, Wanted, orphans, reason};
use crate::state::{State, read_by_systemd};

/// Every file of the plan with what would become of it, and everything else that would be done, in the order of the plan.
///
/// # Errors
///
/// If a file or the state of a unit cannot be read.
pub fn diff(host: &Host, plan: &Plan, options: &Options) -> Result<Vec<Change>, ApplyError> {
    let mut look = Look { host, options, state: load_state(host)?, changes: Vec::new(), changing: BTreeSet::new() };
    if !options.skip.contains(&Half::Config) {
        for target in blockless(host, &look.state, plan, &options.edits)? {
            look.target(&target)?;
        }
        let batch = Batch { targets: Vec::new(), stale: stale(host, &look.state, plan)? };
        look.orphans(orphans(&look.state, plan, &batch.removed()))?;
        batch.stale.into_iter().for_each(|file| look.stale(file));
    }
    for phase in plan.phases.iter().filter(|phase| !options.skip.contains(&phase.half)) {
        for step in &phase.steps {
            look.step(step)?;
        }
    }
    Ok(look.changes)
}

struct Look<'a> {
    host: &'a Host,
    options: &'a Options,
    state: State,
    changes: Vec<Change>,
    /// Files that would change, and arrays that would be made.
    changing: BTreeSet<String>,
}

impl Look<'_> {
    fn step(&mut self, step: &Step) -> Result<(), ApplyError> {
        let found = match step {
            Step::Write(_) | Step::Symlink { .. } | Step::Edit { .. } => {
                return Target::of(step, self.host, &self.options.edits)?.map_or(Ok(()), |target| self.target(&target));
            }
            Step::DaemonReload => {
                let needed = self.state.reload || self.changing.iter().any(|path| read_by_systemd(path));
                needed.then(|| Change::new(Deed::Reload, "systemd")).into_iter().collect()
            }
            Step::Sysctl { path } => self.sysctl(path)?,
            Step::Modules { names } => {
                missing_modules(self.host, names).into_iter().map(|name| Change::new(Deed::Set, format!("module {name}"))).collect()
            }
            Step::SwapOff { path } => {
                swap_is_on(self.host, path).then(|| Change::new(Deed::Set, format!("swap off: {path}"))).into_iter().collect()
            }
            Step::OpenPorts { firewall, ports } => {
                closed(self.host, *firewall, ports)?.any().into_iter().map(|port| Change::new(Deed::Open, port)).collect()
            }
            Step::Disk(disk) => self.disk(disk).into_iter().collect(),
            Step::Script(script) => {
                let due = crate::steps::is_due(self.host, script)?;
                due.then(|| Change::new(Deed::Run, format!("step {}", script.id)).with(script.phase.name())).into_iter().collect()
            }
            Step::RegisterSsm { .. } => {
                let known = managed_instance(self.host);
                known.is_none().then(|| Change::new(Deed::Register, "with Systems Manager")).into_iter().collect()
            }
            Step::Service { unit, enable, files, wait } => self.service(&Wanted { unit, enable: *enable, files, wait: *wait })?,
            Step::WaitForFile { .. } => Vec::new(),
            Step::ImportImage { archive, snapshotter } => self.image(archive, snapshotter).into_iter().collect(),
            Step::PullImage { image } => (!is_ready(self.host, image, None)).then(|| Change::new(Deed::Fetch, image)).into_iter().collect(),
        };
        self.changes.extend(found);
        Ok(())
    }

    fn target(&mut self, target: &Target) -> Result<(), ApplyError> {
        let now = Now::at(self.host, &target.path)?;
        if now == Now::Directory {
            return Err(ApplyError::Directory { path: target.path.clone() });
        }
        if target.is(&now) {
            self.changes.push(Change::new(Deed::Unchanged, &target.path));
            return Ok(());
        }
        let deed = if now == Now::Absent { Deed::Create } else { Deed::Update };
        self.changes.push(Change::new(deed, &target.path).with(difference(target, &now)));
        self.changing.insert(target.path.clone());
        Ok(())
    }

    fn orphans(&mut self, found: BTreeSet<String>) -> Result<(), ApplyError> {
        for unit in found {
            if Unit::show(self.host, &unit)?.active() {
                self.changes.push(Change::new(Deed::Restart, unit).with("a file that it read is gone"));
            }
        }
        Ok(())
    }

    fn stale(&mut self, stale: Stale) {
        match stale {
            Stale::Gone(_) => {}
            Stale::Keep(path) => self.changes.push(Change::new(Deed::Keep, path).with("changed since we wrote it")),
            Stale::Remove(path) => {
                self.changes.push(Change::new(Deed::Remove, &path));
                self.changing.insert(path);
            }
        }
    }

    /// Values of a file that may not be written yet.
    fn sysctl(&self, path: &str) -> Result<Vec<Change>, ApplyError> {
        if self.changing.contains(path) {
            return Ok(vec![Change::new(Deed::Set, format!("values of {path}"))]);
        }
        let values = pending_values(self.host, path)?;
        Ok(values.into_iter().map(|value| Change::new(Deed::Set, format!("{} = {}", value.name.replace('/', "."), value.value))).collect())
    }

    fn service(&self, wanted: &Wanted<'_>) -> Result<Vec<Change>, ApplyError> {
        let unit = Unit::show(self.host, wanted.unit)?;
        let enable = (wanted.enable && !unit.enabled()).then(|| Change::new(Deed::Enable, wanted.unit));
        let start = reason(self.host, &self.state, wanted, &Found { unit: &unit, changing: &self.changing })?;
        Ok(enable.into_iter().chain(start).collect())
    }

    fn disk(&mut self, step: &DiskStep) -> Option<Change> {
        match step {
            DiskStep::Array { name, level, members } => {
                let mut kernel: Vec<String> = members.iter().filter_map(|member| self.host.kernel_name(member)).collect();
                kernel.sort();
                let there = self.host.arrays().iter().any(|(_, members)| *members == kernel);
                if there {
                    return None;
                }
                self.changing.insert(name.clone());
                Some(Change::new(Deed::Prepare, name).with(format!("array of {} disks, level {level}", members.len())))
            }
            DiskStep::Format { device } => {
                let blank = || crate::facts::storage::signature(self.host, device).is_ok_and(|found| found.is_none());
                (self.changing.contains(device) || blank()).then(|| Change::new(Deed::Prepare, device).with("XFS"))
            }
            DiskStep::Volume { path, device, label, filesystem, .. } => {
                let detail = format!("{device} with {} as {label}", filesystem.name());
                (!is_mounted(self.host, path)).then(|| Change::new(Deed::Prepare, path).with(detail))
            }
            DiskStep::Mount { path, .. } => (!is_mounted(self.host, path)).then(|| Change::new(Deed::Prepare, path).with("mounted")),
            DiskStep::Bind { path, source, .. } => {
                (!is_mounted(self.host, path)).then(|| Change::new(Deed::Prepare, path).with(format!("moved to {source}")))
            }
        }
    }

    fn image(&self, archive: &str, snapshotter: &str) -> Option<Change> {
        let names = names(self.host, archive).unwrap_or_default();
        let there = !names.is_empty() && names.iter().all(|name| is_ready(self.host, name, Some(snapshotter)));
        (!there).then(|| Change::new(Deed::Fetch, archive).with(format!("for {snapshotter}")))
    }
}

/// In unified form; of a secret file only that it differs.
fn difference(target: &Target, now: &Now) -> String {
    let mut lines = Vec::new();
    match (&target.body, now) {
        (Body::File { content, mode, .. }, Now::File { bytes, mode: was, .. }) => {
            if mode != was {
                lines.push(format!("mode {was:04o} -> {mode:04o}\n"));
            }
            if content.as_bytes() != bytes.as_slice() {
                lines.push(text_difference(target, &String::from_utf8_lossy(bytes), content));
            }
            if lines.is_empty() {
                lines.push("owner -> root\n".into());
            }
        }
        (Body::File { content, mode, .. }, Now::Absent | Now::Link(_) | Now::Directory) => {
            lines.push(format!("mode {mode:04o}\n"));
            lines.push(text_difference(target, "", content));
        }
        (Body::Link(to), Now::Absent | Now::File { .. } | Now::Link(_) | Now::Directory) => lines.push(format!("-> {to}\n")),
    }
    lines.concat()
}

fn text_difference(target: &Target, old: &str, new: &str) -> String {
    if target.secret {
        return "content hidden\n".into();
    }
    let name = &target.path;
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(name, name).to_string()
}
