//! The wanted template in the deployed one's words.
//!
//! CloudFormation compares texts: a list in another order is a change, and the resource is asked to update. What means the same stays as
//! it is written there. Resources that are not of our making stay, too.

use hybridge_report::Finding;
use serde_json::Value as Json;

use crate::difference::{canonical_at, difference};
use crate::resolve::Cluster;
use crate::template::cfn::{Resource, Template, Value};

/// Identifiers that we, or eksctl, give to what the file asks for; what begins with one of these is ours to take away.
const OURS: [&str; 33] = [
    "AnywhereProfile",
    "AutoModeNodeRole",
    "ClusterSharedNodeSecurityGroup",
    "ControlPlane",
    "HybridNodesIRARole",
    "HybridNodesSSMRole",
    "IngressControlPlaneExtraCIDR",
    "IngressControlPlaneRemoteNetworks",
    "IngressDefaultClusterToNodeSG",
    "IngressEndpointsRemoteNetworks",
    "IngressInterNodeGroupSG",
    "IngressNodeToDefaultClusterSG",
    "InternetGateway",
    "NATGateway",
    "NATIP",
    "NATPrivateSubnetRoute",
    "PrivateRouteTable",
    "PublicRouteTable",
    "PublicSubnetRoute",
    "RemoteNodesAccessEntry",
    "RouteTableAssociationPrivate",
    "RouteTableAssociationPublic",
    "ServiceRole",
    "SubnetPrivate",
    "SubnetPublic",
    "TGWPrivateSubnetRoute",
    "TGWPublicSubnetRoute",
    "TGWSubnetRoute",
    "TransitGatewayAttachment",
    "TrustAnchor",
    "VGW",
    "VPC",
    "VirtualPrivateGatewayAttachment",
];

/// Outputs that go when nothing has them any more.
const OUR_OUTPUTS: [&str; 4] = ["RemoteNodes", "AutoModeNodeRoleARN", "ClusterFullyPrivate", "Subnets"];

pub(super) fn settle(cluster: &Cluster, mut wanted: Template, deployed: &Json) -> (Template, Vec<Finding>) {
    let section = |name: &str| deployed.get(name).and_then(Json::as_object).into_iter().flatten();
    let mut findings = Vec::new();
    for (id, old) in section("Resources") {
        match wanted.resources.get_mut(id) {
            Some(new) => keep_words(cluster, id, new, old),
            None if is_ours(id) => {}
            None => {
                let kind = old.get("Type").and_then(Json::as_str).unwrap_or_default();
                let what = format!("{id} ({kind}) is in the stack and not of the file's making: it stays as it is");
                findings.push(Finding::warning("stack.others", id, what));
                wanted.resources.insert(id.clone(), Resource::from_json(old));
            }
        }
    }
    for (key, old) in section("Outputs") {
        let ours = OUR_OUTPUTS.iter().any(|prefix| key.starts_with(prefix));
        if !wanted.outputs.contains_key(key) && !ours {
            let value = old.get("Value").map(Value::from).unwrap_or_else(|| Value::from(""));
            let export = old.pointer("/Export/Name").map(Value::from);
            wanted.outputs.insert(key.clone(), crate::template::cfn::Output { value, export });
        }
    }
    let asks = |wanted: &Template| {
        wanted.resources.values().any(|resource| resource.attributes.contains_key("Condition")) || wanted.render().contains("Fn::If")
    };
    if section("Conditions").next().is_some() && asks(&wanted) {
        wanted.conditions = section("Conditions").map(|(name, condition)| (name.clone(), condition.into())).collect();
    }
    (wanted, findings)
}

fn is_ours(id: &str) -> bool {
    OURS.iter().any(|prefix| id.starts_with(prefix))
}

/// Takes the deployed form of each value that means the same.
fn keep_words(cluster: &Cluster, id: &str, new: &mut Resource, old: &Json) {
    let empty = serde_json::Map::new();
    let old_properties = old.get("Properties").and_then(Json::as_object).unwrap_or(&empty);
    if id == "ControlPlane" {
        keep_birth(cluster, new, old_properties);
    }
    for (key, value) in &mut new.properties {
        if let Some(old) = old_properties.get(key) {
            keep(value, old, key);
        }
    }
    // Ports of a rule for every protocol mean nothing, and older eksctl wrote them otherwise.
    let same = |new: &Resource| {
        let as_written = || new.properties.iter().zip(old_properties).all(|((key, new), (other, old))| key == other && new.is(old));
        let kind = old.get("Type").and_then(Json::as_str);
        if kind == Some(&new.kind) && new.properties.len() == old_properties.len() && as_written() {
            return true;
        }
        let template = |resource: Json| serde_json::json!({ "Resources": { "It": resource } });
        let as_json = serde_json::to_value(new).unwrap_or_default();
        difference(&template(old.clone()), &template(as_json)).is_empty()
    };
    if same(new) {
        let waits = std::mem::take(&mut new.depends_on);
        *new = Resource::from_json(old);
        new.depends_on.extend(waits);
    }
}

/// What a cluster is born with and the file does not speak of: a later template cannot change it, and need not.
fn keep_birth(cluster: &Cluster, new: &mut Resource, old: &serde_json::Map<String, Json>) {
    match old.get("BootstrapSelfManagedAddons") {
        Some(value) => new.properties.insert("BootstrapSelfManagedAddons".to_owned(), value.into()),
        None => new.properties.remove("BootstrapSelfManagedAddons"),
    };
    if cluster.config.access_config.bootstrap_cluster_creator_admin_permissions.is_some() {
        return;
    }
    const CREATOR: &str = "BootstrapClusterCreatorAdminPermissions";
    if let Some(Value::Object(access)) = new.properties.get_mut("AccessConfig") {
        match old.get("AccessConfig").and_then(|access| access.get(CREATOR)) {
            Some(value) => access.insert(CREATOR.to_owned(), value.into()),
            None => access.remove(CREATOR),
        };
    }
}

fn keep(new: &mut Value, old: &Json, key: &str) {
    if new.is(old) {
        return;
    }
    let as_json = serde_json::to_value(&*new).unwrap_or_default();
    if canonical_at(&as_json, key) == canonical_at(old, key) {
        *new = Value::from(old);
    } else if let (Value::Object(new), Json::Object(old)) = (new, old) {
        for (key, value) in new {
            if let Some(old) = old.get(key) {
                keep(value, old, key);
            }
        }
    }
}
