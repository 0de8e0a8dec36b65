//! Scripts of the user's, really run: once, with an end, a log and a stamp, whatever happens to who runs them.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hybridge_node::config::own::{FileSystem, OnFailure, StepPhase, UserStep};
use hybridge_node::plan::{DiskStep, Half, Step};
use hybridge_node::steps::{Script, State};
use hybridge_node_host::apply::{Unwatched, apply};
use hybridge_node_host::command::{Call, Output, RunError, Runner, System};
use hybridge_node_host::diff::diff;
use hybridge_node_host::error::ApplyError;
use hybridge_node_host::host::Host;
use hybridge_node_host::steps::status;
use support::plans::*;
use support::*;

fn step(id: &str, script: &str) -> Script {
    let phase = Some(StepPhase::PreKubelet);
    let step = UserStep { id: id.into(), phase, script: script.into(), timeout: "20s".into(), ..UserStep::default() };
    Script::of(&step).unwrap()
}

fn of(scripts: &[Script]) -> hybridge_node::plan::Plan {
    plan(vec![phase("steps", Half::Config, scripts.iter().cloned().map(Step::Script).collect())])
}

/// A machine in its first boot.
fn booted() -> tempfile::TempDir {
    let dir = directory();
    boot(dir.path(), "one");
    dir
}

fn boot(root: &Path, id: &str) {
    tree(root, &[("/proc/sys/kernel/random/boot_id", id)]);
}

/// A script that leaves a line in a file each time it runs.
fn counting(root: &Path, then: &str) -> String {
    format!("echo ran >> {}\n{then}\n", root.join("runs").display())
}

fn runs(root: &Path) -> usize {
    fs::read_to_string(root.join("runs")).unwrap_or_default().lines().count()
}

#[test]
fn a_step_runs_once_for_each_content_or_once_each_boot() {
    let dir = booted();
    let once = step("once", &counting(dir.path(), ""));
    let each = Script { run_once: false, ..step("each", &counting(dir.path(), "")) };
    let plan = of(&[once, each]);
    let host = machine(dir.path());
    assert_eq!(diff(&host, &plan, &options()).unwrap().len(), 2);
    for (id, expected) in [("one", 2), ("one", 2), ("two", 3), ("two", 3)] {
        boot(dir.path(), id);
        apply(&host, &plan, &mut Unwatched, &options()).unwrap();
        assert_eq!(runs(dir.path()), expected, "{id}");
        assert_eq!(diff(&host, &plan, &options()).unwrap(), []);
    }
    apply(&host, &of(&[step("once", &counting(dir.path(), "# changed"))]), &mut Unwatched, &options()).unwrap();
    assert_eq!(runs(dir.path()), 4);
}

#[test]
fn a_failed_step_stops_what_follows_says_why_and_is_tried_again() {
    let dir = booted();
    let bad = step("bad", "echo one; echo http://me:secret@proxy refused >&2; exit 3");
    let plan = of(&[bad.clone(), step("next", &counting(dir.path(), ""))]);
    let host = machine(dir.path());
    for _ in 0..2 {
        let error = apply(&host, &plan, &mut Unwatched, &options()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "step bad of the phase preKubelet ended with exit code 3; it said:\n  one\n  http://(hidden)@proxy refused"
        );
    }
    assert_eq!(runs(dir.path()), 0);
    assert_eq!(status(&host, std::slice::from_ref(&bad)).unwrap()[0].state, State::Failed);
    let report = apply(
        &host,
        &of(&[Script { on_failure: OnFailure::Continue, ..bad }, step("next", &counting(dir.path(), ""))]),
        &mut Unwatched,
        &options(),
    );
    assert_eq!(report.unwrap().warnings.len(), 1);
    assert_eq!(runs(dir.path()), 1);
}

#[test]
fn a_step_that_does_not_end_is_killed_with_all_its_children() {
    let dir = booted();
    let alive = dir.path().join("alive");
    let hanging = Script { timeout: 1, ..step("hangs", &format!("echo begun; (sleep 60; echo > {}) & sleep 60", alive.display())) };
    let started = Instant::now();
    let error = apply(&machine(dir.path()), &of(std::slice::from_ref(&hanging)), &mut Unwatched, &options()).unwrap_err();
    assert_eq!(error.to_string(), "step hangs of the phase preKubelet did not end within 1 s and was killed; it said:\n  begun");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(status(&machine(dir.path()), &[hanging]).unwrap()[0].state, State::TimedOut);
    assert!(!alive.exists());
}

#[test]
fn a_log_is_bounded_and_for_root_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = booted();
    let loud = step("loud", "head -c 1000000 /dev/zero | tr '\\0' 'x'; echo; echo the end");
    apply(&machine(dir.path()), &of(std::slice::from_ref(&loud)), &mut Unwatched, &options()).unwrap();
    let log = dir.path().join(format!("{}.log", &loud.stem()[1..]));
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.len() < 80_000 && text.ends_with("the end\n"), "{}", text.len());
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Stopped before each action: the next run gets to the end, and a script that had succeeded does not run again.
#[test]
fn stopped_anywhere_a_step_that_succeeded_never_runs_twice() {
    let mut at = 0;
    loop {
        let dir = booted();
        let plan = of(&[step("a", &counting(dir.path(), ""))]);
        let mut witness = Witness { stop_before: Some(at), ..Witness::default() };
        let ended = apply(&machine(dir.path()), &plan, &mut witness, &options()).is_ok();
        apply(&machine(dir.path()), &plan, &mut Unwatched, &options()).unwrap();
        assert_eq!(runs(dir.path()), 1, "{:?}", witness.actions.last());
        if ended {
            break;
        }
        at += 1;
    }
    assert!(at >= 3, "{at}");
}

/// Who runs a step is killed, the step goes on: the next run waits for it and takes its word.
#[test]
fn a_step_that_outlives_its_run_is_waited_for() {
    if let Ok(root) = std::env::var("HYBRIDGE_TEST_ROOT") {
        let root = Path::new(&root);
        let _ = apply(&machine(root), &of(&[outliving(root)]), &mut Unwatched, &options());
        return;
    }
    let dir = booted();
    let this = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new(this)
        .args(["--exact", "a_step_that_outlives_its_run_is_waited_for"])
        .env("HYBRIDGE_TEST_ROOT", dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while runs(dir.path()) == 0 {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!dir.path().join("ended").exists(), "it runs still");
    let go = dir.path().join("go");
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        fs::write(go, "").unwrap();
    });
    apply(&machine(dir.path()), &of(&[outliving(dir.path())]), &mut Unwatched, &options()).unwrap();
    later.join().unwrap();
    assert!(dir.path().join("ended").exists());
    assert_eq!(runs(dir.path()), 1);
}

fn outliving(root: &Path) -> Script {
    let (go, ended) = (root.join("go"), root.join("ended"));
    step("long", &counting(root, &format!("while ! test -e {}; do sleep 0.01; done; touch {}", go.display(), ended.display())))
}

/// blkid and mkfs as they are, on files in place of disks; systemd as the neighbours have it.
struct Real(Imitation);

impl Runner for Real {
    fn run(&self, call: &Call) -> Result<Output, RunError> {
        let mut call = call.clone();
        match call.program.as_str() {
            "blkid" | "mkfs.ext4" => {
                let device = call.args.last_mut().unwrap();
                *device = self.0.root.join(device.trim_start_matches('/')).display().to_string();
                System.run(&call)
            }
            _ => self.0.run(&call),
        }
    }
}

fn volume(label: &str, wipe: bool) -> hybridge_node::plan::Plan {
    let device = "/dev/disk/by-id/nvme-1".to_owned();
    let step = DiskStep::Volume { device, filesystem: FileSystem::Ext4, label: label.into(), wipe, path: "/mnt/data".into() };
    plan(vec![phase("disks", Half::Config, vec![Step::Disk(step)])])
}

/// A blank disk of 8 MiB.
fn with_disk() -> (tempfile::TempDir, Host) {
    let dir = booted();
    tree(dir.path(), &[("/dev/nvme1n1", "")]);
    fs::File::options().write(true).open(dir.path().join("dev/nvme1n1")).unwrap().set_len(8 << 20).unwrap();
    fs::create_dir_all(dir.path().join("dev/disk/by-id")).unwrap();
    std::os::unix::fs::symlink("../../nvme1n1", dir.path().join("dev/disk/by-id/nvme-1")).unwrap();
    let host = Host::below(dir.path(), Real(Imitation { root: dir.path().into() }));
    (dir, host)
}

#[test]
fn a_blank_disk_gets_a_real_file_system_with_a_label_once() {
    let (dir, host) = with_disk();
    apply(&host, &volume("data", false), &mut Unwatched, &options()).unwrap();
    let unit = fs::read_to_string(dir.path().join("etc/systemd/system/mnt-data.mount")).unwrap();
    assert!(unit.contains("Type=ext4\nOptions=defaults,noatime,nofail\n"), "{unit}");
    let again = apply(&host, &volume("data", true), &mut Unwatched, &options()).unwrap();
    assert_eq!(again.changes(), 0, "also with wipe");
}

#[test]
fn what_a_disk_holds_is_overwritten_only_where_it_may_be_and_never_in_use() {
    let (dir, host) = with_disk();
    apply(&host, &volume("theirs", false), &mut Unwatched, &options()).unwrap();
    fs::remove_file(dir.path().join("proc/self/mounts")).unwrap();
    let refused = |plan| apply(&host, &plan, &mut Unwatched, &options()).unwrap_err();
    assert!(matches!(refused(volume("data", false)), ApplyError::Disk { what, .. } if what == "holds ext4; it is not formatted"));
    for (files, holder) in [
        (("/proc/self/mounts", "/dev/nvme1n1 /elsewhere ext4 rw 0 0\n"), ""),
        (("/proc/self/mounts", "/dev/nvme1n1p1 / ext4 rw 0 0\n"), "sys/block/nvme1n1/nvme1n1p1"),
        (("/proc/self/mounts", ""), "sys/block/nvme1n1/holders/md127"),
    ] {
        tree(dir.path(), &[files]);
        if !holder.is_empty() {
            fs::create_dir_all(dir.path().join(holder)).unwrap();
        }
        assert!(
            matches!(refused(volume("data", true)), ApplyError::Disk { what, .. } if what == "is in use; it is not formatted"),
            "{holder}"
        );
    }
    fs::remove_dir_all(dir.path().join("sys")).unwrap();
    apply(&host, &volume("data", true), &mut Unwatched, &options()).unwrap();
}
