//! What AWS says of a node, as one source of facts among the machine's own.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use hybridge_aws::{Imds, Metadata, Session, Wishes};
use hybridge_node::config::{NodeConfig, Shape};
use hybridge_node::facts::Facts;
use hybridge_node::max_pods::table::Table;
use hybridge_node::resolve::Wanted;

use super::{max_pods, questions};

/// How long DescribeInstances may take to tell a name: an instance has it seconds after its start.
const NAME: Duration = Duration::from_secs(120);

/// Runs a question to its end on a runtime of its own.
pub(super) fn block_on<T>(question: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs a few descriptors");
    let answer = runtime.block_on(question);
    // Dropping the runtime would wait for a name server that does not answer.
    runtime.shutdown_background();
    answer
}

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

/// Asks IMDS, EC2, EKS and the API server what `wanted` says; what stays open is noted in `missing`.
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
    match Session::open(&wishes).await {
        Ok(session) => ask(config, wanted, asking, &session, &mut facts).await,
        Err(error) if needs_session(wanted, &facts) => note(&mut facts, "aws", &error, Some(error.fix())),
        Err(_) => {}
    }
    facts
}

async fn instance() -> Result<hybridge_node::facts::InstanceFacts, hybridge_aws::ImdsError> {
    Imds::open(&Metadata::from_env()).await?.instance().await
}

fn needs_session(wanted: &Wanted, facts: &Facts) -> bool {
    wanted.cluster || !wanted.questions.is_empty() || (wanted.private_dns_name && facts.instance.is_some())
}

async fn ask(config: &NodeConfig, wanted: &Wanted, asking: &Asking, session: &Session, facts: &mut Facts) {
    if let Some(instance) = facts.instance.clone() {
        if wanted.private_dns_name && instance.private_dns_name.is_none() {
            match session.private_dns_name(&instance.id, NAME).await {
                Ok(name) => facts.instance.iter_mut().for_each(|instance| instance.private_dns_name = Some(name.clone())),
                Err(error) => note(facts, "instance.privateDnsName", &error, error.fix()),
            }
        }
        let known = max_pods::known(asking.types.as_ref(), &instance.instance_type);
        match known {
            Some(limits) => facts.instance_type = Some(limits),
            None if wanted.instance_type && facts.instance_type.is_none() => match session.instance_type(&instance.instance_type).await {
                Ok(limits) => facts.instance_type = Some(limits),
                Err(error) => note(facts, "instanceType", &error, error.fix()),
            },
            None => {}
        }
    }
    if wanted.cluster && facts.cluster.is_none() {
        match session.cluster(&config.cluster.name).await {
            Ok(cluster) => facts.cluster = Some(cluster),
            Err(error) => note(facts, "cluster", &error, error.fix()),
        }
    }
    questions::answer(config, wanted, session, facts).await;
}

/// Puts what AWS said among what the machine has shown.
pub(super) fn put(found: Facts, facts: &mut Facts) {
    (facts.instance, facts.instance_type, facts.cluster) = (found.instance, found.instance_type, found.cluster);
    facts.missing.extend(found.missing);
}

/// Why something is not known, with what to do about it.
pub(super) fn note(facts: &mut Facts, what: &str, error: &(dyn std::error::Error + 'static), fix: Option<String>) {
    let why = hybridge_report::chain(error);
    facts.missing.insert(what.to_owned(), fix.map_or(why.clone(), |fix| format!("{why} (hint: {fix})")));
}
