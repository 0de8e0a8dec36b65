//! Which crates are linked into a product, as cargo knows it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::Architecture;

/// Why the crates cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum LinkedError {
    /// cargo could not be run.
    #[error("cannot run `cargo {0}`")]
    Run(&'static str, #[source] io::Error),
    /// cargo failed.
    #[error("`cargo {0}` failed: {1}")]
    Cargo(&'static str, String),
    /// `cargo metadata` prints another form than we know.
    #[error("cannot read what `cargo metadata` says")]
    Metadata(#[source] serde_json::Error),
    /// A crate is in the tree and not in the metadata.
    #[error("`cargo metadata` knows no `{0}`")]
    Unknown(String),
    /// Cargo.lock cannot be read.
    #[error("cannot read {}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Cargo.lock is of another form.
    #[error("cannot understand {}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: toml::de::Error,
    },
}

/// A crate that ends up in a product.
#[derive(Clone, Debug)]
pub struct Crate {
    /// As in Cargo.toml.
    pub name: String,
    /// As `1.2.3`.
    pub version: String,
    /// The SPDX expression, as its authors write it.
    pub license: String,
    /// Whom to name where a crate brings no licence file.
    pub authors: Vec<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// SHA-256 of the `.crate` file, from Cargo.lock; none for a crate of the workspace.
    pub checksum: Option<String>,
    /// The linked crates that it uses itself: name and version.
    pub uses: BTreeSet<(String, String)>,
}

impl Crate {
    /// Whether it is one of the workspace's own.
    pub fn is_own(&self) -> bool {
        self.checksum.is_none()
    }
}

/// All crates that are linked into these packages for any processor, by name and version.
///
/// `cargo tree` alone resolves features as a build of exactly these packages does; `cargo metadata` would count what other members
/// of the workspace switch on.
///
/// # Errors
/// cargo fails, or Cargo.lock cannot be read.
pub fn crates(workspace: &Path, packages: &[&str]) -> Result<Vec<Crate>, LinkedError> {
    let mut linked = BTreeSet::new();
    for architecture in Architecture::ALL {
        linked.extend(tree(workspace, packages, architecture)?);
    }
    let told = cargo(workspace, "metadata", &["--format-version", "1", "--locked"])?;
    let metadata: Metadata = serde_json::from_str(&told).map_err(LinkedError::Metadata)?;
    let checksums = checksums(&workspace.join("Cargo.lock"))?;
    let by_id: BTreeMap<&str, (String, String)> =
        metadata.packages.iter().map(|package| (package.id.as_str(), (package.name.clone(), package.version.clone()))).collect();
    let mut crates: BTreeMap<_, _> = BTreeMap::new();
    for package in &metadata.packages {
        let key = by_id[package.id.as_str()].clone();
        if linked.contains(&key) {
            let found = Crate {
                name: key.0.clone(),
                version: key.1.clone(),
                license: package.license.clone().unwrap_or_default(),
                authors: package.authors.clone(),
                folder: package.manifest_path.parent().map(PathBuf::from).unwrap_or_default(),
                checksum: checksums.get(&key).cloned(),
                uses: uses(&metadata, &package.id, &by_id, &linked),
            };
            crates.insert(key, found);
        }
    }
    match linked.iter().find(|key| !crates.contains_key(key)) {
        Some((name, version)) => Err(LinkedError::Unknown(format!("{name} {version}"))),
        None => Ok(crates.into_values().collect()),
    }
}

/// Name and version of everything in the tree, without what only runs while building.
fn tree(workspace: &Path, packages: &[&str], architecture: Architecture) -> Result<BTreeSet<(String, String)>, LinkedError> {
    let mut arguments = vec!["--quiet", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none"];
    arguments.extend(["--no-dedupe", "--format", "{p}", "--target", architecture.target()]);
    arguments.extend(packages.iter().flat_map(|package| ["--package", package]));
    let text = cargo(workspace, "tree", &arguments)?;
    // `serde v1.0.229`, with a path behind it for a crate of the workspace.
    Ok(text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
        })
        .collect())
}

/// What `cargo subcommand` prints.
fn cargo(workspace: &Path, subcommand: &'static str, arguments: &[&str]) -> Result<String, LinkedError> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = command.current_dir(workspace).arg(subcommand).args(arguments).output();
    let output = output.map_err(|error| LinkedError::Run(subcommand, error))?;
    if !output.status.success() {
        return Err(LinkedError::Cargo(subcommand, String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn uses(
    metadata: &Metadata,
    id: &str,
    by_id: &BTreeMap<&str, (String, String)>,
    linked: &BTreeSet<(String, String)>,
) -> BTreeSet<(String, String)> {
    let nodes = metadata.resolve.iter().flat_map(|graph| &graph.nodes);
    nodes
        .filter(|node| node.id == id)
        .flat_map(|node| &node.deps)
        .filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()))
        .filter_map(|edge| by_id.get(edge.pkg.as_str()).cloned())
        .filter(|key| linked.contains(key))
        .collect()
}

/// The part of `cargo metadata` that is read (<https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>).
///
/// The crate `cargo_metadata` has types for all of it, but switches on a feature of serde_json, so that all that uses serde_json is
/// built once for the products alone and once more for everything together: minutes.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    authors: Vec<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// None for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
}

/// The part of Cargo.lock that is read.
#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

fn checksums(path: &Path) -> Result<BTreeMap<(String, String), String>, LinkedError> {
    let text = std::fs::read_to_string(path).map_err(|source| LinkedError::Lock { path: path.into(), source })?;
    let lock: Lock = toml::from_str(&text).map_err(|source| LinkedError::Form { path: path.into(), source })?;
    Ok(lock.package.into_iter().filter_map(|locked| Some(((locked.name, locked.version), locked.checksum?))).collect())
}
