//! Machines outside: what Systems Manager and Kubernetes know of them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use hybridge_aws::{ApiServer, Session};
use hybridge_cluster::world::{LiveCluster, World};
use jiff::Timestamp;
use tokio::join;
use tokio::time::timeout;

use super::questions::{Open, together, told};
use super::{AT_ONCE, Asked};

/// For the Kubernetes API: a private endpoint cannot be reached from everywhere.
const PATIENCE: Duration = Duration::from_secs(5);
/// How the question is called where it is noted.
const NODES: &str = "ListNodes";

/// Managed instances and activations of the roles of hybrid nodes: those of the file, of the stacks, and of access entries.
pub(super) async fn ask(asked: Asked<'_>, world: &World) -> World {
    let remote = asked.config.remote_network_config.as_ref().map(|remote| remote.iam.role_arn.as_str());
    let of_file = remote.into_iter().chain(asked.annotations.role_arns.iter().map(String::as_str));
    let outputs = world.stacks.iter().flat_map(|stack| &stack.outputs).filter(|output| output.output_key == "RemoteNodesRoleARN");
    let of_stacks = outputs.map(|output| output.output_value.as_str());
    let entries = world.access_entries.iter().filter(|entry| entry.kind == "HYBRID_LINUX");
    let of_entries = entries.map(|entry| entry.principal_arn.as_str());
    let names = of_file.chain(of_stacks).chain(of_entries).filter_map(|arn| arn.rsplit('/').next());
    let names: BTreeSet<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let each = stream::iter(names).map(|role| async move {
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
    each.buffered(AT_ONCE).fold(World::default(), |all, one| async move { together([all, one]) }).await
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
        server.nodes(&token).await.map_err(|error| hybridge_report::chain(&error))
    };
    let (mut nodes, mut open) = (None, Open::new());
    match timeout(PATIENCE, asked).await {
        Ok(Ok(found)) => nodes = Some(found),
        Ok(Err(why)) => drop(open.insert(NODES.to_owned(), why)),
        Err(_) => drop(open.insert(NODES.to_owned(), format!("{}: no answer within {} s", live.endpoint, PATIENCE.as_secs()))),
    }
    World { nodes, unanswered: open, ..World::default() }
}
