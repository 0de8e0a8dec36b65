//! Carries out a plan.
//!
//! Every step looks first whether it is done already, so that a second run changes nothing. A run that is killed at any point leaves
//! a machine from which the next run gets to the same end; [`Watch::about_to`] lets tests prove that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Instant;

use hybridge_node::plan::{Half, Phase, Plan, Step};
use hybridge_report::Finding;
use serde_json::Value;

use crate::command::{Call, Output};
use crate::commit::{Batch, write_file};
use crate::error::ApplyError;
use crate::files::{Target, blockless, staging, stale};
use crate::host::Host;
use crate::options::Options;
use crate::report::{Change, PhaseReport, Report};
use crate::service::orphans;
use crate::state::{self, State};

/// Told what goes on.
pub trait Watch {
    /// A phase begins.
    fn phase(&mut self, _name: &'static str) {}

    /// Called before every single action that changes the machine. Whoever returns false stops the run right there, as if it were
    /// killed.
    fn about_to(&mut self, _action: &str) -> bool {
        true
    }

    /// Something was changed.
    fn changed(&mut self, _change: &Change) {}

    /// A wait begins.
    fn waiting(&mut self, _what: &str) {}
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// Does what the plan says, in its order.
///
/// # Errors
///
/// The first step that fails ends the run. What is then half done is done by the next run.
pub fn apply(host: &Host, plan: &Plan, watch: &mut dyn Watch, options: &Options) -> Result<Report, ApplyError> {
    if host.is_system() && !nix::unistd::geteuid().is_root() {
        return Err(ApplyError::NotRoot);
    }
    let mut run = Run::new(host, plan, watch, options)?;
    let _lock = run.lock()?;
    run.whole(plan)?;
    Ok(Report { phases: run.phases, warnings: run.warnings })
}

/// Reads the record of earlier runs.
pub(crate) fn load_state(host: &Host) -> Result<State, ApplyError> {
    let text = host.text(state::PATH).map_err(ApplyError::file("read", state::PATH))?;
    // By way of an object, as serde would take a list for a record, too.
    let parsed = text.map(|text| serde_json::from_str(&text).and_then(|object| serde_json::from_value(Value::Object(object)))).transpose();
    Ok(parsed.map_err(|source| ApplyError::State { path: state::PATH.into(), source })?.unwrap_or_default())
}

/// Held by one run. It is given up by a call, as merely closing the file would leave it to a program that was started meanwhile.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // It ends with the process at the latest.
        let _ = self.0.unlock();
    }
}

/// One run.
pub(crate) struct Run<'a> {
    pub(crate) host: &'a Host,
    pub(crate) options: &'a Options,
    watch: &'a mut dyn Watch,
    pub(crate) state: State,
    /// The record as it is on disk.
    saved: State,
    pub(crate) selinux: bool,
    /// Files that a service of the plan reads.
    pub(crate) read_by_services: BTreeSet<String>,
    /// Arrays of this plan: name → device now.
    pub(crate) arrays: BTreeMap<String, String>,
    pub(crate) phase: PhaseReport,
    phases: Vec<PhaseReport>,
    warnings: Vec<Finding>,
}

impl<'a> Run<'a> {
    fn new(host: &'a Host, plan: &Plan, watch: &'a mut dyn Watch, options: &'a Options) -> Result<Self, ApplyError> {
        let state = load_state(host)?;
        let steps = plan.phases.iter().flat_map(|phase| &phase.steps);
        let read = steps.filter_map(|step| if let Step::Service { files, .. } = step { Some(files.iter().cloned()) } else { None });
        Ok(Self {
            host,
            options,
            watch,
            saved: state.clone(),
            state,
            selinux: host.selinux_enforcing() == Some(true) && host.program("restorecon").is_some(),
            read_by_services: read.flatten().collect(),
            arrays: BTreeMap::new(),
            phase: PhaseReport::default(),
            phases: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Keeps others from changing the machine until it is dropped.
    fn lock(&mut self) -> Result<Lock, ApplyError> {
        if !self.host.path(state::LOCK).exists() {
            self.make_parents(state::LOCK, &mut Vec::new())?;
            self.about_to(&format!("write {}", state::LOCK))?;
        }
        // For root only: whoever can open it could hold it.
        let file = File::options().create(true).append(true).mode(0o600).open(self.host.path(state::LOCK));
        let file = file.map_err(ApplyError::file("write", state::LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(ApplyError::Busy { path: state::LOCK.into() }),
            Err(TryLockError::Error(error)) => Err(ApplyError::file("lock", state::LOCK)(error)),
        }
    }

    fn whole(&mut self, plan: &Plan) -> Result<(), ApplyError> {
        self.clear_left_overs()?;
        // What is not wanted any more goes with the first files of the configuration, before anything is reloaded or started.
        let mut old = Batch::default();
        if !self.options.skip.contains(&Half::Config) {
            old.targets = blockless(self.host, &self.state, plan, &self.options.edits)?;
            old.stale = stale(self.host, &self.state, plan)?;
            self.state.orphans.extend(orphans(&self.state, plan, &old.removed()));
        }
        for phase in plan.phases.iter().filter(|phase| !self.options.skip.contains(&phase.half)) {
            let started = Instant::now();
            self.watch.phase(phase.name);
            self.phase = PhaseReport { name: phase.name, ..PhaseReport::default() };
            let result = self.steps(phase, &mut old).and_then(|()| match phase.half {
                Half::Config => self.restart_orphans(plan),
                Half::Preprocess | Half::Run => Ok(()),
            });
            self.phase.milliseconds = started.elapsed().as_secs_f64() * 1000.0;
            self.phases.push(std::mem::take(&mut self.phase));
            result?;
        }
        self.save_state()
    }

    fn steps(&mut self, phase: &Phase, old: &mut Batch) -> Result<(), ApplyError> {
        let mut batch = if phase.half == Half::Config { std::mem::take(old) } else { Batch::default() };
        let mut blocks = Vec::new();
        for step in &phase.steps {
            if let Step::Write(_) | Step::Symlink { .. } | Step::Edit { .. } = step {
                if let Some(target) = Target::of(step, self.host, &self.options.edits)? {
                    if matches!(step, Step::Edit { edit: hybridge_node::plan::Edit::Hosts { .. }, .. }) {
                        blocks.push(target.path.clone());
                    }
                    batch.targets.push(target);
                }
                continue;
            }
            self.commit_with(&mut batch, &mut blocks)?;
            self.step(step)?;
        }
        self.commit_with(&mut batch, &mut blocks)
    }

    fn commit_with(&mut self, batch: &mut Batch, blocks: &mut Vec<String>) -> Result<(), ApplyError> {
        let batch = std::mem::take(batch);
        let gone: Vec<String> = batch
            .targets
            .iter()
            .map(|target| target.path.clone())
            .filter(|path| self.state.blocks.contains(path) && !blocks.contains(path))
            .collect();
        self.state.blocks.extend(blocks.drain(..));
        self.commit(batch)?;
        self.state.blocks.retain(|path| !gone.contains(path));
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), ApplyError> {
        match step {
            Step::Write(_) | Step::Symlink { .. } | Step::Edit { .. } => Ok(()),
            Step::DaemonReload => self.reload_if_changed(),
            Step::Sysctl { path } => self.sysctl(path),
            Step::Modules { names } => self.modules(names),
            Step::SwapOff { path } => self.swap_off(path),
            Step::OpenPorts { firewall, ports } => self.open_ports(*firewall, ports),
            Step::Disk(disk) => self.disk(disk),
            Step::Script(script) => self.script(script),
            Step::RegisterSsm { agent, region, id, code } => self.register(agent, region, id, code),
            Step::Service { unit, enable, files, wait } => {
                self.service(&crate::service::Wanted { unit, enable: *enable, files, wait: *wait })
            }
            Step::WaitForFile { path, by, wait } => self.wait_for_file(path, by, *wait),
            Step::ImportImage { archive, snapshotter } => self.import_image(archive, snapshotter),
            Step::PullImage { image } => {
                self.pull_image(image);
                Ok(())
            }
        }
    }

    /// Staged files of a run that was killed, of which this plan may know nothing.
    fn clear_left_overs(&mut self) -> Result<(), ApplyError> {
        let staged = std::mem::take(&mut self.state.staged);
        for path in staged.iter().filter(|path| fs::symlink_metadata(self.host.path(path)).is_ok()) {
            self.about_to(&format!("remove {path}"))?;
            fs::remove_file(self.host.path(path)).map_err(ApplyError::file("remove", path))?;
        }
        Ok(())
    }

    /// Tells that something is about to be changed.
    pub(crate) fn about_to(&mut self, action: &str) -> Result<(), ApplyError> {
        if self.watch.about_to(action) { Ok(()) } else { Err(ApplyError::Stopped(action.into())) }
    }

    /// Runs a program that changes the machine.
    pub(crate) fn act(&mut self, call: &Call) -> Result<Output, ApplyError> {
        let output = self.attempt(call)?;
        if output.good() { Ok(output) } else { Err(refused(call, &output)) }
    }

    /// The same where a refusal is no error yet.
    pub(crate) fn attempt(&mut self, call: &Call) -> Result<Output, ApplyError> {
        self.about_to(&call.to_string())?;
        self.host.run.run(call).map_err(|source| ApplyError::Run { what: call.to_string(), source })
    }

    pub(crate) fn changed(&mut self, change: Change) {
        self.watch.changed(&change);
        self.phase.changes.push(change);
    }

    pub(crate) fn warn(&mut self, finding: Finding) {
        self.warnings.push(finding);
    }

    pub(crate) fn waiting(&mut self, what: &str) {
        self.watch.waiting(what);
    }

    /// Puts the record on disk, if it has changed.
    pub(crate) fn save_state(&mut self) -> Result<(), ApplyError> {
        if self.state == self.saved {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(&self.state).expect("maps of strings can be written as JSON") + "\n";
        let failed = || ApplyError::file("write", state::PATH);
        let temporary = staging(state::PATH);
        self.make_parents(state::PATH, &mut Vec::new())?;
        self.about_to(&format!("write {temporary}"))?;
        let real = self.host.path(&temporary);
        if let Err(error) = write_file(&real, text.as_bytes(), 0o600, None) {
            let _ = fs::remove_file(&real);
            return Err(failed()(error));
        }
        self.sync(&BTreeSet::from([temporary]))?;
        self.about_to(&format!("rename to {}", state::PATH))?;
        fs::rename(&real, self.host.path(state::PATH)).map_err(failed())?;
        self.sync(&BTreeSet::from([state::PATH.trim_end_matches("/state.json").to_owned()]))?;
        self.saved = self.state.clone();
        Ok(())
    }
}

/// What a program that refused said.
pub(crate) fn refused(call: &Call, output: &Output) -> ApplyError {
    ApplyError::Program { call: call.to_string(), code: output.code, said: call.scrub(&output.last_words()) }
}
