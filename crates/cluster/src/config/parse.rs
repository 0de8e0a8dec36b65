//! Text to ClusterConfig.

use std::collections::BTreeSet;

use hybridge_document::{At, Form, Head, Key, Node, Problem, Problems, Reader, Tree, nearest, own, read};
use hybridge_report::Severity;
use jiff::Timestamp;
use serde_json::Value;

use super::checks::{self, Checks};
use super::fields::{self, Kind, TOP};
use super::walk::{Walk, bare_of_indices};
use super::{API_VERSION, Annotations, ClusterConfig, KIND, Places, annotations};

/// What reading a file gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// None if there is an error.
    pub config: Option<ClusterConfig>,
    /// `metadata.annotations` that begin with `hybridge/`.
    pub annotations: Annotations,
    /// Where each value is.
    pub places: Places,
    /// Everything that is wrong, in order.
    pub problems: Vec<Problem>,
}

/// Bytes of a file: ten times what 10,000 lines have.
const MAX_BYTES: usize = 4 << 20;
/// Keys and values: ten for each of 10,000 lines.
const FORM: Form = Form { kind: KIND, nodes: 100_000, second: "put it in a file of its own" };
const BEGIN: &str = "begin it with `apiVersion: eksctl.io/v1alpha5`, `kind: ClusterConfig`, `metadata:`";

/// Reads the text of the file `name`. Sections of eksctl's that are not handled are errors, unless `allow_unsupported` names them: then
/// they are left out. `now`: whether certificates are valid is asked then.
pub fn parse(name: &str, text: &str, allow_unsupported: &[String], now: Timestamp) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parsed = Parsed { config: None, annotations: Annotations::default(), places: Places::new(name), problems: Vec::new() };
    let mut flags = Problems::new("--allow-unsupported", 0, Vec::new());
    let allowed = allowed(allow_unsupported, &mut flags);
    let mut problems = Problems::new(name, 0, private_keys(text));
    let draft = tree(text, &mut problems).and_then(|tree| {
        let mut broken = BTreeSet::new();
        let draft = document(&tree, (&allowed, &mut broken), &mut parsed.places, &mut problems)?;
        parsed.annotations = annotations::read(&draft.metadata.annotations, &parsed.places, &mut problems);
        let (annotations, places) = (&parsed.annotations, &parsed.places);
        checks::outpost(&tree, places, &mut problems);
        checks::all(&mut Checks { config: &draft, annotations, places, broken: &broken, problems: &mut problems, now });
        Some(draft)
    });
    parsed.problems = flags.finish();
    parsed.problems.extend(problems.finish());
    parsed.config = draft.filter(|_| parsed.problems.iter().all(|problem| problem.severity != Severity::Error));
    parsed
}

fn tree(text: &str, problems: &mut Problems) -> Option<Tree> {
    if text.len() > MAX_BYTES {
        problems.error("document.too-large", At::default(), "", "has more than 4 MiB").fix("is it the right file?");
        return None;
    }
    match read(text, FORM, problems) {
        Ok(Some(tree)) if !tree.is_null() => Some(tree),
        Ok(_) => {
            problems.error("document.empty", At::default(), "", "there is no document in it").fix(BEGIN);
            None
        }
        Err(hybridge_document::Broken) => None,
    }
}

/// What can be read in spite of errors; none where it is no ClusterConfig at all.
fn document(
    tree: &Tree,
    (allowed, broken): (&[String], &mut BTreeSet<String>),
    places: &mut Places,
    problems: &mut Problems,
) -> Option<ClusterConfig> {
    let Node::Map(entries) = &tree.node else {
        problems.error("document.mapping", tree.at, "", "is no ClusterConfig: keys are expected at the top").fix(BEGIN);
        return None;
    };
    // What comes twice is told by the walk.
    let entries = own(entries, &mut Problems::new("", 0, Vec::new()));
    let find = |name: &str| -> Option<(&Key, &Tree)> { entries.iter().find(|(key, _)| key.text == name).copied() };
    let head = |name, wanted| Head { name, wanted, kind: KIND };
    let version = head("apiVersion", API_VERSION).check(find("apiVersion"), tree.at, problems);
    let kind = head("kind", KIND).check(find("kind"), tree.at, problems);
    if !version && !kind {
        return None;
    }
    let mut walk = Walk { reader: Reader::new(problems), places, broken: BTreeSet::new(), allowed };
    let values = walk.object(tree, TOP, "");
    *broken = walk.broken;
    problems.look_at("");
    match serde_json::from_value(Value::Object(values)) {
        Ok(config) => Some(config),
        // The table and the types are held together by a test; should they part, no file must be misread.
        Err(_) => {
            problems.wrong_type(tree.at, "something", "a ClusterConfig", "");
            None
        }
    }
}

/// Paths of the table that may be left out.
fn allowed(asked: &[String], problems: &mut Problems) -> Vec<String> {
    let (mut refused, mut handled) = (BTreeSet::new(), BTreeSet::new());
    fields::each(&mut |path, field| {
        let of = if matches!(field.kind, Kind::Refused(_)) { &mut refused } else { &mut handled };
        of.insert(path.to_owned());
    });
    let mut allowed = Vec::new();
    for text in asked {
        let key = bare_of_indices(text.trim());
        if refused.contains(&key) {
            allowed.push(key);
        } else if handled.contains(&key) {
            let what = "is handled: there is nothing to allow";
            problems.error("allow.handled", At::default(), text, what).fix("take it out of --allow-unsupported");
        } else {
            let what = "is no key that eksctl knows and hybridge does not";
            problems.error("allow.unknown", At::default(), text, what).fix(match nearest(&key, refused.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => {
                    let top: Vec<&str> = refused.iter().map(String::as_str).filter(|path| !path.contains('.')).collect();
                    format!("name one of {}, or a key below as the finding names it", top.join(", "))
                }
            });
        }
    }
    allowed
}

/// Lines of private keys, which belong nowhere in this file and are shown by no sentence of ours. Keys that are not put in right may have
/// anything around their lines.
fn private_keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.contains("-----BEGIN") {
            inside = line.contains("PRIVATE KEY");
        }
        if inside && !line.contains("-----") {
            let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
            let words = line.split(|c| !base64(c)).filter(|word| word.len() >= 16);
            keys.extend(words.take(1000_usize.saturating_sub(keys.len())).map(str::to_owned));
        }
        if line.contains("-----END") {
            inside = false;
        }
    }
    keys
}
