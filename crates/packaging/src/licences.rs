//! The licence texts of everything that is linked in, each text once, and an index of who has which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::linked::Crate;
use crate::tree::{DATA, Tree, sha256};

/// Which crate has which licence and which texts belong to it.
pub const INDEX: &str = "THIRD-PARTY.txt";

/// How the names of files with licences begin, in small letters.
const NAMES: [&str; 7] = ["license", "licence", "copying", "copyright", "unlicense", "unlicence", "notice"];

/// What Rust's standard library consists of, as the toolchain brings it.
const RUST: &str = "share/doc/rust/COPYRIGHT-library.html";

/// musl's notice (its file COPYRIGHT): the toolchain links the library, but does not bring the notice.
const MUSL: &str = "Copyright © 2005-2020 Rich Felker, et al.";

/// Why the licences are not complete.
#[derive(Debug, thiserror::Error)]
pub enum LicenceError {
    /// A file or folder.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A crate says neither by a file nor by an SPDX expression what it may be used for.
    #[error("{name} {version} has no licence file, and `{license}` is no licence expression of SPDX")]
    None {
        /// The crate.
        name: String,
        /// Its version.
        version: String,
        /// What it says.
        license: String,
    },
}

/// Collects texts from the folders of the crates, and from `sysroot` those of Rust's standard library.
///
/// A crate that brings no text gets those of SPDX for its expression, and its authors are named in the index.
///
/// # Errors
/// A file cannot be read, or a crate has no licence at all.
pub fn collect(crates: &[Crate], own: &str, sysroot: &Path) -> Result<Tree, LicenceError> {
    let mut tree = Tree::default();
    tree.add("LICENSE", DATA, own);
    let mut index = String::from(
        "What is linked into these programs besides their own source. For each part: name, version, licence (SPDX), the files in\n\
         `texts` that belong to it, and, where it brings no text itself, who made it.\n\n",
    );
    for part in crates.iter().filter(|part| !part.is_own()) {
        let (texts, credit) = match files(&part.folder)? {
            files if files.is_empty() => (standard(part)?, part.authors.join(", ")),
            files => (files, String::new()),
        };
        let names: BTreeSet<_> = texts.into_iter().map(|text| add(&mut tree, text)).collect();
        entry(&mut index, [&part.name, &part.version, &part.license], &names, &credit);
    }
    let path = sysroot.join(RUST);
    let rust = fs::read(&path).map_err(|source| LicenceError::Read { path, source })?;
    tree.add("texts/rust-standard-library.html", DATA, rust);
    let html = BTreeSet::from(["rust-standard-library.html".to_owned()]);
    entry(&mut index, ["Rust's standard library", "", "MIT OR Apache-2.0 and others"], &html, "");
    let mit = BTreeSet::from([add(&mut tree, text("MIT").unwrap_or_default())]);
    entry(&mut index, ["musl", "", "MIT"], &mit, MUSL);
    tree.add(INDEX, DATA, index);
    Ok(tree)
}

fn entry(index: &mut String, [name, version, license]: [&str; 3], texts: &BTreeSet<String>, credit: &str) {
    let texts = texts.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let title = [name, version].join(" ");
    let _ = writeln!(index, "{}: {license}\n    {texts}", title.trim_end());
    if !credit.is_empty() {
        let _ = writeln!(index, "    {credit}");
    }
}

/// Puts a text into the tree unless it is there, and returns its name, which follows from what it says.
fn add(tree: &mut Tree, text: Vec<u8>) -> String {
    let name = format!("{}.txt", &sha256(&text)[..16]);
    tree.add(format!("texts/{name}"), DATA, text);
    name
}

/// The texts that a crate brings, also for what it has taken in from others, in folders further down.
fn files(folder: &Path) -> Result<Vec<Vec<u8>>, LicenceError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| LicenceError::Read { path, source }
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().to_lowercase());
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if NAMES.iter().any(|start| name.starts_with(start)) && !is_source(&name) {
            found.push(fs::read(&path).map_err(failed(&path))?);
        }
    }
    Ok(found)
}

/// `license.rs` is code that deals with licences.
fn is_source(name: &str) -> bool {
    [".rs", ".c", ".h", ".py", ".go", ".json", ".toml"].iter().any(|ending| name.ends_with(ending))
}

/// SPDX's texts for all licences that a crate's expression names.
fn standard(part: &Crate) -> Result<Vec<Vec<u8>>, LicenceError> {
    let none = || LicenceError::None { name: part.name.clone(), version: part.version.clone(), license: part.license.clone() };
    let expression = spdx::Expression::parse_mode(&part.license, spdx::ParseMode::LAX).map_err(|_| none())?;
    let ids: BTreeMap<_, _> = expression.requirements().filter_map(|required| Some((required.req.license.id()?.name, required))).collect();
    let texts: Vec<_> = ids.keys().filter_map(|id| text(id)).collect();
    if texts.is_empty() { Err(none()) } else { Ok(texts) }
}

/// SPDX's text of a licence.
fn text(id: &str) -> Option<Vec<u8>> {
    Some(spdx::license_id(id)?.text().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, license: &str, folder: &Path) -> Crate {
        Crate {
            name: name.into(),
            version: "1.0.0".into(),
            license: license.into(),
            authors: vec!["A. Author".into()],
            folder: folder.into(),
            checksum: Some(String::new()),
            uses: BTreeSet::new(),
        }
    }

    /// Two crates that bring the same text, one that brings none, in folders of their own, and a toolchain.
    fn world() -> (tempfile::TempDir, [PathBuf; 4]) {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c", "sysroot"].map(|name| folder.path().join(name));
        for path in &paths[..3] {
            fs::create_dir_all(path.join("src")).unwrap();
            fs::write(path.join("src/license.rs"), "code").unwrap();
        }
        fs::write(paths[0].join("LICENSE-MIT"), "the MIT text").unwrap();
        fs::write(paths[1].join("src/Copying.txt"), "the MIT text").unwrap();
        fs::create_dir_all(paths[3].join("share/doc/rust")).unwrap();
        fs::write(paths[3].join(RUST), "<html>").unwrap();
        (folder, paths)
    }

    #[test]
    fn each_text_is_kept_once_and_the_index_says_whose_it_is() {
        let (_folder, [a, b, c, sysroot]) = world();
        let crates = [part("a", "MIT", &a), part("b", "MIT", &b), part("c", "BSD-3-Clause/ISC", &c)];
        let tree = collect(&crates, "ours", &sysroot).unwrap();
        let text = format!("{}.txt", &sha256(b"the MIT text")[..16]);
        let index = String::from_utf8(tree.bytes(INDEX).unwrap().to_vec()).unwrap();
        assert!(index.contains(&format!("a 1.0.0: MIT\n    {text}\nb 1.0.0: MIT\n    {text}\nc 1.0.0: BSD-3-Clause/ISC\n")), "{index}");
        assert!(index.contains("A. Author") && index.contains(MUSL), "{index}");
        // Ours, the index, Rust's, one of a and b, two of SPDX for c, MIT of SPDX for musl.
        assert_eq!(tree.paths().count(), 7, "{:?}", tree.paths().collect::<Vec<_>>());
        assert_eq!(tree.bytes("LICENSE"), Some(b"ours".as_slice()));
    }

    #[test]
    fn a_crate_without_any_licence_is_refused_by_name() {
        let (_folder, [_, _, c, sysroot]) = world();
        let error = collect(&[part("c", "ask me", &c)], "ours", &sysroot).unwrap_err();
        assert_eq!(error.to_string(), "c 1.0.0 has no licence file, and `ask me` is no licence expression of SPDX");
    }
}
