//! Whole documents: nodeadm's own cases, and the laws that hold for any.

mod laws;
mod merging;
mod problems;
mod schema;

use super::*;
use std::path::{Path, PathBuf};

/// Sources of one shape, with a stand-in for CEL and the plainest TOML merge.
pub(crate) fn languages() -> Languages<'static> {
    fn cel(text: &str) -> Result<(), String> {
        if text.contains("nonsense") { Err("unknown name nonsense".to_owned()) } else { Ok(()) }
    }
    fn merge(base: &mut toml::Table, later: toml::Table) {
        for (key, later) in later {
            match (base.get_mut(&key), later) {
                (Some(toml::Value::Table(base)), toml::Value::Table(later)) => merge(base, later),
                (_, later) => {
                    base.insert(key, later);
                }
            }
        }
    }
    fn toml(base: &str, later: &str) -> Result<String, String> {
        let mut table: toml::Table = base.parse().map_err(|_| "not TOML".to_owned())?;
        merge(&mut table, later.parse().map_err(|_| "not TOML".to_owned())?);
        Ok(serde_json::to_string(&table).expect("a table is data"))
    }
    Languages { cel: &cel, toml: &toml }
}

/// Problems as `code line:column`.
pub(super) fn codes(parsed: &Parsed) -> Vec<String> {
    parsed.problems.iter().map(|problem| format!("{} {}:{}", problem.code, problem.line, problem.column)).collect()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodeadm")
}

/// Every document of the two nodeadms' cases, by path.
pub(super) fn documents() -> Vec<(String, Vec<u8>)> {
    let mut documents = Vec::new();
    let mut folders = vec![fixtures()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(fixtures()).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap().to_str().unwrap().starts_with("config") && name.ends_with(".yaml") {
                documents.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    documents.sort();
    assert!(documents.len() > 20, "fixtures are missing");
    documents
}

#[test]
fn documents_of_both_nodeadms_are_accepted() {
    for (name, bytes) in documents() {
        let shape = name.starts_with("hybrid/").then_some(Shape::Hybrid);
        let parsed = parse(&name, &bytes, shape, languages());
        if name == "ec2/config-check/config-bad.yaml" {
            assert_eq!(codes(&parsed), ["key.unknown 6:5", "ca.not-pem 8:27"], "{:#?}", parsed.problems);
            let missing = check_whole(parsed.draft.as_ref().unwrap());
            assert_eq!(missing[0].what, "Name is missing in cluster configuration");
            continue;
        }
        let Some(config) = &parsed.config else { panic!("{name}: {:#?}", parsed.problems) };
        let missing = check_whole(config);
        assert!(missing.is_empty(), "{name}: {missing:#?}");
        if shape == Some(Shape::Hybrid) && config.hybrid.is_some() {
            assert_eq!(parse(&name, &bytes, None, languages()).config.unwrap().shape, Shape::Hybrid, "{name}");
        }
    }
}
