//! From trees: what users write into policies, and templates that are deployed.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Resource, Value};

impl Resource {
    /// One of a deployed template, as it is there.
    pub fn from_json(json: &Json) -> Self {
        let mut resource = Self::new(json.get("Type").and_then(Json::as_str).unwrap_or_default());
        for (key, value) in json.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("Type", _) => {}
                ("Properties", Json::Object(map)) => {
                    resource.properties = map.iter().map(|(key, value)| (key.clone(), value.into())).collect()
                }
                ("DependsOn", Json::String(id)) => resource.depends_on = BTreeSet::from([id.clone()]),
                ("DependsOn", Json::Array(ids)) => resource.depends_on = ids.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
                (_, value) => {
                    resource.attributes.insert(key.clone(), value.into());
                }
            }
        }
        resource
    }
}

/// A user's tree, such as a policy. CloudFormation sees references where it is written like one, so we do, too.
/// Numbers that are not whole, and nulls, become text and empty text: no field that we pass on knows them.
impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Text(String::new()),
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => number.as_i64().map_or_else(|| Self::Text(number.to_string()), Self::Number),
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::list(items),
            Json::Object(map) => intrinsic(map).unwrap_or_else(|| Self::object(map.iter().map(|(key, value)| (key.clone(), value.into())))),
        }
    }
}

/// A map of one key that CloudFormation takes for a function.
fn intrinsic(map: &serde_json::Map<String, Json>) -> Option<Value> {
    let (key, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    let boxed = |value: &Json| Box::new(Value::from(value));
    match (key.as_str(), argument) {
        ("Ref", Json::String(id)) => Some(Value::reference(id)),
        ("Fn::Sub", Json::String(text)) => Some(Value::sub(text)),
        ("Fn::GetAtt", Json::String(text)) => text.split_once('.').map(|(id, attribute)| Value::attribute(id, attribute)),
        ("Fn::ImportValue", name) => Some(Value::ImportValue(boxed(name))),
        (key, Json::Array(parts)) => match (key, parts.as_slice()) {
            ("Fn::GetAtt", [Json::String(id), Json::String(attribute)]) => Some(Value::attribute(id, attribute)),
            ("Fn::Join", [Json::String(between), Json::Array(items)]) => {
                Some(Value::Join(between.clone(), items.iter().map(Value::from).collect()))
            }
            ("Fn::Split", [Json::String(at), text]) => Some(Value::Split(at.clone(), boxed(text))),
            ("Fn::Select", [index, list]) => Some(Value::Select(usize::try_from(index.as_u64()?).ok()?, boxed(list))),
            ("Fn::FindInMap", [Json::String(table), first, Json::String(second)]) => {
                Some(Value::FindInMap(table.clone(), boxed(first), second.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}
