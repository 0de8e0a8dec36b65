//! TOML as go-toml v2 writes it, so that the files are those of nodeadm byte for byte.
//!
//! Keys are sorted; values stand before tables; every table on the way to another has its header; an empty line is written before a
//! header unless the line above it is a header too. Strings are in single quotes where they can be.

use std::fmt::Write as _;

use toml::{Table, Value};

/// A whole document.
pub(super) fn document(table: &Table) -> String {
    let mut writer = Writer { text: String::new(), below_header: false };
    writer.table(table, "");
    writer.text
}

/// A key, quoted if it must be.
pub(super) fn key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { string(key) }
}

/// A dotted path with one part more.
pub(super) fn join(path: &str, part: &str) -> String {
    if path.is_empty() { key(part) } else { format!("{path}.{}", key(part)) }
}

struct Writer {
    text: String,
    below_header: bool,
}

impl Writer {
    fn table(&mut self, table: &Table, path: &str) {
        let entries = sorted(table);
        for (name, entry) in entries.iter().filter(|(_, entry)| !has_header(entry)) {
            let _ = writeln!(self.text, "{} = {}", key(name), value(entry));
            self.below_header = false;
        }
        for (name, entry) in entries.iter().filter(|(_, entry)| has_header(entry)) {
            let path = join(path, name);
            if let Value::Table(table) = entry {
                self.header(&format!("[{path}]"));
                self.table(table, &path);
            } else {
                for table in entry.as_array().into_iter().flatten().filter_map(Value::as_table) {
                    self.header(&format!("[[{path}]]"));
                    self.table(table, &path);
                }
            }
        }
    }

    fn header(&mut self, line: &str) {
        if !self.text.is_empty() && !self.below_header {
            self.text.push('\n');
        }
        self.text.push_str(line);
        self.text.push('\n');
        self.below_header = true;
    }
}

/// By bytes. The crate's own order depends on features that any other crate of a build may turn on.
fn sorted(table: &Table) -> Vec<(&str, &Value)> {
    let mut entries: Vec<_> = table.iter().map(|(key, value)| (key.as_str(), value)).collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}

/// Tables, and arrays of nothing but tables.
fn has_header(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_table),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => false,
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => float(*number),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let entries = sorted(table).into_iter().map(|(name, entry)| format!("{} = {}", key(name), self::value(entry)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Never with an exponent, always with a point.
fn float(number: f64) -> String {
    match number.to_string() {
        text if !number.is_finite() => text.to_lowercase(),
        text if text.contains('.') => text,
        text => text + ".0",
    }
}

fn string(text: &str) -> String {
    if !text.contains(|c: char| c == '\'' || c.is_ascii_control()) {
        return format!("'{text}'");
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::super::document::parse;
    use super::*;

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Boolean),
            any::<i64>().prop_map(Value::Integer),
            prop_oneof![any::<f64>().prop_filter("NaN equals nothing", |number| !number.is_nan()), Just(1e22), Just(-0.0), Just(3.0)]
                .prop_map(Value::Float),
            prop_oneof!["[ -~]{0,8}", "\\PC{0,4}", "[\u{0}-\u{7f}]{0,4}"].prop_map(Value::String),
            Just(Value::Datetime("1979-05-27T07:32:00Z".parse().unwrap())),
        ]
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![4 => "[a-c]", 1 => "[a-z.' \"\n]{0,3}"]
    }

    /// Any TOML document, keys often the same as in another.
    pub(in super::super) fn table() -> impl Strategy<Value = Table> {
        let value = leaf().prop_recursive(4, 24, 4, |inner| {
            let table = btree_map(name(), inner.clone(), 0..4).prop_map(|map| Value::Table(map.into_iter().collect())).boxed();
            prop_oneof![vec(inner, 0..3).prop_map(Value::Array), table.clone(), vec(table, 1..3).prop_map(Value::Array)]
        });
        btree_map(name(), value, 0..5).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(table in table()) {
            let text = document(&table);
            let read = parse(&text);
            prop_assert_eq!(read.as_ref(), Ok(&table), "{}", text);
        }
    }

    /// Expected texts are those of go-toml 2.4.3, run by hand.
    #[test]
    fn values_look_as_go_writes_them() {
        for (given, written) in [
            ("s = \"plain\"", "s = 'plain'\n"),
            (r#"s = "it's""#, "s = \"it's\"\n"),
            (r#"s = 'a "b" \ c'"#, "s = 'a \"b\" \\ c'\n"),
            (r#"s = "\t'\\\"\u0001é""#, "s = \"\\t'\\\\\\\"\\u0001é\"\n"),
            ("f = 3.0\ng = 1e22\nh = 0.02\ni = -inf\nj = nan", "f = 3.0\ng = 10000000000000000000000.0\nh = 0.02\ni = -inf\nj = nan\n"),
            ("n = 0x10\nd = 1979-05-27T07:32:00Z", "d = 1979-05-27T07:32:00Z\nn = 16\n"),
            ("a = [ 1,\n 2 ]\nb = []\nc = [{ x = 1 }, 2]", "a = [1, 2]\nb = []\nc = [{x = 1}, 2]\n"),
            ("\"a b\" = 1\n\"\" = 2\n\"it's\" = 3", "'' = 2\n'a b' = 1\n\"it's\" = 3\n"),
            ("t = { x = 1, u = { y = 2 } }", "[t]\nx = 1\n\n[t.u]\ny = 2\n"),
            ("[[a]]\nx = 1\n[[a]]\n[a.b]\ny = 2", "[[a]]\nx = 1\n\n[[a]]\n[a.b]\ny = 2\n"),
            ("[a]\n[b]\n[c]\nx = 1\n[d]", "[a]\n[b]\n[c]\nx = 1\n\n[d]\n"),
        ] {
            assert_eq!(document(&parse(given).unwrap()), written, "{given}");
        }
    }
}
