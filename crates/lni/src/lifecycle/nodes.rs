//! What each Node has, and what it lacks.

use std::collections::BTreeSet;

use hybridge_model::InterfaceId;
use hybridge_report::Finding;

use super::cycle::{Terms, Whole};
use super::intent::Intent;
use super::memory::{Need, seen};
use super::world::{ANNOUNCING, Attachment, CONFIGURED, Instance, Interface, Node};
use super::{Action, Memory, NodeState, Outcome, Phase, bandwidth};

/// What a Node with an instance that runs is to have.
struct Place<'a> {
    node: &'a Node,
    instance: &'a Instance,
    device_index: u8,
}

/// Decides for each Node whose subnet has LNIs. Gives the interfaces that are to be had by one of them.
pub(super) fn decide<'a>(whole: &Whole<'a>, memory: &mut Memory, terms: &Terms<'_>, outcome: &mut Outcome) -> BTreeSet<&'a InterfaceId> {
    let mut claimed = BTreeSet::new();
    let mut needy = BTreeSet::new();
    let mut nodes: Vec<&Node> = whole.nodes.iter().collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    for node in nodes {
        let Some(instance) = whole.running(node) else { continue };
        let Some(subnet) = whole.subnets.get(instance.subnet.as_str()) else { continue };
        let Some(device_index) = subnet.lni_device_index.filter(|index| *index > 0) else { continue };
        let place = Place { node, instance, device_index };
        let (phase, interface) = match at_index(whole, &place) {
            Some((id, attachment)) => confirm(whole, &place, (id, attachment), outcome),
            None => {
                needy.insert(node.uid.clone());
                let candidate = candidate(whole, memory, &place, &claimed);
                claimed.extend(candidate.map(|one| &one.id));
                lacks(memory, (&place, candidate), terms, outcome)
            }
        };
        let mbps = bandwidth::quantity(&instance.instance_type);
        outcome.nodes.push(NodeState { node: node.name.clone(), phase, interface, mbps });
    }
    memory.needs.retain(|uid, _| needy.contains(uid));
    claimed
}

/// What the instance has at the LNI's index, by either of EC2's answers: one of them may be older.
fn at_index<'a>(whole: &Whole<'a>, place: &Place<'a>) -> Option<(&'a InterfaceId, &'a Attachment)> {
    let by_interface = whole.ours.values().filter_map(|one| Some((&one.id, one.attachment.as_ref()?)));
    let by_interface = by_interface.filter(|(_, attachment)| attachment.instance.as_ref() == Some(&place.instance.id));
    let by_instance = place.instance.interfaces.iter().map(|held| (&held.id, &held.attachment));
    by_interface.chain(by_instance).find(|(_, attachment)| attachment.device_index == place.device_index)
}

fn confirm(
    whole: &Whole<'_>,
    place: &Place<'_>,
    (id, attachment): (&InterfaceId, &Attachment),
    outcome: &mut Outcome,
) -> (Phase, Option<InterfaceId>) {
    let at = format!("node {}", place.node.name);
    let ours = whole.ours.get(id);
    match ours {
        None => outcome.findings.push(
            Finding::warning("lni.untagged", at, format!("{id} at device index {} has no tag of this cluster", place.device_index)).fix(
                "tag network interfaces in the launch template (TagSpecifications); if the VPC CNI attached it, choose a higher device index",
            ),
        ),
        Some(one) if !one.is_unmanaged() => outcome.findings.push(
            Finding::error("lni.managed-by-cni", at, format!("{id} was made without `{}=true`", super::NO_MANAGE_TAG))
                .fix("set the tag in the launch template and replace the node: the VPC CNI removes the LAN address of interfaces that it manages"),
        ),
        Some(_) => {}
    }
    if !attachment.delete_on_termination {
        if ours.is_some() {
            outcome.actions.push(Action::ConfirmDeletion { interface: id.clone(), attachment: attachment.id.clone() });
        }
        return (Phase::Attached, Some(id.clone()));
    }
    let is = |condition: &str| place.node.conditions.get(condition).copied().unwrap_or(false);
    let phase = match (is(CONFIGURED), is(ANNOUNCING)) {
        (_, true) => Phase::Announcing,
        (true, false) => Phase::Configured,
        (false, false) => Phase::DotConfirmed,
    };
    (phase, Some(id.clone()))
}

/// An interface that nobody has and that is this Node's: made for it, or taken from its instance.
fn candidate<'a>(whole: &Whole<'a>, memory: &Memory, place: &Place<'_>, claimed: &BTreeSet<&InterfaceId>) -> Option<&'a Interface> {
    let is_its =
        |one: &Interface| one.node_uid() == Some(place.node.uid.as_str()) || memory.holders.get(&one.id) == Some(&place.instance.id);
    let fits = |one: &&&Interface| one.subnet == place.instance.subnet && !claimed.contains(&one.id) && is_its(one);
    whole.ours.values().find(|one| fits(one) && one.attachment.is_none() && !whole.held.contains(&one.id)).copied()
}

fn lacks(
    memory: &mut Memory,
    (place, candidate): (&Place<'_>, Option<&Interface>),
    terms: &Terms<'_>,
    outcome: &mut Outcome,
) -> (Phase, Option<InterfaceId>) {
    outcome.gauges.nodes_without += 1;
    let Place { node, instance, device_index } = place;
    let (now, apart) = terms.when();
    let mut streaks = memory.needs.iter().map(|(uid, need)| (uid.clone(), need.streak)).collect();
    let streak = seen(&mut streaks, node.uid.clone(), (now, apart));
    let need = memory.needs.entry(node.uid.clone()).or_insert(Need { streak, generation: 0, made: None });
    need.streak = streak;
    let missing = Finding::warning(
        "lni.missing",
        format!("node {}", node.name),
        format!("{} has nothing at device index {device_index}", instance.id),
    );
    outcome.findings.push(missing.fix("ask for the LNI in the launch template (NetworkInterfaces), or run the controller with --create"));
    let (phase, action) = match candidate {
        Some(one) => {
            need.made = None;
            let attach = Action::Attach { interface: one.id.clone(), instance: instance.id.clone(), device_index: *device_index };
            // It is pending for a moment after it was made.
            ((Phase::Created, Some(one.id.clone())), one.is_free().then_some(attach))
        }
        None => {
            let waits = need.made.as_ref().is_some_and(|(_, at)| now.saturating_sub(*at) < terms.settings.lag);
            if !waits && need.made.take().is_some() {
                need.generation += 1;
            }
            let cluster = terms.settings.cluster.as_str();
            let intent =
                Intent { cluster, node_uid: &node.uid, instance: &instance.id, subnet: &instance.subnet, generation: need.generation };
            let (token, tags) = (intent.token(), intent.tags());
            let (name, uid, subnet) = (node.name.clone(), node.uid.clone(), instance.subnet.clone());
            let create = Action::Create { node: name, node_uid: uid, subnet, token, tags };
            ((Phase::Intended, None), (!waits).then_some(create))
        }
    };
    if streak.is_sure() {
        if terms.settings.create { outcome.actions.extend(action) } else { outcome.withheld.extend(action) }
    }
    outcome.again |= terms.settings.create || !streak.is_sure();
    phase
}
