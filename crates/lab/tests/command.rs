//! `hybridge-lab` as people call it.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hybridge-lab")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn wrong_input_is_named_and_nothing_is_started() {
    let directory = tempfile::tempdir().unwrap();
    let program = script(directory.path(), "exec sleep 60");
    let program = program.as_str();
    for (arguments, said) in [
        (&["run", "--fault", "host-los"][..], "`host-los` is no fault; there are sigterm, restart"),
        (&["run", "--nodes", "0"], "0 is not in 1..=200"),
        (&["run", "--hold", "5"], "`5` is no time such as 300ms, 1.5s or 2m"),
        (&["run", "--gateway-bin", "/nowhere/gateway"], "cannot find /nowhere/gateway: No such file or directory"),
        (
            &["run", "--gateway-bin", program, "--vtep-delay", "hybrid-3=1s"],
            "there is no hybrid node `hybrid-3`; there are hybrid-1, hybrid-2",
        ),
        (&["run", "--gateway-bin", program, "--route-effect-delay", "rtb-9=1s"], "there is no route table `rtb-9`"),
        (&["run", "--gateway-bin", program, "--ec2", "moto", "--ec2-latency", "1s"], "--ec2-latency needs --ec2 builtin"),
        (&["exec", "--name", "nobodys", "cloud-pod", "--", "true"], "no world named `nobodys` is up"),
    ] {
        let output = lab(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(said), "{arguments:?}: {text}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
    assert_eq!(lab(&["down", "--name", "nobodys"]).status.code(), Some(0));
}

#[test]
fn a_world_that_is_killed_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let program = script(directory.path(), "echo started; exec sleep 600");
    let name = format!("test-{}", std::process::id());
    let before = host();
    let arguments = ["up", "--name", &name, "--gateway-bin", &program, "--out", directory.path().to_str().unwrap(), "--host", "eks"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_hybridge-lab")).args(arguments).stdin(Stdio::null()).spawn().unwrap();
    let log = directory.path().join("gateway-b.log");
    eventually("the second gateway runs", || fs::read_to_string(&log).is_ok_and(|text| text.contains("started")));
    assert!(processes_with(&name) >= 3, "outer, init and the lab itself");
    assert_eq!(host(), before, "a world changes nothing of the host");

    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    eventually("every process of it ends", || processes_with(&name) + processes_with(&program) == 0);
    eventually("its socket is gone", || !fs::read_to_string("/proc/net/unix").unwrap().contains(&name));
    assert_eq!(host(), before);
}

/// Links, routes, mounts and every network sysctl of this machine, as this process sees them.
fn host() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    read_tree(Path::new("/proc/sys/net"), &mut all);
    let links = nix::net::if_::if_nameindex().unwrap();
    all.insert("links".into(), links.iter().map(|link| format!("{link:?}\n")).collect());
    for file in ["/proc/net/route", "/proc/net/ipv6_route", "/proc/net/fib_trie", "/proc/self/mountinfo"] {
        all.insert(file.into(), fs::read_to_string(file).unwrap_or_default());
    }
    all
}

fn read_tree(folder: &Path, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_tree(&path, all);
        } else if !COUNTERS.iter().any(|name| path.ends_with(name)) {
            all.insert(path.display().to_string(), fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

/// Files below /proc/sys/net that count what the machine does.
const COUNTERS: [&str; 1] = ["nf_conntrack_count"];

/// Processes with that text in their arguments.
fn processes_with(text: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let arguments = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    arguments.filter(|arguments| String::from_utf8_lossy(arguments).contains(text)).count()
}

fn script(directory: &Path, body: &str) -> String {
    let path = directory.join("gateway-script");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn eventually(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
