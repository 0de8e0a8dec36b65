//! What earlier observations leave behind. Lost with the process, which costs time and never an interface.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hybridge_model::{InstanceId, InterfaceId};

use super::Action;
use super::world::Interface;

/// Observations of the same thing, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Streak {
    pub(super) first: Duration,
    last: Duration,
    times: u32,
}

impl Streak {
    fn begin(now: Duration) -> Self {
        Self { first: now, last: now, times: 1 }
    }

    /// One more, unless it comes so soon that it may be the same answer of EC2 again.
    fn see(&mut self, now: Duration, apart: Duration) {
        if now.saturating_sub(self.last) >= apart {
            (self.last, self.times) = (now, self.times.saturating_add(1));
        }
    }

    /// Whether it was seen twice in a row.
    pub(super) fn is_sure(&self) -> bool {
        self.times >= 2
    }
}

/// Notes one more observation of `key`.
pub(super) fn seen<K: Ord>(streaks: &mut BTreeMap<K, Streak>, key: K, (now, apart): (Duration, Duration)) -> Streak {
    let streak = streaks.entry(key).and_modify(|streak| streak.see(now, apart)).or_insert_with(|| Streak::begin(now));
    *streak
}

/// What the LAN may hold for an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) mac: String,
    pub(super) address: String,
    /// Name of the Node that had it last.
    pub(super) node: String,
}

/// A Node that has no LNI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) streak: Streak,
    pub(super) generation: u32,
    /// What was made for it, and when. Describe may not know it yet.
    pub(super) made: Option<(InterfaceId, Duration)>,
}

/// Memory of earlier cycles. Times are those of a clock that only goes forward.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub(super) orphans: BTreeMap<InterfaceId, Streak>,
    /// Since when nobody has them.
    pub(super) free: BTreeMap<InterfaceId, Duration>,
    /// Who had them last.
    pub(super) holders: BTreeMap<InterfaceId, InstanceId>,
    pub(super) known: BTreeMap<InterfaceId, Known>,
    pub(super) vanished: BTreeMap<InterfaceId, Streak>,
    /// By UID of the Node.
    pub(super) needs: BTreeMap<String, Need>,
    /// Gone, and the LAN was not told yet.
    pub(super) to_release: BTreeMap<InterfaceId, Known>,
    /// The LAN was told which ones there are.
    pub(super) greeted: bool,
    /// What was told of which Node: code or phase.
    pub(super) told: BTreeSet<(String, String)>,
}

impl Memory {
    /// The instances that have to be asked for besides those of Nodes: the last holders of interfaces.
    pub fn instances<'a>(&'a self, interfaces: &'a [Interface]) -> BTreeSet<InstanceId> {
        let attached = interfaces.iter().filter_map(|interface| interface.attachment.as_ref()?.instance.clone());
        let tagged = interfaces.iter().filter_map(|interface| interface.tags.get(super::world::INSTANCE_TAG)?.parse().ok());
        self.holders.values().cloned().chain(attached).chain(tagged).collect()
    }

    /// Takes in that an action was carried out; `made` is the interface that it made.
    pub fn done(&mut self, action: &Action, made: Option<InterfaceId>, now: Duration) {
        match (action, made) {
            (Action::Create { node_uid, .. }, Some(id)) => {
                if let Some(need) = self.needs.get_mut(node_uid) {
                    need.made = Some((id, now));
                }
            }
            (Action::Release { interface, .. }, _) => {
                self.to_release.remove(interface);
            }
            (Action::Greet { .. }, _) => self.greeted = true,
            (Action::Delete { .. } | Action::Attach { .. } | Action::ConfirmDeletion { .. } | Action::Create { .. }, _) => {}
        }
    }

    /// After an observation that is not whole, the next one is a first one again.
    pub(super) fn interrupt(&mut self) {
        self.orphans.clear();
        self.vanished.clear();
        self.needs.values_mut().for_each(|need| need.streak.times = 0);
    }
}
