//! Kubernetes objects in YAML and JSON, as the tests of the chart compare them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The documents of a YAML stream; of what Helm renders.
pub(crate) fn parse(yaml: &str) -> Vec<Value> {
    let documents = yaml.split("\n---\n").map(|text| text.trim_start_matches("---\n"));
    let documents = documents.filter(|text| text.lines().any(|line| !line.is_empty() && !line.starts_with('#')));
    documents.map(|text| serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))).collect()
}

/// The only object of a kind.
pub(crate) fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<_> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}: {found:#?}");
    found[0]
}

/// `kind namespace/name`.
pub(crate) fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}/{}", text(&object["kind"]), text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]))
}

/// Each field that holds no others, by its path; list items go by their name where they have one.
pub(crate) fn fields(object: &Value) -> BTreeMap<String, Value> {
    fn walk(path: &str, value: &Value, fields: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    walk(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, fields);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    let name = item["name"].as_str().map_or_else(|| index.to_string(), str::to_owned);
                    walk(&format!("{path}[{name}]"), item, fields);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                assert_eq!(fields.insert(path.to_owned(), value.clone()), None, "{path} is there twice");
            }
        }
    }
    let mut all = BTreeMap::new();
    walk("", object, &mut all);
    all
}

/// Where the API server keeps an object.
pub(crate) fn path(object: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let api_version = text(&object["apiVersion"]).expect("an object has an apiVersion");
    let kind = text(&object["kind"]).expect("an object has a kind").to_lowercase();
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    let place = text(&object["metadata"]["namespace"]).map_or_else(String::new, |namespace| format!("/namespaces/{namespace}"));
    let name = text(&object["metadata"]["name"]).expect("an object has a name");
    format!("{root}/{api_version}{place}/{kind}s/{name}")
}

/// A live object without what no two of the same content have in common.
pub(crate) fn content(live: &Value) -> Value {
    let mut object = live.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    let metadata = &live["metadata"];
    object["metadata"] = json!({"name": metadata["name"], "namespace": metadata["namespace"], "labels": metadata["labels"], "annotations": metadata["annotations"]});
    object
}

/// What of a rendered object is not in the live one, which has more fields, as the API server fills in defaults.
pub(crate) fn missing(rendered: &Value, live: &Value) -> Vec<String> {
    let live = fields(live);
    let wrong = fields(rendered).into_iter().filter(|(path, value)| {
        // An empty list or map is not stored.
        let empty = matches!(value, Value::Array(_) | Value::Object(_));
        live.get(path).map_or(!empty, |live| live != value)
    });
    wrong.map(|(path, value)| format!("{path}: {value} was rendered, {:?} is there", live.get(&path))).collect()
}

#[test]
fn what_was_rendered_and_is_not_there_is_named_and_what_is_there_besides_is_not() {
    let rendered = json!({"spec": {"replicas": 2, "none": [], "containers": [{"name": "a", "image": "x"}, {"name": "b"}]}});
    let live = json!({"spec": {"replicas": 3, "containers": [{"name": "a", "image": "x", "default": 1}], "more": true}});
    let expected =
        ["spec.containers[b].name: \"b\" was rendered, None is there", "spec.replicas: 2 was rendered, Some(Number(3)) is there"];
    assert_eq!(missing(&rendered, &live), expected);
    assert_eq!(missing(&rendered, &rendered), Vec::<String>::new());
}
