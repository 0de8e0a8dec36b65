//! The activation by which machines come in: the one that there is, or a new one.
//!
//! Its code is known once, when it is made, so it goes into the NodeConfig at once (or to standard output), and an activation whose code
//! found no place is taken back.

use hybridge_aws::Session;
use hybridge_aws::ssm::{NewActivation, NewlyActivated};
use hybridge_cluster::handover::{Known, activation};
use hybridge_node::config;
use hybridge_node::secret::Secret;
use hybridge_report::{Finding, chain};
use jiff::{SignedDuration, Timestamp};

use super::files::Directory;
use crate::cluster::gather;
use crate::node::languages;

/// The NodeConfig that holds it.
pub(super) const FILE: &str = "nodeconfig.yaml";

/// The activation that a NodeConfig in the directory names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) id: String,
    pub(super) code: Option<Secret>,
}

/// Looks for it.
pub(super) fn written(directory: &Directory<'_>) -> Result<Option<Written>, Finding> {
    let Some(text) = directory.read(FILE)? else { return Ok(None) };
    let parsed = config::parse(FILE, text.as_bytes(), None, languages());
    let ssm = parsed.draft.and_then(|config| config.hybrid).and_then(|hybrid| hybrid.ssm);
    Ok(ssm.map(|ssm| Written { id: ssm.activation_id, code: ssm.activation_code }).filter(|written| !written.id.is_empty()))
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// None is asked for, and none is written down.
    None,
    /// The one that the NodeConfig names.
    Use(Written),
    /// A new one.
    Make(activation::Wanted),
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// For how many machines; none: no new one.
    pub(super) machines: Option<u32>,
    /// Another one, although one of ours still takes machines.
    pub(super) force: bool,
    pub(super) now: Timestamp,
}

/// Decides: a second run makes no second activation.
pub(super) fn decide(known: &Known<'_>, written: Option<Written>, asked: Asked) -> Result<Decision, Finding> {
    let Some(machines) = asked.machines else { return Ok(written.map_or(Decision::None, Decision::Use)) };
    let (Some(cluster), Some(role)) = (known.arn(), known.role_arn()) else {
        let what = "cannot be made: the cluster and the role of its nodes are not known";
        return Err(
            Finding::error("activation.unknown", "--activation", what).fix("make the cluster first: hybridge cluster create -f FILE")
        );
    };
    if known.world.unanswered.keys().any(|question| question.starts_with("DescribeActivations")) && !asked.force {
        let unseen = || {
            let what = "is not made: AWS did not say which activations there are, so there may be one of ours already";
            Finding::error("activation.unseen", "--activation", what).fix("allow ssm:DescribeActivations, or --force for one all the same")
        };
        return written.map(Decision::Use).ok_or_else(unseen);
    }
    let now = asked.now.as_duration().as_secs_f64();
    let open = activation::open(&known.world.activations, &cluster, now);
    if let Some(written) = written.filter(|written| open.iter().any(|open| open.activation_id == written.id)) {
        return Ok(Decision::Use(written));
    }
    if let (Some(open), false) = (open.first(), asked.force) {
        let left = open.registration_limit - open.registrations_count;
        let end = open
            .expiration_date
            .and_then(|end| Timestamp::from_second(end as i64).ok())
            .map_or_else(String::new, |end| format!(" until {end}"));
        let what =
            format!("{} of ours still takes {left} machines{end}; its code is where the handover of that time put it", open.activation_id);
        return Err(Finding::error("activation.there", "--activation", what).fix("use that NodeConfig, or --force for another activation"));
    }
    let wanted = activation::Wanted::new(known, &cluster, role, machines).ok_or_else(|| {
        Finding::error(
            "activation.role",
            role,
            "cannot be given to machines: Systems Manager takes names of 64 characters at most, with the path",
        )
        .fix("give the role a shorter name: remoteNetworkConfig.iam.roleARN")
    })?;
    Ok(Decision::Make(wanted))
}

/// So many hours from now, in whole seconds.
pub(super) fn end(now: Timestamp, hours: u32) -> Timestamp {
    let end = now + SignedDuration::from_hours(hours.into());
    Timestamp::from_second(end.as_second()).expect("a moment without its fraction is one")
}

/// Makes it, for so many hours from now.
pub(super) async fn make(session: &Session, wanted: &activation::Wanted, now: Timestamp, hours: u32) -> Result<NewlyActivated, Finding> {
    let new = NewActivation {
        role: &wanted.iam_role,
        limit: wanted.registration_limit,
        expires: end(now, hours),
        description: &wanted.description,
        instance_name: &wanted.default_instance_name,
        tags: &wanted.tags,
    };
    session.create_activation(&new).await.map_err(|error| gather::refused(&error, session.region()))
}

/// Takes one back whose code found no place, and says how that went.
pub(super) async fn take_back(session: &Session, id: &str) -> Finding {
    match session.delete_activation(id).await {
        Ok(()) => Finding::warning("activation.taken-back", id, "was made and is deleted again, as its code could not be written down"),
        Err(error) => {
            Finding::error("activation.left", id, format!("was made, its code is lost, and it could not be deleted: {}", chain(&error)))
                .fix(format!("aws ssm delete-activation --activation-id {id}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use hybridge_cluster::config::{Annotations, ClusterConfig, Provider};
    use hybridge_cluster::resolve::{Cluster, ClusterVpc, HybridRole};
    use hybridge_cluster::world::{Activation, LiveCluster, Tag, World};

    use super::*;

    const ARN: &str = "arn:aws:eks:eu-central-1:111122223333:cluster/shop";

    fn cluster() -> Cluster {
        let mut config = ClusterConfig::default();
        (config.metadata.name, config.metadata.region) = ("shop".to_owned(), "eu-central-1".to_owned());
        Cluster {
            config,
            annotations: Annotations::default(),
            partition: "aws",
            version: "1.34".to_owned(),
            zones: Vec::new(),
            vpc: ClusterVpc::default(),
            service_cidr: None,
            node_cidrs: Vec::new(),
            pod_cidrs: Vec::new(),
            gateway: None,
            role: Some(HybridRole::Given { arn: "arn:aws:iam::111122223333:role/site/nodes".to_owned(), provider: Provider::Ssm }),
            ca_bundle: None,
            foreign: false,
            warnings: Vec::new(),
        }
    }

    fn world(ids: &[&str]) -> World {
        let tags: Vec<Tag> = activation::tags("shop", ARN).into_iter().map(|(key, value)| Tag { key, value }).collect();
        let activation =
            |id: &&str| Activation { activation_id: (*id).to_owned(), registration_limit: 3, tags: tags.clone(), ..Activation::default() };
        let live = LiveCluster { name: "shop".to_owned(), arn: ARN.to_owned(), ..LiveCluster::default() };
        World { cluster: Some(live), activations: ids.iter().map(activation).collect(), ..World::default() }
    }

    fn decided(world: &World, written: Option<&str>, machines: Option<u32>, force: bool) -> Result<Decision, &'static str> {
        let cluster = cluster();
        let written = written.map(|id| Written { id: id.to_owned(), code: None });
        let asked = Asked { machines, force, now: Timestamp::UNIX_EPOCH };
        decide(&Known::new(&cluster, world), written, asked).map_err(|finding| finding.code)
    }

    #[test]
    fn a_second_run_makes_no_second_activation() {
        let used = |id: &str| Ok(Decision::Use(Written { id: id.to_owned(), code: None }));
        let makes = |decision: Result<Decision, &str>| matches!(decision, Ok(Decision::Make(wanted)) if wanted.registration_limit == 3 && wanted.iam_role == "site/nodes");
        assert_eq!(decided(&world(&["a"]), None, None, false), Ok(Decision::None), "none is asked for");
        assert_eq!(decided(&world(&[]), Some("a"), None, false), used("a"), "what is written stays");
        assert!(makes(decided(&world(&[]), None, Some(3), false)));
        assert_eq!(decided(&world(&["a"]), Some("a"), Some(3), false), used("a"));
        assert_eq!(decided(&world(&["a"]), Some("a"), Some(3), true), used("a"), "--force is for files");
        assert!(makes(decided(&world(&[]), Some("a"), Some(3), false)), "that one takes no machines any more");
        assert_eq!(decided(&world(&["b"]), None, Some(3), false), Err("activation.there"));
        assert_eq!(decided(&world(&["b"]), Some("a"), Some(3), false), Err("activation.there"));
        assert!(makes(decided(&world(&["b"]), None, Some(3), true)));
        assert_eq!(decided(&World::default(), None, Some(3), false), Err("activation.unknown"));
        let mut unseen = world(&[]);
        unseen.unanswered.insert("DescribeActivations nodes".to_owned(), "not allowed".to_owned());
        assert_eq!(decided(&unseen, None, Some(3), false), Err("activation.unseen"));
        assert_eq!(decided(&unseen, Some("a"), Some(3), false), used("a"));
        assert!(makes(decided(&unseen, None, Some(3), true)));
    }
}
