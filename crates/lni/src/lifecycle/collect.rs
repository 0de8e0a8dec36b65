//! Interfaces that nobody can have any more, and those that are gone.

use std::collections::BTreeSet;

use hybridge_model::InterfaceId;
use hybridge_report::Finding;

use super::cycle::{Terms, Whole};
use super::memory::{Streak, seen};
use super::world::{INSTANCE_TAG, Interface};
use super::{Action, Memory, Outcome};

/// Which interfaces are nobody's; deletes those for which that was seen twice in a row. `claimed` are to be had by Nodes.
pub(super) fn decide(
    whole: &Whole<'_>,
    memory: &mut Memory,
    (terms, claimed): (&Terms<'_>, &BTreeSet<&InterfaceId>),
    outcome: &mut Outcome,
) {
    let mut orphans = Vec::new();
    for interface in whole.ours.values() {
        let why = orphaned(whole, memory, interface, terms).filter(|_| !claimed.contains(&interface.id));
        match why {
            Some(why) => {
                let streak = seen(&mut memory.orphans, interface.id.clone(), terms.when());
                orphans.push((*interface, streak, why));
            }
            None => {
                memory.orphans.remove(&interface.id);
            }
        }
    }
    memory.orphans.retain(|id, _| whole.ours.contains_key(id));
    memory.free.retain(|id, _| whole.ours.contains_key(id));
    let age = |interface: &Interface| terms.now.saturating_sub(memory.free.get(&interface.id).copied().unwrap_or(terms.now)).as_secs();
    outcome.gauges.orphans = orphans.len();
    outcome.gauges.oldest_orphan = orphans.iter().map(|(interface, _, _)| age(interface)).max().unwrap_or(0);
    delete(&orphans, &age, terms, outcome);
}

type Orphan<'a> = (&'a Interface, Streak, String);

fn delete(orphans: &[Orphan<'_>], age: &impl Fn(&Interface) -> u64, terms: &Terms<'_>, outcome: &mut Outcome) {
    let sure: Vec<&Orphan<'_>> = orphans.iter().filter(|(_, streak, _)| streak.is_sure()).collect();
    let most = terms.settings.most_deletes;
    for (interface, _, why) in sure.iter().take(most) {
        let action = Action::Delete { interface: interface.id.clone(), seconds: age(interface), why: why.clone() };
        if terms.settings.delete {
            outcome.actions.push(action);
        } else {
            let finding = Finding::warning("lni.orphan", interface.id.to_string(), why.clone());
            outcome.findings.push(finding.fix("it would be deleted with --delete"));
            outcome.withheld.push(action);
        }
    }
    if sure.len() > most {
        let left = sure.len() - most;
        let finding = Finding::warning("lni.orphans-many", "interfaces", format!("{} are nobody's; {left} are left for later", sure.len()));
        outcome.findings.push(finding.fix("see why so many were left behind; --max-deletes sets how many go at a time"));
    }
    outcome.again |= sure.len() < orphans.len() || (terms.settings.delete && !sure.is_empty());
}

/// Why an interface is nobody's; none: somebody has it, or may have it soon.
fn orphaned(whole: &Whole<'_>, memory: &mut Memory, interface: &Interface, terms: &Terms<'_>) -> Option<String> {
    if !interface.is_free() || whole.held.contains(&interface.id) {
        memory.free.remove(&interface.id);
        return None;
    }
    let since = *memory.free.entry(interface.id.clone()).or_insert(terms.now);
    let tagged = || interface.tags.get(INSTANCE_TAG).and_then(|id| id.parse().ok());
    // The last holder counts, not the one that it was made for.
    let holder = memory.holders.get(&interface.id).cloned().or_else(tagged);
    if let Some(gone) = holder.filter(|instance| whole.is_gone(instance)) {
        return Some(format!("its instance {gone} is gone"));
    }
    let free = terms.now.saturating_sub(since);
    (free > terms.settings.grace).then(|| format!("nobody has had it for {} min", free.as_secs() / 60))
}

/// Interfaces that were there and are not: after two observations the LAN may forget them.
pub(super) fn vanished(whole: &Whole<'_>, memory: &mut Memory, terms: &Terms<'_>, outcome: &mut Outcome) {
    let gone: Vec<InterfaceId> =
        memory.known.keys().filter(|id| !whole.ours.contains_key(*id) && !whole.held.contains(id)).cloned().collect();
    memory.vanished.retain(|id, _| gone.contains(id));
    for id in gone {
        if !seen(&mut memory.vanished, id.clone(), terms.when()).is_sure() {
            outcome.again = true;
            continue;
        }
        memory.vanished.remove(&id);
        memory.holders.remove(&id);
        if let Some(known) = memory.known.remove(&id) {
            memory.to_release.insert(id, known);
        }
    }
}
