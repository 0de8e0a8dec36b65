//! One cycle: observation and memory in, what is to be done out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hybridge_model::{InstanceId, InterfaceId};
use hybridge_report::Finding;

use super::world::{Instance, Interface, Node, Subnet, World};
use super::{Action, Memory, Note, Outcome, Settings, collect, nodes};

/// A world of which nothing is missing, by identifiers.
pub(super) struct Whole<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) ours: BTreeMap<&'a InterfaceId, &'a Interface>,
    pub(super) instances: BTreeMap<&'a InstanceId, &'a Instance>,
    pub(super) subnets: BTreeMap<&'a str, &'a Subnet>,
    /// Interfaces that instances tell of.
    pub(super) held: BTreeSet<&'a InterfaceId>,
}

impl<'a> Whole<'a> {
    fn of(world: &'a World, cluster: &str) -> Option<Self> {
        let (nodes, interfaces) = (world.nodes.whole()?, world.interfaces.whole()?);
        let (instances, subnets) = (world.instances.whole()?, world.subnets.whole()?);
        Some(Self {
            nodes,
            // The tags of a launch template are those of all its interfaces, also of the first one.
            ours: interfaces.iter().filter(|one| one.is_of(cluster) && !is_first(one)).map(|one| (&one.id, one)).collect(),
            instances: instances.iter().map(|one| (&one.id, one)).collect(),
            subnets: subnets.iter().map(|one| (one.id.as_str(), one)).collect(),
            held: instances.iter().flat_map(|one| &one.interfaces).map(|held| &held.id).collect(),
        })
    }

    /// The instance of a Node that is there to stay, with its state `running`.
    pub(super) fn running(&self, node: &Node) -> Option<&'a Instance> {
        let instance = self.instances.get(node.instance.as_ref()?)?;
        (instance.state == "running" && !node.deleting).then_some(*instance)
    }

    /// Whether an instance is certainly no more.
    pub(super) fn is_gone(&self, instance: &InstanceId) -> bool {
        self.instances.get(instance).is_none_or(|known| known.state == "terminated")
    }
}

fn is_first(interface: &Interface) -> bool {
    interface.attachment.as_ref().is_some_and(|attachment| attachment.device_index == 0)
}

/// The settings, and the time.
pub(super) struct Terms<'a> {
    pub(super) settings: &'a Settings,
    pub(super) now: Duration,
}

impl Terms<'_> {
    pub(super) fn when(&self) -> (Duration, Duration) {
        (self.now, self.settings.apart)
    }
}

/// Decides what follows from what is seen now and was seen before. `now` is read from a clock that only goes forward.
pub fn cycle(world: &World, memory: &mut Memory, settings: &Settings, now: Duration) -> Outcome {
    let mut outcome = Outcome::default();
    for (what, why) in world.missing() {
        let finding = Finding::warning("lni.answer-missing", what, format!("{why}; nothing is made or deleted by an answer in part"));
        outcome.findings.push(finding.fix("see the policy of the controller's role (--policy) and its ClusterRole (--manifest)"));
        outcome.gauges.missing += 1;
    }
    let Some(whole) = Whole::of(world, &settings.cluster) else {
        memory.interrupt();
        release(memory, &mut outcome);
        return outcome;
    };
    let terms = Terms { settings, now };
    remember(&whole, memory);
    let claimed = nodes::decide(&whole, memory, &terms, &mut outcome);
    collect::decide(&whole, memory, (&terms, &claimed), &mut outcome);
    collect::vanished(&whole, memory, &terms, &mut outcome);
    if !memory.greeted {
        let live = whole.ours.values().map(|one| (one.id.clone(), one.mac.clone())).collect();
        outcome.actions.push(Action::Greet { live });
    }
    release(memory, &mut outcome);
    outcome.gauges.interfaces = whole.ours.len();
    tell(memory, &mut outcome, &whole);
    outcome
}

/// Who has what; so that it is known whose it was.
fn remember(whole: &Whole<'_>, memory: &mut Memory) {
    let names: BTreeMap<&InstanceId, &str> =
        whole.nodes.iter().filter_map(|node| Some((node.instance.as_ref()?, node.name.as_str()))).collect();
    for interface in whole.ours.values() {
        let holder = interface.attachment.as_ref().and_then(|attachment| attachment.instance.clone());
        if let Some(holder) = &holder {
            memory.holders.insert(interface.id.clone(), holder.clone());
        }
        let known = memory.known.entry(interface.id.clone()).or_insert_with(|| super::memory::Known {
            mac: interface.mac.clone(),
            address: interface.address.clone(),
            node: String::new(),
        });
        if let Some(name) = holder.and_then(|holder| names.get(&holder).copied()) {
            name.clone_into(&mut known.node);
        }
    }
}

fn release(memory: &Memory, outcome: &mut Outcome) {
    for (interface, known) in &memory.to_release {
        let (mac, address, node) = (known.mac.clone(), known.address.clone(), known.node.clone());
        outcome.actions.push(Action::Release { interface: interface.clone(), mac, address, node });
    }
}

/// Events are for what is new: a phase that was not the last one, a finding that was not there.
fn tell(memory: &mut Memory, outcome: &mut Outcome, whole: &Whole<'_>) {
    let mut told = BTreeSet::new();
    for state in &outcome.nodes {
        let Some(node) = whole.nodes.iter().find(|node| node.name == state.node) else { continue };
        let interface = state.interface.as_ref().map_or("no interface yet".to_owned(), ToString::to_string);
        let mut say = |reason: &str, message: String, warning| {
            let key = (node.uid.clone(), reason.to_owned());
            if !memory.told.contains(&key) {
                let (reason, uid) = (reason.to_owned(), node.uid.clone());
                outcome.notes.push(Note { node: node.name.clone(), uid, reason, message, warning });
            }
            told.insert(key);
        };
        say(state.phase.as_str(), format!("the node's LNI: {interface}"), false);
        let place = format!("node {}", node.name);
        for finding in outcome.findings.iter().filter(|finding| finding.place == place) {
            say(&reason(finding.code), finding.what.clone(), true);
        }
    }
    memory.told = told;
}

/// A code as the reason of an Event: `lni.managed-by-cni` is `LniManagedByCni`.
fn reason(code: &str) -> String {
    let capital = |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>();
    code.split(['.', '-']).map(capital).collect()
}
