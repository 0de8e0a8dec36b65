//! Where EKS differs from its stack. eksctl changes EKS by its API and leaves the stack behind, and so do people.

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::world::{LiveCidrs, LiveCluster, World};

/// A property of the control plane that EKS has otherwise than the stack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveChange {
    /// Path in the properties of `AWS::EKS::Cluster`.
    pub path: &'static str,
    /// As the deployed template has it.
    pub stack: Json,
    /// As EKS has it.
    pub eks: Json,
    /// As the file wants it.
    pub wanted: Json,
    /// What follows.
    pub state: LiveState,
}

/// What follows from a difference between stack and EKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveState {
    /// EKS is as the file wants it; only the stack learns of it.
    Already,
    /// The stack changes EKS.
    ByStack,
    /// The stack is as the file wants it, so CloudFormation sees nothing to do: EKS itself must be asked (`UpdateClusterConfig`).
    ByEks,
}

/// All of them.
pub(super) fn changes(deployed: &Json, wanted: &Json, world: &World) -> Vec<LiveChange> {
    let Some(cluster) = &world.cluster else { return Vec::new() };
    let change = |path: &'static str, eks: Json| {
        let of = |template: &Json| normal(path, template.pointer(&format!("/Resources/ControlPlane/Properties/{path}")));
        let (stack, wanted) = (of(deployed), of(wanted));
        let eks = normal(path, Some(&eks));
        if stack == eks {
            return None;
        }
        let state = match (wanted == eks, wanted == stack) {
            (true, _) => LiveState::Already,
            (false, true) => LiveState::ByEks,
            (false, false) => LiveState::ByStack,
        };
        Some(LiveChange { path, stack, eks, wanted, state })
    };
    if deployed.pointer("/Resources/ControlPlane").is_none() {
        return Vec::new();
    }
    values(cluster).into_iter().filter_map(|(path, eks)| change(path, eks)).collect()
}

/// Whether networks of EKS go that the stack has never heard of: then the texts of both templates mean the same, and EKS must be told.
pub(super) fn must_be_written(deployed: &Json, wanted: &Json, world: &World) -> bool {
    let changes = changes(deployed, wanted, world);
    let networks = changes.iter().any(|change| change.path.starts_with("RemoteNetworkConfig") && change.state == LiveState::ByEks);
    let text = |template: &Json| template.pointer("/Resources/ControlPlane/Properties/RemoteNetworkConfig").cloned();
    networks && text(deployed) != text(wanted)
}

fn values(cluster: &LiveCluster) -> Vec<(&'static str, Json)> {
    let network = &cluster.resources_vpc_config;
    let remote = cluster.remote_network_config.clone().unwrap_or_default();
    let cidrs = |networks: &[LiveCidrs]| json!(networks.iter().map(|network| json!({ "Cidrs": network.cidrs })).collect::<Vec<_>>());
    vec![
        ("Version", json!(cluster.version)),
        ("AccessConfig/AuthenticationMode", json!(cluster.access_config.authentication_mode)),
        ("ResourcesVpcConfig/EndpointPublicAccess", json!(network.endpoint_public_access)),
        ("ResourcesVpcConfig/EndpointPrivateAccess", json!(network.endpoint_private_access)),
        ("ResourcesVpcConfig/PublicAccessCidrs", json!(network.public_access_cidrs)),
        ("RemoteNetworkConfig/RemoteNodeNetworks", cidrs(&remote.remote_node_networks)),
        ("RemoteNetworkConfig/RemotePodNetworks", cidrs(&remote.remote_pod_networks)),
    ]
}

/// One form: sets sorted, and what is not said as EKS fills it in.
fn normal(path: &str, value: Option<&Json>) -> Json {
    let empty = value.is_none_or(|value| value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some(""));
    match path {
        "ResourcesVpcConfig/PublicAccessCidrs" if empty => json!(["0.0.0.0/0"]),
        "ResourcesVpcConfig/EndpointPublicAccess" if empty => json!(true),
        "ResourcesVpcConfig/EndpointPrivateAccess" if empty => json!(false),
        "AccessConfig/AuthenticationMode" if empty => json!("CONFIG_MAP"),
        _ if empty => json!([]),
        _ => {
            let key = path.rsplit('/').next().unwrap_or_default();
            value.map_or(Json::Null, |value| crate::difference::canonical_at(value, key))
        }
    }
}
