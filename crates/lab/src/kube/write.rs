//! Creating, replacing, patching and deleting objects, with the checks and side effects of a real API server.
//!
//! Followed: `registry/generic/registry/store.go` and `apiextensions/registry/customresource/strategy.go` of Kubernetes 1.34.
//! Left out: admission, managed fields, and whether namespaces exist (here all do).

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Map, Value, json};

use super::builtin;
use super::crd::Schemas;
use super::kind::Kind;
use super::status::{Cause, Refusal};
use super::store::{Key, Store};
use super::validate;

/// Metadata that a client cannot change.
const SERVERS: [&str; 6] = ["uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"];

/// What became of a DELETE.
#[derive(Debug, PartialEq)]
pub(super) enum Deleted {
    /// The object is gone.
    Gone(Arc<Value>),
    /// It has finalizers and is only marked.
    Marked(Arc<Value>),
}

/// A store and the schemas that its objects obey.
pub(super) struct Writer<'a> {
    pub(super) store: &'a mut Store,
    pub(super) schemas: &'a Schemas,
}

impl Writer<'_> {
    /// POST to the collection of a kind, in `namespace` where it has namespaces.
    pub(super) fn create(&mut self, kind: Kind, namespace: &str, body: Value) -> Result<Arc<Value>, Refusal> {
        let mut object = typed(kind, body)?;
        generate_name(&mut object);
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let key = Key { kind, namespace: namespace.to_owned(), name };
        if object["metadata"].get("resourceVersion").is_some_and(|version| version != "") {
            return Err(Refusal::Internal("resourceVersion should not be set on objects to be created".into()));
        }
        if self.store.get(&key).is_some() {
            return Err(Refusal::AlreadyExists(kind, key.name));
        }
        self.add(key, object)
    }

    /// PUT of an object or of its status. The second value says whether it was created.
    pub(super) fn replace(&mut self, key: Key, body: Value, status: bool) -> Result<(Arc<Value>, bool), Refusal> {
        let kind = key.kind;
        let mut object = typed(kind, body)?;
        let metadata = &object["metadata"];
        if metadata["name"] != key.name.as_str() {
            let given = metadata["name"].as_str().unwrap_or_default();
            let why = format!("the name of the object ({given}) does not match the name on the URL ({})", key.name);
            return Err(Refusal::BadRequest(why));
        }
        let before = self.store.get(&key).cloned();
        check_uid(&key, metadata, before.as_deref())?;
        let Some(before) = before else {
            if status || !kind.put_creates() {
                return Err(Refusal::NotFound(kind, key.name));
            }
            // A real server, too, does not look at the resourceVersion here: a PUT can bring a deleted Lease back to life.
            return Ok((self.add(key, object)?, true));
        };
        let version = metadata["resourceVersion"].as_str().unwrap_or_default();
        if version.is_empty() && !kind.put_unconditional() {
            let message = "Invalid value: 0: must be specified for an update".into();
            let cause = Cause { reason: "FieldValueInvalid", field: "metadata.resourceVersion".into(), message };
            return Err(Refusal::Invalid { kind, name: key.name, causes: vec![cause] });
        }
        if !version.is_empty() && before["metadata"]["resourceVersion"] != version {
            return Err(Refusal::modified(kind, &key.name));
        }
        if status {
            let given = object.get("status").cloned();
            object = (*before).clone();
            set_status(&mut object, given);
        } else if kind.has_status() {
            set_status(&mut object, before.get("status").cloned());
        }
        Ok((self.change(key, &before, object)?, false))
    }

    /// PATCH with a JSON merge patch (RFC 7386). For Events a strategic merge patch means the same, as none of their lists have
    /// merge keys.
    pub(super) fn merge(&mut self, key: Key, patch: &Value) -> Result<Arc<Value>, Refusal> {
        let before = self.store.get(&key).cloned().ok_or_else(|| Refusal::NotFound(key.kind, key.name.clone()))?;
        let mut object = (*before).clone();
        merge(&mut object, patch);
        self.change(key, &before, object)
    }

    /// DELETE, with `DeleteOptions` or null.
    pub(super) fn delete(&mut self, key: &Key, options: &Value) -> Result<Deleted, Refusal> {
        let before = self.store.get(key).cloned().ok_or_else(|| Refusal::NotFound(key.kind, key.name.clone()))?;
        for (field, sort) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
            let (wanted, actual) = (&options["preconditions"][field], &before["metadata"][field]);
            if !wanted.is_null() && wanted != actual {
                let why = format!("Precondition failed: {sort} in precondition: {wanted}, {sort} in object meta: {actual}");
                return Err(Refusal::Conflict { kind: key.kind, name: key.name.clone(), why });
            }
        }
        if finalizers(&before).is_empty() {
            self.store.remove(key);
            return Ok(Deleted::Gone(before));
        }
        if !before["metadata"]["deletionTimestamp"].is_null() {
            return Ok(Deleted::Marked(before));
        }
        let mut object = (*before).clone();
        object["metadata"]["deletionTimestamp"] = now();
        object["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        Ok(Deleted::Marked(self.store.put(key.clone(), object)))
    }

    fn add(&mut self, key: Key, mut object: Value) -> Result<Arc<Value>, Refusal> {
        let kind = key.kind;
        check_metadata(&key, &mut object)?;
        if kind.is_custom() {
            set_status(&mut object, None);
        }
        self.obey_schema(&key, &mut object)?;
        let metadata = &mut object["metadata"];
        for field in SERVERS {
            remove(metadata, field);
        }
        metadata["uid"] = uid().into();
        metadata["creationTimestamp"] = now();
        if kind.is_custom() {
            metadata["generation"] = 1.into();
        }
        Ok(self.store.put(key, object))
    }

    fn change(&mut self, key: Key, before: &Value, mut object: Value) -> Result<Arc<Value>, Refusal> {
        check_metadata(&key, &mut object)?;
        self.obey_schema(&key, &mut object)?;
        for field in SERVERS {
            match before["metadata"].get(field) {
                Some(value) => object["metadata"][field] = value.clone(),
                None => remove(&mut object["metadata"], field),
            }
        }
        object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if object == *before {
            // What changes nothing is no change: same version, no event.
            return Ok(Arc::new(object));
        }
        if key.kind.is_custom() && substance(&object) != substance(before) {
            let generation = before["metadata"]["generation"].as_u64().unwrap_or(0) + 1;
            object["metadata"]["generation"] = generation.into();
        }
        if !object["metadata"]["deletionTimestamp"].is_null() && finalizers(&object).is_empty() {
            self.store.remove(&key);
            return Ok(Arc::new(object));
        }
        Ok(self.store.put(key, object))
    }

    fn obey_schema(&self, key: &Key, object: &mut Value) -> Result<(), Refusal> {
        let Some(schema) = self.schemas.of(key.kind) else {
            builtin::normalise(key.kind, object);
            return builtin::check(key.kind, &key.name, object);
        };
        validate::prune(schema, object);
        validate::fill(schema, object);
        let causes = validate::problems(schema, object);
        if causes.is_empty() { Ok(()) } else { Err(Refusal::Invalid { kind: key.kind, name: key.name.clone(), causes }) }
    }
}

/// The body with the right `apiVersion` and `kind`. Built-in kinds may leave them out.
fn typed(kind: Kind, mut body: Value) -> Result<Value, Refusal> {
    if !body.is_object() || !(body["metadata"].is_object() || body["metadata"].is_null()) {
        return Err(Refusal::BadRequest("the body is no object with metadata".into()));
    }
    if body["metadata"].is_null() {
        body["metadata"] = json!({});
    }
    for (field, wanted) in [("apiVersion", kind.api_version()), ("kind", kind.kind().to_owned())] {
        match body.get(field).and_then(Value::as_str).unwrap_or_default() {
            "" if !kind.is_custom() => body[field] = wanted.into(),
            "" => return Err(Refusal::BadRequest(format!("Object '{field}' is missing"))),
            given if given == wanted => {}
            given => {
                let why = format!("the {field} in the data ({given}) does not match the expected {field} ({wanted})");
                return Err(Refusal::BadRequest(why));
            }
        }
    }
    Ok(body)
}

fn generate_name(object: &mut Value) {
    // As apiserver's names.SimpleNameGenerator: no vowels, so that no words come out.
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let metadata = &mut object["metadata"];
    if let (None | Some(""), Some(prefix)) = (metadata["name"].as_str(), metadata["generateName"].as_str()) {
        let suffix: String = (0..5).map(|_| char::from(LETTERS[rand::rng().random_range(0..LETTERS.len())])).collect();
        metadata["name"] = format!("{prefix}{suffix}").into();
    }
}

/// Name and namespace; what the server does not keep is dropped.
fn check_metadata(key: &Key, object: &mut Value) -> Result<(), Refusal> {
    if !is_subdomain(&key.name) {
        let message = format!(
            "Invalid value: {}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
            Value::from(key.name.as_str())
        );
        let cause = Cause { reason: "FieldValueInvalid", field: "metadata.name".into(), message };
        return Err(Refusal::Invalid { kind: key.kind, name: key.name.clone(), causes: vec![cause] });
    }
    let metadata = &mut object["metadata"];
    match metadata["namespace"].as_str().unwrap_or_default() {
        "" if key.kind.namespaced() => metadata["namespace"] = key.namespace.clone().into(),
        "" => remove(metadata, "namespace"),
        given if given == key.namespace => {}
        _ => {
            return Err(Refusal::BadRequest(
                "the namespace of the provided object does not match the namespace sent on the request".into(),
            ));
        }
    }
    for field in ["labels", "annotations"] {
        if metadata[field].as_object().into_iter().flatten().any(|(_, value)| !value.is_string()) {
            return Err(Refusal::BadRequest(format!("metadata.{field} has a value that is no string")));
        }
        if metadata[field].is_null() {
            remove(metadata, field);
        }
    }
    remove(metadata, "managedFields");
    Ok(())
}

/// RFC 1123 subdomain, at most 253 bytes.
fn is_subdomain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().copied().is_some_and(plain)
            && bytes.last().copied().is_some_and(plain)
            && bytes.iter().all(|b| plain(*b) || *b == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// A body that names a UID means that very object and none of the same name.
fn check_uid(key: &Key, given: &Value, before: Option<&Value>) -> Result<(), Refusal> {
    let actual = before.map_or("", |before| before["metadata"]["uid"].as_str().unwrap_or_default());
    match given["uid"].as_str() {
        Some(uid) if !uid.is_empty() && uid != actual => {
            if before.is_none() && !key.kind.put_creates() {
                return Err(Refusal::NotFound(key.kind, key.name.clone()));
            }
            let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {actual}");
            Err(Refusal::Conflict { kind: key.kind, name: key.name.clone(), why })
        }
        Some(_) | None => Ok(()),
    }
}

fn finalizers(object: &Value) -> &[Value] {
    object["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// All but metadata: changes of it move the generation on. Status is not among them, since PUT keeps it.
fn substance(object: &Value) -> Map<String, Value> {
    let mut fields = object.as_object().cloned().unwrap_or_default();
    fields.remove("metadata");
    fields.remove("status");
    fields
}

fn set_status(object: &mut Value, status: Option<Value>) {
    match status {
        Some(status) => object["status"] = status,
        None => remove(object, "status"),
    }
}

fn remove(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (field, value) in patch {
        if value.is_null() {
            remove(target, field);
        } else {
            merge(&mut target[field], value);
        }
    }
}

fn now() -> Value {
    format!("{:.0}", jiff::Timestamp::now()).into()
}

/// A random UUID (version 4).
fn uid() -> String {
    let n = rand::random::<u128>() & !(0xf000 << 64) & !(0xc000 << 48) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{n:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
