//! `hybridge cluster create`: checks, then makes what is missing, and says what comes next.

use hybridge_cluster::course::addons;
use hybridge_cluster::permissions::Command;
use hybridge_cluster::template::Purpose;
use hybridge_cluster::world::{LiveCluster, Stack, World};
use hybridge_report::{Exit, Finding};
use jiff::Timestamp;

use super::deed::addons::Making;
use super::deed::draft::{Draft, of};
use super::deed::prepare::{Prepared, ask, drafted, prepare};
use super::deed::report::Report;
use super::deed::stop::{Done, Stop};
use super::deed::{Deed, kubeconfig};
use super::file::{Read, read};
use crate::args::cluster::Create;
use crate::runtime::block_on;
use crate::tell;

/// What is told when the command ends before its end.
const AGAIN: &str = "run the same command again to go on where this one was, or `hybridge cluster delete` to take everything away";

pub(super) fn run(asked: &Create) -> Exit {
    let read = match read(&asked.file, Timestamp::now()) {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    block_on(async {
        let (world, session) = match ask(&read, &asked.asking).await {
            Ok(known) => known,
            Err(stop) => return stop.print(),
        };
        let deed = Deed::new(session, &read.config.metadata.name, asked.stacks.timeout, asked.stacks.template_bucket.clone());
        deed.to_its_end(Command::Create, AGAIN, create(&deed, asked, &read, world)).await
    })
}

async fn create(deed: &Deed, asked: &Create, read: &Read, world: World) -> Done<Exit> {
    let prepared = prepare(read, world)?;
    not_taken(&prepared)?;
    super::deed::checks::before(&prepared, &asked.stacks)?;
    if asked.stacks.dry_run {
        return Ok(dry_run(&prepared));
    }
    let mut report = Report::new(&deed.cluster, deed.session.region());
    let stack = own_stack(deed, &prepared, &mut report).await?;
    let live = there(deed).await?;
    report.of(&live, Some(&stack));
    furnish(deed, &prepared, &live, asked.asking.profile.as_deref(), &mut report).await?;
    if let Some(path) = &asked.kubeconfig {
        let entry = kubeconfig::entry(&live, deed.session.region(), asked.asking.profile.as_deref());
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
    if deployed.is_some_and(|deployed| deployed != draft.plan.template.to_json()) {
        let place = format!("stack {}", draft.plan.name);
        let finding = Finding::error("stack.differs", place, "the cluster is there, and the file asks for something else");
        return Err(finding.fix("see the difference with `hybridge cluster plan`, make it so with `hybridge cluster update`").into());
    }
    Ok(made.stack)
}

/// The cluster as EKS has it.
pub(super) async fn there(deed: &Deed) -> Done<LiveCluster> {
    let missing = || {
        let finding =
            Finding::error("cluster.missing", format!("cluster {}", deed.cluster), "its stack is there, and EKS does not know it");
        Stop::one(finding.fix("somebody deleted the cluster by hand: run `hybridge cluster delete`, then `create`"))
    };
    deed.session.live_cluster(&deed.cluster).await?.ok_or_else(missing)
}

/// Everything beside the cluster's own stack, in the order in which one needs the other. Only what is missing is made.
pub(super) async fn furnish(deed: &Deed, prepared: &Prepared, live: &LiveCluster, profile: Option<&str>, report: &mut Report) -> Done<()> {
    let config = &prepared.cluster.config;
    let tags = &config.metadata.tags;
    report.done.extend(deed.make_all(&of(&prepared.drafts, Purpose::AccessEntry)).await?);
    let nodes = !config.managed_node_groups.is_empty() || prepared.cluster.auto_mode();
    let (early, late): (Vec<_>, Vec<_>) = addons::wanted(config, prepared.cluster.partition).into_iter().partition(|addon| addon.early);
    // Nobody is there yet for whom an early one could become active.
    let making = Making { kubernetes: &live.version, tags, nodes: false };
    report.done.extend(deed.addons(&early, making).await?);
    if config.iam.with_oidc == Some(true) {
        report.done.extend(deed.oidc(live, tags).await?);
    }
    let roles = roles(prepared, live)?;
    report.done.extend(deed.make_all(&roles.iter().collect::<Vec<_>>()).await?);
    report.done.extend(deed.retention(&config.cloud_watch.cluster_logging).await?);
    report.done.extend(deed.make_all(&of(&prepared.drafts, Purpose::NodeGroup)).await?);
    report.done.extend(deed.addons(&late, Making { nodes, ..making }).await?);
    report.done.extend(deed.pod_identities(config).await?);
    let accounts = deed.service_accounts(config, live, profile).await?;
    report.done.extend(accounts.done);
    report.open.extend(accounts.open);
    Ok(())
}

/// Roles of service accounts: their templates name the cluster's issuer, which is known only now.
fn roles(prepared: &Prepared, live: &LiveCluster) -> Done<Vec<Draft>> {
    let mut world = prepared.world.clone();
    world.cluster = Some(live.clone());
    let plans = hybridge_cluster::template::stacks(&prepared.cluster, &world);
    let of_roles = plans.into_iter().filter(|plan| matches!(plan.purpose, Purpose::ServiceAccount | Purpose::PodIdentity));
    of_roles.map(drafted).collect()
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
    let file = asked.file.file.display();
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
