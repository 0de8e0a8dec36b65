//! A profile as a file, where each of its values comes from, and the form that files have.

use serde_json::{Map, Value, json};

use super::Profile;
use super::fields::{Field, Form, Kind, PROFILE};

/// The file that says `profile`, with everything that was taken without being said; [`super::parse`] reads the same from it.
pub fn dump(profile: &Profile) -> String {
    hybridge_document::write(&json!({ "lni": profile }))
}

/// Each value of `profile` with its path below `lni`, and whether it is among those that were said.
pub fn explain(profile: &Profile, said: &Map<String, Value>) -> Vec<(String, Value, bool)> {
    let mut rows = Vec::new();
    let whole = serde_json::to_value(profile).expect("a profile has text keys only");
    rows_of(&whole, Some(&Value::Object(said.clone())), "", &mut rows);
    rows
}

fn rows_of(value: &Value, said: Option<&Value>, path: &str, rows: &mut Vec<(String, Value, bool)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                rows_of(value, said.and_then(|said| said.get(key)), &path, rows);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            rows.push((path.to_owned(), value.clone(), said.is_some()));
        }
    }
}

/// JSON Schema of what stands below `lni:`. A part of a profile fits it, too: documents are merged before it is asked what is missing.
pub fn schema() -> Value {
    object(PROFILE)
}

fn object(fields: &'static [Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn property(field: &Field) -> Value {
    let mut schema = match field.kind {
        Kind::Object(fields) => object(fields),
        Kind::Number(limits) => json!({ "type": ["integer", "null"], "minimum": limits.least, "maximum": limits.most }),
        Kind::Bool => json!({ "type": ["boolean", "null"] }),
        Kind::Choice(choices) => {
            json!({ "enum": choices.iter().copied().map(Value::from).chain([json!(""), Value::Null]).collect::<Value>() })
        }
        Kind::Text(form) => json!({ "anyOf": [text(form), { "type": "null" }] }),
        Kind::Texts(form) => json!({ "type": ["array", "null"], "items": text(form) }),
    };
    schema["description"] = Value::from(field.help);
    schema
}

fn text(form: Form) -> Value {
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match form {
        Form::Mac => pattern("^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"),
        // YAML makes a number of 0x2000.
        Form::Mark => json!({ "type": ["string", "integer"], "pattern": "^(0[xX][0-9A-Fa-f_]+|[0-9_]+)$" }),
        Form::HostAddress | Form::Cidr => pattern("^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$"),
        Form::Address => pattern("^[0-9]{1,3}([.][0-9]{1,3}){3}$"),
        Form::Range => pattern("^[0-9]{1,3}([.][0-9]{1,3}){3}( *- *[0-9]{1,3}([.][0-9]{1,3}){3}|/[0-9]{1,2})?$"),
        Form::Port => pattern("^(tcp|udp)/[0-9]{1,5}$"),
    }
}
