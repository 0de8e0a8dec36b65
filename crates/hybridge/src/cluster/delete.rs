//! `hybridge cluster delete`: takes away what was made for a cluster, in the order in which one thing needs the other, and tells what is
//! left.

mod leftovers;

use hybridge_cluster::config::{Annotations, ClusterConfig, Metadata, arn, region};
use hybridge_cluster::course::leaving::{Kind, Leaving};
use hybridge_cluster::permissions::Command;
use hybridge_cluster::world::{LiveCluster, World};
use hybridge_report::{Exit, Finding};
use jiff::Timestamp;

use self::leftovers::Known;
use super::deed::oidc::provider_arn;
use super::deed::prepare::needed;
use super::deed::report::Report;
use super::deed::stop::{Done, Stop};
use super::deed::{Deed, kubeconfig};
use super::file::{Read, read};
use super::gather::gather;
use crate::args::cluster::{Delete, File, Which};
use crate::runtime::block_on;
use crate::tell;

const AGAIN: &str = "run the same command again: it goes on with what is left";

pub(super) fn run(asked: &Delete) -> Exit {
    let which = match which(&asked.which) {
        Ok(which) => which,
        Err(exit) => return exit,
    };
    block_on(async {
        let (world, session) = match gather(&which.0, &which.1, &asked.which.asking).await {
            Ok(known) => known,
            Err(finding) => return Stop::from(finding).print(),
        };
        let deed = Deed::new(session, &which.0.metadata.name, asked.patience.timeout, None);
        deed.to_its_end(Command::Delete, AGAIN, delete(&deed, asked, &world)).await
    })
}

/// The cluster that is meant: all of the file, or its name.
fn which(asked: &Which) -> Result<(ClusterConfig, Annotations), Exit> {
    if let Some(file) = &asked.file {
        let Read { config, annotations, .. } = read(&File { file: file.clone(), allow_unsupported: Vec::new() }, Timestamp::now())?;
        return Ok((config, annotations));
    }
    let Some(name) = asked.name.clone() else {
        let finding = Finding::error("cluster.name", "the command line", "no cluster is named");
        tell::findings([&finding.fix("add --name NAME --region REGION, or -f FILE")]);
        return Err(Exit::Input);
    };
    let metadata = Metadata { name, region: asked.region.clone().unwrap_or_default(), ..Metadata::default() };
    Ok((ClusterConfig { metadata, ..ClusterConfig::default() }, Annotations::default()))
}

async fn delete(deed: &Deed, asked: &Delete, world: &World) -> Done<Exit> {
    needed(world)?;
    let leaving = Leaving::of(&deed.cluster, world);
    let own = leaving.has(Kind::Cluster);
    let mut report = Report::new(&deed.cluster, deed.session.region());
    if leaving.is_nothing() {
        if let Some(live) = &world.cluster {
            return Err(others(live).into());
        }
        tell::findings(&leftovers::tell(deed, &Known::default()).await);
        if !asked.dry_run {
            forget(deed, asked, world, &mut report);
        }
        return Ok(report.print(asked.output, "nothing: there is no such cluster, and nothing of it"));
    }
    let known = Known::before(deed, world, own).await?;
    if asked.dry_run {
        return Ok(dry_run(asked, &leaving, world, own));
    }
    inhabited(asked, world, &leaving)?;
    if !asked.force {
        known.in_the_way()?;
    }
    if let (true, Some(live), Some(nodes)) = (asked.drain, &world.cluster, &leaving.nodes) {
        report.done.extend(deed.drain(nodes, live, asked.which.asking.profile.as_deref()).await?);
    }
    machines(deed, &leaving, &mut report).await?;
    let networks = !own && leaving.has(Kind::Hybrid);
    if let (true, Some(live)) = (networks, &world.cluster) {
        report.done.extend(super::deed::networks::withdraw(deed, live, world).await?);
    }
    for (kind, names) in &leaving.stacks {
        if *kind == Kind::Cluster {
            // Before the cluster: without it, nobody knows any more that the provider is its.
            provider(deed, world, &mut report).await?;
        }
        let gone = deed.each(names, async |name: &String| Ok((name, deed.remove(name).await?))).await?;
        report.done.extend(gone.into_iter().filter(|(_, there)| *there).map(|(name, _)| format!("deleted stack {name}")));
    }
    forget(deed, asked, world, &mut report);
    let mut left = leftovers::tell(deed, &known).await;
    left.extend(leaving.strangers.iter().map(|name| leftovers::stranger(name)));
    left.extend(leftovers::of_others(&leaving));
    deed.screen.clear();
    tell::findings(&left);
    Ok(report.print(asked.output, "nothing was left to do"))
}

/// A cluster that is there, and has nothing of eksctl or of us.
fn others(live: &LiveCluster) -> Finding {
    let finding = Finding::error(
        "cluster.foreign",
        format!("cluster {}", live.name),
        "it was made neither by eksctl nor by hybridge, and has nothing of ours",
    );
    finding.fix(format!("who made it deletes it; by hand: aws eks delete-cluster --name {}", live.name))
}

/// Hybrid nodes that are still at work.
fn inhabited(asked: &Delete, world: &World, leaving: &Leaving) -> Done<()> {
    if asked.force || world.cluster.is_none() {
        return Ok(());
    }
    let place = "hybrid nodes";
    let fix = "run it again with --drain to move pods off them and take them out, or with --force to leave them to themselves";
    match &leaving.nodes {
        Some(nodes) if nodes.is_empty() || asked.drain => Ok(()),
        Some(nodes) => {
            let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
            let what = format!("{} are still in the cluster: {}", names.len(), names.join(", "));
            Err(Finding::error("nodes.present", place, what).fix(fix).into())
        }
        None => {
            let online: Vec<_> = leaving.machines.iter().filter(|machine| machine.ping_status == "Online").collect();
            let why = world.unanswered.iter().find(|(call, _)| call.contains("Nodes")).map_or("", |(_, why)| why.as_str());
            if online.is_empty() && !asked.drain {
                tell::line(format_args!(
                    "warning: Kubernetes was not asked whether hybrid nodes are left ({why}); Systems Manager knows of none that is online"
                ));
                return Ok(());
            }
            let names: Vec<_> = online.iter().map(|machine| machine.instance_id.as_str()).collect();
            let what = format!("Kubernetes cannot be asked ({why}), and Systems Manager says that these are online: {}", names.join(", "));
            Err(Finding::error("nodes.unknown", place, what)
                .fix("run it from where the cluster's endpoint can be reached, or with --force")
                .into())
        }
    }
}

/// Machines and activations of Systems Manager.
pub(super) async fn machines(deed: &Deed, leaving: &Leaving, report: &mut Report) -> Done<()> {
    // Activations first: a machine that registers in between would stay.
    for activation in &leaving.activations {
        deed.touch();
        deed.session.delete_activation(&activation.activation_id).await?;
        report.done.push(format!("deleted activation {}", activation.activation_id));
    }
    for machine in &leaving.machines {
        deed.touch();
        deed.session.deregister_managed_instance(&machine.instance_id).await?;
        report.done.push(format!("deregistered machine {} ({})", machine.instance_id, machine.computer_name));
    }
    Ok(())
}

/// The cluster's OpenID Connect provider.
async fn provider(deed: &Deed, world: &World, report: &mut Report) -> Done<()> {
    let Some(arn) = world.cluster.as_ref().and_then(provider_arn) else { return Ok(()) };
    if deed.session.oidc_provider(&arn).await?.is_some() {
        deed.touch();
        deed.session.delete_oidc_provider(&arn).await?;
        report.done.push(format!("deleted OpenID Connect provider {arn}"));
    }
    Ok(())
}

/// The cluster's entries in the kubeconfig that is named: they go by the cluster's ARN, which follows from its name where it is gone.
fn forget(deed: &Deed, asked: &Delete, world: &World, report: &mut Report) {
    let Some(path) = &asked.kubeconfig else { return };
    let of_name = |account: &str| arn::of_cluster(region::partition(deed.session.region()), deed.session.region(), account, &deed.cluster);
    let live = world.cluster.as_ref().map(|live| live.arn.clone());
    let Some(arn) = live.or_else(|| world.caller.as_ref().map(|caller| of_name(&caller.account))) else {
        let finding =
            Finding::error("kubeconfig", path.display().to_string(), "AWS does not say whose account this is, so its entry is not known");
        return report.open.push(finding.fix(AGAIN));
    };
    match kubeconfig::take_out(path, &arn) {
        Ok(true) => report.done.push(format!("took the cluster out of {}", path.display())),
        Ok(false) => {}
        Err(finding) => report.open.push(finding),
    }
}

fn dry_run(asked: &Delete, leaving: &Leaving, world: &World, own: bool) -> Exit {
    let mut text = String::from("would take away:\n");
    for node in leaving.nodes.iter().flatten() {
        text.push_str(&format!("  hybrid node {} (with --drain; else nothing goes while it is there)\n", node.name));
    }
    for activation in &leaving.activations {
        text.push_str(&format!("  activation {}\n", activation.activation_id));
    }
    for machine in &leaving.machines {
        text.push_str(&format!("  machine {} ({}, {})\n", machine.instance_id, machine.computer_name, machine.ping_status));
    }
    for name in leaving.stacks.iter().flat_map(|(_, names)| names) {
        text.push_str(&format!("  stack {name}\n"));
    }
    if let (true, Some(arn)) = (own, world.cluster.as_ref().and_then(provider_arn)) {
        text.push_str(&format!("  OpenID Connect provider {arn}, if there is one\n"));
    }
    if let Some(path) = &asked.kubeconfig {
        text.push_str(&format!("  the cluster's entries in {}, if there are any\n", path.display()));
    }
    for name in &leaving.strangers {
        text.push_str(&format!("would leave:\n  stack {name}: its name is neither eksctl's nor ours\n"));
    }
    for activation in &leaving.other_activations {
        text.push_str(&format!("would leave:\n  activation {}: others made it\n", activation.activation_id));
    }
    for machine in &leaving.other_machines {
        text.push_str(&format!("would leave:\n  machine {} ({}): it came in otherwise\n", machine.instance_id, machine.computer_name));
    }
    tell::data(&text)
}
