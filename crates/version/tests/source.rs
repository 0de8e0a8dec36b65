//! What the crate says against what git says.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::process::Command;

fn run(program: &mut Command) -> Option<String> {
    let output = program.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// In a repository what git says; in an archive what stands in the file, which is then filled in.
#[test]
fn the_version_names_the_commit_of_the_source_and_its_day() {
    let asked = run(Command::new("git").args(["log", "-1", "--format=%H,%ct,%cs"]));
    let told = asked.unwrap_or_else(|| {
        let text = include_str!("../commit.txt");
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            [hash, seconds, date] if !text.contains('$') => [hash, seconds, date].join(","),
            _ => "unknown,0,".to_owned(),
        }
    });
    assert_eq!(told, [hybridge_version::REVISION, hybridge_version::SECONDS, hybridge_version::DATE].join(","));
    assert!(told.starts_with(hybridge_version::COMMIT) && hybridge_version::COMMIT.len() <= 12, "{}", hybridge_version::COMMIT);
    let bracket = format!("{} {}", hybridge_version::COMMIT, hybridge_version::DATE);
    assert_eq!(hybridge_version::LONG, format!("{} ({})", hybridge_version::VERSION, bracket.trim_end()));
}

#[test]
fn git_archive_fills_in_what_the_build_reads() {
    let filled = "0123456789abcdef 1795000000 2026-11-18";
    let template = include_str!("../commit.txt");
    assert!(template.starts_with("$Format:%H %ct %cs$") || template.split_whitespace().count() == filled.split(' ').count(), "{template}");
    let attributes = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.gitattributes")).unwrap();
    assert!(attributes.lines().any(|line| line == "crates/version/commit.txt export-subst"), "{attributes}");
}
