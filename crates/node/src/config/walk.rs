//! Walks a document along the table of fields: what fits becomes JSON for the types, what does not becomes problems.

use hybridge_document::{Key, Problems, Reader, Tree, Unknown, free_key, is_null, nearest};
use serde_json::{Map, Value};

use super::fields::{Check, Field, GATES, Kind, home};
use super::{Languages, Shape, checks};

/// Which shape a document was taken for, and why.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) shape: Shape,
    pub(super) why: &'static str,
}

pub(super) struct Walk<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) languages: Languages<'a>,
    pub(super) taken: Taken,
    pub(super) source: &'a str,
}

impl Walk<'_> {
    /// The entries of an object at `path`.
    pub(super) fn object(&mut self, tree: &Tree, fields: &'static [Field], path: &str) -> Map<String, Value> {
        let mut out = Map::new();
        let Some(entries) = self.reader.map(tree) else { return out };
        for (key, value) in entries {
            let Some(field) = fields.iter().find(|field| field.name == key.text) else {
                self.unknown(key, fields, path);
                continue;
            };
            if matches!(field.kind, Kind::Coming) {
                self.reader
                    .problems
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

    fn field(&mut self, field: &'static Field, tree: &Tree, path: &str) -> Option<Value> {
        if tree.is_null() {
            // `hybrid:` with nothing below is a hybrid block all the same; elsewhere nothing is as good as no key.
            return (field.name == "hybrid").then(|| Value::Object(Map::new()));
        }
        match &field.kind {
            Kind::Object(fields) => Some(Value::Object(self.object(tree, fields, &format!("{path}.{}", field.name)))),
            Kind::List(fields) => self.list(tree, fields, &format!("{path}.{}", field.name)),
            Kind::Text(check) => self.text(tree, *check),
            Kind::Bool => self.reader.boolean(tree).map(Value::Bool),
            Kind::Choice(choices) => self.reader.choice(tree, choices).map(Value::from),
            Kind::Texts(check) => self.texts(tree, *check),
            Kind::Choices(choices) => self.choices(tree, choices),
            Kind::Gates => self.gates(tree),
            Kind::Environment => self.environment(tree),
            Kind::Free => self.reader.free(tree),
            Kind::Lni => {
                let values = hybridge_lni::profile::read(tree, &format!("{path}.{}", field.name), &mut self.reader).values;
                Some(Value::Object(values))
            }
            Kind::Coming => None,
        }
    }

    /// A list of objects.
    fn list(&mut self, tree: &Tree, fields: &'static [Field], path: &str) -> Option<Value> {
        let items = self.reader.list(tree)?;
        let items = items.iter().enumerate().map(|(at, item)| Value::Object(self.object(item, fields, &format!("{path}[{at}]"))));
        Some(items.collect())
    }

    /// A text as it is written: `1.30` and `on` stay what they are.
    fn text(&mut self, tree: &Tree, check: Check) -> Option<Value> {
        let scalar = self.reader.scalar(tree)?;
        if is_null(scalar) {
            return Some(Value::from(""));
        }
        if check == Check::ActivationCode {
            self.reader.problems.secret(&scalar.text);
        }
        if !scalar.text.is_empty() || check == Check::Flag {
            let place = checks::Place { at: tree.at, scalar, source: self.source };
            checks::text(check, &place, self.taken, &self.languages, self.reader.problems);
        }
        Some(Value::from(scalar.text.as_str()))
    }

    fn gates(&mut self, tree: &Tree) -> Option<Value> {
        let mut gates = Map::new();
        for (key, tree) in self.reader.map(tree)? {
            if !GATES.contains(&key.text.as_str()) {
                self.reader.problems.error("gate.unknown", key.at, &key.text, "is no feature gate").fix(
                    match nearest(&key.text, GATES.into_iter()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("feature gates are {}", GATES.join(", ")),
                    },
                );
            }
            gates.extend(self.reader.boolean(tree).map(|value| (key.text.clone(), Value::Bool(value))));
        }
        Some(Value::Object(gates))
    }

    fn environment(&mut self, tree: &Tree) -> Option<Value> {
        let mut services = Map::new();
        for (service, tree) in self.reader.map(tree)? {
            free_key(service, self.reader.problems);
            checks::service(service, self.reader.problems);
            let mut variables = Map::new();
            for (name, tree) in self.reader.map(tree).unwrap_or_default() {
                free_key(name, self.reader.problems);
                checks::variable(name, self.reader.problems);
                let Some(scalar) = self.reader.scalar(tree) else { continue };
                checks::variable_value(tree.at, &scalar.text, self.reader.problems);
                let text = if is_null(scalar) { "" } else { &scalar.text };
                if super::hide::is_secret(&name.text, text) {
                    self.reader.problems.secret(text);
                }
                variables.insert(name.text.clone(), Value::from(text));
            }
            services.insert(service.text.clone(), Value::Object(variables));
        }
        Some(Value::Object(services))
    }

    fn unknown(&mut self, key: &Key, fields: &'static [Field], path: &str) {
        let known = fields.iter().filter(|field| field.shapes.has(self.taken.shape)).map(|field| field.name);
        unknown(key, path, known, self.reader.problems);
    }

    fn other_shape(&mut self, key: &Key) {
        let (is, other, flag) = match self.taken.shape {
            Shape::Ec2 => ("EC2", "hybrid nodes", "hybrid"),
            Shape::Hybrid => ("hybrid", "EC2 nodes", "ec2"),
        };
        let what = format!("is a key of {other}; this was read as a document of the {is} shape, {}", self.taken.why);
        self.reader.problems.error("key.other-shape", key.at, &key.text, what).fix(format!("leave it out, or say --shape={flag}"));
    }

    fn texts(&mut self, tree: &Tree, check: Check) -> Option<Value> {
        Some(self.reader.list(tree)?.iter().filter_map(|item| self.text(item, check)).collect())
    }

    fn choices(&mut self, tree: &Tree, choices: &[&str]) -> Option<Value> {
        Some(self.reader.list(tree)?.iter().filter_map(|item| self.reader.choice(item, choices)).collect())
    }
}

/// A key that is not known at `path`.
pub(super) fn unknown<'a>(key: &Key, path: &str, known: impl Iterator<Item = &'a str> + Clone, problems: &mut Problems) {
    // A code that slipped into a key's place must not be shown.
    let of = Unknown { path, shown: !path.ends_with(".ssm") };
    hybridge_document::unknown(key, of, known, home, problems);
}
