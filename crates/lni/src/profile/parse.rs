//! Text of a file to a profile.

use hybridge_document::{At, Broken, Form, Head, Node, Problem, Problems, Reader, Tree, Unknown, own, read, unknown};
use hybridge_report::Severity;

use super::Profile;
use super::fields::{PROFILE, home};
use super::whole::whole;

/// What reading a file gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// None if there is an error.
    pub profile: Option<Profile>,
    /// Everything that is wrong, in order.
    pub problems: Vec<Problem>,
}

/// Bytes of a file; a profile has a few hundred.
const MAX_BYTES: usize = 1 << 20;
/// Of a NodeConfig that may hold more than the profile.
const FORM: Form = Form { kind: "profile", nodes: 20_000, second: "put it in a file of its own" };
const BEGIN: &str = "begin it with `lni:`, and the profile below; or write a NodeConfig with spec.lni";

/// Reads the text of the file `name`: a profile below `lni:`, or a NodeConfig with one in `spec.lni`. Of a NodeConfig nothing else is
/// looked at.
pub fn parse(name: &str, text: &str) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Problems::new(name, 0, Vec::new());
    let profile = tree(text, &mut problems).and_then(|tree| document(&tree, &mut problems));
    let problems = problems.finish();
    let wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
    Parsed { profile: profile.filter(|_| !wrong), problems }
}

fn tree(text: &str, problems: &mut Problems) -> Option<Tree> {
    if text.len() > MAX_BYTES {
        problems.error("document.too-large", At::default(), "", "has more than 1 MiB; a profile has a few hundred bytes");
        problems.fix("is it the right file?");
        return None;
    }
    match read(text, FORM, problems) {
        Ok(Some(tree)) if !tree.is_null() => Some(tree),
        Ok(_) => {
            problems.error("document.empty", At::default(), "", "there is no document in it").fix(BEGIN);
            None
        }
        Err(Broken) => None,
    }
}

fn document(tree: &Tree, problems: &mut Problems) -> Option<Profile> {
    let Node::Map(entries) = &tree.node else {
        problems.error("document.mapping", tree.at, "", "is no profile: keys are expected at the top").fix(BEGIN);
        return None;
    };
    let entries = own(entries, problems);
    let find = |name: &str| entries.iter().find(|(key, _)| key.text == name).copied();
    if find("kind").is_some() || find("apiVersion").is_some() {
        for (name, wanted) in [("apiVersion", "node.eks.aws/v1alpha1"), ("kind", "NodeConfig")] {
            Head { name, wanted, kind: "NodeConfig" }.check(find(name), tree.at, problems);
        }
        let spec = find("spec").map(|(_, spec)| spec);
        let Some(lni) = spec.and_then(|spec| spec.get("lni")) else {
            let at = spec.map_or(tree.at, |spec| spec.at);
            problems.error("lni.missing", at, "", "has no spec.lni: there is no LNI in this NodeConfig").fix("write the profile there");
            return None;
        };
        return section(lni, "spec.lni", problems);
    }
    let bare = find("lni").is_none() && entries.iter().any(|(key, _)| PROFILE.iter().any(|field| field.name == key.text));
    if bare {
        let what = "is a profile without its name";
        problems.error("lni.missing", tree.at, "", what).fix("write `lni:` above, and two more blanks before each line");
        return None;
    }
    for (key, _) in entries.iter().filter(|(key, _)| key.text != "lni") {
        unknown(key, Unknown { path: "", shown: true }, std::iter::once("lni"), home, problems);
    }
    let Some((_, lni)) = find("lni") else {
        problems.error("lni.missing", tree.at, "", "has no profile").fix(BEGIN);
        return None;
    };
    section(lni, "lni", problems)
}

fn section(tree: &Tree, path: &str, problems: &mut Problems) -> Option<Profile> {
    let read = super::read(tree, path, &mut Reader::new(problems));
    whole(&read.values, &read.places, problems)
}
