//! Bytes of one source to one NodeConfig.

use hybridge_document::{At, Broken, Form, Head, MAX_PROBLEMS, Node, Problem, Problems, Reader, Tree, own};
use serde_json::Value;

use super::fields::{Field, Kind, SPEC, Shapes, field};
use super::walk::{Taken, Walk, unknown};
use super::{API_VERSION, KIND, Languages, NodeConfig, Shape, hide, merge};
use crate::userdata::{self, Part, UserDataError};

/// What a source turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// At least one document that means to be a NodeConfig, right or wrong.
    NodeConfig,
    /// Multipart without one.
    NoPart,
    /// Something else: a script, cloud-config, no YAML.
    Other,
}

/// What reading one source gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// Its documents merged; none if there is an error. Defaults are not filled in yet: [`super::complete`] does it after the last merge.
    pub config: Option<NodeConfig>,
    /// What could be read in spite of errors: only for telling what else is wrong ([`super::check_whole`]).
    pub draft: Option<NodeConfig>,
    /// Everything that is wrong, in order.
    pub problems: Vec<Problem>,
    /// What it is.
    pub found: Found,
}

/// Reads one source. `shape`: as the user says, or as the whole chain tells ([`tell_shape`]); otherwise this source's documents tell it.
pub fn parse(name: &str, bytes: &[u8], shape: Option<Shape>, languages: Languages<'_>) -> Parsed {
    let parts = match userdata::decode(name, bytes) {
        Ok(parts) => parts,
        Err(error) => return refused(name, error),
    };
    let read: Vec<Read> = parts.into_iter().map(Read::new).collect();
    let taken = taken(shape, read.iter().filter_map(|read| read.tree.as_ref()));
    let mut parsed = Parsed { config: None, draft: None, problems: Vec::new(), found: Found::Other };
    for read in read {
        let meant = read.meant();
        let (draft, problems) = read.check(taken, languages);
        if meant {
            parsed.found = Found::NodeConfig;
        }
        parsed.problems.extend(problems);
        match (draft, &mut parsed.draft) {
            (Some(draft), None) => parsed.draft = Some(draft),
            (Some(draft), Some(base)) => {
                if let Err(error) = merge(base, draft, languages) {
                    parsed.problems.push(Problem::at_field(
                        "toml.merge",
                        "spec.containerd.config",
                        hybridge_report::chain(&error),
                        "mend the TOML",
                    ));
                }
            }
            (None, _) => {}
        }
    }
    let error = |problem: &Problem| problem.severity == hybridge_report::Severity::Error;
    if parsed.problems.len() > MAX_PROBLEMS + 1 {
        // Each part tells so many at most; all of them together may be more.
        let more = parsed.problems.split_off(MAX_PROBLEMS);
        let what = format!("has {} more problems; they are told when these are mended", more.len());
        let summary = Problem::at_field("document.problems", name, what, "mend those above first");
        let severity = if more.iter().any(error) { summary.severity } else { hybridge_report::Severity::Warning };
        parsed.problems.push(Problem { severity, ..summary });
    }
    parsed.config = parsed.draft.clone().filter(|_| !parsed.problems.iter().any(error));
    parsed
}

/// The shape a source's documents tell, if they do: `hybrid:` or `cluster.region` is in them. A chain of sources has one shape, so all of
/// them are asked before one is parsed.
pub fn tell_shape(name: &str, bytes: &[u8]) -> Option<Shape> {
    let parts = userdata::decode(name, bytes).ok()?;
    let trees: Vec<Read> = parts.into_iter().map(Read::new).collect();
    hint(trees.iter().filter_map(|read| read.tree.as_ref())).map(|_| Shape::Hybrid)
}

/// Why the documents are of the hybrid shape.
fn hint<'a>(mut trees: impl Iterator<Item = &'a Tree>) -> Option<&'static str> {
    trees.find_map(|tree| {
        let spec = tree.get("spec")?;
        match (spec.get("hybrid"), spec.get("cluster").and_then(|cluster| cluster.get("region"))) {
            (Some(_), _) => Some("as spec.hybrid is in it"),
            (None, Some(_)) => Some("as spec.cluster.region is in it"),
            (None, None) => None,
        }
    })
}

fn taken<'a>(shape: Option<Shape>, trees: impl Iterator<Item = &'a Tree>) -> Taken {
    match (shape, hint(trees)) {
        (Some(shape), _) => Taken { shape, why: "as was asked (--shape, or another source)" },
        (None, Some(why)) => Taken { shape: Shape::Hybrid, why },
        (None, None) => Taken { shape: Shape::Ec2, why: "as neither spec.hybrid nor spec.cluster.region is in it" },
    }
}

/// User data is small.
pub(super) const FORM: Form = Form { kind: KIND, nodes: 20_000, second: "put it in a file or MIME part of its own, or merge the two" };

/// Problems of `source`, before which there are `before` lines of `file`. What looks secret in it is never shown.
pub(super) fn problems_of(file: &str, before: u32, source: &str) -> Problems {
    Problems::new(file, before, hide::secrets_of(source))
}

/// Bytes of one document; user data has at most 16 KiB.
const MAX_DOCUMENT: usize = 1 << 20;
/// Texts of one document that look secret: each is looked for in all that is shown.
const MAX_SECRETS: usize = 1000;

/// A part with its tree.
struct Read {
    part: Part,
    tree: Option<Tree>,
    problems: Problems,
}

impl Read {
    fn new(part: Part) -> Self {
        if part.text.len() > MAX_DOCUMENT {
            let mut problems = problems_of(&part.name, part.line, "");
            problems
                .error("document.too-large", At::default(), "", "has more than 1 MiB; a NodeConfig has a few KiB")
                .fix("is it the right file?");
            return Self { part, tree: None, problems };
        }
        let mut problems = problems_of(&part.name, part.line, &part.text);
        if problems.secrets() > MAX_SECRETS {
            let mut problems = problems_of(&part.name, part.line, "");
            let what = "has more than 1000 passwords, tokens or the like";
            problems.error("document.too-large", At::default(), "", what).fix("is it the right file?");
            return Self { part, tree: None, problems };
        }
        let tree = match hybridge_document::read(&part.text, FORM, &mut problems) {
            Ok(Some(tree)) => Some(tree),
            Ok(None) => {
                problems.error("document.empty", At::default(), "", "there is no document in it").fix(TOP);
                None
            }
            Err(Broken) => None,
        };
        Self { part, tree, problems }
    }

    /// Whether a NodeConfig is meant, however wrong.
    fn meant(&self) -> bool {
        self.part.text.contains("node.eks.aws/")
            || self.tree.as_ref().and_then(|tree| tree.get("kind")).is_some_and(|kind| kind.text() == Some(KIND))
    }

    fn check(mut self, taken: Taken, languages: Languages<'_>) -> (Option<NodeConfig>, Vec<Problem>) {
        let problems = &mut self.problems;
        let draft = self.tree.as_ref().and_then(|tree| {
            let mut walk = Walk { reader: Reader::new(problems), languages, taken, source: &self.part.text };
            document(tree, &mut walk)
        });
        (draft, self.problems.finish())
    }
}

const TOP: &str = "begin it with `apiVersion: node.eks.aws/v1alpha1`, `kind: NodeConfig`, `spec:`";

/// Keys at the top.
pub(super) static TOP_KEYS: &[Field] = &[
    field("apiVersion", Shapes::Both, Kind::Choice(&[API_VERSION]), "Version of the document's form."),
    field("kind", Shapes::Both, Kind::Choice(&[KIND]), "What the document is."),
    field("metadata", Shapes::Both, Kind::Free, "Kubernetes metadata; not used."),
    field("spec", Shapes::Both, Kind::Object(SPEC), "What is asked of the node."),
];

fn document(tree: &Tree, walk: &mut Walk<'_>) -> Option<NodeConfig> {
    let Node::Map(entries) = &tree.node else {
        walk.reader.problems.error("document.mapping", tree.at, "", "is no NodeConfig: keys are expected at the top").fix(TOP);
        return None;
    };
    let entries = own(entries, walk.reader.problems);
    let known = TOP_KEYS.iter().map(|field| field.name);
    for (key, _) in entries.iter().filter(|(key, _)| !known.clone().any(|name| name == key.text)) {
        unknown(key, "", known.clone(), walk.reader.problems);
    }
    let find = |name: &str| entries.iter().find(|(key, _)| key.text == name).copied();
    let version = head("apiVersion", API_VERSION).check(find("apiVersion"), tree.at, walk.reader.problems);
    let kind = head("kind", KIND).check(find("kind"), tree.at, walk.reader.problems);
    if !version && !kind {
        return None;
    }
    let spec = find("spec").map(|(_, spec)| walk.object(spec, SPEC, "spec")).unwrap_or_default();
    let mut config = match serde_json::from_value::<NodeConfig>(Value::Object(spec)) {
        Ok(config) => config,
        // The table and the types are held together by a test; should they part, no document must be misread.
        Err(_) => {
            walk.reader.problems.wrong_type(tree.at, "something", "a NodeConfig", "");
            return None;
        }
    };
    config.shape = walk.taken.shape;
    undo_defaults(&mut config, find("spec").map(|(_, spec)| spec));
    (!walk.reader.incomplete).then_some(config)
}

const fn head(name: &'static str, wanted: &'static str) -> Head<'static> {
    Head { name, wanted, kind: KIND }
}

/// The paths' defaults must not win over what an earlier document says.
fn undo_defaults(config: &mut NodeConfig, spec: Option<&Tree>) {
    let Some(anywhere) = config.hybrid.as_mut().and_then(|hybrid| hybrid.iam_roles_anywhere.as_mut()) else { return };
    let tree = spec.and_then(|spec| spec.get("hybrid")).and_then(|hybrid| hybrid.get("iamRolesAnywhere"));
    let said = |name: &str| tree.and_then(|tree| tree.get(name)).is_some_and(|tree| tree.text().is_some_and(|text| !text.is_empty()));
    for (name, path) in [
        ("awsConfigPath", &mut anywhere.aws_config_path),
        ("certificatePath", &mut anywhere.certificate_path),
        ("privateKeyPath", &mut anywhere.private_key_path),
    ] {
        if !said(name) {
            path.clear();
        }
    }
}

/// A source without a document.
fn refused(name: &str, error: UserDataError) -> Parsed {
    let found = if matches!(error, UserDataError::NoPart { .. }) { Found::NoPart } else { Found::Other };
    let what = error.to_string();
    let (code, line, fix) = explain(error);
    let problem = Problem { file: name.to_owned(), line, fix: Some(fix), ..Problem::at_field(code, name, what, "") };
    Parsed { config: None, draft: None, problems: vec![problem], found }
}

fn explain(error: UserDataError) -> (&'static str, u32, String) {
    let write = "write a NodeConfig (apiVersion: node.eks.aws/v1alpha1), or a multipart with a part of type application/node.eks.aws";
    match error {
        UserDataError::Empty => ("userdata.empty", 0, write.to_owned()),
        UserDataError::TooLarge => ("userdata.too-large", 0, "a NodeConfig has a few KiB; is this the right file?".to_owned()),
        UserDataError::Gzip(_) => ("userdata.gzip", 0, "pack it again; was it cut off?".to_owned()),
        UserDataError::Transfer(_) => ("userdata.transfer-encoding", 0, "mend the part, or leave Content-Transfer-Encoding out".to_owned()),
        UserDataError::NotText => ("userdata.not-text", 0, "save it as UTF-8; base64 and gzip are understood, too".to_owned()),
        UserDataError::Multipart { line, .. } => ("userdata.multipart", line, "see RFC 2046 §5.1 for the form".to_owned()),
        UserDataError::Depth => ("userdata.multipart-depth", 0, "put the parts into one multipart".to_owned()),
        UserDataError::NoPart { .. } => ("userdata.no-part", 0, "add a part with `Content-Type: application/node.eks.aws`".to_owned()),
        UserDataError::Script => ("userdata.script", 1, write.to_owned()),
        UserDataError::CloudInit(_) => ("userdata.cloud-init", 1, write.to_owned()),
        UserDataError::Legacy(legacy) => {
            let notes: String = legacy.notes.iter().map(|note| format!("\n- {note}")).collect();
            let config = hide::text(&legacy.config);
            (
                "userdata.legacy",
                legacy.line,
                format!("write instead:\n{config}{}", if notes.is_empty() { String::new() } else { format!("and then:{notes}") }),
            )
        }
    }
}
