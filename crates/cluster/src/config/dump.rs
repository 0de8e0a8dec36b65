//! A ClusterConfig as a file.

use serde_json::{Map, Value};

use super::{API_VERSION, ClusterConfig, KIND};

/// The file that says `config`, as YAML; [`super::parse`] reads the same from it.
pub fn dump(config: &ClusterConfig) -> String {
    let mut all = match serde_json::to_value(config).expect("a ClusterConfig has text keys only") {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    let head = Map::from_iter([("apiVersion".to_owned(), Value::from(API_VERSION)), ("kind".to_owned(), Value::from(KIND))]);
    let metadata = all.remove("metadata").map(|metadata| Map::from_iter([("metadata".to_owned(), metadata)]));
    let parts = [head, metadata.unwrap_or_default(), all];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| hybridge_document::write(&Value::Object(part)))
        .collect::<Vec<_>>()
        .join("\n")
}
