//! Commands that the documents show are run as they stand there: those of the lab but for virtual machines, which have tests of their
//! own, those of the node that change nothing, and all of those of the cluster.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

#[path = "documents/cluster.rs"]
mod cluster;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;

const LAB: &str = include_str!("../docs/lab.md");
const NODE: &str = include_str!("../docs/node.md");
const README: &str = include_str!("../README.md");

/// Lines of `sh` blocks that begin with `program`, without their comments.
fn commands<'a>(document: &'a str, program: &str) -> Vec<&'a str> {
    let blocks = document.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or(line).trim());
    lines.filter(|line| line.starts_with(program)).collect()
}

fn binaries() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_hybridge")).parent().expect("a binary is in a folder").to_owned()
}

#[test]
fn the_commands_of_the_lab_page_work_as_they_stand_there() {
    let lines = commands(LAB, "hybridge ");
    assert!(lines.len() >= 6, "the page shows {lines:?}");
    for program in ["hybridge-lab", "hybridge-gateway"] {
        assert!(binaries().join(program).exists(), "{program} is not built; run `cargo build` or `cargo test --workspace`");
    }
    let folder = tempfile::tempdir().expect("a folder for results");
    let path = format!("{}:{}", binaries().display(), std::env::var("PATH").unwrap_or_default());
    for line in lines {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(&folder).env("PATH", &path).env("XDG_RUNTIME_DIR", folder.path());
        let output = shell.output().expect("a shell");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "`{line}` ended with {}\n{out}\n{err}", output.status);
        assert!(!out.is_empty() || line.ends_with("down") || line.contains("--detach"), "`{line}` printed nothing");
    }
    for file in ["results/report.json", "results/timeline.svg"] {
        assert!(folder.path().join(file).exists(), "{file} was not written");
    }
}

/// Files that the page shows: blocks after a line that ends with the file's name, `NAME`:
fn shown_files(page: &str) -> Vec<(&str, String)> {
    let authority = include_bytes!("fixtures/node-certificates/cluster-one.pem");
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    let mut files = Vec::new();
    for (at, fence) in page.match_indices("\n\n```") {
        let name = page[..at].strip_suffix("`:").and_then(|before| before.rsplit_once('`')).map(|(_, name)| name);
        let Some(name) = name.filter(|name| name.ends_with(".yaml") || name.ends_with(".json")) else { continue };
        let (_, block) = page[at + fence.len()..].split_once('\n').expect("a block has lines");
        let content = block.split("```").next().expect("a block has an end");
        // The one text that is too long to be shown.
        files.push((name, content.replace("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1J…", &authority)));
    }
    files
}

fn run(line: &str, folder: &Path) -> Output {
    let path = format!("{}:{}", binaries().display(), std::env::var("PATH").unwrap_or_default());
    Command::new("sh").args(["-c", line]).current_dir(folder).env("PATH", &path).output().expect("a shell")
}

/// Needs neither root, nor the machine that it runs on, nor AWS.
fn is_of_files_alone(line: &str) -> bool {
    let looks = ["config check", "config dump", "config schema", "max-pods --instance-type "].iter().any(|what| line.contains(what));
    looks && !line.contains("imds://") || line.contains("--facts ")
}

#[test]
fn the_commands_of_the_node_page_that_change_nothing_work_as_they_stand_there() {
    let folder = tempfile::tempdir().expect("a folder for files");
    let files = shown_files(NODE);
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["hybrid.yaml", "ssm.yaml", "nodeconfig.yaml", "wrong.yaml", "facts.json"]);
    files.iter().for_each(|(name, content)| fs::write(folder.path().join(name), content).expect("a folder to write to"));
    let lines: Vec<&str> =
        [README, NODE].iter().flat_map(|page| commands(page, "hybridge node ")).filter(|line| is_of_files_alone(line)).collect();
    assert!(lines.len() >= 9, "{lines:?}");
    for line in lines {
        let output = run(line, folder.path());
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let expected = if line.contains("wrong.yaml") { 1 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "`{line}`\n{out}\n{err}");
        assert!(!out.is_empty() || expected == 1 || line.contains(" > "), "`{line}` printed nothing");
    }
    for name in ["hybrid.yaml", "ssm.yaml", "nodeconfig.yaml"] {
        let output = run(&format!("hybridge node config check -c file://{name}"), folder.path());
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"configuration is valid\n"[..], &b""[..]), "{name}");
    }
}

/// A block of commands with a block of text behind it: the text's lines come in this order; `…` stands for any others.
#[test]
fn what_commands_of_the_node_page_print_is_what_stands_there() {
    let folder = tempfile::tempdir().expect("a folder for files");
    shown_files(NODE).iter().for_each(|(name, content)| fs::write(folder.path().join(name), content).expect("a folder to write to"));
    let mut shown = 0;
    for rest in NODE.split("```sh\n").skip(1) {
        let Some((command, rest)) = rest.split_once("```\n\n```text\n") else { continue };
        if command.contains("```") {
            continue;
        }
        let text = rest.split("```").next().expect("a block has an end");
        let output = run(command, folder.path());
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let mut printed_lines = printed.lines();
        let mut anywhere = false;
        for line in text.lines() {
            let found = match (line == "…", anywhere) {
                (true, _) => {
                    anywhere = true;
                    continue;
                }
                (false, true) => printed_lines.any(|next| next == line),
                (false, false) => printed_lines.next() == Some(line),
            };
            assert!(found, "`{command}` does not print `{line}` where it stands on the page, but\n{printed}");
            anywhere = false;
        }
        shown += 1;
    }
    assert!(shown >= 4, "{shown} commands with what they print");
}

#[test]
fn under_the_name_nodeadm_what_is_not_done_says_who_does_it() {
    let folder = tempfile::tempdir().expect("a folder for a link");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hybridge"), folder.path().join("nodeadm")).expect("a folder to write to");
    for line in
        ["install 1.34 --credential-provider ssm", "upgrade 1.34 -c file://x", "uninstall", "debug -c file://x", "sync-artifacts 1.34"]
    {
        let output = run(&format!("./nodeadm {line}"), folder.path());
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{line}: {err}");
        assert!(err.starts_with("error[nodeadm.not-done]") && err.contains("of eks-hybrid"), "{line}: {err}");
    }
}
