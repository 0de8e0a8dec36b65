//! Machines outside: what Systems Manager and Kubernetes know of them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use hybridge_aws::ssm::InstanceFilter;
use hybridge_aws::{ApiServer, CallError, Session};
use hybridge_cluster::handover::activation;
use hybridge_cluster::world::{LiveCluster, Tag, World};
use jiff::Timestamp;
use tokio::join;
use tokio::time::timeout;

use super::questions::{Open, together, told};
use super::{AT_ONCE, Asked};

/// For the Kubernetes API: a private endpoint cannot be reached from everywhere.
const PATIENCE: Duration = Duration::from_secs(5);
/// How the question is called where it is noted.
const NODES: &str = "ListNodes";

/// Managed instances and activations of the roles of hybrid nodes: those of the file, of the stacks, and of access entries; and machines
/// that came with an activation of ours.
pub(super) async fn ask(asked: Asked<'_>, world: &World) -> World {
    let remote = asked.config.remote_network_config.as_ref().map(|remote| remote.iam.role_arn.as_str());
    let of_file = remote.into_iter().chain(asked.annotations.role_arns.iter().map(String::as_str));
    let outputs = world.stacks.iter().flat_map(|stack| &stack.outputs).filter(|output| output.output_key == "RemoteNodesRoleARN");
    let of_stacks = outputs.map(|output| output.output_value.as_str());
    let entries = world.access_entries.iter().filter(|entry| entry.kind == "HYBRID_LINUX");
    let of_entries = entries.map(|entry| entry.principal_arn.as_str());
    let arns: BTreeSet<&str> = of_file.chain(of_stacks).chain(of_entries).collect();
    let each = stream::iter(role_names(arns)).map(|role| async move {
        let values = [role.as_str()];
        let filter = [("IamRole", &values[..])];
        let (instances, activations) = join!(asked.session.managed_instances(&filter), asked.session.activations(Some(&role)));
        let mut open = Open::new();
        World {
            managed_instances: told(instances, &mut open),
            activations: told(activations, &mut open),
            unanswered: open,
            ..World::default()
        }
    });
    let by_role = each.buffered(AT_ONCE).fold(World::default(), |all, one| async move { together([all, one]) });
    let (ours, by_role) = join!(ours(asked.session, world.cluster.as_ref()), by_role);
    let mut all = together([ours, by_role]);
    let mut seen = BTreeSet::new();
    all.managed_instances.retain(|machine| seen.insert(machine.instance_id.clone()));
    all
}

/// Names of roles as Systems Manager may have them: with their path, as an activation is given it, and without.
fn role_names(arns: BTreeSet<&str>) -> BTreeSet<String> {
    let plain = arns.iter().filter_map(|arn| arn.rsplit('/').next());
    let whole = arns.iter().filter_map(|arn| activation::role_name(arn));
    plain.chain(whole).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Machines that came with an activation of ours: they keep its tags when it is gone.
async fn ours(session: &Session, live: Option<&LiveCluster>) -> World {
    let Some(live) = live else { return World::default() };
    let tags = [(activation::CLUSTER_ARN, live.arn.as_str()), (activation::MADE_BY, activation::HANDOVER)];
    let keys = tags.map(|(key, _)| format!("tag:{key}"));
    let values = tags.map(|(_, value)| [value]);
    let filters: Vec<InstanceFilter<'_>> = keys.iter().zip(&values).map(|(key, values)| (key.as_str(), &values[..])).collect();
    let mut open = Open::new();
    let mut managed_instances = told(session.managed_instances(&filters).await, &mut open);
    for machine in &mut managed_instances {
        machine.tags = tags.map(|(key, value)| Tag { key: key.to_owned(), value: value.to_owned() }).into();
    }
    World { managed_instances, unanswered: open, ..World::default() }
}

/// Why a question has no answer, without the question itself, which stands before it.
fn without_call(error: &CallError) -> String {
    let why = hybridge_report::chain(error);
    why.strip_prefix("ListNodes ").map_or(why.clone(), str::to_owned)
}

/// The Nodes of a cluster, by its API server.
pub(super) async fn nodes(session: &Session, live: &LiveCluster) -> World {
    // One that is being made has no endpoint yet.
    if live.endpoint.is_empty() {
        return World::default();
    }
    let asked = async {
        let server = ApiServer::of(live).map_err(|cause| cause.to_string())?;
        let token = session.eks_token(&live.name, None, Timestamp::now()).await.map_err(|error| hybridge_report::chain(&error))?;
        server.nodes(&token).await.map_err(|error| without_call(&error))
    };
    let (mut nodes, mut open) = (None, Open::new());
    match timeout(PATIENCE, asked).await {
        Ok(Ok(found)) => nodes = Some(found),
        Ok(Err(why)) => drop(open.insert(NODES.to_owned(), why)),
        Err(_) => drop(open.insert(NODES.to_owned(), format!("{}: no answer within {} s", live.endpoint, PATIENCE.as_secs()))),
    }
    World { nodes, unanswered: open, ..World::default() }
}
