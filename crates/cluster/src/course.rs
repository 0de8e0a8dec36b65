//! What to do next with a stack, as a function of what is there.
//!
//! Every run of a command looks first, whether it is the first one or one after a kill, so there is no record of how far a command came:
//! the state of the stack is the record. What is not ours is left alone, and what somebody else is doing is not disturbed.

pub mod addons;
pub mod leaving;
mod table;

use serde::Serialize;

use crate::events::{StackEvent, last_operation};
use crate::world::{Stack, Tag};

pub use table::{create, delete, update};

/// How our change sets and request tokens begin.
pub const PREFIX: &str = "hybridge-";
/// Tags that name the cluster of a stack: eksctl's, and that of our stacks beside a cluster that others made, which eksctl must not take
/// for its own.
pub const CLUSTER_TAGS: [&str; 3] =
    ["alpha.eksctl.io/cluster-name", "eksctl.cluster.k8s.io/v1alpha1/cluster-name", crate::resolve::HYBRID_STACK_TAG];

/// What is known of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Stack's name.
    pub name: &'a str,
    /// Name of the cluster that it is, or should be, a part of.
    pub cluster: &'a str,
    /// The stack; none: it is not there.
    pub stack: Option<&'a Stack>,
    /// How many of its resources exist; none: not asked.
    pub resources: Option<usize>,
    /// Names of its change sets that nobody has carried out; asked only of stacks that are nothing else.
    pub change_sets: &'a [String],
    /// Its latest events, oldest first; asked only of stacks that change right now or have failed.
    pub events: &'a [StackEvent],
}

impl Seen<'_> {
    /// Where the stack stands.
    pub fn standing(&self) -> Standing {
        self.stack.map_or(Standing::Absent, |stack| standing(&stack.stack_status))
    }

    /// Whether it belongs to the cluster. A stack that is only under review has no tags yet: then its change sets tell.
    pub fn is_ours(&self) -> bool {
        let Some(stack) = self.stack else { return true };
        match tagged_cluster(&stack.tags) {
            Some(cluster) => cluster == self.cluster,
            None if self.standing() == Standing::Reviewed => self.change_sets.iter().all(|name| name.starts_with(PREFIX)),
            None => false,
        }
    }

    /// Who began the operation that is going on, or was the last one, in words; and whether that was a run of hybridge.
    pub fn who(&self) -> (String, bool) {
        let Some(first) = last_operation(self.events).first() else { return ("somebody".into(), false) };
        let token = first.client_request_token.as_str();
        if token.starts_with(PREFIX) {
            return ("an earlier run of hybridge".into(), true);
        }
        let at = first.timestamp.strftime("%H:%M:%S UTC");
        let who = if token.is_empty() { "somebody".into() } else { format!("somebody (request token {token})") };
        (format!("{who} at {at}"), false)
    }
}

/// The cluster that tags name.
pub fn tagged_cluster(tags: &[Tag]) -> Option<&str> {
    CLUSTER_TAGS.iter().find_map(|key| tags.iter().find(|tag| tag.key == *key)).map(|tag| tag.value.as_str())
}

/// Where a stack stands: CloudFormation's states, by what can be done in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// There is none, or it was deleted.
    Absent,
    /// `REVIEW_IN_PROGRESS`: a change set would make it; nothing is there yet.
    Reviewed,
    /// `CREATE_IN_PROGRESS`.
    Creating,
    /// `ROLLBACK_IN_PROGRESS`: making it failed.
    RollingBack,
    /// `ROLLBACK_COMPLETE`: making it failed, and it can only be deleted.
    RolledBack,
    /// `CREATE_FAILED`, `ROLLBACK_FAILED`: making it failed, and resources are left.
    Broken,
    /// `CREATE_COMPLETE`, `UPDATE_COMPLETE`, `UPDATE_ROLLBACK_COMPLETE` and their like: it can be changed.
    Stable,
    /// `UPDATE_IN_PROGRESS`, its cleanup, imports.
    Updating,
    /// `UPDATE_ROLLBACK_IN_PROGRESS`, its cleanup.
    UpdateRollingBack,
    /// `UPDATE_FAILED`: an update failed and was told not to go back.
    UpdateBroken,
    /// `UPDATE_ROLLBACK_FAILED`: nothing but a continued rollback, or deletion, is possible.
    UpdateStuck,
    /// `DELETE_IN_PROGRESS`.
    Deleting,
    /// `DELETE_FAILED`.
    DeleteFailed,
    /// A state that this program does not know.
    Unknown,
}

/// Sorts a `StackStatus` (CloudFormation API reference, "Stack").
pub fn standing(status: &str) -> Standing {
    match status {
        "" | "DELETE_COMPLETE" => Standing::Absent,
        "REVIEW_IN_PROGRESS" => Standing::Reviewed,
        "CREATE_IN_PROGRESS" => Standing::Creating,
        "ROLLBACK_IN_PROGRESS" => Standing::RollingBack,
        "ROLLBACK_COMPLETE" => Standing::RolledBack,
        "CREATE_FAILED" | "ROLLBACK_FAILED" => Standing::Broken,
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE" => {
            Standing::Stable
        }
        "UPDATE_IN_PROGRESS" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" | "IMPORT_IN_PROGRESS" | "IMPORT_ROLLBACK_IN_PROGRESS" => {
            Standing::Updating
        }
        "UPDATE_ROLLBACK_IN_PROGRESS" | "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => Standing::UpdateRollingBack,
        "UPDATE_FAILED" => Standing::UpdateBroken,
        "UPDATE_ROLLBACK_FAILED" | "IMPORT_ROLLBACK_FAILED" => Standing::UpdateStuck,
        "DELETE_IN_PROGRESS" => Standing::Deleting,
        "DELETE_FAILED" => Standing::DeleteFailed,
        _ => Standing::Unknown,
    }
}

impl Standing {
    /// Whether CloudFormation is at work.
    pub fn is_moving(self) -> bool {
        match self {
            Self::Creating | Self::RollingBack | Self::Updating | Self::UpdateRollingBack | Self::Deleting => true,
            Self::Absent
            | Self::Reviewed
            | Self::RolledBack
            | Self::Broken
            | Self::Stable
            | Self::UpdateBroken
            | Self::UpdateStuck
            | Self::DeleteFailed
            | Self::Unknown => false,
        }
    }
}

/// What to do next. After each one the stack is looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a change set of type CREATE and carry it out.
    Create,
    /// Make a change set of type UPDATE and carry it out.
    Change,
    /// Wait until CloudFormation is done; the text says with what.
    Wait(String),
    /// Take away change sets that an earlier run left and did not carry out, these by name; the stack itself has nothing in it.
    Discard(Vec<String>),
    /// Tell why the last attempt failed, and delete what is left of it: nothing is in it any more, and CloudFormation can do nothing
    /// else with it.
    Clear,
    /// Take it away.
    Delete,
    /// Nothing is left to be done.
    Done,
    /// Nothing is done; a person has to do something first.
    Refuse(hybridge_report::Finding),
}

#[cfg(test)]
mod tests;
