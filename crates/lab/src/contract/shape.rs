//! Shapes of answers, to compare what two servers say without what they say it of: which fields there are, and of which type.

use std::collections::BTreeSet;

use serde_json::Value;

/// Every field of a JSON answer as `path: type`; entries of a list share one path.
pub fn of_json(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(value, "", &mut found);
    found
}

fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Null => return,
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(entries) => {
            entries.iter().for_each(|entry| walk(entry, &format!("{path}[]"), found));
            "list"
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| walk(value, &format!("{path}/{name}"), found));
            "object"
        }
    };
    found.insert(format!("{path}: {kind}"));
}

/// Every element of an XML answer as `path: type`, the type being what its text can be read as.
pub fn of_xml(document: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    for piece in document.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        if tag.starts_with('/') {
            open.pop();
        } else if !tag.starts_with(['?', '!']) {
            open.push(tag.split([' ', '/']).next().unwrap_or_default());
            found.insert(format!("/{}: {}", open.join("/"), kind(text.trim())));
            if tag.ends_with('/') {
                open.pop();
            }
        }
    }
    found
}

fn kind(text: &str) -> &'static str {
    match text {
        "" => "elements",
        "true" | "false" => "bool",
        _ if text.parse::<f64>().is_ok() => "number",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_are_walked_through() {
        let of = |all: BTreeSet<String>| all.into_iter().collect::<Vec<_>>();
        assert_eq!(
            of(of_json(&json!({"a": [{"b": 1}, {"c": "x"}]}))),
            ["/a: list", "/a[]/b: number", "/a[]/c: string", "/a[]: object", ": object"]
        );
        assert_eq!(
            of(of_xml("<?xml?><r n=\"1\"><a>1</a><b/><c>x</c></r>")),
            ["/r/a: number", "/r/b: elements", "/r/c: string", "/r: elements"]
        );
    }
}
