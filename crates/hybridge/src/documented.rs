//! The tables in `docs/node.md` say what the code says, and commands that documents show are understood.
//!
//! `HYBRIDGE_WRITE_DOCS=1 cargo test -p hybridge documented` writes the tables anew.

mod cluster;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use hybridge_node::plan::possible_drop_ins;
use hybridge_node::validate::Skips;

use crate::args::Arguments;
use crate::args::nodeadm::Nodeadm;

const README: &str = include_str!("../../../README.md");
const NODE: &str = include_str!("../../../docs/node.md");
const CLUSTER: &str = include_str!("../../../docs/cluster.md");
const ARCHIVE: &str = include_str!("../../../packaging/README.md");
const UNITS: [&str; 3] = [
    include_str!("../../../packaging/node/hybridge-lni.service"),
    include_str!("../../../packaging/node/hybridge-node-config.service"),
    include_str!("../../../packaging/node/hybridge-node-run.service"),
];

const SKIPS: &str = "| name for `--skip` | check, or half |\n|---|---|\n";
const FILES: &str = "| file | when |\n|---|---|\n";
const CODES: &str = "| code | meaning |\n|---|---|\n";

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows below the header that begins with `header`, up to the blank line.
fn rows<'a>(page: &'a str, header: &str) -> &'a str {
    // Exit codes have a table with the same head; the one of findings is the last.
    let (_, rest) = page.rsplit_once(header).unwrap_or_else(|| panic!("docs/node.md has no table `{}`", header.trim()));
    &rest[..rest.find("\n\n").map_or(rest.len(), |end| end + 1)]
}

/// Texts in inline code.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn named(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_tables_of_the_page_are_those_of_the_code() {
    let skips: String = Skips::meanings().iter().map(|(names, meaning)| format!("| {} | {meaning} |\n", named(names))).collect();
    let files: String = possible_drop_ins().iter().map(|(path, when)| format!("| {} | {when} |\n", named(&[path]))).collect();
    let page = crates().join("../docs/node.md");
    hold(&page, &[(SKIPS, skips), (FILES, files)], 15);
}

/// Each table of the page, known by its header, is what the code says, in more than `least` lines; or is written anew.
pub(crate) fn hold(page: &Path, tables: &[(&str, String)], least: usize) {
    let mut text = fs::read_to_string(page).unwrap();
    if std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some() {
        for (header, table) in tables {
            let old = format!("{header}{}", rows(&text, header));
            text = text.replace(&old, &format!("{header}{table}"));
        }
        fs::write(page, &text).unwrap();
    }
    for (header, table) in tables {
        assert!(table.lines().count() > least, "{table}");
        assert_eq!(rows(&text, header), table, "write it anew with HYBRIDGE_WRITE_DOCS=1");
    }
}

/// Files of ours below `folders`, without tests and fixtures.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| crates().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.file_name().and_then(|name| name.to_str()) {
                Some("tests" | "tests.rs" | "fixture.rs" | "snapshots" | "data") | None => {}
                Some(_) if path.is_dir() => folders.push(path),
                Some(_) => files.push(path),
            }
        }
    }
    files
}

/// Texts that look like a code: `word.word` in small letters.
fn codes_of(source: &str) -> impl Iterator<Item = &str> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    source.split('"').filter(move |text| text.split_once('.').is_some_and(|(head, tail)| part(head) && part(tail)))
}

/// What looks like a code and is the name of a unit, a host, a file, a program or a setting.
const OTHERS: [&str; 17] = [
    "-.mount",
    "amazon-ssm-agent.service",
    "amazonaws.com",
    "amazonaws.eu",
    "cluster.local",
    "containerd.service",
    "hybridge-node-steps-network.service",
    "hybridge-node-steps.service",
    "index.json",
    "k8s.io",
    "kubelet.config",
    "kubelet.service",
    "manifest.json",
    "mkfs.xfs",
    "soci-snapshotter.service",
    "systemd-resolved.service",
    "hybrid.ssm",
];

#[test]
fn every_code_of_a_finding_stands_on_the_page_and_no_other() {
    let documented: BTreeSet<&str> = rows(NODE, CODES).lines().flat_map(|line| code(line.split('|').nth(1).unwrap_or_default())).collect();
    let folders = ["document/src", "node/src", "node-host/src", "hybridge/src/node"];
    let texts: Vec<String> = sources(&folders).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let known: BTreeSet<&str> = texts.iter().flat_map(|text| codes_of(text)).collect();
    let eviction = ["memory.available", "nodefs.available"];
    let other = |text: &&str| OTHERS.contains(text) || eviction.contains(text) || text.starts_with("spec.");
    let codes: BTreeSet<&str> = known.iter().copied().filter(|text| !other(text)).collect();
    assert!(codes.len() > 100, "{codes:?}");
    assert_eq!(codes.difference(&documented).collect::<Vec<_>>(), Vec::<&&str>::new(), "codes that are not on the page");
    assert_eq!(documented.difference(&codes).collect::<Vec<_>>(), Vec::<&&str>::new(), "codes on the page that are nowhere else");
}

/// Lines of `sh` blocks, and what units start, that begin with a program of ours.
fn commands(program: &str) -> Vec<String> {
    let blocks = [README, NODE, CLUSTER, ARCHIVE]
        .into_iter()
        .flat_map(|page| page.split("```sh\n").skip(1))
        .filter_map(|rest| rest.split("```").next());
    let units = UNITS.iter().flat_map(|unit| unit.lines()).filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/"));
    let lines = blocks.flat_map(str::lines).map(str::trim).chain(units);
    lines
        .filter(|line| line.starts_with(&format!("{program} ")))
        .map(|line| line.split([';', '>', '|', '#']).next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_command_of_the_documents_is_understood() {
    let ours: Vec<String> = commands("hybridge").into_iter().filter(|line| !line.starts_with("hybridge lab")).collect();
    assert!(ours.iter().filter(|line| line.starts_with("hybridge node")).count() > 12, "{ours:?}");
    for line in ours {
        let parsed = Arguments::try_parse_from(line.split_whitespace());
        assert!(parsed.is_ok(), "`{line}`: {}", parsed.unwrap_err());
    }
    for line in commands("nodeadm") {
        let parsed = Nodeadm::try_parse_from(line.split_whitespace());
        assert!(parsed.is_ok(), "`{line}`: {}", parsed.unwrap_err());
    }
}

/// Names of functions in all sources of ours.
fn functions() -> BTreeSet<String> {
    let mut folders = vec![crates(), crates().join("../tests")];
    let mut names = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(path).unwrap();
                names.extend(text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next()).map(str::to_owned));
            }
        }
    }
    names
}

#[test]
fn every_test_that_shows_a_difference_exists() {
    let functions = functions();
    let page = include_str!("../../../docs/differences.md");
    let shown = page.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.trim_end_matches(" |").rsplit(" | ").next());
    let named =
        |text: &&str| text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let tests: BTreeSet<&str> = shown.flat_map(code).filter(named).collect();
    assert!(tests.len() > 60, "{tests:?}");
    let missing: Vec<&&str> = tests.iter().filter(|name| !functions.contains(**name)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}

/// STS and Roles Anywhere ask for no rights; ECR's are those of a pull, whoever does it.
#[test]
fn the_iam_policy_of_the_page_names_every_call_to_eks_and_no_other() {
    let policy = NODE.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).find(|block| block.contains("\"Statement\""));
    let allowed: BTreeSet<&str> = policy.expect("a policy").split("\"eks:").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let source = include_str!("../../aws/src/eks.rs").split("#[cfg(test)]").next().unwrap();
    let called: BTreeSet<&str> = source.split("Call::new(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(allowed, called);
}
