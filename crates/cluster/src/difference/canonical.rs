//! A form in which templates that mean the same are the same.

use serde_json::{Map, Value as Json, json};

/// Lists whose order means nothing.
const UNORDERED: [&str; 14] = [
    "SubnetIds",
    "RouteTableIds",
    "SecurityGroupIds",
    "Tags",
    "ManagedPolicyArns",
    "DependsOn",
    "Action",
    "EnabledTypes",
    "Policies",
    "RoleArns",
    "Cidrs",
    "PublicAccessCidrs",
    "Service",
    "Subnets",
];

/// Keys sorted, lists that are sets sorted, empty things left out, functions in one form.
pub fn canonical(value: &Json) -> Json {
    inner(value, "")
}

/// The same for the value of a key: of some, the order means nothing.
pub(crate) fn canonical_at(value: &Json, key: &str) -> Json {
    inner(value, key)
}

/// Properties of a resource in that form. EC2 ignores the ports of a rule for every protocol.
pub(super) fn properties(resource: &Json) -> Json {
    let mut properties = canonical(resource.get("Properties").unwrap_or(&Json::Null));
    if let Json::Object(map) = &mut properties
        && resource.get("Type").and_then(Json::as_str) == Some("AWS::EC2::SecurityGroupIngress")
        && map.get("IpProtocol").and_then(Json::as_str) == Some("-1")
    {
        map.remove("FromPort");
        map.remove("ToPort");
    }
    if properties.is_null() { Json::Object(Map::new()) } else { properties }
}

fn inner(value: &Json, key: &str) -> Json {
    match value {
        Json::Object(map) => object(map),
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(|item| inner(item, key)).collect();
            if UNORDERED.contains(&key) {
                sort(&mut items);
            }
            Json::Array(items)
        }
        // Ports are written as numbers and as text.
        Json::String(text) if ["FromPort", "ToPort"].contains(&key) => text.parse::<i64>().map_or_else(|_| value.clone(), Json::from),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.clone(),
    }
}

fn object(map: &Map<String, Json>) -> Json {
    if let (1, Some(Json::Array(join))) = (map.len(), map.get("Fn::Join"))
        && let [between, Json::Array(items)] = join.as_slice()
    {
        let mut items: Vec<Json> = items.iter().map(canonical).collect();
        sort(&mut items);
        return json!({ "Fn::Join": [between, items] });
    }
    if let (1, Some(Json::String(text))) = (map.len(), map.get("Fn::GetAtt"))
        && let Some((id, attribute)) = text.split_once('.')
    {
        return json!({ "Fn::GetAtt": [id, attribute] });
    }
    let empty = |value: &Json| match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    };
    let entries = map.iter().filter(|(_, value)| !empty(value));
    Json::Object(entries.map(|(key, value)| (key.clone(), inner(value, key))).collect())
}

fn sort(items: &mut [Json]) {
    items.sort_by_cached_key(ToString::to_string);
}
