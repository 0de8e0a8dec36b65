//! A run that ends anywhere leaves a machine from which the next run gets to the same end; a disk that is full or read-only leaves it
//! as it was.
//!
//! It has a main of its own, as it enters a mount namespace and ends itself, which no thread of a test harness would survive.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]
#![allow(clippy::print_stdout, reason = "it is its own test harness")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use hybridge_node::plan::Half;
use hybridge_node_host::apply::{Unwatched, Watch, apply};
use hybridge_node_host::error::ApplyError;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use support::plans::*;
use support::*;

const CHILD: &str = "HYBRIDGE_TEST_CHILD";

fn main() {
    if let Ok(task) = std::env::var(CHILD) {
        return child(&task);
    }
    for (name, test) in [
        ("stopped_before_any_action_the_next_run_gets_to_the_same_end", stopped as fn()),
        ("killed_before_any_action_the_next_run_gets_to_the_same_end", killed),
        ("killed_and_then_run_with_another_plan_leaves_nothing_of_the_first", killed_then_another_plan),
        ("a_disk_that_is_full_leaves_all_as_it_was", || succeeds("full")),
        ("a_disk_that_is_read_only_leaves_all_as_it_was", || succeeds("read-only")),
        ("a_file_that_cannot_be_replaced_leaves_all_as_it_was", || succeeds("busy")),
    ] {
        let started = Instant::now();
        test();
        println!("test {name} ... ok ({} ms)", started.elapsed().as_millis());
    }
}

/// A machine on which an earlier plan runs, and which is about to get the whole one.
fn before() -> tempfile::TempDir {
    let dir = directory();
    bare(dir.path());
    apply(&machine(dir.path()), &earlier(), &mut Unwatched, &options()).unwrap();
    dir
}

/// What an undisturbed run leaves, and how many actions it takes.
fn undisturbed() -> (BTreeMap<String, String>, usize) {
    let dir = before();
    let mut witness = Witness::default();
    apply(&machine(dir.path()), &whole(), &mut witness, &options()).unwrap();
    assert!(witness.actions.len() > 50, "{:#?}", witness.actions);
    (contents(dir.path()), witness.actions.len())
}

fn assert_converges(root: &Path, expected: &BTreeMap<String, String>, at: &str) {
    apply(&machine(root), &whole(), &mut Unwatched, &options()).unwrap_or_else(|error| panic!("after {at}: {error}"));
    let found = contents(root);
    for path in expected.keys().chain(found.keys()) {
        assert_eq!(found.get(path), expected.get(path), "{path} after {at}");
    }
    let again = apply(&machine(root), &whole(), &mut Unwatched, &options()).unwrap();
    assert_eq!(again.changes(), 0, "after {at}");
}

fn stopped() {
    let (expected, actions) = undisturbed();
    for n in 0..actions {
        let dir = before();
        let mut witness = Witness { stop_before: Some(n), ..Witness::default() };
        let error = apply(&machine(dir.path()), &whole(), &mut witness, &options()).unwrap_err();
        assert!(matches!(error, ApplyError::Stopped(_)), "{error}");
        assert_converges(dir.path(), &expected, &format!("{n}: {}", witness.actions[n]));
    }
}

fn killed() {
    let (expected, actions) = undisturbed();
    for n in 0..actions {
        let dir = before();
        let status = spawn(&format!("kill:{n}:{}", dir.path().display()));
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(6), "action {n}");
        assert_converges(dir.path(), &expected, &format!("{n}"));
    }
}

/// The plan was changed after the kill: nothing that only the first one had may stay.
fn killed_then_another_plan() {
    let settled = |stop: Option<usize>| {
        let dir = directory();
        bare(dir.path());
        let mut witness = Witness { stop_before: stop, ..Witness::default() };
        // Whether it ends or is stopped, the other plan follows.
        let _ = apply(&machine(dir.path()), &earlier(), &mut witness, &options());
        apply(&machine(dir.path()), &small("version = 3\n"), &mut Unwatched, &options()).unwrap();
        let mut found = contents(dir.path());
        // The other plan does not mention the kubelet, which the first may have enabled and started.
        found.retain(|path, _| {
            !path.starts_with("imitation") && !path.starts_with("etc/systemd") && path != "var/lib/hybridge/node/state.json"
        });
        (found, witness.actions.len())
    };
    let (expected, actions) = settled(None);
    for n in 0..actions {
        let found = settled(Some(n)).0;
        for path in expected.keys().chain(found.keys()) {
            assert_eq!(found.get(path), expected.get(path), "{path} after action {n}");
        }
    }
}

fn spawn(task: &str) -> std::process::ExitStatus {
    Command::new(std::env::current_exe().unwrap()).env(CHILD, task).status().unwrap()
}

fn succeeds(task: &str) {
    assert!(spawn(task).success(), "{task}");
}

fn child(task: &str) {
    match task.split(':').collect::<Vec<_>>()[..] {
        ["kill", n, root] => {
            let mut abort = Abort { left: n.parse().unwrap() };
            apply(&machine(Path::new(root)), &whole(), &mut abort, &options()).unwrap();
        }
        ["full"] => full(),
        ["read-only"] => read_only(),
        ["busy"] => busy(),
        _ => panic!("unknown task {task}"),
    }
}

struct Abort {
    left: usize,
}

impl Watch for Abort {
    fn about_to(&mut self, _action: &str) -> bool {
        if self.left == 0 {
            std::process::abort();
        }
        self.left -= 1;
        true
    }
}

/// A mount namespace of our own, as root of a user namespace if we are not root.
fn namespace() {
    let user = nix::unistd::getuid();
    let flags = if user.is_root() { CloneFlags::CLONE_NEWNS } else { CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUSER };
    unshare(flags).unwrap();
    if !user.is_root() {
        fs::write("/proc/self/uid_map", format!("0 {user} 1")).unwrap();
    }
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
}

fn full() {
    namespace();
    let dir = directory();
    mount(Some("tmpfs"), dir.path(), Some("tmpfs"), MsFlags::empty(), Some("size=128k")).unwrap();
    tree(dir.path(), &[("/etc/containerd/config.toml", "old\n"), ("/usr/lib/systemd/system/containerd.service", "")]);
    let large = "x".repeat(100_000);
    let mut plan = small("new\n");
    plan.phases[0].steps.extend([write("/etc/new/large", &large), write("/etc/new/larger", &large)]);
    unchanged_by(dir.path(), &plan, "cannot write /etc/new/larger: No space left on device (os error 28)");
    // Once there is room for it, it is done.
    mount(None::<&str>, dir.path(), None::<&str>, MsFlags::MS_REMOUNT, Some("size=1m")).unwrap();
    apply(&machine(dir.path()), &plan, &mut Unwatched, &options()).unwrap();
    nix::mount::umount(dir.path()).unwrap();
}

fn read_only() {
    namespace();
    let dir = directory();
    tree(dir.path(), &[("/etc/containerd/config.toml", "old\n"), ("/usr/lib/systemd/system/containerd.service", "")]);
    let etc = dir.path().join("etc");
    mount(Some(&etc), &etc, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    mount(None::<&str>, &etc, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, None::<&str>).unwrap();
    let plan = plan(vec![phase("files", Half::Config, vec![write("/srv/a", "a\n"), write("/etc/containerd/config.toml", "new\n")])]);
    unchanged_by(dir.path(), &plan, "cannot write /etc/containerd/config.toml: Read-only file system (os error 30)");
    nix::mount::umount(&etc).unwrap();
}

/// A file that is a mount point cannot be renamed over: what was renamed before it goes back.
fn busy() {
    namespace();
    let dir = directory();
    tree(dir.path(), &[("/etc/a", "old\n"), ("/etc/hosts", "old\n"), ("/other", "other\n")]);
    std::os::unix::fs::symlink("old", dir.path().join("etc/link")).unwrap();
    let hosts = dir.path().join("etc/hosts");
    mount(Some(&dir.path().join("other")), &hosts, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let link = hybridge_node::plan::Step::Symlink { path: "/etc/link".into(), target: "new".into() };
    let files = ["/etc/a", "/etc/new", "/etc/hosts", "/etc/z"].map(|path| write(path, "new\n"));
    let plan = plan(vec![phase("files", Half::Config, std::iter::once(link).chain(files).collect())]);
    unchanged_by(dir.path(), &plan, "cannot replace /etc/hosts: Device or resource busy (os error 16)");
    nix::mount::umount(&hosts).unwrap();
}

fn unchanged_by(root: &Path, plan: &hybridge_node::plan::Plan, why: &str) {
    let before = contents(root);
    let error = apply(&machine(root), plan, &mut Unwatched, &options()).unwrap_err();
    assert_eq!(chain(&error), why);
    let mut after = contents(root);
    // The directories of our own record are no part of the machine's configuration.
    after.retain(|path, _| !"var/lib/hybridge/node".starts_with(path.as_str()) && !path.starts_with("var/lib/hybridge/node/"));
    assert_eq!(after, before);
}

fn chain(error: &ApplyError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}
