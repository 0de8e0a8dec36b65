//! Steps of the user's: scripts that run at a certain point, once for each content, with an end, a log and a state that can be asked.

mod condition;
mod unit;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use condition::{CONDITION, Condition, condition};
pub use unit::{JOINED_UNIT, NETWORK_UNIT};

use crate::config::NodeConfig;
use crate::config::own::{OnFailure, StepPhase, UserStep, seconds};
use crate::node::Node;
use crate::plan::{self, File};
use crate::secret::Secret;

/// What `init` leaves for the units, which run when the document may be out of reach.
pub const RECORD: &str = "/var/lib/hybridge/node/steps.json";
/// Stamps, scripts and logs of steps.
pub const DIRECTORY: &str = "/var/lib/hybridge/node/steps";
/// Seconds that a step may take unless it says otherwise.
const TIMEOUT: u32 = 300;
/// In seconds: for the unit to begin, not to end.
const UNIT_WAIT: u32 = 60;

/// One script, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Name.
    pub id: String,
    /// When it runs.
    pub phase: StepPhase,
    /// The text; not shown, as there may be a password in it.
    pub script: Secret,
    /// SHA-256 of the text, lower-case hexadecimal.
    pub digest: String,
    /// Seconds.
    pub timeout: u32,
    /// Once for each content; otherwise once each boot.
    pub run_once: bool,
    /// What a failure does.
    pub on_failure: OnFailure,
}

impl Script {
    /// The step of a checked document.
    pub fn of(step: &UserStep) -> Option<Self> {
        Some(Self {
            id: step.id.clone(),
            phase: step.phase?,
            digest: Sha256::digest(step.script.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
            script: Secret::new(step.script.as_str()),
            timeout: if step.timeout.is_empty() { TIMEOUT } else { seconds(&step.timeout)? },
            run_once: step.run_once.unwrap_or(true),
            on_failure: step.on_failure.unwrap_or_default(),
        })
    }

    /// What its files are called, without their ends: id and content. Another content is another step.
    pub fn stem(&self) -> String {
        format!("{DIRECTORY}/{}.{}", self.id, &self.digest[..16])
    }
}

/// Shown without the script.
impl Serialize for Script {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shown = serde_json::json!({
            "id": self.id, "phase": self.phase, "digest": self.digest, "timeout": self.timeout,
            "runOnce": self.run_once, "onFailure": self.on_failure,
        });
        shown.serialize(to)
    }
}

/// The steps of a document, in its order.
pub fn scripts(config: &NodeConfig) -> Vec<Script> {
    config.instance.steps.iter().filter_map(Script::of).collect()
}

/// What the units and `steps status` need, with the scripts: for root only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Name of the Node.
    pub node: String,
    /// All steps, of all phases.
    pub steps: Vec<UserStep>,
}

impl Record {
    /// Reads what `files` wrote.
    ///
    /// # Errors
    /// It is no such text.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Its steps.
    pub fn scripts(&self) -> Vec<Script> {
        self.steps.iter().filter_map(Script::of).collect()
    }
}

/// How a step ended, as its stamp says; the file is `STEM.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stamp {
    /// What became of it.
    pub result: Outcome,
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// Boot in which it ran (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// When it ended.
    pub at: jiff::Timestamp,
    /// How long it took.
    pub milliseconds: u64,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// With 0.
    Done,
    /// With something else.
    Failed,
    /// It did not end in time and was killed with all its children.
    TimedOut,
}

/// Whether a step with this stamp has to run in this boot. What failed is tried again.
pub fn is_due(script: &Script, stamp: Option<&Stamp>, boot: &str) -> bool {
    match stamp {
        Some(Stamp { result: Outcome::Done, boot: ran, .. }) => !script.run_once && ran != boot,
        Some(Stamp { result: Outcome::Failed | Outcome::TimedOut, .. }) | None => true,
    }
}

/// What is known of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Name.
    pub id: String,
    /// When it runs.
    pub phase: StepPhase,
    /// What it is at.
    pub state: State,
    /// Exit code of its last run.
    pub code: Option<i32>,
    /// When that ended.
    pub at: Option<jiff::Timestamp>,
    /// SHA-256 of the script.
    pub digest: String,
    /// File with what it printed.
    pub log: String,
}

/// What a step is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It has not run, or not in this boot.
    Pending,
    /// It has run well.
    Done,
    /// It has run, and failed.
    Failed,
    /// It has run, and was killed at its timeout.
    TimedOut,
}

impl State {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
        }
    }
}

/// What is known of steps, by their stamps (by [`Script::stem`]).
pub fn status(scripts: &[Script], stamps: &BTreeMap<String, Stamp>, boot: &str) -> Vec<Status> {
    let one = |script: &Script| {
        let stamp = stamps.get(&script.stem());
        let state = match stamp.map(|stamp| stamp.result) {
            Some(Outcome::Failed) => State::Failed,
            Some(Outcome::TimedOut) => State::TimedOut,
            Some(Outcome::Done) if !is_due(script, stamp, boot) => State::Done,
            Some(Outcome::Done) | None => State::Pending,
        };
        Status {
            id: script.id.clone(),
            phase: script.phase,
            state,
            code: stamp.and_then(|stamp| stamp.code),
            at: stamp.map(|stamp| stamp.at),
            digest: script.digest.clone(),
            log: format!("{}.log", script.stem()),
        }
    };
    scripts.iter().map(one).collect()
}

/// Steps of one phase, for a plan.
pub(crate) fn of_phase(config: &NodeConfig, phase: StepPhase) -> Vec<plan::Step> {
    scripts(config).into_iter().filter(|script| script.phase == phase).map(plan::Step::Script).collect()
}

/// The record and the units; none without steps.
pub(crate) fn files(node: &Node<'_>) -> Vec<File> {
    let steps = &node.config.instance.steps;
    if steps.is_empty() {
        return Vec::new();
    }
    let record = Record { node: node.name.to_owned(), steps: steps.clone() };
    let text = serde_json::to_string_pretty(&record).expect("texts, numbers and booleans only") + "\n";
    let mut files = vec![File { mode: 0o600, secret: true, ..File::new(RECORD, text) }];
    let has = |phase| steps.iter().any(|step| step.phase == Some(phase));
    if has(StepPhase::PreNetwork) {
        files.push(File::new(unit::path(NETWORK_UNIT), unit::before_network(node.executable)));
    }
    // Also where nothing is left to do after the join: it tells the cluster how the other steps ended.
    files.push(File::new(unit::path(JOINED_UNIT), unit::joined(node.executable)));
    files
}

/// Starts what [`files`] wrote.
pub(crate) fn services(files: &[File]) -> Vec<plan::Step> {
    let named = |unit: &str| files.iter().any(|file| file.path == unit::path(unit));
    let mut steps = Vec::new();
    if named(NETWORK_UNIT) {
        let files = vec![unit::path(NETWORK_UNIT)];
        steps.push(plan::Step::Service { unit: NETWORK_UNIT.to_owned(), enable: true, files, wait: UNIT_WAIT });
    }
    if named(JOINED_UNIT) {
        let files = vec![RECORD.to_owned(), unit::path(JOINED_UNIT)];
        steps.push(plan::Step::Service { unit: JOINED_UNIT.to_owned(), enable: true, files, wait: UNIT_WAIT });
    }
    steps
}

/// Paths of both units.
pub(crate) const UNIT_PATHS: [&str; 2] =
    ["/etc/systemd/system/hybridge-node-steps-network.service", "/etc/systemd/system/hybridge-node-steps.service"];

#[cfg(test)]
mod tests;
