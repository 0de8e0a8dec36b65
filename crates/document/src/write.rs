//! Values as YAML that people read: block style, quotes where they are needed, texts of several lines as they are.

use std::fmt::Write as _;

use serde_json::Value;

use crate::scalar::is_yaml_word;

/// `value` as a YAML document, which [`crate::read`] and goyaml read as the same.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            out.push_str(&inline(value));
            out.push('\n');
        }
    }
    out
}

/// A collection that has something in it.
fn block(value: &Value, indent: usize, out: &mut String) {
    let start = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                out.push_str(&start);
                out.push_str(&text(key));
                out.push(':');
                after(value, indent + 2, out);
            }
        }
        Value::Array(items) => {
            for value in items {
                out.push_str(&start);
                out.push('-');
                let at = out.len();
                after(value, indent + 2, out);
                // The first key of an object stands beside its dash.
                let collection =
                    value.as_object().is_some_and(|map| !map.is_empty()) || value.as_array().is_some_and(|items| !items.is_empty());
                if collection {
                    out.replace_range(at..=at + indent + 2, " ");
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&inline(value)),
    }
}

/// What comes behind `key:` or `-`.
fn after(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(value, indent, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(value, indent, out);
        }
        Value::String(text) if is_literal(text) => {
            out.push_str(" |\n");
            for line in text.lines() {
                let _ = writeln!(out, "{}{line}", " ".repeat(indent));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            let _ = writeln!(out, " {}", inline(value));
        }
    }
}

/// Whether a text can stand as lines below `|`.
fn is_literal(text: &str) -> bool {
    let plain = |line: &str| !line.is_empty() && !line.starts_with([' ', '\t']) && line.chars().all(|c| c == '\t' || !c.is_control());
    text.len() > 1
        && text.ends_with('\n')
        && text[..text.len() - 1].contains('\n')
        && text.lines().all(plain)
        && !text.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'])
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(one) => text(one),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Without quotes where nobody can take it for something else.
fn text(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(word) && !is_yaml_word(text) && !is_special(text);
    if plain {
        return text.to_owned();
    }
    // JSON's strings are YAML's, but for what YAML cannot have unescaped.
    let mut out = String::new();
    for c in serde_json::Value::from(text).to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Infinity and the like: `.inf` begins with a point and is in quotes anyway.
fn is_special(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "nan" | "inf")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::problem::Problems;
    use crate::tree::{Form, read};

    fn back(text: &str) -> Value {
        let mut problems = Problems::new("f", 0, Vec::new());
        let tree = read(text, Form { kind: "K", nodes: 10_000, second: "" }, &mut problems).unwrap().unwrap();
        let value = crate::value(&tree, &mut problems);
        assert_eq!(problems.finish(), Vec::new(), "{text}");
        value
    }

    #[test]
    fn values_are_written_as_people_write_them() {
        let value = json!({"a": {"b": [1, "x", {"c": "yes", "d": []}, ["e"]]}, "cert": "-----BEGIN\nabc\n", "n": null, "v": "1.30"});
        let text = "a:\n  b:\n    - 1\n    - x\n    - c: \"yes\"\n      d: []\n    - - e\ncert: |\n  -----BEGIN\n  abc\n\"n\": null\nv: \"1.30\"\n";
        assert_eq!(write(&value), text);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-zA-Z0-9 :#'\"\\-\n\t{}|>&*!%@`,é.]{0,12}".prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "([a-z#: ]{1,4}\n){1,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z:. ]{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(value in any_value()) {
            prop_assert_eq!(back(&write(&value)), value);
        }
    }
}
