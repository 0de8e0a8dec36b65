//! What AWS says of a cluster and of what it depends on, asked all at once.
//!
//! A question that is refused or not answered is noted, and the others go on: what to make of that is up to who needs the answer.

mod facts;
mod identities;
mod machines;
mod network;
mod questions;

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::stream;
use hybridge_aws::{CallError, Kind, Session, SessionError, Wishes};
use hybridge_cluster::config::region::is_known;
use hybridge_cluster::config::{Annotations, ClusterConfig};
use hybridge_cluster::course::CLUSTER_TAGS;
use hybridge_cluster::resolve::hybrid_stack_name;
use hybridge_cluster::world::{Caller, Deployed, LiveCluster, Stack, World};
use hybridge_report::{Finding, chain};
use tokio::join;

pub(super) use self::facts::known;
use self::questions::together;
pub(super) use self::questions::{Note, Open, note, told};
use crate::args::cluster::Asking;

/// What one question of a kind after the other would take too long for, and all at once would be throttled for.
pub(super) const AT_ONCE: usize = 8;

/// What is asked, and of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) session: &'a Session,
    pub(super) config: &'a ClusterConfig,
    pub(super) annotations: &'a Annotations,
    pub(super) caller: &'a Caller,
}

/// Asks for everything that a plan, a check or a look at this cluster may need. The region is the file's; without one, that of the
/// environment or of the profile.
///
/// # Errors
/// Nothing can be asked at all: no region, no credentials or expired ones, no network.
pub(super) async fn gather(config: &ClusterConfig, annotations: &Annotations, asking: &Asking) -> Result<(World, Session), Finding> {
    let session = open(&config.metadata.region, asking).await?;
    let caller = caller(&session, asking).await?;
    let asked = Asked { session: &session, config, annotations, caller: &caller };
    let (region, cluster, stacks, identities) = join!(region(asked), cluster(asked), stacks(asked), identities::ask(asked));
    let mut world = together([region, cluster, stacks, identities]);
    world = together([machines::ask(asked, &world).await, world]);
    world.caller = Some(caller);
    Ok((world, session))
}

/// Asks for what belongs to a cluster that exists: what is in it, its stacks, the interfaces of its control plane, its machines outside.
pub(super) async fn look(asked: Asked<'_>, live: &LiveCluster) -> World {
    let (within, stacks, interfaces) = join!(within(asked, Some(live)), stacks(asked), network::interfaces(asked, live));
    let world = together([within, stacks, interfaces]);
    together([machines::ask(asked, &world).await, world])
}

/// AWS in this region; nothing is asked yet.
pub(super) async fn open(region: &str, asking: &Asking) -> Result<Session, Finding> {
    let region = Some(region.to_owned()).filter(|region| !region.is_empty());
    let wishes = Wishes { region, profile: asking.profile.clone(), config_file: None };
    Session::open(&wishes).await.map_err(|error: SessionError| {
        let place = asking.profile.as_ref().map_or_else(|| "the AWS configuration".to_owned(), |profile| format!("profile {profile}"));
        Finding::error("aws.configuration", place, chain(&error)).fix(error.fix())
    })
}

/// Who asks. Without an answer to this, there is none to anything else.
pub(super) async fn caller(session: &Session, asking: &Asking) -> Result<Caller, Finding> {
    match session.caller().await {
        Ok(found) => Ok(Caller { account: found.account, arn: found.arn }),
        Err(error) => Err(without_credentials(&error, asking).unwrap_or_else(|| refused(&error, session.region()))),
    }
}

/// A profile that is named is the only place that credentials are looked for in.
fn without_credentials(error: &CallError, asking: &Asking) -> Option<Finding> {
    let profile = asking.profile.as_ref().filter(|_| error.kind() == Kind::NoCredentials)?;
    let fix = "see that ~/.aws/config or ~/.aws/credentials has it, with keys, a role or a credential_process; with --profile, nothing \
               else is looked at. Single sign-on: leave --profile out, and `eval \"$(aws configure export-credentials --format env)\"`";
    Some(Finding::error("aws.no-credentials", format!("profile {profile}"), chain(error)).fix(fix))
}

/// The code of a call that failed: what is to be done about it.
pub(super) fn code(error: &CallError) -> &'static str {
    code_of(error.kind())
}

fn code_of(kind: Kind) -> &'static str {
    match kind {
        Kind::AccessDenied => "aws.denied",
        Kind::NotFound => "aws.not-found",
        Kind::Throttled => "aws.throttled",
        Kind::NoNetwork => "aws.unreachable",
        Kind::NoCredentials => "aws.no-credentials",
        Kind::BadCredentials => "aws.bad-credentials",
        Kind::ClockSkew => "aws.clock",
        Kind::Other => "aws.refused",
    }
}

/// A call that failed, as a finding.
pub(super) fn refused(error: &CallError, region: &str) -> Finding {
    let finding = Finding::error(code(error), format!("AWS in {region}"), chain(error));
    // Hosts of a region that is none have no addresses.
    let misspelt = error.kind() == Kind::NoNetwork && !is_known(region);
    let doubt = format!("see that the region is written right: this release does not know `{region}`. If it is, ");
    let fix = error.fix().map(|fix| if misspelt { doubt + &fix } else { fix });
    match fix {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

/// What does not depend on the cluster: zones, versions, services.
async fn region(asked: Asked<'_>) -> World {
    let private = &asked.config.private_cluster;
    let services = async {
        if private.enabled && !private.skip_endpoint_creation {
            asked.session.endpoint_services(&network::service_names(asked.session.region())).await
        } else {
            Ok(Vec::new())
        }
    };
    let (zones, versions, services) = join!(asked.session.availability_zones(), asked.session.cluster_versions(), services);
    let mut open = BTreeMap::new();
    World {
        availability_zones: told(zones, &mut open),
        cluster_versions: told(versions, &mut open),
        service_details: told(services, &mut open),
        unanswered: open,
        ..World::default()
    }
}

/// The cluster, if it exists, and what is in it; its network, or the one that it is to be in.
async fn cluster(asked: Asked<'_>) -> World {
    let (session, name) = (asked.session, asked.config.metadata.name.as_str());
    let mut open = BTreeMap::new();
    let live = if name.is_empty() { None } else { told(session.live_cluster(name).await, &mut open) };
    let (network, within) = join!(network::ask(asked, live.as_ref()), within(asked, live.as_ref()));
    together([World { cluster: live, unanswered: open, ..World::default() }, network, within])
}

/// Entries, add-ons and nodes of a cluster that exists.
async fn within(asked: Asked<'_>, live: Option<&LiveCluster>) -> World {
    let (Some(live), session) = (live, asked.session) else { return World::default() };
    let name = live.name.as_str();
    let entries = async {
        let mut open = BTreeMap::new();
        let principals = told(session.access_entries(name).await, &mut open);
        let each = stream::iter(principals).map(|principal| async move { session.access_entry(name, &principal).await });
        let entries: Vec<_> = each.buffered(AT_ONCE).collect().await;
        let access_entries = entries.into_iter().filter_map(|entry| told(entry, &mut open)).collect();
        World { access_entries, unanswered: open, ..World::default() }
    };
    let addons = async {
        let mut open = BTreeMap::new();
        let names = told(session.addons(name).await, &mut open);
        let each = stream::iter(names).map(|addon| async move { session.addon(name, &addon).await });
        let addons: Vec<_> = each.buffered(AT_ONCE).collect().await;
        let addons = addons.into_iter().filter_map(|addon| told(addon, &mut open)).collect();
        World { addons, unanswered: open, ..World::default() }
    };
    let (entries, addons, nodes) = join!(entries, addons, machines::nodes(session, live));
    together([entries, addons, nodes])
}

/// The stacks of the cluster, its own first, and what that was made from.
async fn stacks(asked: Asked<'_>) -> World {
    let (session, cluster) = (asked.session, asked.config.metadata.name.as_str());
    if cluster.is_empty() {
        return World::default();
    }
    let own = format!("eksctl-{cluster}-cluster");
    let mut open = BTreeMap::new();
    let (names, template, resources) = join!(session.stack_names(), session.template(&own), session.stack_resources(&own));
    // Others may have a name that begins alike; whose a stack is says its tag.
    let alike = format!("-{cluster}-");
    let names = told(names, &mut open).into_iter().filter(|name| *name != own && name.contains(&alike));
    let names: Vec<String> = std::iter::once(own.clone()).chain(names).collect();
    let each = stream::iter(names).map(|name| async move { session.stacks(Some(&name)).await });
    let found: Vec<_> = each.buffered(AT_ONCE).collect().await;
    let found = found.into_iter().flat_map(|stacks| told(stacks, &mut open));
    let stacks: Vec<Stack> = found.filter(|stack| stack.stack_name == own || is_of(stack, cluster)).collect();
    let mut deployed =
        told(template, &mut open).map(|template_body| Deployed { template_body, stack_resources: told(resources, &mut open) });
    let beside = hybrid_stack_name(cluster);
    if deployed.is_none() && stacks.iter().any(|stack: &Stack| stack.stack_name == beside) {
        // Others made the cluster, and all that is ours is a stack beside it.
        let (template, resources) = join!(session.template(&beside), session.stack_resources(&beside));
        deployed = told(template, &mut open).map(|template_body| Deployed { template_body, stack_resources: told(resources, &mut open) });
    }
    World { stacks, deployed, unanswered: open, ..World::default() }
}

/// Whether the tags of a stack name this cluster.
fn is_of(stack: &Stack, cluster: &str) -> bool {
    stack.tags.iter().any(|tag| CLUSTER_TAGS.contains(&tag.key.as_str()) && tag.value == cluster)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hybridge_cluster::world::Tag;

    use super::*;

    #[test]
    fn a_stack_belongs_to_the_cluster_that_its_tags_name() {
        let stack = |key: &str, value: &str| Stack { tags: vec![Tag { key: key.into(), value: value.into() }], ..Stack::default() };
        assert!(is_of(&stack("alpha.eksctl.io/cluster-name", "shop"), "shop"));
        assert!(is_of(&stack("eksctl.cluster.k8s.io/v1alpha1/cluster-name", "shop"), "shop"));
        // `eksctl-shop-eu-cluster` begins as stacks of `shop` do.
        assert!(!is_of(&stack("alpha.eksctl.io/cluster-name", "shop-eu"), "shop"));
        assert!(!is_of(&stack("team", "shop"), "shop"));
    }

    #[test]
    fn each_part_of_the_answers_stays_when_they_are_put_together() {
        let noted = |call: &str| World { unanswered: [(call.to_owned(), "no".to_owned())].into(), ..World::default() };
        let with_caller =
            World { caller: Some(Caller { account: "1".into(), arn: "arn:x".into() }), nodes: Some(Vec::new()), ..World::default() };
        let all = together([noted("A"), with_caller, noted("B")]);
        assert_eq!(all.unanswered.keys().collect::<BTreeSet<_>>(), BTreeSet::from([&"A".to_owned(), &"B".to_owned()]));
        assert_eq!((all.caller.unwrap().account.as_str(), all.nodes), ("1", Some(Vec::new())));
    }
}
