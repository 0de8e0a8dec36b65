//! The life of LNIs in EC2: made for Nodes, confirmed, and deleted when nobody can have them any more.
//!
//! ```text
//! Nodes, interfaces, instances, subnets ──► World ─┐
//!                                                  ├─ cycle ─► actions, findings, notes, gauges
//!              earlier observations ──► Memory, now ┘              └─ carried out ─► Memory::done
//! ```
//!
//! An LNI comes from the launch template; then there is only something to confirm. Where it does not, it can be made: create (tags with
//! the creation, `ClientToken` of the intent), attach at the subnet's index, `DeleteOnTermination`. Each step follows from what EC2
//! says, so that a controller that is killed anywhere goes on from there.
//!
//! An interface is deleted only if all of this holds: it has our tags; it is `available` without any attachment; its instance is gone,
//! or nobody had it for longer than the grace time; no Node that lives is to have it; two whole observations in a row say so.

mod bandwidth;
mod collect;
mod cycle;
mod intent;
mod memory;
mod nodes;
pub mod policy;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use hybridge_model::{InstanceId, InterfaceId};
use hybridge_report::Finding;
use serde::{Deserialize, Serialize};

pub use self::bandwidth::{RESOURCE, kbps, quantity};
pub use self::cycle::cycle;
pub use self::memory::Memory;
pub use self::world::{
    ANNOUNCING, Answer, Attachment, CLUSTER_TAG, CONFIGURED, Held, INSTANCE_TAG, INTENT_TAG, Instance, Interface, LNI_TAG, NO_MANAGE_TAG,
    Node, Subnet, World,
};

/// How a controller is to behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name of the cluster; value of [`CLUSTER_TAG`].
    pub cluster: String,
    /// How long an interface without a holder is kept whose instance is not known to be gone.
    pub grace: Duration,
    /// Two observations that are nearer to each other count as one: EC2 is eventually consistent.
    pub apart: Duration,
    /// After this time an interface that was made, and that EC2 does not tell of, is gone.
    pub lag: Duration,
    /// Deletions in one cycle at most.
    pub most_deletes: usize,
    /// Delete, rather than tell what would be deleted.
    pub delete: bool,
    /// Make and attach interfaces for Nodes that started without, rather than tell of them.
    pub create: bool,
}

impl Settings {
    /// What a first deployment should have: it deletes and makes nothing.
    pub fn new(cluster: impl Into<String>) -> Self {
        Self {
            cluster: cluster.into(),
            grace: Duration::from_mins(10),
            apart: Duration::from_secs(30),
            lag: Duration::from_mins(2),
            most_deletes: 5,
            delete: false,
            create: false,
        }
    }
}

/// One thing to be done. Each can be done twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Action {
    /// CreateNetworkInterface.
    Create {
        /// For this Node.
        node: String,
        /// Its UID.
        node_uid: String,
        /// In this subnet.
        subnet: String,
        /// `ClientToken`: the same one makes no second interface.
        token: String,
        /// Tags, set with the creation.
        tags: BTreeMap<String, String>,
    },
    /// AttachNetworkInterface.
    Attach {
        /// What.
        interface: InterfaceId,
        /// To which instance.
        instance: InstanceId,
        /// At which index: the subnet's `EnableLniAtDeviceIndex`.
        device_index: u8,
    },
    /// ModifyNetworkInterfaceAttribute: `DeleteOnTermination` of the attachment becomes true.
    ConfirmDeletion {
        /// Of this interface.
        interface: InterfaceId,
        /// Its attachment.
        attachment: String,
    },
    /// DeleteNetworkInterface.
    Delete {
        /// What.
        interface: InterfaceId,
        /// How long nobody has had it, in seconds.
        seconds: u64,
        /// Why it is nobody's.
        why: String,
    },
    /// Tells the LAN that it may forget an interface that is gone: DHCP reservation, fixed address, announcements.
    Release {
        /// Which is gone.
        interface: InterfaceId,
        /// Its MAC address, which AWS may give to somebody else.
        mac: String,
        /// Its address in EC2.
        address: String,
        /// Name of the Node that had it last; empty: not known.
        node: String,
    },
    /// Tells the LAN which interfaces there are; all others may be forgotten. Once for each start, for what went while nobody looked.
    Greet {
        /// Interface → MAC address.
        live: BTreeMap<InterfaceId, String>,
    },
}

/// How far a Node's LNI is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// There is none yet.
    Intended,
    /// There is one, that nobody has.
    Created,
    /// The instance has it.
    Attached,
    /// It goes with the instance.
    DotConfirmed,
    /// The guest tells that it is set up.
    Configured,
    /// The guest tells that it announces Services.
    Announcing,
}

impl Phase {
    /// In CamelCase, as reasons of Events are.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "LniIntended",
            Self::Created => "LniCreated",
            Self::Attached => "LniAttached",
            Self::DotConfirmed => "LniConfirmed",
            Self::Configured => "LniConfigured",
            Self::Announcing => "LniAnnouncing",
        }
    }
}

/// How it stands with a Node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeState {
    /// Its name.
    pub node: String,
    /// How far it is.
    pub phase: Phase,
    /// Its LNI.
    pub interface: Option<InterfaceId>,
    /// What of [`RESOURCE`] it has.
    pub mbps: Option<String>,
}

/// Something new about a Node, for an Event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// The Node.
    pub node: String,
    /// Its UID.
    pub uid: String,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// Somebody should look.
    pub warning: bool,
}

/// Numbers for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gauges {
    /// LNIs of the cluster.
    pub interfaces: usize,
    /// Those that may be deleted.
    pub orphans: usize,
    /// How long nobody has had the oldest of them, in seconds.
    pub oldest_orphan: u64,
    /// Nodes that should have an LNI and have none.
    pub nodes_without: usize,
    /// Answers that are missing.
    pub missing: usize,
}

/// What follows from an observation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// To be done now, in this order.
    pub actions: Vec<Action>,
    /// What would be done with `delete` and `create`.
    pub withheld: Vec<Action>,
    /// What somebody should look at.
    pub findings: Vec<Finding>,
    /// Nodes on Outposts servers, by name.
    pub nodes: Vec<NodeState>,
    /// What is new.
    pub notes: Vec<Note>,
    /// Numbers.
    pub gauges: Gauges,
    /// A second observation would say more: look again after [`Settings::apart`].
    pub again: bool,
}
