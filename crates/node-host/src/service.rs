//! systemd, through `systemctl`.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use hybridge_node::plan::{Plan, Step, owned};

use crate::apply::Run;
use crate::command::{Call, without_credentials};
use crate::error::{ApplyError, PutBack};
use crate::files::{Body, Now, Target};
use crate::host::Host;
use crate::report::{Change, Deed};
use crate::state::{Previous, State};

/// Times that a unit may fail and be started again by systemd before we call it failed.
const ATTEMPTS: usize = 3;
/// For a unit that no plan names, in seconds.
const ORPHAN_WAIT: u32 = 60;
/// Lines of the journal in an error.
const JOURNAL: &str = "20";

/// A unit as a step of a plan wants it.
pub(crate) struct Wanted<'a> {
    pub(crate) unit: &'a str,
    pub(crate) enable: bool,
    pub(crate) files: &'a [String],
    /// Seconds.
    pub(crate) wait: u32,
}

/// What `systemctl show` says of a unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit(BTreeMap<String, String>);

impl Unit {
    pub(crate) fn show(host: &Host, unit: &str) -> Result<Self, ApplyError> {
        const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,InvocationID,ExecMainStatus,Type,UnitFileState,NeedDaemonReload";
        let call = Call::question("systemctl", ["show", "-p", PROPERTIES, unit]);
        let output = host.ask(&call).map_err(|source| ApplyError::Run { what: call.to_string(), source })?;
        if !output.good() {
            return Err(crate::apply::refused(&call, &output));
        }
        let pairs = output.stdout.lines().filter_map(|line| line.split_once('='));
        Ok(Self(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }

    fn get(&self, property: &str) -> &str {
        self.0.get(property).map_or("", String::as_str)
    }

    pub(crate) fn active(&self) -> bool {
        matches!(self.get("ActiveState"), "active" | "reloading")
    }

    /// A unit that has done its work and need not stay.
    fn done(&self) -> bool {
        self.get("Type") == "oneshot"
            && self.get("ActiveState") == "inactive"
            && self.get("Result") == "success"
            && !self.invocation().is_empty()
    }

    pub(crate) fn runs(&self) -> bool {
        self.active() || self.done()
    }

    pub(crate) fn enabled(&self) -> bool {
        !matches!(self.get("UnitFileState"), "disabled" | "linked" | "masked" | "")
    }

    fn invocation(&self) -> &str {
        self.get("InvocationID")
    }

    fn missing(&self) -> bool {
        self.get("LoadState") == "not-found"
    }
}

/// A unit as it is, and the files that are about to change under it.
pub(crate) struct Found<'a> {
    pub(crate) unit: &'a Unit,
    pub(crate) changing: &'a BTreeSet<String>,
}

/// Why a unit has to be started or restarted; `None` if it has not.
pub(crate) fn reason(host: &Host, state: &State, wanted: &Wanted<'_>, found: &Found<'_>) -> Result<Option<Change>, ApplyError> {
    if !found.unit.runs() {
        return Ok(Some(Change::new(Deed::Start, wanted.unit).with("it does not run")));
    }
    let Some(started) = state.services.get(wanted.unit) else {
        return Ok(Some(Change::new(Deed::Restart, wanted.unit).with("it was not started by us")));
    };
    let mut changed = BTreeSet::new();
    for path in started.keys().chain(wanted.files) {
        if found.changing.contains(path) || started.get(path) != Some(&digest_now(host, path)?) {
            changed.insert(path.as_str());
        }
    }
    let paths: Vec<&str> = changed.into_iter().collect();
    Ok((!paths.is_empty()).then(|| Change::new(Deed::Restart, wanted.unit).with(format!("changed: {}", paths.join(", ")))))
}

/// Units that no step names and that read one of the files that are about to be removed: without a restart they would go on with it.
/// Not among them are those with files that are still ours, which the user has only left out of this run (`--daemon`), and those
/// that are removed themselves.
pub(crate) fn orphans(state: &State, plan: &Plan, removed: &BTreeSet<String>) -> BTreeSet<String> {
    let ours = owned(plan);
    let orphaned = state.services.iter().filter(|(unit, files)| {
        let gone = removed.iter().any(|path| path.ends_with(&format!("/{unit}")));
        let kept = files.keys().any(|path| !removed.contains(path) && ours.contains(path));
        !gone && !kept && !is_named(plan, unit) && files.keys().any(|path| removed.contains(path))
    });
    orphaned.map(|(unit, _)| unit.clone()).collect()
}

fn is_named(plan: &Plan, unit: &str) -> bool {
    let mut steps = plan.phases.iter().flat_map(|phase| &phase.steps);
    steps.any(|step| matches!(step, Step::Service { unit: named, .. } if named == unit))
}

fn digest_now(host: &Host, path: &str) -> Result<String, ApplyError> {
    Ok(Now::at(host, path)?.digest().unwrap_or_else(|| "absent".into()))
}

impl Run<'_> {
    /// Restarts what reads files that are gone, where it runs, and forgets it: the next plan that names it looks after it again.
    pub(crate) fn restart_orphans(&mut self, plan: &Plan) -> Result<(), ApplyError> {
        for name in self.state.orphans.clone() {
            if !is_named(plan, &name) {
                let unit = Unit::show(self.host, &name)?;
                let wanted = Wanted { unit: &name, enable: false, files: &[], wait: ORPHAN_WAIT };
                if unit.active() {
                    self.reload_if_changed()?;
                    match self.start(&wanted, &unit)? {
                        Ok(()) => self.changed(Change::new(Deed::Restart, &name).with("a file that it read is gone")),
                        Err(why) => return Err(self.failure(&name, why)),
                    }
                }
                self.state.services.remove(&name);
            }
            self.state.orphans.remove(&name);
        }
        self.save_state()
    }

    /// `daemon-reload`, if systemd has not read what we changed.
    pub(crate) fn reload_if_changed(&mut self) -> Result<(), ApplyError> {
        if self.state.reload { self.reload() } else { Ok(()) }
    }

    fn reload(&mut self) -> Result<(), ApplyError> {
        self.act(&Call::change("systemctl", ["daemon-reload"]))?;
        self.state.reload = false;
        self.changed(Change::new(Deed::Reload, "systemd"));
        Ok(())
    }

    /// Sees that a unit runs, with its files as they are now.
    pub(crate) fn service(&mut self, wanted: &Wanted<'_>) -> Result<(), ApplyError> {
        self.reload_if_changed()?;
        let mut unit = Unit::show(self.host, wanted.unit)?;
        if unit.get("NeedDaemonReload") == "yes" {
            self.reload()?;
            unit = Unit::show(self.host, wanted.unit)?;
        }
        if unit.missing() {
            return Err(self.failure(wanted.unit, "is not installed: systemd knows no such unit".into()));
        }
        if wanted.enable && !unit.enabled() {
            self.act(&Call::change("systemctl", ["enable", wanted.unit]))?;
            self.changed(Change::new(Deed::Enable, wanted.unit));
        }
        if let Some(change) = reason(self.host, &self.state, wanted, &Found { unit: &unit, changing: &BTreeSet::new() })? {
            let deed = change.deed;
            if let Err(why) = self.start(wanted, &unit)? {
                return Err(self.refused_configuration(wanted, why)?);
            }
            self.changed(Change { deed, ..change });
        }
        self.started(wanted)
    }

    /// Notes that the unit runs with its files as they are.
    fn started(&mut self, wanted: &Wanted<'_>) -> Result<(), ApplyError> {
        let digests = wanted.files.iter().map(|path| Ok((path.clone(), digest_now(self.host, path)?)));
        let digests = digests.collect::<Result<_, ApplyError>>()?;
        self.state.services.insert(wanted.unit.into(), digests);
        wanted.files.iter().for_each(|path| drop(self.state.previous.remove(path)));
        self.save_state()
    }

    /// Starts the unit anew and waits. The inner error says why it does not run.
    fn start(&mut self, wanted: &Wanted<'_>, before: &Unit) -> Result<Result<(), String>, ApplyError> {
        // A unit that failed too often is not started by systemd before this.
        if before.get("ActiveState") == "failed" {
            self.attempt(&Call::change("systemctl", ["reset-failed", wanted.unit]))?;
        }
        let call = Call::change("systemctl", ["restart", "--no-block", wanted.unit]);
        let output = self.attempt(&call)?;
        if !output.good() {
            return Ok(Err(format!("cannot be started: {}", output.last_words())));
        }
        self.waiting(wanted.unit);
        self.watch_start(wanted, before.invocation())
    }

    fn watch_start(&self, wanted: &Wanted<'_>, before: &str) -> Result<Result<(), String>, ApplyError> {
        let limit = Duration::from_secs(wanted.wait.into());
        let deadline = Instant::now() + limit;
        let mut failed = BTreeSet::new();
        let mut up: Option<(String, Instant)> = None;
        loop {
            let unit = Unit::show(self.host, wanted.unit)?;
            // Until the new invocation begins, systemd still shows the old one.
            let fresh = unit.invocation() != before && !unit.invocation().is_empty();
            if fresh && unit.done() {
                return Ok(Ok(()));
            }
            if fresh && unit.active() {
                let simple = matches!(unit.get("Type"), "simple" | "exec" | "idle");
                let since = up.take().filter(|(id, _)| id == unit.invocation()).map_or_else(Instant::now, |(_, since)| since);
                if !simple || since.elapsed() >= self.options.settle {
                    return Ok(Ok(()));
                }
                up = Some((unit.invocation().to_owned(), since));
            }
            if unit.get("SubState") == "auto-restart" {
                failed.insert(unit.invocation().to_owned());
            }
            let state = || format!("result: {}, exit status {}", unit.get("Result"), unit.get("ExecMainStatus"));
            if fresh && unit.get("ActiveState") == "failed" {
                return Ok(Err(format!("failed to start ({})", state())));
            }
            if failed.len() >= ATTEMPTS {
                return Ok(Err(format!("failed {ATTEMPTS} times in a row ({})", state())));
            }
            if Instant::now() >= deadline {
                let now = format!("{}/{}", unit.get("ActiveState"), unit.get("SubState"));
                return Ok(Err(format!("did not become active within {} s (it is {now}; {})", limit.as_secs(), state())));
            }
            thread::sleep(self.options.poll);
        }
    }

    /// The unit does not run with its new files: those that it had before are put back and it is started with them.
    fn refused_configuration(&mut self, wanted: &Wanted<'_>, why: String) -> Result<ApplyError, ApplyError> {
        let mut error = self.failure(wanted.unit, why);
        let old: Vec<(String, Previous)> =
            wanted.files.iter().filter_map(|path| Some((path.clone(), self.state.previous.get(path)?.clone()))).collect();
        if old.iter().all(|(_, previous)| previous.content.is_none()) {
            return Ok(error);
        }
        for (path, previous) in &old {
            self.put_back(path, previous)?;
        }
        self.reload_if_changed()?;
        let before = Unit::show(self.host, wanted.unit)?;
        let running = self.start(wanted, &before)?.is_ok();
        if running {
            self.started(wanted)?;
        }
        if let ApplyError::Service { put_back, .. } = &mut error {
            *put_back = Some(PutBack { files: old.into_iter().map(|(path, _)| path).collect(), running });
        }
        Ok(error)
    }

    fn put_back(&mut self, path: &str, previous: &Previous) -> Result<(), ApplyError> {
        let owner = self.host.is_system().then_some((0, 0));
        let batch = match &previous.content {
            Some(content) => {
                let body = Body::File { content: content.clone(), mode: previous.mode, owner };
                let target = Target { path: path.into(), body, secret: true, ours: previous.ours };
                crate::commit::Batch { targets: vec![target], stale: Vec::new() }
            }
            None => crate::commit::Batch { targets: Vec::new(), stale: vec![crate::files::Stale::Remove(path.into())] },
        };
        self.commit(batch)?;
        if !previous.ours {
            self.state.files.remove(path);
        }
        Ok(())
    }

    fn failure(&self, unit: &str, why: String) -> ApplyError {
        ApplyError::Service { unit: unit.into(), why: without_credentials(&why), put_back: None, journal: journal(self.host, unit) }
    }
}

/// Last lines of a unit's journal; none where there is no journal.
fn journal(host: &Host, unit: &str) -> Vec<String> {
    let call = Call::question("journalctl", ["-u", unit, "-n", JOURNAL, "--no-pager"]);
    let text = host.answer(&call).unwrap_or_default();
    text.lines().map(without_credentials).collect()
}
