//! Two templates compared: what CloudFormation would add, change, replace and remove.

mod canonical;
mod replacement;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;

pub use canonical::canonical;
pub(crate) use canonical::canonical_at;
pub use replacement::{CREATE_ONLY, replaces};

/// What happens to a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Resources, by identifier.
    pub resources: Vec<ResourceChange>,
    /// Outputs, by key.
    pub outputs: Vec<OutputChange>,
}

/// What happens to a resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceChange {
    /// Logical identifier.
    pub id: String,
    /// `AWS::EC2::Route` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is done.
    pub action: Action,
    /// What is otherwise, of one that is changed or replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<PropertyChange>,
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is made.
    Add,
    /// It is changed in place.
    Change,
    /// A new one is made, then the old one is deleted.
    Replace,
    /// It is deleted.
    Remove,
}

/// A property that is otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PropertyChange {
    /// Names from outside to inside, with `/` between them.
    pub path: String,
    /// As it is; none: absent.
    pub before: Option<Json>,
    /// As it will be; none: absent.
    pub after: Option<Json>,
    /// Only a new resource can have it.
    pub replaces: bool,
}

/// An output that is otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputChange {
    /// Key.
    pub key: String,
    /// What is done.
    pub action: Action,
}

impl Difference {
    /// Nothing is otherwise.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.is_empty()
    }
}

impl Action {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }
}

/// Compares a deployed template with the one that is wanted. Orders that mean nothing, and forms that mean the same, are no difference.
pub fn difference(deployed: &Json, wanted: &Json) -> Difference {
    let empty = serde_json::Map::new();
    let section = |template, name| section(template, name).unwrap_or(&empty);
    let (old, new) = (section(deployed, "Resources"), section(wanted, "Resources"));
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let resources = ids.into_iter().filter_map(|id| resource(id, old.get(id), new.get(id))).collect();
    let (old, new) = (section(deployed, "Outputs"), section(wanted, "Outputs"));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let outputs = keys.into_iter().filter_map(|key| output(key, old.get(key), new.get(key))).collect();
    Difference { resources, outputs }
}

fn section<'a>(template: &'a Json, name: &str) -> Option<&'a serde_json::Map<String, Json>> {
    template.get(name)?.as_object()
}

fn output(key: &str, old: Option<&Json>, new: Option<&Json>) -> Option<OutputChange> {
    let action = match (old, new) {
        (None, _) => Action::Add,
        (_, None) => Action::Remove,
        (Some(old), Some(new)) if old == new || canonical(old) == canonical(new) => return None,
        (Some(_), Some(_)) => Action::Change,
    };
    Some(OutputChange { key: key.to_owned(), action })
}

fn resource(id: &str, old: Option<&Json>, new: Option<&Json>) -> Option<ResourceChange> {
    let kind = |resource: &Json| resource.get("Type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let change =
        |kind: String, action: Action, properties: Vec<PropertyChange>| ResourceChange { id: id.to_owned(), kind, action, properties };
    match (old, new) {
        (None, None) => None,
        // What is the same to the letter, as most is, needs no other form to be the same.
        (Some(old), Some(new)) if old == new => None,
        (None, Some(new)) => Some(change(kind(new), Action::Add, Vec::new())),
        (Some(old), None) => Some(change(kind(old), Action::Remove, Vec::new())),
        (Some(old), Some(new)) => {
            let type_name = kind(new);
            let other_type = kind(old) != type_name;
            let mut properties = Vec::new();
            let of = |resource: &Json| canonical::properties(resource);
            compare(&type_name, "", &of(old), &of(new), &mut properties);
            let replaced = other_type || properties.iter().any(|property| property.replaces);
            let action = if replaced { Action::Replace } else { Action::Change };
            (replaced || !properties.is_empty()).then(|| change(type_name, action, properties))
        }
    }
}

/// Goes into objects, and tells of the innermost values that differ.
fn compare(kind: &str, path: &str, old: &Json, new: &Json, changes: &mut Vec<PropertyChange>) {
    if old == new {
        return;
    }
    let function = |map: &serde_json::Map<String, Json>| map.len() == 1 && map.keys().any(|key| key == "Ref" || key.starts_with("Fn::"));
    if let (Json::Object(old), Json::Object(new)) = (old, new)
        && !function(old)
        && !function(new)
    {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let inner = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
            match (old.get(key), new.get(key)) {
                (Some(old), Some(new)) => compare(kind, &inner, old, new, changes),
                (before, after) => changes.push(changed(kind, inner, before, after)),
            }
        }
        return;
    }
    changes.push(changed(kind, path.to_owned(), Some(old), Some(new)));
}

fn changed(kind: &str, path: String, before: Option<&Json>, after: Option<&Json>) -> PropertyChange {
    let replaces = replaces(kind, &path, before, after);
    PropertyChange { path, before: before.cloned(), after: after.cloned(), replaces }
}

#[cfg(test)]
mod tests;
