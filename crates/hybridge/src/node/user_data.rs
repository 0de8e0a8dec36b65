//! `hybridge node user-data`: put together, or taken apart.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hybridge_aws::{Imds, Metadata};
use hybridge_node::config::own::StepPhase;
use hybridge_node::config::{self, API_VERSION, KIND};
use hybridge_node::userdata::compose::{self as parts, Kind, LARGEST, Piece};
use hybridge_node::userdata::{Listed, MAX_BYTES, list};
use hybridge_report::{Exit, Finding, Severity};
use serde_json::json;

use super::sources::languages;
use crate::args::Output;
use crate::args::node::user::{Compose, Form, Phase, Show};
use crate::tell;

impl From<Phase> for StepPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::PreNetwork => Self::PreNetwork,
            Phase::PreKubelet => Self::PreKubelet,
            Phase::PostJoin => Self::PostJoin,
        }
    }
}

/// `user-data compose`.
pub(super) fn compose(arguments: &Compose) -> Exit {
    let composed = pieces(arguments).and_then(|pieces| {
        parts::compose(&pieces).map_err(|error| vec![Finding::error("userdata.compose", "user data", error.to_string()).fix(error.fix())])
    });
    let composed = match composed {
        Ok(composed) => composed,
        Err(findings) => {
            tell::findings(&findings);
            return Exit::Input;
        }
    };
    let packed = if composed.packed { ", packed" } else { "" };
    tell::progress(format_args!("{} of {LARGEST} bytes{packed}", composed.bytes.len()));
    match arguments.output {
        Form::Base64 => tell::data(&(STANDARD.encode(&composed.bytes) + "\n")),
        Form::Text => match std::io::stdout().write_all(&composed.bytes) {
            Ok(()) => Exit::Ok,
            Err(error) => {
                tell::line(format_args!("error: cannot print: {error}"));
                Exit::Unexpected
            }
        },
    }
}

fn pieces(arguments: &Compose) -> Result<Vec<Piece>, Vec<Finding>> {
    let one = |finding| vec![finding];
    let mut pieces = Vec::new();
    for path in &arguments.configs {
        pieces.push(piece(Kind::NodeConfig, path).map_err(one)?);
    }
    let phases = phases(arguments).map_err(one)?;
    for (path, phase) in arguments.scripts.iter().zip(phases) {
        let script = piece(Kind::Script, path).map_err(one)?;
        pieces.push(match phase {
            Some(phase) => step(&script, phase),
            None => script,
        });
    }
    let configs = pieces.iter().filter(|piece| piece.kind == Kind::NodeConfig);
    let findings: Vec<Finding> = configs.flat_map(problems).collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    for (kind, paths) in [(Kind::Boothook, &arguments.boothooks), (Kind::CloudConfig, &arguments.cloud_configs)] {
        for path in paths {
            pieces.push(piece(kind, path).map_err(one)?);
        }
    }
    Ok(pieces)
}

/// A phase for each script.
fn phases(arguments: &Compose) -> Result<Vec<Option<StepPhase>>, Finding> {
    let (scripts, phases) = (arguments.scripts.len(), &arguments.phases);
    Ok(match phases.as_slice() {
        [] => vec![None; scripts],
        [all] => vec![Some((*all).into()); scripts],
        each if each.len() == scripts => each.iter().map(|phase| Some((*phase).into())).collect(),
        each => {
            let what = format!("{} phases for {scripts} scripts", each.len());
            return Err(Finding::error("userdata.phase", "--phase", what).fix("give --phase once for all scripts, or once for each"));
        }
    })
}

fn piece(kind: Kind, path: &Path) -> Result<Piece, Finding> {
    let place = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Finding::error("source.unreadable", place.as_str(), format!("cannot be read: {error}")).fix("name a text file"))?;
    let name = path.file_name().map_or(place, |name| name.to_string_lossy().into_owned());
    Ok(Piece { kind, name, text })
}

/// A script as a part of the NodeConfig: it has a phase, a time limit and a state then.
fn step(script: &Piece, phase: StepPhase) -> Piece {
    let stem = script.name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let id: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let id = id.trim_matches('-');
    let document = json!({
        "apiVersion": API_VERSION, "kind": KIND,
        "spec": {"instance": {"steps": [{"id": id, "phase": phase, "script": script.text}]}},
    });
    Piece { kind: Kind::NodeConfig, name: format!("{id}.json"), text: document.to_string() + "\n" }
}

/// What is wrong with a NodeConfig that is about to be sent to machines far away.
fn problems(piece: &Piece) -> Vec<Finding> {
    let shape = config::tell_shape(&piece.name, piece.text.as_bytes());
    let parsed = config::parse(&piece.name, piece.text.as_bytes(), shape, languages());
    let errors = parsed.problems.into_iter().filter(|problem| problem.severity == Severity::Error);
    // Another document of the same user data may tell the shape.
    errors.filter(|problem| problem.code != "key.other-shape").map(Finding::from).collect()
}

/// `user-data show`.
pub(super) fn show(arguments: &Show) -> Exit {
    let listed = read(arguments).and_then(|(name, bytes)| {
        list(&bytes).map_err(|error| Finding::error("userdata.broken", name, error.to_string()).fix("compose it again"))
    });
    match (listed, arguments.output) {
        (Err(finding), _) => {
            tell::findings([&finding]);
            Exit::Input
        }
        (Ok(listed), form @ (Output::Json | Output::Yaml)) => {
            let row = |part: &Listed| json!({"type": part.kind, "name": part.name, "bytes": part.bytes, "line": part.line});
            tell::structured(form, &listed.iter().map(row).collect::<Vec<_>>())
        }
        (Ok(listed), Output::Table) => {
            let row = |part: &Listed| format!("{:<26} {:>7}  {}\n", part.kind, part.bytes, part.name.as_deref().unwrap_or("-"));
            tell::data(&listed.iter().map(row).collect::<String>())
        }
    }
}

fn read(arguments: &Show) -> Result<(String, Vec<u8>), Finding> {
    let Some(path) = &arguments.file else {
        let name = "imds://user-data".to_owned();
        let bytes = crate::runtime::block_on(async { Imds::open(&Metadata::from_env()).await?.user_data().await });
        let bytes = bytes
            .map_err(|error| Finding::error("imds.unreachable", name.as_str(), hybridge_report::chain(&error)).fix(error.fix_on_node()))?;
        return Ok((name, bytes.unwrap_or_default()));
    };
    let name = path.display().to_string();
    let limit = MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let result = match name.as_str() {
        "-" => std::io::stdin().take(limit).read_to_end(&mut bytes),
        _ => fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    result.map_err(|error| {
        Finding::error("source.unreadable", name.as_str(), format!("cannot be read: {error}")).fix("name a file, or - for standard input")
    })?;
    Ok((name, bytes))
}
