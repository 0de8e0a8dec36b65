//! Keys that are not known, and what they were probably meant to be.

use crate::problem::Problems;
use crate::tree::Key;

/// What is told of a key that is not known.
#[derive(Clone, Copy, Debug)]
pub struct Unknown<'a> {
    /// Of the object: `spec.cluster`; empty at the top.
    pub path: &'a str,
    /// The key may be shown.
    pub shown: bool,
}

/// Notes that `key` is not known in the object at `path`, and which of the `known` ones is meant, or where else (`home`) there is one of
/// that name.
pub fn unknown<'a>(
    key: &Key,
    of: Unknown<'_>,
    known: impl Iterator<Item = &'a str> + Clone,
    home: impl Fn(&str) -> Option<String>,
    problems: &mut Problems,
) {
    if problems.full() {
        problems.error("key.unknown", key.at, "", "");
        return;
    }
    let place = if of.path.is_empty() { "at the top".to_owned() } else { format!("in {}", of.path) };
    if let Some(name) = known.clone().find(|name| plainly(name) == plainly(&key.text)) {
        problems
            .error("key.case", key.at, &key.text, format!("is spelled in another way {place}: capitals and dashes count"))
            .fix(format!("write {name}"));
        return;
    }
    let shown = if of.shown { key.text.as_str() } else { "" };
    problems.error("key.unknown", key.at, shown, format!("is not a key {place}"));
    problems.fix(if let Some(near) = nearest(&key.text, known.clone()) {
        format!("did you mean {near}?")
    } else if let Some(home) = home(&key.text) {
        format!("{} belongs in {home}", key.text)
    } else {
        format!("keys {place} are {}", known.collect::<Vec<_>>().join(", "))
    });
}

fn plainly(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

/// The name that `text` was probably meant to be.
pub fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > 64 {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let distance = |name: &'a str| (strsim::damerau_levenshtein(&text, &name.to_ascii_lowercase()), name);
    names.map(distance).filter(|(distance, name)| *distance <= (name.len() / 3).clamp(1, 4)).min().map(|(_, name)| name)
}
