//! What cargo knows about the workspace.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::command;

/// The part of `cargo metadata` that we read (<https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>).
#[derive(Deserialize)]
pub(crate) struct Workspace {
    /// The folder of the workspace's Cargo.toml.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo builds, `target` unless configured.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// All packages of the graph, ours and others.
    pub(crate) packages: Vec<Package>,
    #[serde(rename = "workspace_members")]
    members: BTreeSet<String>,
    resolve: Option<Resolve>,
}

/// A package of the graph.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Opaque, unique.
    pub(crate) id: String,
    /// As in Cargo.toml.
    pub(crate) name: String,
    /// The path of its Cargo.toml.
    pub(crate) manifest_path: PathBuf,
    /// What its Cargo.toml declares.
    pub(crate) dependencies: Vec<Dependency>,
    /// Libraries, binaries and tests.
    pub(crate) targets: Vec<Target>,
}

/// A dependency as declared.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// The package's name, whatever it is renamed to.
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// Something that a package builds.
#[derive(Deserialize)]
pub(crate) struct Target {
    /// `lib`, `bin`, `test` …
    pub(crate) kind: Vec<String>,
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
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

/// Which dependencies a walk over the graph follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// What gets linked in.
    Normal,
    /// The same and, at the first step, what the package's tests link.
    NormalAndDev,
}

impl Workspace {
    /// Asks cargo, which may fetch the index.
    pub(crate) fn load() -> Result<Self> {
        let text = command::output(command::cargo().args(["metadata", "--format-version", "1", "--quiet"]))?;
        Self::parse(&text)
    }

    /// Reads what `cargo metadata --format-version 1` wrote.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("cannot read what `cargo metadata` says")
    }

    /// The packages of the workspace itself.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.members.contains(&package.id))
    }

    /// A member by its name, which may lack `hybridge-`.
    pub(crate) fn member(&self, name: &str) -> Result<&Package> {
        let full = format!("hybridge-{name}");
        match self.members().find(|package| package.name == name || package.name == full) {
            Some(package) => Ok(package),
            None => bail!("no package of the workspace is called `{name}` or `{full}`"),
        }
    }

    /// Names of everything that ends up in `package`, itself excluded, each with the shortest path by which it gets there.
    pub(crate) fn closure<'a>(&'a self, package: &'a Package, follow: Follow) -> BTreeMap<&'a str, Vec<&'a str>> {
        let names: BTreeMap<&str, &str> = self.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let nodes: BTreeMap<&str, &Node> =
            self.resolve.iter().flat_map(|graph| &graph.nodes).map(|node| (node.id.as_str(), node)).collect();
        let mut seen = BTreeSet::from([package.id.as_str()]);
        let mut found = BTreeMap::new();
        let mut queue = VecDeque::from([(package.id.as_str(), vec![package.name.as_str()])]);
        while let Some((id, path)) = queue.pop_front() {
            let dev = follow == Follow::NormalAndDev && id == package.id;
            for edge in nodes.get(id).iter().flat_map(|node| &node.deps) {
                if !edge.followed(dev) || !seen.insert(&edge.pkg) {
                    continue;
                }
                let name = names.get(edge.pkg.as_str()).copied().unwrap_or(&edge.pkg);
                let path: Vec<_> = path.iter().copied().chain([name]).collect();
                found.entry(name).or_insert_with(|| path.clone());
                queue.push_back((&edge.pkg, path));
            }
        }
        found
    }
}

impl Package {
    /// What its Cargo.toml lists under `[dependencies]`.
    pub(crate) fn normal_dependencies(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|dependency| dependency.kind.is_none()).map(|dependency| dependency.name.as_str())
    }

    /// Whether it builds a program.
    pub(crate) fn has_binary(&self) -> bool {
        self.builds("bin")
    }

    /// Whether it builds a library.
    pub(crate) fn has_library(&self) -> bool {
        self.builds("lib")
    }

    fn builds(&self, what: &str) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == what))
    }
}

impl Edge {
    fn followed(&self, dev: bool) -> bool {
        self.dep_kinds.iter().any(|kind| match kind.kind.as_deref() {
            None => true,
            Some("dev") => dev,
            Some(_) => false,
        })
    }
}
