//! `hybridge cluster update`: makes a cluster that is there what the file says; never by adding alone.

mod steps;

use hybridge_cluster::course::leaving::Leaving;
use hybridge_cluster::course::{Standing, addons, standing};
use hybridge_cluster::permissions::Command;
use hybridge_cluster::resolve::{hybrid_stack_name, stack_name};
use hybridge_cluster::update::{LiveState, Phase, UpdatePlan};
use hybridge_cluster::world::World;
use hybridge_report::{Exit, Finding, Severity};

use super::deed::checks::Work;
use super::deed::furnish::There;
use super::deed::prepare::{Prepared, by_file, needed, prepare};
use super::deed::report::Report;
use super::deed::stop::{Done, Stop};
use super::deed::{Deed, bring, checks, networks};
use super::delete::machines;
use super::file::Read;
use super::gather::gather;
use crate::args::cluster::Update;
use crate::tell;

const AGAIN: &str = "run the same command again: it goes on with what still differs";
const NOTHING: &str = "nothing to change: the cluster is as the file says";

pub(super) fn run(asked: &Update) -> Exit {
    by_file((Command::Update, AGAIN), &asked.change, async |deed, read, world| update(deed, asked, read, world).await)
}

async fn update(deed: &Deed, asked: &Update, read: &Read, world: World) -> Done<Exit> {
    let world = settled(deed, asked, read, world).await?;
    let mut prepared = prepare(read, world)?;
    whose(&prepared, asked.import)?;
    if prepared.cluster.foreign {
        steps::take_hybrid_stack(deed, &mut prepared).await?;
    }
    let plan = steps::plan(&prepared, asked.force);
    checks::before(&prepared, &asked.change.stacks, if plan.phases.is_empty() { Work::Keep } else { Work::Send })?;
    told(&plan)?;
    let wanted: Vec<String> =
        addons::wanted(&prepared.cluster.config, prepared.cluster.partition).into_iter().map(|addon| addon.name).collect();
    let unlisted = bring::unlisted(&prepared, &wanted);
    if asked.change.stacks.dry_run {
        tell::findings(&unlisted);
        return Ok(dry_run(&plan, &prepared));
    }
    let mut report = Report::new(&deed.cluster, deed.session.region());
    // Before the role itself: a machine that registers in between would stay, and so would everything if this run is killed.
    machines(deed, &with_role(&plan, &prepared), &mut report).await?;
    if prepared.cluster.foreign {
        steps::beside(deed, &mut prepared, asked.force, &mut report).await?;
    } else {
        steps::own(deed, &mut prepared, asked.force, &mut report).await?;
        let live = deed.live().await?;
        deed.furnish(&prepared, &live, asked.change.asking.profile.as_deref(), There::Brought, &mut report).await?;
    }
    let live = deed.live().await?;
    let stack = deed.stack(&prepared.first().plan.name).await?;
    report.of(&live, stack.as_ref());
    deed.screen.clear();
    tell::findings(&unlisted);
    Ok(report.print(asked.output, NOTHING))
}

/// What there is when nothing is at work on the stack any more. A dry run does not wait, and says so.
async fn settled(deed: &Deed, asked: &Update, read: &Read, world: World) -> Done<World> {
    let cluster = &read.config.metadata.name;
    let names = [stack_name(cluster), hybrid_stack_name(cluster)];
    let Some(stack) = world.stacks.iter().find(|stack| world.cluster.is_some() && names.contains(&stack.stack_name)) else {
        return Ok(world);
    };
    let now = standing(&stack.stack_status);
    // The cluster is somebody else's then, and a stack beside it that never came to be is made anew.
    let is_anew = stack.stack_name == names[1] && matches!(now, Standing::Reviewed | Standing::RolledBack);
    if now == Standing::Stable || is_anew {
        return Ok(world);
    }
    if now.is_moving() && asked.change.stacks.dry_run {
        let what = format!("something is at work on it ({}): what follows is compared with what it may become", stack.stack_status);
        let finding = Finding::warning("stack.busy", format!("stack {}", stack.stack_name), what);
        tell::findings([&finding.fix("wait until that is done, then run the same command again")]);
        return Ok(world);
    }
    if deed.at_rest(&stack.stack_name).await? {
        let (world, _) = gather(&read.config, &read.annotations, &asked.change.asking).await?;
        needed(&world)?;
        return Ok(world);
    }
    Ok(world)
}

/// Activations and machines that lose their role.
fn with_role(plan: &UpdatePlan, prepared: &Prepared) -> Leaving {
    let of_phase = |phase: &Phase| Leaving::with_role(&prepared.cluster.config.metadata.name, &prepared.world, &phase.changes);
    plan.phases.iter().map(of_phase).find(|leaving| !leaving.is_nothing()).unwrap_or_default()
}

/// Ours by its stack, or somebody else's: then only with --import, and that only then.
fn whose(prepared: &Prepared, import: bool) -> Done<()> {
    let name = &prepared.cluster.config.metadata.name;
    let place = format!("cluster {name}");
    match (&prepared.world.cluster, prepared.cluster.foreign, import) {
        (None, ..) => {
            let finding = Finding::error(
                "cluster.missing",
                place,
                format!("EKS has no cluster `{name}` in {}", prepared.cluster.config.metadata.region),
            );
            Err(finding.fix("run `hybridge cluster create`; or see that name and region are written right").into())
        }
        (Some(_), true, false) => {
            let finding = Finding::error("cluster.foreign", place, "others made it: no stack of eksctl or hybridge owns it");
            Err(finding
                .fix("add --import: a stack of our own beside it then holds what hybrid nodes need, and the cluster's own things stay")
                .into())
        }
        (Some(_), false, true) => {
            let finding = Finding::error("cluster.owned", place, "it has a stack of its own, so there is nothing to import");
            Err(finding.fix("leave --import out").into())
        }
        (Some(_), true, true) | (Some(_), false, false) => Ok(()),
    }
}

/// Tells what there is to know of a plan; an error in it stops everything.
fn told(plan: &UpdatePlan) -> Done<()> {
    let (errors, warnings): (Vec<Finding>, Vec<_>) = plan.findings.iter().cloned().partition(|finding| finding.severity == Severity::Error);
    tell::findings(&warnings);
    if errors.is_empty() { Ok(()) } else { Err(Stop::input(errors)) }
}

/// What would be done to a cluster that others made and that is to have no hybrid nodes: our stack goes, whole.
fn taken_away(plan: &UpdatePlan, prepared: &Prepared) -> String {
    if prepared.world.stacks.iter().any(|stack| stack.stack_name == plan.stack) {
        format!("stack {}: deleted\nEKS itself: remote networks as they were before that stack\n", plan.stack)
    } else {
        format!("stack {}: not there, so there is nothing to take away\n", plan.stack)
    }
}

fn dry_run(plan: &UpdatePlan, prepared: &Prepared) -> Exit {
    if prepared.cluster.foreign && !prepared.cluster.is_hybrid() {
        return tell::data(&taken_away(plan, prepared));
    }
    let mut text = String::new();
    for (number, phase) in plan.phases.iter().enumerate() {
        text.push_str(&format!("stack {}, step {} of {}: {}\n", plan.stack, number + 1, plan.phases.len(), phase.reason));
        if let Some(downtime) = &phase.downtime {
            text.push_str(&format!("  meanwhile: {downtime}\n"));
        }
        for change in &phase.changes.resources {
            text.push_str(&format!("  {:<8} {} ({})\n", change.action.name(), change.id, change.kind));
        }
    }
    let leaving = with_role(plan, prepared);
    for activation in &leaving.activations {
        text.push_str(&format!("activation {}: deleted, as its role goes\n", activation.activation_id));
    }
    for machine in &leaving.machines {
        text.push_str(&format!("machine {} ({}): deregistered, as its role goes\n", machine.instance_id, machine.computer_name));
    }
    for change in plan.live.iter().filter(|change| change.state == LiveState::ByEks) {
        text.push_str(&format!("EKS itself: {} from {} to {}\n", change.path, change.eks, change.wanted));
    }
    let live = prepared.world.cluster.as_ref().filter(|_| prepared.cluster.foreign);
    if let Some((nodes, pods)) = live.and_then(|live| networks::news(&prepared.cluster, live)) {
        text.push_str(&format!("EKS itself: told of the remote networks {}\n", [nodes, pods].concat().join(", ")));
    }
    if plan.is_nothing() {
        text.push_str(&format!("stack {}: nothing to change\n", plan.stack));
    }
    for draft in &prepared.drafts[1..] {
        let there = prepared.world.stacks.iter().any(|stack| stack.stack_name == draft.plan.name);
        text.push_str(&format!("stack {}: {} if it differs\n", draft.plan.name, if there { "changed" } else { "made" }));
    }
    tell::data(&text)
}
