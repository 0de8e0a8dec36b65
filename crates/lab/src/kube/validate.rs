//! What a structural schema does to an object: unknown fields are pruned, defaults filled in, and the rest is checked.
//!
//! The part of OpenAPI that the lab's CRDs use, with kube-apiserver 1.34's wording. Formats and CEL rules are not looked at.

use regex::Regex;
use serde_json::{Map, Value};

use super::status::Cause;

const KEEP_UNKNOWN: &str = "x-kubernetes-preserve-unknown-fields";

/// Drops the fields that the schema of a whole object does not know.
pub(super) fn prune(schema: &Value, object: &mut Value) {
    // Metadata has a schema of its own, which every object shares.
    let metadata = object["metadata"].take();
    prune_value(schema, object);
    object["metadata"] = metadata;
}

fn prune_value(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let properties = &schema["properties"];
            let others = schema.get("additionalProperties");
            if schema[KEEP_UNKNOWN] != true && others.is_none() {
                fields.retain(|name, _| properties.get(name).is_some());
            }
            for (name, value) in fields {
                if let Some(schema) = properties.get(name).or(others) {
                    prune_value(schema, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| prune_value(&schema["items"], item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Fills in the defaults of fields that are missing, inside objects and lists that are there.
pub(super) fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                let missing = fields.get(name).is_none_or(Value::is_null);
                if let (true, Some(default)) = (missing, schema.get("default")) {
                    fields.insert(name.clone(), default.clone());
                }
                if let Some(value) = fields.get_mut(name) {
                    fill(schema, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(&schema["items"], item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Everything that is wrong with an object under its schema.
pub(super) fn problems(schema: &Value, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(schema, object, "", &mut causes);
    causes
}

fn check(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if let Some(wanted) = schema["type"].as_str() {
        let actual = type_of(value);
        if actual != wanted && !(wanted == "number" && actual == "integer") {
            let message = format!("Invalid value: \"{actual}\": {path} in body must be of type {wanted}: \"{actual}\"");
            causes.push(Cause { reason: "FieldValueTypeInvalid", field: path.into(), message });
            return;
        }
    }
    match value {
        Value::String(text) => check_text(schema, text, path, causes),
        Value::Array(items) => check_list(schema, items, path, causes),
        Value::Object(fields) => check_fields(schema, fields, path, causes),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check_text(schema: &Value, text: &str, path: &str, causes: &mut Vec<Cause>) {
    let mut invalid = |why: String| {
        let message = format!("Invalid value: {}: {path} in body {why}", Value::from(text));
        causes.push(Cause { reason: "FieldValueInvalid", field: path.into(), message });
    };
    let length = text.chars().count() as u64;
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        invalid(format!("should be at least {least} chars long"));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let regex = Regex::new(pattern).expect("the patterns of the CRDs in this crate compile, which a test checks");
        if !regex.is_match(text) {
            invalid(format!("should match '{pattern}'"));
        }
    }
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        let message = format!("Too long: may not be more than {most} bytes");
        causes.push(Cause { reason: "FieldValueTooLong", field: path.into(), message });
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.iter().any(|value| value == text)) {
        let allowed: Vec<_> = allowed.iter().map(Value::to_string).collect();
        let message = format!("Unsupported value: {}: supported values: {}", Value::from(text), allowed.join(", "));
        causes.push(Cause { reason: "FieldValueNotSupported", field: path.into(), message });
    }
}

fn check_list(schema: &Value, items: &[Value], path: &str, causes: &mut Vec<Cause>) {
    let count = items.len() as u64;
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| count > *most) {
        let message = format!("Too many: {count}: must have at most {most} items");
        causes.push(Cause { reason: "FieldValueTooMany", field: path.into(), message });
    }
    for (number, item) in items.iter().enumerate() {
        check(&schema["items"], item, &format!("{path}[{number}]"), causes);
    }
    let keys: Vec<_> = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if keys.is_empty() {
        return;
    }
    let key_of = |item: &Value| Value::Object(keys.iter().map(|key| ((*key).to_owned(), item[key].clone())).collect());
    let found: Vec<_> = items.iter().map(key_of).collect();
    for (number, key) in found.iter().enumerate() {
        if found[..number].contains(key) {
            let message = format!("Duplicate value: {key}");
            causes.push(Cause { reason: "FieldValueDuplicate", field: format!("{path}[{number}]"), message });
        }
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            causes.push(Cause { reason: "FieldValueRequired", field: below(name), message: "Required value".into() });
        }
    }
    let others = schema.get("additionalProperties").filter(|others| others.is_object());
    for (name, value) in fields {
        if let Some(schema) = schema["properties"].get(name).or(others) {
            check(schema, value, &below(name), causes);
        }
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
