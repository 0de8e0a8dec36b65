//! What `--dry-run` tells, and that it changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use hybridge_node::plan::{Half, Step};
use hybridge_node_host::apply::{Unwatched, apply};
use hybridge_node_host::diff::diff;
use support::plans::*;
use support::*;

fn shown(root: &std::path::Path, plan: &hybridge_node::plan::Plan) -> String {
    let before = contents(root);
    let changes = diff(&machine(root), plan, &options()).unwrap();
    assert_eq!(contents(root), before, "it was looked at only");
    changes.iter().map(|change| format!("{change}\n")).collect()
}

#[test]
fn everything_that_would_be_done_is_told_in_order_and_nothing_secret() {
    let dir = directory();
    bare(dir.path());
    apply(&machine(dir.path()), &earlier(), &mut Unwatched, &options()).unwrap();
    tree(dir.path(), &[("/etc/eks/secret", "an old token\n")]);
    insta::assert_snapshot!(shown(dir.path(), &whole()));
}

#[test]
fn where_all_is_done_nothing_would_be() {
    let dir = directory();
    bare(dir.path());
    apply(&machine(dir.path()), &whole(), &mut Unwatched, &options()).unwrap();
    let shown = shown(dir.path(), &whole());
    assert!(shown.lines().all(|line| line.starts_with("unchanged ")), "{shown}");
    assert_eq!(shown.lines().count(), 6, "{shown}");
}

#[test]
fn what_is_told_is_what_is_done() {
    let dir = directory();
    bare(dir.path());
    apply(&machine(dir.path()), &earlier(), &mut Unwatched, &options()).unwrap();
    let mut plan = small("version = 3\n");
    plan.phases[0].steps.push(Step::DaemonReload);
    plan.phases.insert(0, phase("modules", Half::Preprocess, vec![Step::Modules { names: vec!["br_netfilter".into()] }]));
    let brief = |changes: &[hybridge_node_host::report::Change]| {
        let mut brief: Vec<String> = changes.iter().map(|change| format!("{} {}", change.deed, change.subject)).collect();
        brief.retain(|line| !line.starts_with("unchanged"));
        brief.sort();
        brief
    };
    let told = brief(&diff(&machine(dir.path()), &plan, &options()).unwrap());
    let report = apply(&machine(dir.path()), &plan, &mut Unwatched, &options()).unwrap();
    let done: Vec<_> = report.phases.into_iter().flat_map(|phase| phase.changes).collect();
    assert_eq!(told, brief(&done));
}
