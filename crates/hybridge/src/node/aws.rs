//! What AWS says of a node, as one source of facts among the machine's own.

use std::path::PathBuf;
use std::time::Duration;

use hybridge_aws::{Imds, Metadata, Session, Wishes};
use hybridge_node::config::{NodeConfig, Shape};
use hybridge_node::facts::{ClusterFacts, Facts, InstanceFacts};
use hybridge_node::max_pods::table::Table;
use hybridge_node::resolve::{Wanted, authority};
use hybridge_node_host::facts::{Part, is_signed};

use super::questions::Asked;
use super::{max_pods, questions};

/// How long DescribeInstances may take to tell a name: an instance has it seconds after its start.
const NAME: Duration = Duration::from_secs(120);

/// Whom to ask, and as whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Asking {
    /// AWS configuration file of a node outside; it may not be at its place yet.
    pub(super) config_file: Option<PathBuf>,
    /// The user's table of instance types.
    pub(super) types: Option<Table>,
    /// What a run before has found out: not asked again.
    pub(super) known: Option<Facts>,
}

/// Asks IMDS, EC2, EKS and the API server what `wanted` says, independent things at once; what stays open is noted in `missing`, under
/// the names that [`hybridge_node::resolve`] and the writers of files look for.
pub(super) async fn facts(config: &NodeConfig, wanted: &Wanted, asking: &Asking, mut facts: Facts) -> Facts {
    if let Some(known) = &asking.known {
        (facts.instance, facts.instance_type, facts.cluster) = (known.instance.clone(), known.instance_type.clone(), known.cluster.clone());
    }
    if wanted.instance && facts.instance.is_none() {
        match instance().await {
            Ok(instance) => facts.instance = Some(instance),
            Err(error) => note(&mut facts, "instance", &error, Some(error.fix_on_node())),
        }
    }
    let region = match (&facts.instance, config.shape) {
        (Some(instance), _) => Some(instance.region.clone()),
        (None, Shape::Hybrid) => Some(config.cluster.region.clone()).filter(|region| !region.is_empty()),
        (None, Shape::Ec2) => None,
    };
    let wishes = Wishes { region, profile: None, config_file: asking.config_file.clone() };
    let session = match needs_session(wanted, &facts) {
        true => Session::open(&wishes).await.map_err(|error| with_fix(&error, Some(error.fix()))),
        false => Err(String::new()),
    };
    let asked = Asked { wanted, session: session.as_ref().map_err(String::as_str) };
    let (of_ec2, of_cluster, answers, resolved) = tokio::join!(
        ec2(asked, asking.types.as_ref(), facts.instance.clone(), facts.instance_type.is_none()),
        cluster(config, asked, facts.cluster.clone()),
        questions::endpoints(asked, &config.cluster.name),
        names(wanted),
    );
    for part in [of_ec2, of_cluster, answers, resolved] {
        part(&mut facts);
    }
    if let (Some(serving), Some(authority)) = (&facts.answers.kubelet_certificate, authority(config, facts.cluster.as_ref())) {
        facts.answers.kubelet_certificate_signed = is_signed(serving, &authority);
    }
    facts
}

async fn instance() -> Result<InstanceFacts, hybridge_aws::ImdsError> {
    Imds::open(&Metadata::from_env()).await?.instance().await
}

fn needs_session(wanted: &Wanted, facts: &Facts) -> bool {
    let of_instance = facts.instance.is_some() && (wanted.private_dns_name || wanted.instance_type);
    wanted.cluster || !wanted.questions.is_empty() || of_instance
}

/// Name of the instance, and limits of its type where no table knows them.
async fn ec2(asked: Asked<'_>, types: Option<&Table>, instance: Option<InstanceFacts>, type_is_open: bool) -> Part {
    let Some(instance) = instance else { return Box::new(|_| ()) };
    let name = async {
        let open = asked.wanted.private_dns_name && instance.private_dns_name.is_none();
        match (open, asked.session) {
            (false, _) => Ok(instance.private_dns_name.clone()),
            (true, Err(why)) => Err(why.to_owned()),
            (true, Ok(session)) => {
                session.private_dns_name(&instance.id, NAME).await.map(Some).map_err(|error| with_fix(&error, error.fix()))
            }
        }
    };
    let limits = async {
        match (max_pods::known(types, &instance.instance_type), asked.session) {
            (Some(limits), _) => Some(Ok(limits)),
            (None, _) if !(asked.wanted.instance_type && type_is_open) => None,
            (None, Err(why)) => Some(Err(why.to_owned())),
            (None, Ok(session)) => {
                Some(session.instance_type(&instance.instance_type).await.map_err(|error| with_fix(&error, error.fix())))
            }
        }
    };
    let (name, limits) = tokio::join!(name, limits);
    Box::new(move |facts| {
        match name {
            Ok(name) => facts.instance.iter_mut().for_each(|instance| instance.private_dns_name.clone_from(&name)),
            Err(why) => drop(facts.missing.insert("privateDnsName".into(), why)),
        }
        match limits {
            Some(Ok(limits)) => facts.instance_type = Some(limits),
            Some(Err(why)) => drop(facts.missing.insert("instanceType".into(), why)),
            None => {}
        }
    })
}

/// DescribeCluster, and then the API server, which only it may know.
async fn cluster(config: &NodeConfig, asked: Asked<'_>, known: Option<ClusterFacts>) -> Part {
    let described = match (known, asked.session) {
        (Some(known), _) => Ok(Some(known)),
        (None, _) if !asked.wanted.cluster => Ok(None),
        (None, Err(why)) => Err(why.to_owned()),
        (None, Ok(session)) => session.cluster(&config.cluster.name).await.map(Some).map_err(|error| with_fix(&error, error.fix())),
    };
    let answers = questions::api(config, asked, described.as_ref().ok().and_then(Option::as_ref)).await;
    Box::new(move |facts| {
        match described {
            Ok(described) => facts.cluster = described,
            Err(why) => drop(facts.missing.insert("cluster".into(), why)),
        }
        answers(facts);
    })
}

/// Addresses of the names that a plan asks for.
async fn names(wanted: &Wanted) -> Part {
    let mut found = Vec::new();
    // One or none.
    for name in &wanted.names {
        found.push((name.clone(), questions::addresses(name).await));
    }
    Box::new(move |facts| {
        for (name, addresses) in found {
            match addresses {
                Ok(addresses) => drop(facts.resolved.insert(name, addresses)),
                Err(why) => drop(facts.missing.insert(name, why)),
            }
        }
    })
}

/// Puts what AWS said among what the machine has shown.
pub(super) fn put(found: Facts, facts: &mut Facts) {
    (facts.instance, facts.instance_type, facts.cluster) = (found.instance, found.instance_type, found.cluster);
    facts.resolved = found.resolved;
    facts.missing.extend(found.missing);
}

/// Why something is not known, with what to do about it.
pub(super) fn note(facts: &mut Facts, what: &str, error: &(dyn std::error::Error + 'static), fix: Option<String>) {
    facts.missing.insert(what.to_owned(), with_fix(error, fix));
}

fn with_fix(error: &(dyn std::error::Error + 'static), fix: Option<String>) -> String {
    let why = hybridge_report::chain(error);
    match fix {
        Some(fix) => format!("{why} (hint: {fix})"),
        None => why,
    }
}
