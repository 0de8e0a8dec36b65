//! A run: probes at work while faults are done to a world, and what the probes saw of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::fault::{self, End, Fault};
use crate::journal::{Journal, Source};
use crate::probe::{self, Live, Load, Plan, Running, Side, StartError};
use crate::report::{Mark, MarkKind, Run};
use crate::world::{World, WorldError};

/// How often an observer sees the counters.
const TICK: Duration = Duration::from_millis(200);

/// A probe that had no answer for longer is not through again.
const SILENCE: Duration = Duration::from_millis(250);

/// What is done to a world, and for how long.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What the run shows, for headings.
    pub title: String,
    /// What is done, one after the other; none is fine.
    pub faults: Vec<Fault>,
    /// How hard the path is probed.
    pub load: Load,
    /// Time before the first fault, between two, and after the last one's recovery.
    pub quiet: Duration,
    /// How long a fault lasts that only its undoing ends.
    pub hold: Duration,
    /// How long gateways may take to bring traffic back.
    pub patience: Duration,
}

impl Scenario {
    /// One with the usual times: a second of quiet, 5 s of fault, 30 s of patience.
    pub fn new(title: impl Into<String>, faults: Vec<Fault>) -> Self {
        Self {
            title: title.into(),
            faults,
            load: Load::default(),
            quiet: Duration::from_secs(1),
            hold: Duration::from_secs(5),
            patience: Duration::from_secs(30),
        }
    }
}

/// Who looks on.
pub struct Observer<'a> {
    /// Told of every step, in a few words.
    pub step: &'a (dyn Fn(&str) + Sync),
    /// Shown the counters, five times a second, with the time since the start.
    pub tick: &'a (dyn Fn(Duration, &[Live]) + Sync),
}

/// How a run went.
#[derive(Debug)]
pub struct Conclusion {
    /// What the probes found.
    pub run: Run,
    /// The first fault after which traffic did not come back, and what was seen instead.
    pub stuck: Option<(Fault, WorldError)>,
}

/// Why a run could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The probes did not start.
    #[error("cannot start the probes")]
    Probe(#[from] StartError),
    /// A fault could not be done or undone.
    #[error("cannot do `{fault}` to the world")]
    Fault {
        /// Which one.
        fault: Fault,
        /// Why not.
        #[source]
        source: WorldError,
    },
}

/// Plays a scenario in a world that carries traffic. Faults that can be undone are, in the end.
///
/// # Errors
/// See [`ScenarioError`]. Traffic that does not come back is no error: it is in the conclusion.
pub fn play(world: &mut World, scenario: &Scenario, observer: &Observer<'_>) -> Result<Conclusion, ScenarioError> {
    let side = |host: &crate::topology::Host| Side { ns: host.ns.clone(), address: host.address };
    let origin = Instant::now();
    let (cloud, hybrid) = (side(&world.topology.cloud_pod), side(&world.topology.hybrid[0].pod));
    let running = probe::start(Plan { cloud, hybrid, origin, load: scenario.load })?;
    let played: Result<_, ScenarioError> = watched(&running, origin, observer, || {
        thread::sleep(scenario.quiet);
        for fault in &scenario.faults {
            let stuck = one(world, *fault, scenario, observer).map_err(|source| ScenarioError::Fault { fault: *fault, source })?;
            if let Some(error) = stuck {
                return Ok(Some((*fault, error)));
            }
            wait_for_streams(&running, scenario.patience);
            thread::sleep(scenario.quiet);
        }
        Ok(None)
    });
    let outcome = running.stop();
    let run = Run { title: scenario.title.clone(), outcome, marks: marks(&world.journal, origin) };
    Ok(Conclusion { run, stuck: played? })
}

/// Does one fault; the inner error is that of traffic that does not come back.
fn one(world: &mut World, fault: Fault, scenario: &Scenario, observer: &Observer<'_>) -> Result<Option<WorldError>, WorldError> {
    (observer.step)(fault.help());
    let done = match fault::inject(world, fault) {
        // A restart waits for traffic in between, and it may not come.
        Err(error @ WorldError::Timeout { .. }) => return Ok(Some(error)),
        other => other?,
    };
    match fault.end() {
        End::Gateways => {
            let stuck = fault::wait_recovered(world, &done, scenario.patience).err();
            thread::sleep(scenario.quiet);
            fault::undo(world, &done)?;
            Ok(stuck)
        }
        End::Undo => {
            thread::sleep(scenario.hold);
            fault::undo(world, &done)?;
            Ok(fault::wait_recovered(world, &done, scenario.patience).err())
        }
    }
}

/// Waits until every probe gets answers again: TCP doubles its pauses, so after an outage of 4 s a stream is silent for 2 to 4 s more.
fn wait_for_streams(running: &Running, patience: Duration) {
    let start = Instant::now();
    while start.elapsed() < patience && running.counters().iter().any(|probe| probe.silent > SILENCE) {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Does `work` while the observer is shown the counters.
fn watched<T>(running: &Running, origin: Instant, observer: &Observer<'_>, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                (observer.tick)(origin.elapsed(), &running.counters());
                thread::sleep(TICK);
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}

fn marks(journal: &Journal, origin: Instant) -> Vec<Mark> {
    let kind = |source| match source {
        Source::Fault => MarkKind::Fault,
        Source::Start => MarkKind::Note,
        Source::Route => MarkKind::Route,
        Source::Vtep => MarkKind::Vtep,
    };
    let entries = journal.entries().into_iter().filter(|entry| entry.at >= origin);
    entries.map(|entry| Mark::new(kind(entry.source), entry.at - origin, entry.what)).collect()
}
