//! Arrows between crates point one way: values ← documents ← parts ← decisions ← input and output ← agents ← programs.
//!
//! What the crates declare as normal dependencies is looked at; tests may use what they like. For the pure crates, all that gets
//! linked in counts, so that no clock or socket comes in through somebody else's door.

use crate::workspace::{Follow, Package, Workspace};

/// How far from the values a crate is. It may depend on crates of ours with a smaller rank only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Values,
    /// What people write, read into values.
    Documents,
    /// Decisions about a part of a machine, which those about the whole machine build on.
    Parts,
    Decisions,
    InputOutput,
    /// What keeps a part of the machine as it should be, over several kinds of input and output.
    Agents,
    Programs,
}

/// Every crate of the workspace and its place. `xtask` builds the others and is linked with none.
const LAYERS: [(&str, Layer); 17] = [
    ("hybridge-version", Layer::Values),
    ("hybridge-model", Layer::Values),
    ("hybridge-report", Layer::Values),
    ("hybridge-document", Layer::Documents),
    ("hybridge-gateway", Layer::Decisions),
    ("hybridge-node", Layer::Decisions),
    ("hybridge-cluster", Layer::Decisions),
    ("hybridge-lni", Layer::Parts),
    ("hybridge-netlink", Layer::InputOutput),
    ("hybridge-node-host", Layer::InputOutput),
    ("hybridge-lni-host", Layer::Agents),
    ("hybridge-kube-io", Layer::InputOutput),
    ("hybridge-aws", Layer::InputOutput),
    ("hybridge-gatewayd", Layer::Programs),
    ("hybridge-lab", Layer::Programs),
    ("hybridge", Layer::Programs),
    ("hybridge-packaging", Layer::Programs),
];

/// The only crates that may depend on what such a pattern names; `…*` stands for any ending.
const OWNED: [(&[&str], &[&str]); 3] = [
    (&["aws-*"], &["hybridge-aws"]),
    (&["kube", "kube-*"], &["hybridge-kube-io"]),
    (&["rtnetlink", "netlink-*"], &["hybridge-netlink", "hybridge-lab"]),
];

/// Nothing of this may be linked into a pure crate: runtimes, sockets, the host, the command line.
const IMPURE: [&str; 14] = [
    "tokio",
    "tokio-*",
    "kube",
    "kube-*",
    "aws-*",
    "rtnetlink",
    "netlink-*",
    "clap",
    "clap_*",
    "nix",
    "rustix",
    "mio",
    "socket2",
    "hyper*",
];

/// One sentence for each arrow that points the wrong way.
pub(crate) fn findings(workspace: &Workspace) -> Vec<String> {
    let mut findings = Vec::new();
    for package in workspace.members().filter(|package| package.name != "xtask") {
        match layer(&package.name) {
            Some(layer) => check(workspace, package, layer, &mut findings),
            None => findings.push(format!("{} has no layer yet: add it to LAYERS in xtask/src/lint/arrows.rs", package.name)),
        }
    }
    findings
}

/// The names of the pure crates of the workspace.
pub(crate) fn pure() -> impl Iterator<Item = &'static str> {
    LAYERS.iter().filter(|(_, layer)| is_pure(*layer)).map(|(name, _)| *name)
}

fn check(workspace: &Workspace, package: &Package, own: Layer, findings: &mut Vec<String>) {
    let name = &package.name;
    for dependency in package.normal_dependencies() {
        if layer(dependency).is_some_and(|layer| layer >= own) {
            findings.push(format!("{name} depends on {dependency}, which is not nearer to the values than itself"));
        }
        if matches(dependency, &["clap"]) && !package.has_binary() {
            findings.push(format!("{name} depends on {dependency}, but builds no program"));
        }
        for (patterns, owners) in OWNED {
            if matches(dependency, patterns) && !owners.contains(&name.as_str()) {
                findings.push(format!("{name} depends on {dependency}, which is for {} alone", owners.join(" and ")));
            }
        }
    }
    if is_pure(own) {
        for (dependency, path) in workspace.closure(package, Follow::Normal) {
            if matches(dependency, &IMPURE) {
                findings.push(format!("{name} is pure, but gets {dependency} linked in: {}", path.join(" -> ")));
            }
        }
    }
}

fn layer(package: &str) -> Option<Layer> {
    LAYERS.iter().find(|(name, _)| *name == package).map(|(_, layer)| *layer)
}

fn is_pure(layer: Layer) -> bool {
    layer < Layer::InputOutput
}

/// The cryptographic library of rustls and of nodes' keys: Amazon's, but nothing of the SDK.
const CRYPTOGRAPHY: [&str; 2] = ["aws-lc-rs", "aws-lc-sys"];

fn matches(name: &str, patterns: &[&str]) -> bool {
    !CRYPTOGRAPHY.contains(&name)
        && patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace in which `from` depends on `to`, which depends on `tokio` if told so.
    fn workspace(from: &str, to: &str, kind: &str, tokio: bool) -> Workspace {
        let edges = if tokio { r#"{"pkg": "tokio", "dep_kinds": [{"kind": null}]}"# } else { "" };
        let package = |name: &str, dependencies: &str| {
            format!(
                r#"{{"id": "{name}", "name": "{name}", "manifest_path": "/", "dependencies": [{dependencies}], "targets": [{{"kind": ["lib"]}}]}}"#
            )
        };
        Workspace::parse(&format!(
            r#"{{"workspace_root": "/", "target_directory": "/", "workspace_members": ["{from}"],
                "packages": [{}, {}, {}],
                "resolve": {{"nodes": [{{"id": "{from}", "deps": [{{"pkg": "{to}", "dep_kinds": [{{"kind": {kind}}}]}}]}}, {{"id": "{to}", "deps": [{edges}]}}]}}}}"#,
            package(from, &format!(r#"{{"name": "{to}", "kind": {kind}}}"#)),
            package(to, ""),
            package("tokio", ""),
        ))
        .unwrap()
    }

    #[test]
    fn each_wrong_arrow_is_named() {
        for (from, to, finding) in [
            ("hybridge-model", "hybridge-gateway", "which is not nearer to the values than itself"),
            ("hybridge-netlink", "hybridge-lab", "which is not nearer to the values than itself"),
            ("hybridge-aws", "hybridge-kube-io", "which is not nearer to the values than itself"),
            ("hybridge-gatewayd", "aws-sdk-ec2", "which is for hybridge-aws alone"),
            ("hybridge-lab", "kube-runtime", "which is for hybridge-kube-io alone"),
            ("hybridge-aws", "rtnetlink", "which is for hybridge-netlink and hybridge-lab alone"),
            ("hybridge-aws", "clap", "but builds no program"),
            ("hybridge-elsewhere", "serde", "has no layer yet"),
        ] {
            let found = findings(&workspace(from, to, "null", false));
            assert!(found.len() == 1 && found[0].contains(finding), "{from} -> {to}: {found:?}");
        }
    }

    #[test]
    fn right_arrows_and_those_of_tests_are_fine() {
        for (from, to, kind) in [
            ("hybridge-gateway", "hybridge-model", "null"),
            ("hybridge-lab", "hybridge-netlink", "null"),
            ("hybridge-aws", "aws-sdk-ec2", "null"),
            ("hybridge-lab", "aws-lc-rs", "null"),
            ("hybridge-netlink", "hybridge-lab", "\"dev\""),
            ("hybridge-gateway", "tokio", "\"dev\""),
        ] {
            assert_eq!(findings(&workspace(from, to, kind, false)), Vec::<String>::new(), "{from} -> {to}");
        }
    }

    #[test]
    fn what_a_pure_crate_gets_through_another_counts() {
        let found = findings(&workspace("hybridge-gateway", "innocent", "null", true));
        assert_eq!(found, ["hybridge-gateway is pure, but gets tokio linked in: hybridge-gateway -> innocent -> tokio"]);
    }

    #[test]
    fn this_workspace_keeps_the_rules() {
        assert_eq!(findings(&Workspace::load().unwrap()), Vec::<String>::new());
    }
}
