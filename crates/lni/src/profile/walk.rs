//! Walks what stands below `lni:` along the table of fields: what fits becomes a value, what does not a problem.

use hybridge_document::{Key, Node, Reader, Scalar, Tree, Unknown, is_null, unknown};
use hybridge_model::{Cidr4, MacAddr};
use serde_json::{Map, Value};

use super::fields::{Field, Form, Kind, Limits, PROFILE, home};
use super::values::{HostAddress, Port, Range4, ValueError, mark};
use super::whole::Places;

/// A profile, or a part of one that another document completes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// Each right for itself, in one way of writing.
    pub values: Map<String, Value>,
    /// Where they are.
    pub places: Places,
}

/// Reads what stands below `lni:`, which is at `path` (`lni`, `spec.lni`).
pub fn read(tree: &Tree, path: &str, reader: &mut Reader<'_>) -> Read {
    let mut walk = Walk { reader, places: Places::new(path) };
    walk.places.note("", tree.at);
    let values = walk.object(tree, PROFILE, "");
    walk.reader.problems.look_at("");
    if walk.places.any_broken() {
        walk.reader.incomplete = true;
    }
    Read { values, places: walk.places }
}

/// Puts a later document's part over an earlier one's: mappings by key, all else whole. Of two ways to name the interface, or to get an
/// address, the later replaces the earlier with all that belongs to it.
pub fn merge(base: &mut Map<String, Value>, later: Map<String, Value>) {
    for (key, later) in later {
        match (base.get_mut(&key), later) {
            (Some(Value::Object(base)), Value::Object(later)) if key != "match" => {
                if base.get("mode").is_some_and(|mode| later.get("mode").is_some_and(|later| later != mode)) {
                    base.clear();
                }
                base.extend(later);
            }
            (_, later) => drop(base.insert(key, later)),
        }
    }
}

struct Walk<'a, 'p> {
    reader: &'a mut Reader<'p>,
    places: Places,
}

impl Walk<'_, '_> {
    fn object(&mut self, tree: &Tree, fields: &'static [Field], path: &str) -> Map<String, Value> {
        let mut out = Map::new();
        self.look_at(path);
        let Some(entries) = self.reader.map(tree) else {
            self.places.broken(path);
            return out;
        };
        for (key, value) in entries {
            let Some(field) = fields.iter().find(|field| field.name == key.text) else {
                self.unknown(key, fields, path);
                continue;
            };
            let inner = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
            self.look_at(&inner);
            let own = matches!(value.node, Node::Scalar(_)) && !value.is_null() || key.at.line == 0;
            self.places.note(&inner, if own { value.at } else { key.at });
            if value.is_null() {
                continue;
            }
            match self.value(field.kind, value, &inner) {
                Some(value) => drop(out.insert(field.name.to_owned(), value)),
                None => self.places.broken(&inner),
            }
        }
        out
    }

    fn look_at(&mut self, path: &str) {
        let whole = self.places.whole(path);
        self.reader.problems.look_at(&whole);
    }

    fn unknown(&mut self, key: &Key, fields: &'static [Field], path: &str) {
        let whole = self.places.whole(path);
        self.reader.problems.look_at("");
        unknown(key, Unknown { path: &whole, shown: true }, fields.iter().map(|field| field.name), home, self.reader.problems);
    }

    fn value(&mut self, kind: Kind, tree: &Tree, path: &str) -> Option<Value> {
        match kind {
            Kind::Object(fields) => Some(Value::Object(self.object(tree, fields, path))),
            Kind::Number(limits) => self.number(tree, limits),
            Kind::Bool => self.reader.boolean(tree).map(Value::Bool),
            Kind::Choice(choices) => self.reader.choice(tree, choices).map(Value::from),
            Kind::Text(form) => self.text(tree, form),
            Kind::Texts(form) => self.texts(tree, form, path),
        }
    }

    fn number(&mut self, tree: &Tree, limits: &'static Limits) -> Option<Value> {
        let scalar = self.reader.scalar(tree)?;
        match hybridge_document::plain(&Scalar { plain: true, ..scalar.clone() }) {
            Value::Number(number) => {
                let within = number.as_u64().filter(|number| (u64::from(limits.least)..=u64::from(limits.most)).contains(number));
                if within.is_none() {
                    self.reader.problems.error(limits.code, tree.at, &scalar.text, limits.otherwise).fix(limits.fix);
                }
                within.map(Value::from)
            }
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.reader.wrong_type(tree, "a number", limits.fix);
                None
            }
        }
    }

    fn text(&mut self, tree: &Tree, form: Form) -> Option<Value> {
        let scalar = self.reader.scalar(tree)?;
        if is_null(scalar) {
            self.reader.problems.error("list.null", tree.at, "", "is nothing where an item is expected");
            self.reader.problems.fix("take the `-` away, or write the item");
            return None;
        }
        match canonical(scalar.text.trim(), form) {
            Ok(text) => Some(Value::from(text)),
            Err(error) => {
                self.reader.problems.error(error.code, tree.at, &scalar.text, error.what).fix(error.fix);
                None
            }
        }
    }

    fn texts(&mut self, tree: &Tree, form: Form, path: &str) -> Option<Value> {
        let items = self.reader.list(tree)?;
        let mut out = Vec::with_capacity(items.len());
        let mut whole = true;
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.look_at(&path);
            self.places.note(&path, item.at);
            let value = self.text(item, form);
            whole &= value.is_some();
            out.extend(value);
        }
        whole.then_some(Value::Array(out))
    }
}

/// A text in the one way in which values of its kind are written.
fn canonical(text: &str, form: Form) -> Result<String, ValueError> {
    let error = |code, what: &str, fix: String| ValueError { code, text: text.to_owned(), what: what.to_owned(), fix };
    Ok(match form {
        Form::Mac => text
            .parse::<MacAddr>()
            .map_err(|_| error("lni.mac", "is no Ethernet address", "write it as EC2 tells it, as in 02:ab:cd:ef:00:01".to_owned()))?
            .to_string(),
        Form::Mark => format!("{:#x}", mark(text)?),
        Form::HostAddress => text.parse::<HostAddress>()?.to_string(),
        Form::Address => text
            .parse::<std::net::Ipv4Addr>()
            .map_err(|_| error("lni.address", "is no IPv4 address", "write one address without a prefix, as in 192.168.2.1".to_owned()))?
            .to_string(),
        Form::Cidr => text.parse::<Cidr4>().map_err(|wrong| error(code(&wrong), "is no IPv4 network", wrong.fix()))?.to_string(),
        Form::Range => text.parse::<Range4>()?.to_string(),
        Form::Port => text.parse::<Port>()?.to_string(),
    })
}

/// As other documents call it.
fn code(error: &hybridge_model::CidrError) -> &'static str {
    match error {
        hybridge_model::CidrError::HostBits { .. } => "cidr.host-bits",
        hybridge_model::CidrError::Syntax(_) | hybridge_model::CidrError::NoPrefix(_) | hybridge_model::CidrError::Ipv6(_) => {
            "cidr.invalid"
        }
    }
}
