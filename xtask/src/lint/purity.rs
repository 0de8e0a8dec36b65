//! No file system, socket, process, environment or clock in the source of the pure crates. The dependencies cannot show that,
//! since the standard library has them all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::arrows;
use crate::workspace::Workspace;

/// Modules of std that a decision has no business with.
const MODULES: [&str; 5] = ["env", "fs", "os", "process", "thread"];

/// The same, as they appear in an expression or a `use`. Addresses of `std::net` are values and fine.
const NAMES: [&str; 8] = ["Instant", "SystemTime", "TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs", "UnixStream", "UnixDatagram"];

/// `FILE:LINE: what` for each.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for name in arrows::pure() {
        let package = workspace.member(name)?;
        let folder = package.manifest_path.parent().context("a manifest is in a folder")?.join("src");
        for file in sources(&folder)? {
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let place = file.strip_prefix(&workspace.root).unwrap_or(&file).display().to_string();
            findings.extend(impurities(&text).into_iter().map(|(line, what)| format!("{place}:{line}: `{what}` in a pure crate")));
        }
    }
    Ok(findings)
}

/// Rust files below a folder, in order, without those that are compiled for tests alone: these may read their fixtures.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let of_tests = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "fixture");
        if of_tests {
            continue;
        } else if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Line numbers and offending words. Comments are skipped, strings are not: a false alarm there has an easy way out.
/// `std::process::ExitCode` is a value, and programs and crates agree on it.
fn impurities(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let words: Vec<&str> =
            code.split(|character: char| !character.is_alphanumeric() && character != '_').filter(|word| !word.is_empty()).collect();
        // `std::fs`, and each of `use std::{fs, io}`.
        if let Some(at) = words.iter().position(|word| *word == "std") {
            let grouped = code.contains("std::{");
            let next = words[at + 1..].iter().take(if grouped { usize::MAX } else { 1 });
            let exit_code = words.contains(&"ExitCode");
            found.extend(
                next.filter(|word| MODULES.contains(word) && !(exit_code && **word == "process"))
                    .map(|word| (index + 1, format!("std::{word}"))),
            );
        }
        found.extend(words.iter().filter(|word| NAMES.contains(word)).map(|word| (index + 1, (*word).to_owned())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_files_and_sockets_are_found_where_they_are_named() {
        for (code, what) in [
            ("use std::fs;", "std::fs"),
            ("use std::{collections::BTreeMap, env};", "std::env"),
            ("let now = std::time::Instant::now();", "Instant"),
            ("use std::net::{Ipv4Addr, UdpSocket};", "UdpSocket"),
            ("std::thread::sleep(second);", "std::thread"),
            ("use std::process::Command;", "std::process"),
        ] {
            assert_eq!(impurities(&format!("\n{code}\n")), [(2, what.to_owned())], "{code}");
        }
    }

    #[test]
    fn values_and_comments_are_fine() {
        let code = "/// Not an `Instant`: the caller's clock.\nuse std::{fmt, net::Ipv4Addr, time::Duration};\nuse std::process::ExitCode;\nlet environment = fs();\n";
        assert_eq!(impurities(code), []);
    }

    #[test]
    fn the_pure_crates_are_pure() {
        assert_eq!(findings(&Workspace::load().unwrap()).unwrap(), Vec::<String>::new());
    }
}
