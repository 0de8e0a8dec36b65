//! `init` killed before each of its changes, and run again to its end.
//!
//! strace kills the program when it is about to make its n-th call of a kind; nothing in the product takes part. The calls are those of
//! an undisturbed run under strace. Whoever is killed before a call is also killed after the one before it, so that every change is cut
//! on both sides.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use hybridge_lab::isolate::isolated;

use crate::machine::{HYBRIDGE, Machine, Outcome};
use crate::trouble::{CHANGED, Cloud, OFFLINE, SYSTEMD, contents, difference, ec2, hybrid, install, machine, under};

/// Calls that change something, and those that make others change something.
const CALLS: [&str; 17] = [
    "openat",
    "write",
    "rename",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "symlink",
    "symlinkat",
    "fchown",
    "chmod",
    "fchmod",
    "fchmodat",
    "fsync",
    "flock",
    "clone3",
    "vfork",
];

/// For all of it, where eight others use the processors; alone it takes less than a minute.
const LIMIT: Duration = Duration::from_secs(300);

struct Case<'a> {
    machine: &'a Machine,
    skip: &'a str,
}

/// Mode and kind of each file; what is in it.
type Modes = BTreeMap<String, (u32, String)>;
type Contents = BTreeMap<String, Vec<u8>>;

impl Case<'_> {
    fn command(&self) -> Command {
        let mut arguments = vec!["node", "init", "-c", "file:///config.yaml"];
        if !self.skip.is_empty() {
            arguments.extend(["--skip", self.skip]);
        }
        self.machine.command(HYBRIDGE, &arguments)
    }

    /// Keeps the machine as it is now, or brings it back.
    fn copy(&self, back: bool) {
        let kept = self.machine.path("/kept");
        for directory in CHANGED.iter().chain([&SYSTEMD]) {
            let (here, there) = (self.machine.path(directory), kept.join(directory.trim_start_matches('/')));
            let (from, to) = if back { (there, here) } else { (here, there) };
            fs::create_dir_all(&to).unwrap();
            // Its own directory stays, as something is mounted over it.
            for entry in fs::read_dir(&to).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => fs::remove_dir_all(entry.path()).unwrap(),
                    false => fs::remove_file(entry.path()).unwrap(),
                }
            }
            let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(&to).status().unwrap();
            assert!(copied.success());
        }
    }

    fn traced(&self, options: &[&str]) -> Outcome {
        let wrapper: Vec<&str> = ["strace", "-qq", "-o", "/mnt/trace"].into_iter().chain(options.iter().copied()).collect();
        under(&wrapper, &self.command())
    }

    /// The calls of an undisturbed run that change something: name, number among the calls of that name, and the call for messages.
    fn calls(&self) -> Vec<(String, usize, String)> {
        self.traced(&["-y", "-e", &format!("trace=execve,{}", CALLS.join(","))]).expect(0);
        let text = fs::read_to_string("/mnt/trace").unwrap();
        let mut counts = BTreeMap::<String, usize>::new();
        let mut found = Vec::new();
        // chroot calls, too, before it becomes hybridge.
        let mut ours = false;
        for line in text.lines() {
            let Some((name, _)) = line.split_once('(') else { continue };
            ours |= name == "execve" && line.contains("hybridge");
            let count = counts.entry(name.to_owned()).or_default();
            *count += 1;
            if ours && changes(name, line) {
                found.push((name.to_owned(), *count, line.chars().take(160).collect()));
            }
        }
        found
    }

    /// What the machine is like: its files and what its services were started with.
    fn end(&self) -> (Modes, Contents) {
        let mut services = self.machine.files(SYSTEMD);
        services.retain(|path, _| path.ends_with(".seen") || path.ends_with(".state") || path.ends_with(".enabled"));
        (contents(self.machine), services)
    }
}

/// Reading and talking change nothing.
fn changes(name: &str, line: &str) -> bool {
    match name {
        "execve" => false,
        "openat" => line.contains("O_CREAT"),
        "write" => !["<pipe:", "<socket:", "<anon_inode:", "<UNIX", "<TCP", "/dev/", "write(1<", "write(2<"]
            .iter()
            .any(|other| line.contains(other)),
        _ => true,
    }
}

fn killed_anywhere(machine: &Machine, skip: &str) {
    let case = Case { machine, skip };
    let start = Instant::now();
    case.copy(false);
    let calls = case.calls();
    let (files, services) = case.end();
    assert!(services.contains_key("/opt/systemd/kubelet.service.seen"), "{:?}", services.keys());
    assert!(calls.len() > 60, "{calls:#?}");
    let mut killed = 0;
    for (name, number, line) in &calls {
        case.copy(true);
        let cut = case.traced(&["-e", &format!("inject={name}:signal=KILL:when={number}"), "-e", &format!("trace={name}")]);
        // A thread more or less moves the number of a write; where there are fewer of them the run comes to its end.
        killed += usize::from(cut.code != 0);
        assert!([0, 137].contains(&cut.code), "{name} {number} {line}: {cut:?}");
        let left = contents(machine);
        let outcome = under(&["env"], &case.command());
        assert_eq!(outcome.code, 0, "killed before {name} {number}, {line}\n{}\nwhich left\n{}", outcome.stderr, difference(&files, &left));
        let now = case.end();
        assert!(now.0 == files, "killed before {name} {number}, {line}\n{}", difference(&files, &now.0));
        assert!(now.1 == services, "killed before {name} {number}, {line}\n{}", difference(&services, &now.1));
    }
    assert!(killed * 20 > calls.len() * 19, "only {killed} of {} runs were killed", calls.len());
    let elapsed = start.elapsed();
    assert!(elapsed < LIMIT, "{} cuts took {elapsed:?}", calls.len());
    report(&format!("{killed} of {} cuts in {elapsed:.1?}\n", calls.len()));
}

#[allow(clippy::print_stdout, reason = "a figure for whoever watches")]
fn report(text: &str) {
    print!("{text}");
}

const WITH_ALL: &str = "  kubelet:\n    flags: [--v=5]\n    config: {maxPods: 17}\n  instance:\n    environment:\n      default: {A: b}\n    network:\n      nameservers: [10.0.0.2]\n";

#[test]
fn on_ec2() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        machine.write("/config.yaml", ec2(WITH_ALL));
        killed_anywhere(&machine, "");
    });
}

/// With files of an earlier configuration: some change, some go.
#[test]
fn on_ec2_with_another_configuration_before() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        crate::trouble::init(&machine, &ec2(WITH_ALL), &[]).expect(0);
        machine.write("/config.yaml", ec2("  kubelet:\n    flags: [--v=4]\n"));
        killed_anywhere(&machine, "");
    });
}

#[test]
fn outside() {
    isolated(|| {
        let mut machine = machine();
        let cloud = Cloud::start(&mut machine, None);
        install(&machine, &cloud.certificate(|_| ()));
        machine.write("/config.yaml", hybrid("    enableCredentialsFile: true\n"));
        machine.write("/etc/fstab", "/swap.img none swap sw 0 0\n");
        killed_anywhere(&machine, &format!("{OFFLINE},node-inactive-validation"));
    });
}
