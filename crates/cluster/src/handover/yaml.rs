//! YAML for people: block style, in the order given, quoted only where it must be.

/// A tree to be written.
#[derive(Clone, Debug)]
pub(super) enum Yaml {
    Text(String),
    Number(i64),
    Bool(bool),
    List(Vec<Yaml>),
    Map(Vec<(&'static str, Yaml)>),
}

impl Yaml {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn texts<T: ToString>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::Text(text.to_string())).collect())
    }

    /// A document with `comments` above it, a line each.
    pub(super) fn document(&self, comments: &[String]) -> String {
        let mut out: String = comments.iter().map(|line| format!("# {line}\n")).collect();
        self.write(0, &mut out);
        out
    }

    fn write(&self, depth: usize, out: &mut String) {
        match self {
            Self::Map(entries) => {
                for (key, value) in entries {
                    out.push_str(&"  ".repeat(depth));
                    out.push_str(&quoted(key));
                    out.push(':');
                    value.below(depth, out);
                }
            }
            Self::List(items) => {
                for item in items {
                    let mut text = String::new();
                    item.write(depth + 1, &mut text);
                    out.push_str(&"  ".repeat(depth));
                    out.push_str("- ");
                    out.push_str(text.trim_start_matches(' '));
                }
            }
            Self::Text(text) => out.push_str(&(quoted(text) + "\n")),
            Self::Number(number) => out.push_str(&format!("{number}\n")),
            Self::Bool(value) => out.push_str(&format!("{value}\n")),
        }
    }

    fn below(&self, depth: usize, out: &mut String) {
        match self {
            Self::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
            Self::List(items) if items.is_empty() => out.push_str(" []\n"),
            Self::Map(_) | Self::List(_) => {
                out.push('\n');
                self.write(depth + 1, out);
            }
            Self::Text(_) | Self::Number(_) | Self::Bool(_) => {
                out.push(' ');
                self.write(depth, out);
            }
        }
    }
}

/// Words that some reader of YAML takes for something else than text.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// A text as it is if every reader takes it for that text, else in double quotes, as JSON writes it.
fn quoted(text: &str) -> String {
    let network = text.contains('/') && text.bytes().all(|byte| byte.is_ascii_digit() || b"./,".contains(&byte)) && text.contains('.');
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/');
    let middle = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/:-+=,".contains(&byte)) && !text.ends_with(':');
    let word = WORDS.contains(&text.to_ascii_lowercase().as_str());
    if network || (begins && middle && !word) { text.to_owned() } else { serde_json::to_string(text).expect("text is always JSON") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_take_for_something_else_is_quoted() {
        let cases = [
            ("shop", "shop"),
            ("10.0.0.0/16", "10.0.0.0/16"),
            ("10.0.0.0/16,10.1.0.0/16", "10.0.0.0/16,10.1.0.0/16"),
            ("arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/a"),
            ("1e3", "\"1e3\""),
            ("12:34", "\"12:34\""),
            ("0123456789", "\"0123456789\""),
            ("57be8cce-1137-32d4-ce32-ba044ea5df48", "\"57be8cce-1137-32d4-ce32-ba044ea5df48\""),
            ("true", "\"true\""),
            ("No", "\"No\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("quote\"d", "\"quote\\\"d\""),
            ("*", "\"*\""),
            ("key:", "\"key:\""),
        ];
        for (text, expected) in cases {
            assert_eq!(quoted(text), expected, "{text}");
        }
    }

    #[test]
    fn blocks_stand_below_their_keys() {
        let tree = Yaml::Map(vec![
            ("a", Yaml::Map(vec![("b", Yaml::Number(1)), ("c", Yaml::List(vec![]))])),
            ("d", Yaml::List(vec![Yaml::text("x"), Yaml::Map(vec![("k", Yaml::Bool(true)), ("l", Yaml::texts(["z"]))])])),
        ]);
        assert_eq!(tree.document(&["Why.".to_owned()]), "# Why.\na:\n  b: 1\n  c: []\nd:\n  - x\n  - k: true\n    l:\n      - z\n");
    }
}
