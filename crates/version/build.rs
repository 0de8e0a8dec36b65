//! Asks git, else `commit.txt`, which commit this source is. The clock is never asked, so that one source gives one binary.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Hash, seconds since 1970, date; those of `commit.txt`.
const FORMAT: &str = "%H %ct %cs";

/// Digits of a hash that people are shown. Git's own short ones grow with the number of objects in a clone, and one source has to give
/// one binary from any of them.
const SHORT: usize = 12;

/// What stands in `commit.txt` unless `git archive` has filled it in (gitattributes(5), `export-subst`).
const NOT_FILLED_IN: char = '$';

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=commit.txt");
    let words = by_git().or_else(by_archive).unwrap_or_default();
    let words: Vec<_> = words.split_whitespace().collect();
    let (hash, seconds, date) = match words[..] {
        [hash, seconds, date] => (hash, seconds, date),
        _ => ("unknown", "0", ""),
    };
    let short = hash.get(..SHORT).unwrap_or(hash);
    let package = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let long = format!("{package} ({})", [short, date].join(" ").trim_end());
    for (name, value) in [("LONG", long.as_str()), ("SHORT", short), ("HASH", hash), ("SECONDS", seconds), ("DATE", date)] {
        println!("cargo::rustc-env=HYBRIDGE_{name}={value}");
    }
}

/// The commit of the workspace's own repository. A repository around it, as that of a vendoring project, tells nothing about us.
fn by_git() -> Option<String> {
    let root = Path::new("../..").canonicalize().ok()?;
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != root {
        return None;
    }
    // Each move of HEAD appends to its log. Without a log, the references themselves have to be watched.
    for (file, replacements) in [("HEAD", [].as_slice()), ("logs/HEAD", &["refs/heads", "packed-refs"])] {
        let watched = if watch(file) { &[] } else { replacements };
        watched.iter().for_each(|file| {
            watch(file);
        });
    }
    git(&["log", "-1", &format!("--format={FORMAT}")])
}

/// Makes cargo run this again when a file of the repository changes. One that does not exist would make it run every time.
fn watch(file: &str) -> bool {
    let path = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists());
    if let Some(path) = &path {
        println!("cargo::rerun-if-changed={path}");
    }
    path.is_some()
}

fn by_archive() -> Option<String> {
    std::fs::read_to_string("commit.txt").ok().filter(|text| !text.contains(NOT_FILLED_IN))
}

/// What git says; `None` if there is no git or it refuses.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
