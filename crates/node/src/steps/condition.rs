//! What the Node says of its steps.

use serde::Serialize;

use super::{State, Status};

/// Type of the condition.
pub const CONDITION: &str = "HybridgeSteps";
/// Bytes of a message; the API server itself has no limit below that of the object.
const LONGEST: usize = 1024;

/// A condition of a Node, without its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// `True`: all that had to run has run well. `False`: a step failed. `Unknown`: some have not run yet.
    pub status: &'static str,
    /// In one word.
    pub reason: &'static str,
    /// Which steps.
    pub message: String,
}

/// What the Node says of these steps. No output of theirs is in it: everybody who may read Nodes would see it.
pub fn condition(steps: &[Status]) -> Condition {
    let named = |state: &dyn Fn(&Status) -> bool| -> Vec<String> {
        steps.iter().filter(|step| state(step)).map(|step| format!("{} ({})", step.id, step.phase)).collect()
    };
    let failed = named(&|step| matches!(step.state, State::Failed | State::TimedOut));
    let pending = named(&|step| step.state == State::Pending);
    let (status, reason, mut message) = match (failed.is_empty(), pending.is_empty()) {
        (false, _) => ("False", "StepFailed", format!("failed: {}; see `hybridge node steps status` on the node", failed.join(", "))),
        (true, false) => ("Unknown", "StepsPending", format!("not run yet: {}", pending.join(", "))),
        (true, true) => ("True", "StepsDone", format!("{} of {} steps done", steps.len(), steps.len())),
    };
    message.truncate(message.floor_char_boundary(LONGEST));
    Condition { status, reason, message }
}
