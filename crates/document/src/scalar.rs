//! What plain YAML scalars mean where no type is given: as YAML 1.1 has it, which is what nodeadm and eksctl
//! read (goyaml v2).

use serde_json::{Map, Number, Value};

use crate::problem::Problems;
use crate::tree::{Key, Node, Scalar, Tree};

/// YAML 1.1's words for true and false; goyaml knows these spellings.
const TRUE: [&str; 8] = ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"];
const FALSE: [&str; 8] = ["n", "N", "no", "No", "NO", "off", "Off", "OFF"];
const NULL: [&str; 5] = ["", "~", "null", "Null", "NULL"];

/// Whether `text`, written without quotes, is read as something else than text, by us or by goyaml.
pub fn is_yaml_word(text: &str) -> bool {
    old_boolean(text).is_some() || boolean(text).is_some() || NULL.contains(&text)
}

/// A boolean of YAML 1.1 that is text in YAML 1.2.
pub fn old_boolean(text: &str) -> Option<bool> {
    match (TRUE.contains(&text), FALSE.contains(&text)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        (false, false) => None,
    }
}

/// A boolean of both versions.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Whether a scalar stands for nothing.
pub fn is_null(scalar: &Scalar) -> bool {
    scalar.plain && NULL.contains(&scalar.text.as_str())
}

/// The value of a free-form field. Old booleans are warned of.
pub fn value(tree: &Tree, problems: &mut Problems) -> Value {
    match &tree.node {
        Node::Scalar(scalar) => {
            if scalar.plain
                && let Some(value) = old_boolean(&scalar.text)
            {
                problems.warning("yaml.boolean", tree.at, &scalar.text, format!("is read as {value}, as YAML 1.1 does"));
                problems.fix(format!("write {value}, or {:?} in quotes if text is meant", scalar.text));
            }
            plain(scalar)
        }
        Node::List(items) => items.iter().map(|item| value(item, problems)).collect(),
        Node::Map(entries) => {
            let mut map = Map::new();
            for (key, tree) in own(entries, problems) {
                free_key(key, problems);
                map.insert(key.text.clone(), value(tree, problems));
            }
            Value::Object(map)
        }
    }
}

/// Keys that users choose must not be what goyaml reads as true or false.
pub fn free_key(key: &Key, problems: &mut Problems) {
    if key.plain && old_boolean(&key.text).is_some() {
        problems.error("yaml.boolean-key", key.at, &key.text, "is a boolean as a key, as YAML 1.1 reads it");
        problems.fix(format!("write {:?} with its quotes", key.text));
    }
}

/// Entries of a map without those that come twice (an error) or that `<<` brought and the map has itself.
pub fn own<'a>(entries: &'a [(Key, Tree)], problems: &mut Problems) -> Vec<(&'a Key, &'a Tree)> {
    let mut seen: std::collections::BTreeMap<&str, (&Key, usize)> = std::collections::BTreeMap::new();
    let mut kept: Vec<(&Key, &Tree)> = Vec::with_capacity(entries.len());
    for (key, tree) in entries {
        match seen.get(key.text.as_str()) {
            Some((first, index)) if first.at.line == 0 => {
                kept[*index] = (key, tree);
                seen.insert(&key.text, (key, *index));
            }
            Some(_) if key.at.line == 0 => {}
            Some((first, _)) => {
                let what = format!("comes twice; the first is in line {}", problems.line(first.at));
                problems.error("yaml.duplicate-key", key.at, &key.text, what).fix("keep one of them");
            }
            None => {
                seen.insert(&key.text, (key, kept.len()));
                kept.push((key, tree));
            }
        }
    }
    kept
}

/// The value of a scalar whose type is not given.
pub fn plain(scalar: &Scalar) -> Value {
    let text = scalar.text.as_str();
    if !scalar.plain {
        return Value::from(text);
    }
    if NULL.contains(&text) {
        return Value::Null;
    }
    match boolean(text).or_else(|| old_boolean(text)) {
        Some(value) => Value::Bool(value),
        None => number(text).map_or_else(|| Value::from(text), Value::Number),
    }
}

/// Numbers as goyaml reads them: `_` between digits, `0x`, `0b`, `0o`, and octal with a leading 0.
fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let digits = text.replace('_', "");
    let (negative, magnitude) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    if magnitude.starts_with(['+', '-']) {
        return None;
    }
    let radix = |prefix: &str, radix| magnitude.strip_prefix(prefix).and_then(|rest| u64::from_str_radix(rest, radix).ok());
    let octal = || magnitude.strip_prefix('0').filter(|rest| !rest.is_empty()).and_then(|rest| u64::from_str_radix(rest, 8).ok());
    let integer = radix("0x", 16).or_else(|| radix("0b", 2)).or_else(|| radix("0o", 8)).or_else(octal).or_else(|| magnitude.parse().ok());
    match integer {
        Some(value) if !negative => return Some(value.into()),
        Some(value) => {
            if let Some(value) = 0i64.checked_sub_unsigned(value) {
                return Some(value.into());
            }
        }
        None => {}
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    let value = digits.parse::<f64>().ok()?;
    // Go writes whole floats without a point, and the kubelet takes no other for its integers. Up to 2^53 they are exact.
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
        format!("{value:.0}").parse().ok()
    } else {
        Number::from_f64(value)
    }
}
