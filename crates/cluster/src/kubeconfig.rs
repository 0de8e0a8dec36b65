//! A cluster in a kubeconfig, its credentials by `hybridge get-token`; everything else in the file stays.

use hybridge_document::{Form, Problems, read, value};
use serde_json::{Map, Value, json};

/// What a kubeconfig needs to know of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of the cluster.
    pub name: String,
    /// ARN of the cluster: the name of its entries, as `aws eks update-kubeconfig` names them.
    pub arn: String,
    /// Region.
    pub region: String,
    /// `https://…`.
    pub server: String,
    /// Certificates, PEM in base64.
    pub authority: String,
    /// The program that gets tokens.
    pub program: String,
    /// Profile of the AWS configuration; none: as the caller is set up.
    pub profile: Option<String>,
}

/// Why a file cannot be changed. Nothing of the file is quoted: it may hold credentials.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KubeconfigError {
    /// No YAML, or too large.
    #[error("it is no YAML: {0}")]
    Yaml(String),
    /// Another shape than a kubeconfig's.
    #[error("`{0}` is not what a kubeconfig has there")]
    Shape(&'static str),
}

/// Keys and values that a kubeconfig may have; one with hundreds of clusters has some thousands.
const FORM: Form = Form { kind: "kubeconfig", nodes: 200_000, second: "remove it" };

/// The text of a kubeconfig with the cluster in it, as its current context. None: it is in there already, and current.
///
/// # Errors
/// What is there is no kubeconfig.
pub fn merged(existing: &str, entry: &Entry) -> Result<Option<String>, KubeconfigError> {
    changed(existing, |map| {
        put(map, "clusters", &entry.arn, "cluster", json!({"server": entry.server, "certificate-authority-data": entry.authority}))?;
        put(map, "users", &entry.arn, "user", json!({"exec": exec(entry)}))?;
        put(map, "contexts", &entry.arn, "context", json!({"cluster": entry.arn, "user": entry.arn}))?;
        map.insert("current-context".into(), entry.arn.clone().into());
        Ok(())
    })
}

/// The text of a kubeconfig without the entries of the cluster that [`merged`] makes. None: they are not in there.
///
/// # Errors
/// What is there is no kubeconfig.
pub fn without(existing: &str, arn: &str) -> Result<Option<String>, KubeconfigError> {
    changed(existing, |map| {
        for list in ["clusters", "users", "contexts"] {
            match map.get_mut(list) {
                Some(Value::Array(items)) => items.retain(|item| item["name"] != arn),
                Some(Value::Null) | None => {}
                Some(Value::Object(_) | Value::Bool(_) | Value::Number(_) | Value::String(_)) => return Err(KubeconfigError::Shape(list)),
            }
        }
        if map.get("current-context").is_some_and(|current| current == arn) {
            map.insert("current-context".into(), "".into());
        }
        Ok(())
    })
}

/// The text after a change. None: it changes nothing.
fn changed(
    existing: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<(), KubeconfigError>,
) -> Result<Option<String>, KubeconfigError> {
    let mut problems = Problems::new("kubeconfig", 0, Vec::new());
    let tree = read(existing, FORM, &mut problems);
    let mut whole = match tree {
        Ok(Some(tree)) => value(&tree, &mut problems),
        Ok(None) => Value::Null,
        Err(_) => {
            let problem = problems.finish().into_iter().next();
            return Err(KubeconfigError::Yaml(problem.map_or_else(String::new, |problem| problem.place())));
        }
    };
    if whole.is_null() {
        whole = json!({"apiVersion": "v1", "kind": "Config"});
    }
    let before = whole.clone();
    let Value::Object(map) = &mut whole else { return Err(KubeconfigError::Shape("the document")) };
    change(map)?;
    if whole == before {
        return Ok(None);
    }
    let mut text = String::new();
    write(&whole, 0, &mut text);
    Ok(Some(text))
}

fn exec(entry: &Entry) -> Value {
    let mut args = vec!["get-token", "--cluster-name", entry.name.as_str(), "--region", entry.region.as_str()];
    if let Some(profile) = &entry.profile {
        args.extend(["--profile", profile]);
    }
    json!({
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": entry.program,
        "args": args,
        "interactiveMode": "Never",
    })
}

/// Puts an entry into a list of named ones; keys of it that are not ours (a namespace, a proxy) stay.
fn put(map: &mut Map<String, Value>, list: &'static str, name: &str, key: &str, wanted: Value) -> Result<(), KubeconfigError> {
    let items = map.entry(list).or_insert_with(|| json!([]));
    if items.is_null() {
        *items = json!([]);
    }
    let Value::Array(items) = items else { return Err(KubeconfigError::Shape(list)) };
    match items.iter_mut().find(|item| item["name"] == name) {
        Some(item) => {
            let (Some(Value::Object(inner)), Value::Object(wanted)) = (item.get_mut(key), wanted) else {
                return Err(KubeconfigError::Shape(list));
            };
            inner.extend(wanted);
        }
        None => items.push(json!({"name": name, key: wanted})),
    }
    Ok(())
}

/// YAML in block style. Texts are written as JSON has them, which is YAML, too, unless they are plain words.
fn write(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                out.push_str(&format!("{indent}{}:", text(key)));
                below(value, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                write(item, depth + 1, &mut inner);
                out.push_str(&format!("{indent}- {}", inner.trim_start_matches(' ')));
            }
        }
        Value::String(string) => out.push_str(&(text(string) + "\n")),
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&format!("{value}\n")),
    }
}

fn below(value: &Value, depth: usize, out: &mut String) {
    let is_block = value.as_object().is_some_and(|map| !map.is_empty()) || value.as_array().is_some_and(|items| !items.is_empty());
    out.push(if is_block { '\n' } else { ' ' });
    write(value, if is_block { depth + 1 } else { 0 }, out);
}

fn text(text: &str) -> String {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    // Words that some reader takes for a boolean or for nothing have at most five letters.
    if begins && plain && text.len() > 5 || matches!(text, "name" | "user" | "users" | "kind" | "exec" | "args") {
        text.to_owned()
    } else {
        // What YAML does not take as it is, and JSON does.
        let escaped = |c: char| match c {
            '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}' => format!("\\u{:04x}", c as u32),
            c => c.to_string(),
        };
        serde_json::to_string(text).expect("text is always JSON").chars().map(escaped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            name: "shop".into(),
            arn: "arn:aws:eks:eu-central-1:111122223333:cluster/shop".into(),
            region: "eu-central-1".into(),
            server: "https://0123.gr7.eu-central-1.eks.amazonaws.com".into(),
            authority: "LS0tLS1CRUdJTi==".into(),
            program: "hybridge".into(),
            profile: None,
        }
    }

    const NEW: &str = r#"apiVersion: "v1"
clusters:
  - cluster:
      certificate-authority-data: "LS0tLS1CRUdJTi=="
      server: "https://0123.gr7.eu-central-1.eks.amazonaws.com"
    name: "arn:aws:eks:eu-central-1:111122223333:cluster/shop"
contexts:
  - context:
      cluster: "arn:aws:eks:eu-central-1:111122223333:cluster/shop"
      user: "arn:aws:eks:eu-central-1:111122223333:cluster/shop"
    name: "arn:aws:eks:eu-central-1:111122223333:cluster/shop"
current-context: "arn:aws:eks:eu-central-1:111122223333:cluster/shop"
kind: Config
users:
  - name: "arn:aws:eks:eu-central-1:111122223333:cluster/shop"
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1beta1
        args:
          - get-token
          - "--cluster-name"
          - "shop"
          - "--region"
          - eu-central-1
        command: hybridge
        interactiveMode: "Never"
"#;

    fn parsed(text: &str) -> Value {
        let mut problems = Problems::new("test", 0, Vec::new());
        let tree = read(text, FORM, &mut problems).unwrap().unwrap();
        let value = value(&tree, &mut problems);
        assert!(problems.finish().is_empty(), "{text}");
        value
    }

    #[test]
    fn a_new_file_has_the_cluster_and_nothing_else_and_a_second_time_changes_nothing() {
        let text = merged("", &entry()).unwrap().unwrap();
        assert_eq!(text, NEW);
        assert_eq!(merged(&text, &entry()).unwrap(), None);
    }

    #[test]
    fn what_else_is_in_the_file_stays_and_old_values_of_the_cluster_are_renewed() {
        let old = "apiVersion: v1\nkind: Config\npreferences: {colors: true}\ncurrent-context: home\nclusters:\n- name: home\n  cluster: {server: \"https://10.0.0.1\", insecure-skip-tls-verify: true}\n\
                   - name: arn:aws:eks:eu-central-1:111122223333:cluster/shop\n  cluster: {server: https://old, tls-server-name: api}\nusers:\n- name: home\n  user: {token: \"0123\", password: 'no'}\ncontexts: null\n";
        let (before, after) = (parsed(old), parsed(&merged(old, &entry()).unwrap().unwrap()));
        assert_eq!(after["preferences"], before["preferences"]);
        assert_eq!((&after["clusters"][0], &after["users"][0]), (&before["clusters"][0], &before["users"][0]));
        let cluster = &after["clusters"][1]["cluster"];
        assert_eq!((&cluster["server"], &cluster["tls-server-name"]), (&json!(entry().server), &json!("api")));
        assert_eq!(after["current-context"], json!(entry().arn));
        let removed = parsed(&without(&merged(old, &entry()).unwrap().unwrap(), &entry().arn).unwrap().unwrap());
        assert_eq!((removed["clusters"].as_array().unwrap().len(), &removed["current-context"]), (1, &json!("")));
        for (text, arn) in [(old, "arn:other"), ("", "arn:other"), ("# nothing\n", &entry().arn)] {
            assert_eq!(without(text, arn).unwrap(), None);
        }
    }

    #[test]
    fn a_file_that_is_no_kubeconfig_is_left_alone_and_not_quoted() {
        for (text, expected) in [
            ("clusters: [\ntoken: secret", "it is no YAML: kubeconfig:"),
            ("- secret", "`the document` is not what"),
            ("users: secret", "`users` is not what"),
        ] {
            for error in [merged(text, &entry()).unwrap_err(), without(text, &entry().arn).unwrap_err()] {
                let error = error.to_string();
                assert!(error.starts_with(expected) && !error.contains("secret"), "{error}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(texts in proptest::collection::vec(".{0,12}", 1..6), number in proptest::num::i64::ANY) {
            let whole = json!({"clusters": [{"name": texts[0], "more": texts, "n": number, "e": {}, "l": [], "b": true}], "n": null});
            let mut text = String::new();
            write(&whole, 0, &mut text);
            proptest::prop_assert_eq!(parsed(&text), whole);
        }
    }
}
