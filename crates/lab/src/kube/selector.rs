//! Label and field selectors, in the forms that gateways send.

use serde_json::Value;

/// Conditions on labels and on name or namespace, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selector(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Label { key: String, test: Test },
    Name(String),
    Namespace(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Is(String),
    IsNot(String),
    Exists,
    Missing,
}

/// A selector of a form that is not understood here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the selector `{0}`")]
pub(super) struct Unsupported(String);

impl Selector {
    /// Reads `labelSelector` (`k=v`, `k==v`, `k!=v`, `k`, `!k`) and `fieldSelector` (`metadata.name`, `metadata.namespace`).
    pub(super) fn parse(labels: Option<&str>, fields: Option<&str>) -> Result<Self, Unsupported> {
        let mut terms = Vec::new();
        for text in labels.into_iter().flat_map(|text| text.split(',')).filter(|text| !text.trim().is_empty()) {
            terms.push(label_term(text.trim())?);
        }
        for text in fields.into_iter().flat_map(|text| text.split(',')).filter(|text| !text.trim().is_empty()) {
            terms.push(field_term(text.trim())?);
        }
        Ok(Self(terms))
    }

    /// Whether nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        self.0.iter().all(|term| match term {
            Term::Name(name) => metadata["name"] == name.as_str(),
            Term::Namespace(namespace) => metadata["namespace"] == namespace.as_str(),
            Term::Label { key, test } => {
                let value = metadata["labels"].get(key).and_then(Value::as_str);
                match test {
                    Test::Is(wanted) => value == Some(wanted),
                    Test::IsNot(unwanted) => value != Some(unwanted),
                    Test::Exists => value.is_some(),
                    Test::Missing => value.is_none(),
                }
            }
        })
    }
}

fn label_term(text: &str) -> Result<Term, Unsupported> {
    let (key, test) = if let Some((key, value)) = text.split_once("!=") {
        (key, Test::IsNot(value.trim().into()))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Test::Is(value.trim().into()))
    } else if let Some(key) = text.strip_prefix('!') {
        (key, Test::Missing)
    } else {
        (text, Test::Exists)
    };
    let key = key.trim();
    if key.is_empty() || key.contains([' ', '(', ')']) {
        return Err(Unsupported(text.into()));
    }
    Ok(Term::Label { key: key.into(), test })
}

fn field_term(text: &str) -> Result<Term, Unsupported> {
    let (field, value) = text.split_once("==").or_else(|| text.split_once('=')).ok_or_else(|| Unsupported(text.into()))?;
    match field.trim() {
        "metadata.name" => Ok(Term::Name(value.trim().into())),
        "metadata.namespace" => Ok(Term::Namespace(value.trim().into())),
        _ => Err(Unsupported(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equality_and_existence_select() {
        let node = json!({"metadata": {"name": "n1", "labels": {"eks.amazonaws.com/compute-type": "hybrid"}}});
        for (labels, fields, wanted) in [
            ("eks.amazonaws.com/compute-type=hybrid", "", true),
            ("eks.amazonaws.com/compute-type==hybrid", "", true),
            ("eks.amazonaws.com/compute-type=auto", "", false),
            ("eks.amazonaws.com/compute-type!=auto", "", true),
            ("eks.amazonaws.com/compute-type", "", true),
            ("!eks.amazonaws.com/compute-type", "", false),
            ("zone!=a", "", true),
            ("eks.amazonaws.com/compute-type=hybrid, zone=a", "", false),
            ("", "metadata.name=n1", true),
            ("", "metadata.name=n2", false),
            ("", "", true),
        ] {
            let selector = Selector::parse(Some(labels), Some(fields)).unwrap();
            assert_eq!(selector.matches(&node), wanted, "{labels} {fields}");
        }
    }

    #[test]
    fn other_forms_are_not_guessed_at() {
        for (labels, fields) in [("zone in (a,b)", ""), ("", "spec.unschedulable=true"), ("", "metadata.name!=x")] {
            assert!(Selector::parse(Some(labels), Some(fields)).is_err(), "{labels} {fields}");
        }
    }
}
