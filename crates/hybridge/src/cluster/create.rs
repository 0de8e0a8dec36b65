//! `hybridge cluster create`: checks, then makes what is missing, and says what comes next.

use hybridge_cluster::course::addons;
use hybridge_cluster::difference::difference;
use hybridge_cluster::permissions::Command;
use hybridge_cluster::world::{Stack, World};
use hybridge_report::{Exit, Finding};

use super::deed::checks::Work;
use super::deed::furnish::There;
use super::deed::prepare::{Prepared, by_file, prepare};
use super::deed::report::Report;
use super::deed::stop::Done;
use super::deed::{Deed, checks, kubeconfig};
use super::file::Read;
use crate::args::cluster::Create;
use crate::tell;

/// What is told when the command ends before its end.
const AGAIN: &str = "run the same command again to go on where this one was, or `hybridge cluster delete` to take everything away";

pub(super) fn run(asked: &Create) -> Exit {
    by_file((Command::Create, AGAIN), &asked.change, async |deed, read, world| create(deed, asked, read, world).await)
}

async fn create(deed: &Deed, asked: &Create, read: &Read, world: World) -> Done<Exit> {
    let prepared = prepare(read, world)?;
    not_taken(&prepared)?;
    let work = if prepared.is_made() { Work::Complete } else { Work::Send };
    checks::before(&prepared, &asked.change.stacks, work)?;
    if asked.change.stacks.dry_run {
        return Ok(dry_run(&prepared));
    }
    let mut report = Report::new(&deed.cluster, deed.session.region());
    let stack = own_stack(deed, &prepared, &mut report).await?;
    let live = deed.live().await?;
    report.of(&live, Some(&stack));
    deed.furnish(&prepared, &live, asked.change.asking.profile.as_deref(), There::Left, &mut report).await?;
    if let Some(path) = &asked.kubeconfig {
        let entry = kubeconfig::entry(&live, deed.session.region(), asked.change.asking.profile.as_deref());
        match kubeconfig::put(path, &entry) {
            Ok(true) => report.done.push(format!("put the cluster into {}", path.display())),
            Ok(false) => {}
            Err(finding) => report.open.push(finding),
        }
    }
    report.next = next(&prepared, asked);
    deed.screen.clear();
    Ok(report.print(asked.output, "nothing was left to do"))
}

/// A cluster of this name that has no stack of ours is somebody else's.
fn not_taken(prepared: &Prepared) -> Done<()> {
    if !prepared.cluster.foreign {
        return Ok(());
    }
    let place = format!("cluster {}", prepared.cluster.config.metadata.name);
    let finding =
        Finding::error("cluster.exists", place, "EKS has a cluster of this name, and there is no stack of eksctl or hybridge that owns it");
    Err(finding
        .fix("choose another `metadata.name`, or run `hybridge cluster update --import` to have hybrid nodes join that cluster")
        .into())
}

/// The cluster's own stack: made, or there and as the file says.
async fn own_stack(deed: &Deed, prepared: &Prepared, report: &mut Report) -> Done<Stack> {
    let draft = prepared.first();
    let made = deed.make_protected(draft).await?;
    if made.new {
        report.done.push(format!("made stack {} ({})", draft.plan.name, draft.plan.purpose.name()));
        return Ok(made.stack);
    }
    let deployed = deed.session.template(&draft.plan.name).await?;
    if deployed.is_some_and(|deployed| !difference(&deployed, &draft.plan.template.to_json()).is_empty()) {
        let place = format!("stack {}", draft.plan.name);
        let finding = Finding::error("stack.differs", place, "the cluster is there, and the file asks for something else");
        return Err(finding.fix("see the difference with `hybridge cluster plan`, make it so with `hybridge cluster update`").into());
    }
    Ok(made.stack)
}

fn dry_run(prepared: &Prepared) -> Exit {
    let config = &prepared.cluster.config;
    let mut text = String::from("would make what of these is not there:\n");
    for draft in &prepared.drafts {
        text.push_str(&format!("  stack {}\n", draft.line()));
    }
    for name in hybridge_cluster::template::later(&prepared.cluster, &prepared.world) {
        text.push_str(&format!("  stack {name}: service account\n"));
    }
    if config.iam.with_oidc == Some(true) {
        text.push_str("  the OpenID Connect provider\n");
    }
    for addon in addons::wanted(config, prepared.cluster.partition) {
        let version = if addon.version.is_empty() { String::new() } else { format!(" {}", addon.version) };
        text.push_str(&format!("  add-on {}{version}\n", addon.name));
    }
    tell::data(&text)
}

fn next(prepared: &Prepared, asked: &Create) -> Vec<String> {
    let file = asked.change.file.file.display();
    let mut next = Vec::new();
    if asked.kubeconfig.is_none() {
        next.push(format!("hybridge cluster create -f {file} --kubeconfig ~/.kube/config"));
    }
    if prepared.cluster.is_hybrid() {
        next.push(format!("hybridge cluster handover -f {file} --dir handover"));
        next.push(format!("hybridge cluster doctor -f {file}"));
    }
    next
}
