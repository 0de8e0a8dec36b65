//! A configuration as it may be shown, and the form that documents have.

use serde_json::{Map, Value, json};

use super::fields::{Check, Field, GATES, Kind};
use super::parse::TOP_KEYS;
use super::{API_VERSION, KIND, NodeConfig, Shape, hide};

/// The whole document as JSON, without activation code, passwords in URLs, and values of variables and TOML keys that are called secrets.
pub fn dump(config: &NodeConfig) -> Value {
    let mut shown = config.clone();
    shown.instance.environment = hide::environment(&shown.instance.environment);
    shown.containerd.config = hide::toml(&shown.containerd.config);
    for step in &mut shown.instance.steps {
        step.script = hide::toml(&step.script);
    }
    json!({ "apiVersion": API_VERSION, "kind": KIND, "spec": hidden(spec(&shown)) })
}

/// `spec` with the blocks that nodeadm writes even when they are empty: its cache files and ours are then the same.
pub(super) fn spec(config: &NodeConfig) -> Value {
    let mut spec = serde_json::to_value(config).expect("a NodeConfig has text keys only");
    for block in ["cluster", "containerd", "instance", "kubelet"] {
        if spec[block].is_null() {
            spec[block] = json!({});
        }
    }
    for block in ["localStorage", "network"] {
        if spec["instance"][block].is_null() {
            spec["instance"][block] = json!({});
        }
    }
    spec
}

/// URLs with passwords can stand in any text.
fn hidden(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(hide::text(&text)),
        Value::Array(items) => items.into_iter().map(hidden).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, hidden(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// JSON Schema (draft 2020-12) of documents of both shapes.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://hybridge.dev/schemas/nodeconfig-v1alpha1.json",
        "title": "NodeConfig",
        "description": "What an EKS node is to be: on EC2, or outside as a hybrid node.",
        "oneOf": [{ "$ref": "#/$defs/ec2" }, { "$ref": "#/$defs/hybrid" }],
        "$defs": { "ec2": document(Shape::Ec2), "hybrid": document(Shape::Hybrid) },
    })
}

fn document(shape: Shape) -> Value {
    let mut document = object(TOP_KEYS, shape);
    document["required"] = json!(["apiVersion", "kind"]);
    // What tells the shapes apart when nobody says which it is.
    let hints = json!([
        { "properties": { "spec": { "type": "object", "required": ["hybrid"] } }, "required": ["spec"] },
        { "properties": { "spec": { "type": "object", "properties": { "cluster": { "type": "object", "required": ["region"] } }, "required": ["cluster"] } }, "required": ["spec"] },
    ]);
    document["title"] = json!(match shape {
        Shape::Ec2 => "A node on EC2",
        Shape::Hybrid => "A node outside AWS",
    });
    if shape == Shape::Hybrid {
        document["anyOf"] = hints;
    }
    document
}

fn object(fields: &'static [Field], shape: Shape) -> Value {
    let known = fields.iter().filter(|field| field.shapes.has(shape) && !matches!(field.kind, Kind::Coming));
    let properties: Map<String, Value> = known.map(|field| (field.name.to_owned(), property(field, shape))).collect();
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn property(field: &Field, shape: Shape) -> Value {
    let mut schema = match field.kind {
        Kind::Object(fields) => object(fields, shape),
        Kind::List(fields) => json!({ "type": ["array", "null"], "items": object(fields, shape) }),
        Kind::Text(check) => text(check),
        Kind::Bool => json!({ "type": ["boolean", "null"] }),
        Kind::Choice([only]) => json!({ "const": only }),
        Kind::Choice(choices) => {
            json!({ "enum": choices.iter().copied().map(Value::from).chain([json!(""), Value::Null]).collect::<Value>() })
        }
        Kind::Texts(check) => json!({ "type": ["array", "null"], "items": text(check) }),
        Kind::Choices(choices) => json!({ "type": ["array", "null"], "items": { "enum": choices } }),
        Kind::Gates => {
            let gates: Map<String, Value> = GATES.iter().map(|gate| ((*gate).to_owned(), json!({ "type": "boolean" }))).collect();
            json!({ "type": ["object", "null"], "properties": gates, "additionalProperties": false })
        }
        Kind::Environment => json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[A-Za-z0-9:_@\\\\-][A-Za-z0-9:_.@\\\\-]*$" },
            "additionalProperties": {
                "type": ["object", "null"],
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                "additionalProperties": scalar(),
            },
        }),
        Kind::Free => json!({ "type": ["object", "null"] }),
        Kind::Lni => hybridge_lni::profile::schema(),
        Kind::Coming => json!(false),
    };
    schema["description"] = Value::from(field.help);
    schema
}

/// Texts are taken as they are written, so that numbers and booleans without quotes are texts, too.
fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean", "null"] })
}

fn text(check: Check) -> Value {
    let limited = |pattern: &str| json!({ "type": ["string", "null"], "pattern": pattern });
    match check {
        Check::Any => scalar(),
        Check::Endpoint => limited("^$|^https?://[^/@]+[^@]*$"),
        Check::Authority => limited("^[A-Za-z0-9+/=\\r\\n]*$"),
        Check::Cidr => limited("^$|^[0-9a-fA-F:.]+/[0-9]{1,3}$"),
        Check::Region => limited("^$|^[a-z]+(-[a-z]+)+-[0-9]{1,2}$"),
        Check::Flag => limited("^(--[A-Za-z]|-v)"),
        Check::Path => limited("^$|^/"),
        Check::NodeName => json!({ "type": ["string", "number", "null"], "maxLength": 64 }),
        Check::TrustAnchor | Check::Profile | Check::Role => limited("^$|^arn:aws[a-z0-9-]*:[^:]*:[^:]*:[0-9]{12}:.+$"),
        Check::ActivationCode => json!({ "type": ["string", "number", "null"], "pattern": "^$|^.{20,250}$", "writeOnly": true }),
        Check::ActivationId => limited("^$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
        Check::StepId => limited("^$|^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
        Check::Duration | Check::Count => json!({ "type": ["string", "number", "null"], "pattern": "^[0-9]*[smh]?$" }),
        Check::Size => limited("^$|^[0-9]+[MGT](B|i|iB)?$"),
        Check::Label => json!({ "type": ["string", "number", "null"], "maxLength": 16 }),
        Check::Toml | Check::Cel | Check::Nameserver | Check::Domain => json!({ "type": ["string", "null"] }),
    }
}
