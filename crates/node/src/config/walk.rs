//! Walks a document along the table of fields: what fits becomes JSON for the types, what does not becomes problems.

use serde_json::{Map, Value};

use super::fields::{Check, Field, GATES, Kind, home};
use super::problem::{At, Problems};
use super::scalar::{boolean, free_key, is_null, old_boolean, own, value};
use super::tree::{Key, Node, Scalar, Tree};
use super::{Languages, Shape, checks};

/// Which shape a document was taken for, and why.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) shape: Shape,
    pub(super) why: &'static str,
}

pub(super) struct Walk<'a> {
    pub(super) problems: &'a mut Problems,
    pub(super) languages: Languages<'a>,
    pub(super) taken: Taken,
    pub(super) source: &'a str,
    /// A value was left out as it has the wrong type: what is missing can no longer be told.
    pub(super) incomplete: bool,
}

impl Walk<'_> {
    /// The entries of an object at `path`.
    pub(super) fn object(&mut self, tree: &Tree, fields: &'static [Field], path: &str) -> Map<String, Value> {
        let mut out = Map::new();
        let Some(entries) = self.map(tree) else { return out };
        for (key, value) in entries {
            let Some(field) = fields.iter().find(|field| field.name == key.text) else {
                self.unknown(key, fields, path);
                continue;
            };
            if matches!(field.kind, Kind::Coming) {
                self.problems
                    .error("key.coming", key.at, &key.text, "is not supported yet by this version")
                    .fix("leave it out, or mount the volumes in another way");
            } else if field.shapes.has(self.taken.shape) {
                out.extend(self.field(field, value, path).map(|value| (field.name.to_owned(), value)));
            } else {
                self.other_shape(key);
            }
        }
        out
    }

    /// A mapping's entries; a value that stands for nothing is an empty one.
    fn map<'t>(&mut self, tree: &'t Tree) -> Option<Vec<(&'t Key, &'t Tree)>> {
        match &tree.node {
            Node::Map(entries) => Some(own(entries, self.problems)),
            Node::Scalar(scalar) if is_null(scalar) => Some(Vec::new()),
            Node::Scalar(_) | Node::List(_) => {
                self.wrong_type(tree, "a mapping (`key: value`)", "");
                None
            }
        }
    }

    fn field(&mut self, field: &'static Field, tree: &Tree, path: &str) -> Option<Value> {
        if let Node::Scalar(scalar) = &tree.node
            && is_null(scalar)
        {
            // `hybrid:` with nothing below is a hybrid block all the same; elsewhere nothing is as good as no key.
            return (field.name == "hybrid").then(|| Value::Object(Map::new()));
        }
        match &field.kind {
            Kind::Object(fields) => Some(Value::Object(self.object(tree, fields, &format!("{path}.{}", field.name)))),
            Kind::Text(check) => self.text(tree, *check),
            Kind::Bool => self.bool(tree),
            Kind::Choice(choices) => self.choice(tree, choices),
            Kind::Texts(check) => self.list(tree, |walk, item| walk.text(item, *check)),
            Kind::Choices(choices) => self.list(tree, |walk, item| walk.choice(item, choices)),
            Kind::Gates => self.gates(tree),
            Kind::Environment => self.environment(tree),
            Kind::Free => self.free(tree),
            Kind::Coming => None,
        }
    }

    fn list(&mut self, tree: &Tree, mut item: impl FnMut(&mut Self, &Tree) -> Option<Value>) -> Option<Value> {
        match &tree.node {
            Node::List(items) => Some(Value::Array(items.iter().filter_map(|tree| item(self, tree)).collect())),
            Node::Scalar(_) | Node::Map(_) => {
                self.wrong_type(tree, "a list (`- item`)", "put a `-` before it in a line of its own");
                None
            }
        }
    }

    fn scalar<'t>(&mut self, tree: &'t Tree) -> Option<&'t Scalar> {
        match &tree.node {
            Node::Scalar(scalar) => Some(scalar),
            Node::List(_) | Node::Map(_) => {
                self.wrong_type(tree, "a text", "");
                None
            }
        }
    }

    /// A text as it is written: `1.30` and `on` stay what they are.
    fn text(&mut self, tree: &Tree, check: Check) -> Option<Value> {
        let scalar = self.scalar(tree)?;
        if is_null(scalar) {
            return Some(Value::from(""));
        }
        if check == Check::ActivationCode {
            self.problems.secret(&scalar.text);
        }
        if !scalar.text.is_empty() || check == Check::Flag {
            let place = checks::Place { at: tree.at, scalar, source: self.source };
            checks::text(check, &place, self.taken, &self.languages, self.problems);
        }
        Some(Value::from(scalar.text.as_str()))
    }

    fn bool(&mut self, tree: &Tree) -> Option<Value> {
        let scalar = self.scalar(tree)?;
        let old = old_boolean(&scalar.text);
        match (scalar.plain, boolean(&scalar.text), old) {
            (true, Some(value), _) => return Some(Value::Bool(value)),
            (true, None, Some(value)) => {
                self.problems
                    .warning("yaml.boolean", tree.at, &scalar.text, format!("is read as {value}, as YAML 1.1 does"))
                    .fix(format!("write {value}"));
                return Some(Value::Bool(value));
            }
            (false, Some(value), _) => self.wrong_type(tree, "true or false", &format!("write {value} without quotes")),
            _ => self.wrong_type(tree, "true or false", "write true or false"),
        }
        None
    }

    fn choice(&mut self, tree: &Tree, choices: &[&str]) -> Option<Value> {
        let scalar = self.scalar(tree)?;
        if scalar.text.is_empty() || is_null(scalar) {
            return None;
        }
        if choices.contains(&scalar.text.as_str()) {
            return Some(Value::from(scalar.text.as_str()));
        }
        self.incomplete = true;
        let what = format!("is none of {}", choices.join(", "));
        self.problems.error("value.choice", tree.at, &scalar.text, what).fix(match nearest(&scalar.text, choices.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("write one of {}", choices.join(", ")),
        });
        None
    }

    fn gates(&mut self, tree: &Tree) -> Option<Value> {
        let mut gates = Map::new();
        for (key, tree) in self.map(tree)? {
            if !GATES.contains(&key.text.as_str()) {
                self.problems.error("gate.unknown", key.at, &key.text, "is no feature gate").fix(
                    match nearest(&key.text, GATES.into_iter()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("feature gates are {}", GATES.join(", ")),
                    },
                );
            }
            gates.extend(self.bool(tree).map(|value| (key.text.clone(), value)));
        }
        Some(Value::Object(gates))
    }

    fn environment(&mut self, tree: &Tree) -> Option<Value> {
        let mut services = Map::new();
        for (service, tree) in self.map(tree)? {
            free_key(service, self.problems);
            checks::service(service, self.problems);
            let mut variables = Map::new();
            for (name, tree) in self.map(tree).unwrap_or_default() {
                free_key(name, self.problems);
                checks::variable(name, self.problems);
                let Some(scalar) = self.scalar(tree) else { continue };
                checks::variable_value(tree.at, &scalar.text, self.problems);
                let text = if is_null(scalar) { "" } else { &scalar.text };
                if super::hide::is_secret(&name.text, text) {
                    self.problems.secret(text);
                }
                variables.insert(name.text.clone(), Value::from(text));
            }
            services.insert(service.text.clone(), Value::Object(variables));
        }
        Some(Value::Object(services))
    }

    fn free(&mut self, tree: &Tree) -> Option<Value> {
        if let Node::Map(_) = tree.node {
            return Some(value(tree, self.problems));
        }
        self.wrong_type(tree, "a mapping (`key: value`)", "");
        None
    }

    fn unknown(&mut self, key: &Key, fields: &'static [Field], path: &str) {
        let known = fields.iter().filter(|field| field.shapes.has(self.taken.shape)).map(|field| field.name);
        unknown(key, path, known, self.problems);
    }

    fn other_shape(&mut self, key: &Key) {
        let (is, other, flag) = match self.taken.shape {
            Shape::Ec2 => ("EC2", "hybrid nodes", "hybrid"),
            Shape::Hybrid => ("hybrid", "EC2 nodes", "ec2"),
        };
        let what = format!("is a key of {other}; this was read as a document of the {is} shape, {}", self.taken.why);
        self.problems.error("key.other-shape", key.at, &key.text, what).fix(format!("leave it out, or say --shape={flag}"));
    }

    /// The value is not shown: it may be a secret in a wrong place.
    fn wrong_type(&mut self, tree: &Tree, wanted: &str, fix: &str) {
        self.incomplete = true;
        let is = match &tree.node {
            Node::Scalar(scalar) if is_null(scalar) => "nothing",
            Node::Scalar(_) => "a text or number",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        };
        wrong_type(tree.at, is, wanted, fix, self.problems);
    }
}

pub(super) fn wrong_type(at: At, is: &str, wanted: &str, fix: &str, problems: &mut Problems) {
    let problem = problems.error("type.wrong", at, "", format!("is {is} where {wanted} is expected"));
    if !fix.is_empty() {
        problem.fix(fix);
    }
}

/// A key that is not known at `path`.
pub(super) fn unknown<'a>(key: &Key, path: &str, known: impl Iterator<Item = &'a str> + Clone, problems: &mut Problems) {
    if problems.full() {
        problems.error("key.unknown", key.at, "", "");
        return;
    }
    let place = if path.is_empty() { "at the top".to_owned() } else { format!("in {path}") };
    if let Some(name) = known.clone().find(|name| plainly(name) == plainly(&key.text)) {
        problems
            .error("key.case", key.at, &key.text, format!("is spelled in another way {place}: capitals and dashes count"))
            .fix(format!("write {name}"));
        return;
    }
    // A code that slipped into a key's place must not be shown.
    let shown = if path.ends_with(".ssm") { "" } else { key.text.as_str() };
    problems.error("key.unknown", key.at, shown, format!("is not a key {place}"));
    problems.fix(if let Some(near) = nearest(&key.text, known.clone()) {
        format!("did you mean {near}?")
    } else if let Some(home) = home(&key.text) {
        format!("{} belongs in {home}", key.text)
    } else {
        format!("keys {place} are {}", known.collect::<Vec<_>>().join(", "))
    });
}

fn plainly(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

/// The name that `text` was probably meant to be.
pub(super) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > 64 {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let distance = |name: &'a str| (strsim::damerau_levenshtein(&text, &name.to_ascii_lowercase()), name);
    names.map(distance).filter(|(distance, name)| *distance <= (name.len() / 3).clamp(1, 4)).min().map(|(_, name)| name)
}
