//! Walks a document along the table of fields: what fits becomes JSON for the types, what does not becomes problems.

use std::collections::BTreeSet;

use hybridge_document::{At, Key, Node, Problems, Reader, Scalar, Tree, Unknown, free_key, is_null, nearest, plain, unknown};
use serde_json::{Map, Number, Value};

use super::fields::{Field, Kind, home};
use super::places::Places;
use super::refusals::Refusal;

/// What is found on the way, beside the values.
pub(super) struct Walk<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) places: &'a mut Places,
    /// Paths of values that could not be taken: what else is wrong there can no longer be told.
    pub(super) broken: BTreeSet<String>,
    /// Keys that are left out knowingly, by their paths in the table.
    pub(super) allowed: &'a [String],
}

impl Walk<'_> {
    /// The entries of an object; `path` is its own, empty at the top.
    pub(super) fn object(&mut self, tree: &Tree, fields: &'static [Field], path: &str) -> Map<String, Value> {
        let mut out = Map::new();
        self.problems().look_at(path);
        let Some(entries) = self.reader.map(tree) else {
            self.broken.insert(path.to_owned());
            return out;
        };
        for (key, value) in entries {
            let inner = join(path, &key.text);
            let Some(field) = fields.iter().find(|field| field.name == key.text) else {
                let known = fields.iter().filter(|field| !matches!(field.kind, Kind::Refused(_))).map(|field| field.name);
                let refused = fields.iter().filter(|field| matches!(field.kind, Kind::Refused(_))).map(|field| field.name);
                self.problems().look_at("");
                unknown(key, Unknown { path, shown: true }, known.chain(refused), home, self.problems());
                continue;
            };
            if let Kind::Refused(refusal) = field.kind {
                self.refuse(key, value, &inner, refusal);
                continue;
            }
            self.note(key, value, &inner);
            let choice = matches!(field.kind, Kind::Choice(_) | Kind::AnyCase(_));
            if value.is_null() || choice && value.text() == Some("") {
                continue;
            }
            match self.field(field.kind, value, &inner) {
                Some(value) => drop(out.insert(field.name.to_owned(), value)),
                None => drop(self.broken.insert(inner)),
            }
        }
        out
    }

    fn problems(&mut self) -> &mut Problems {
        self.reader.problems
    }

    /// Collections are where their keys are, texts where they begin.
    fn note(&mut self, key: &Key, value: &Tree, path: &str) {
        let own = matches!(value.node, Node::Scalar(_)) && !value.is_null();
        let at = if own || key.at == At::default() { value.at } else { key.at };
        self.places.note(path, at);
    }

    fn refuse(&mut self, key: &Key, value: &Tree, path: &str, refusal: &'static Refusal) {
        let nothing = match &value.node {
            Node::Scalar(scalar) => is_null(scalar) || refusal.harmless == Some(scalar.text.as_str()),
            Node::List(items) => items.is_empty(),
            Node::Map(_) => false,
        };
        if nothing {
            return;
        }
        self.problems().look_at(path);
        let name = bare_of_indices(path);
        let at = if key.at == At::default() { value.at } else { key.at };
        // That something is said there is known, so that it is not told as missing.
        self.places.note(path, at);
        if self.allowed.contains(&name) {
            let what = format!("is left out, as --allow-unsupported says; missing will be: {}", refusal.without);
            self.problems().warning("unsupported.left-out", at, "", what);
            return;
        }
        let what = format!("is eksctl's, and not handled by hybridge: {}", refusal.why);
        let fix = format!("{}; to leave it out knowingly: --allow-unsupported {name}", refusal.instead);
        self.problems().error("unsupported.key", at, "", what).fix(fix);
    }

    fn field(&mut self, kind: Kind, tree: &Tree, path: &str) -> Option<Value> {
        self.problems().look_at(path);
        match kind {
            Kind::Object(fields) => Some(Value::Object(self.object(tree, fields, path))),
            Kind::Objects(fields) => self.list(tree, path, |walk, item, path| Value::Object(walk.object(item, fields, path))),
            Kind::Texts => self.list(tree, path, |walk, item, path| walk.text(item, path).unwrap_or_else(|| Value::from(""))),
            Kind::Named(fields) => self.named(tree, path, |walk, item, path| Value::Object(walk.object(item, fields, path))),
            Kind::Words => self.named(tree, path, |walk, item, path| walk.text(item, path).unwrap_or_else(|| Value::from(""))),
            Kind::Text => self.text(tree, path),
            Kind::Bool => self.reader.boolean(tree).map(Value::Bool),
            Kind::Number => self.number(tree),
            Kind::Choice(choices) => self.choice(tree, choices, path),
            Kind::AnyCase(choices) => self.any_case(tree, choices, path),
            Kind::Free => self.reader.free(tree),
            Kind::Refused(_) => None,
        }
    }

    /// A list; what cannot be taken leaves an empty item, so that the others keep their index.
    fn list(&mut self, tree: &Tree, path: &str, mut item: impl FnMut(&mut Self, &Tree, &str) -> Value) -> Option<Value> {
        let items = self.reader.list(tree)?;
        let mut out = Vec::with_capacity(items.len());
        for (index, tree) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.places.note(&path, tree.at);
            self.problems().look_at(&path);
            if tree.is_null() {
                self.problems()
                    .error("list.null", tree.at, "", "is nothing where an item is expected")
                    .fix("take the `-` away, or write the item");
                self.broken.insert(path.clone());
            }
            out.push(item(self, tree, &path));
        }
        Some(Value::Array(out))
    }

    fn named(&mut self, tree: &Tree, path: &str, mut item: impl FnMut(&mut Self, &Tree, &str) -> Value) -> Option<Value> {
        let mut out = Map::new();
        for (key, tree) in self.reader.map(tree)? {
            let path = join(path, &key.text);
            self.problems().look_at(&path);
            free_key(key, self.problems());
            self.note(key, tree, &path);
            let value = item(self, tree, &path);
            out.insert(key.text.clone(), value);
        }
        Some(Value::Object(out))
    }

    /// A text as it is written: `1.30` and `on` stay what they are. Of those eksctl makes something else, which is told.
    fn text(&mut self, tree: &Tree, path: &str) -> Option<Value> {
        let Some(scalar) = self.reader.scalar(tree) else {
            self.broken.insert(path.to_owned());
            return None;
        };
        if is_null(scalar) {
            return Some(Value::from(""));
        }
        if let Some(other) = otherwise(scalar) {
            let what = format!("is read as this text; eksctl makes {other} of it, as it has no quotes");
            self.problems().warning("yaml.text", tree.at, &scalar.text, what).fix(format!("write {:?} with its quotes", scalar.text));
        }
        Some(Value::from(scalar.text.as_str()))
    }

    fn number(&mut self, tree: &Tree) -> Option<Value> {
        let scalar = self.reader.scalar(tree)?;
        let read = plain(scalar);
        match read.as_u64().map(u32::try_from) {
            Some(Ok(number)) => Some(Value::from(number)),
            Some(Err(_)) => {
                self.problems().error("number.range", tree.at, &scalar.text, "is too large").fix("write a number below 4294967296");
                None
            }
            None if read.is_number() => {
                self.problems().error("number.range", tree.at, &scalar.text, "is no whole number from 0 on").fix("write 0 or more");
                None
            }
            None => {
                let bare = scalar.text.parse::<u32>().map(|number| format!("write {number} without quotes")).unwrap_or_default();
                self.reader.wrong_type(tree, "a number", &bare);
                None
            }
        }
    }

    fn choice(&mut self, tree: &Tree, choices: &[&str], path: &str) -> Option<Value> {
        let scalar = self.reader.scalar(tree)?;
        let text = scalar.text.as_str();
        if choices.contains(&text) {
            return Some(Value::from(text));
        }
        let known: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
        let known = known.split_last().map_or(String::new(), |(last, rest)| format!("{} and {last}", rest.join(", ")));
        let shown: String = text.chars().take(80).collect();
        let what = format!("invalid value {shown:?} provided for {path}; only {known} are supported");
        self.problems().error("value.choice", tree.at, "", what).fix(match nearest(text, choices.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("write one of {}", choices.join(", ")),
        });
        None
    }

    fn any_case(&mut self, tree: &Tree, choices: &[&str], path: &str) -> Option<Value> {
        match choices.iter().find(|choice| tree.text().is_some_and(|text| text.eq_ignore_ascii_case(choice))) {
            Some(choice) => Some(Value::from(*choice)),
            None => self.choice(tree, choices, path),
        }
    }
}

/// What eksctl makes of a text without quotes, if that is another: goyaml reads a number or a boolean, which Go then writes its own way.
fn otherwise(scalar: &Scalar) -> Option<String> {
    let read = match plain(scalar) {
        Value::Number(number) => go(&number),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (read != scalar.text).then_some(read)
}

/// A number as Go writes it.
fn go(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => format!("{float}"),
        _ => number.to_string(),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A path as the table has it: `managedNodeGroups[0].ssh` is `managedNodeGroups.ssh`.
pub(super) fn bare_of_indices(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out
}
