//! A machine made of a directory, with imitations of the programs that change one. What they keep is in files too, so that a machine
//! outlives the process that works on it.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

pub(crate) mod plans;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hybridge_node_host::apply::Watch;
use hybridge_node_host::command::{Call, Output, RunError, Runner, System};
use hybridge_node_host::host::Host;
use hybridge_node_host::options::{Edits, Options};
use hybridge_node_host::report::Change;

/// A directory in memory where there is one: runs are many, and what a disk makes of them is not the question.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Puts files into a directory.
pub(crate) fn tree(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
}

/// A machine whose programs are imitated.
pub(crate) fn machine(root: &Path) -> Host {
    Host::below(root, Imitation { root: root.into() })
}

/// Options without pauses.
pub(crate) fn options() -> Options {
    let edits = Edits { hosts, without_swap };
    Options { poll: Duration::from_millis(1), settle: Duration::from_millis(2), ..Options::new(edits) }
}

fn hosts(text: &str, entries: &[(IpAddr, String)]) -> String {
    let mut lines: Vec<String> = text.lines().filter(|line| !line.ends_with("# ours")).map(String::from).collect();
    lines.extend(entries.iter().map(|(address, name)| format!("{address} {name} # ours")));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn without_swap(text: &str) -> String {
    text.lines().map(|line| if line.starts_with("/swapfile") { format!("# {line}\n") } else { format!("{line}\n") }).collect()
}

/// Every file, link and directory below `root` with its mode and content; what the imitations keep for themselves is left out.
pub(crate) fn contents(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if name == "imitation/log" || name == "imitation/count" {
                continue;
            }
            let text = if meta.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if meta.is_dir() {
                open.push(path);
                format!("{:o} directory", meta.permissions().mode() & 0o7777)
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let text: String = text.lines().filter(|line| !line.starts_with("InvocationID=")).map(|line| format!("{line}\n")).collect();
                format!("{:o} {text}", meta.permissions().mode() & 0o7777)
            };
            found.insert(name, text);
        }
    }
    found
}

/// Stops at the n-th action, and notes what was told.
#[derive(Default)]
pub(crate) struct Witness {
    pub(crate) stop_before: Option<usize>,
    pub(crate) actions: Vec<String>,
    pub(crate) changes: Vec<Change>,
}

impl Watch for Witness {
    fn about_to(&mut self, action: &str) -> bool {
        self.actions.push(action.into());
        self.stop_before != Some(self.actions.len() - 1)
    }

    fn changed(&mut self, change: &Change) {
        self.changes.push(change.clone());
    }
}

/// The same machine, on which one program is ended when it has done half of its work.
pub(crate) struct Halfway {
    pub(crate) whole: Imitation,
    pub(crate) program: &'static str,
    /// What half of its work is: a file and what is in it.
    pub(crate) half: (&'static str, &'static str),
}

impl Runner for Halfway {
    fn run(&self, call: &Call) -> Result<Output, RunError> {
        if call.program != self.program {
            return self.whole.run(call);
        }
        self.whole.put(self.half.0, self.half.1)?;
        Err(RunError::TooLong { call: call.to_string(), limit: call.limit })
    }
}

/// Programs of the machine below `root`.
pub(crate) struct Imitation {
    pub(crate) root: PathBuf,
}

impl Runner for Imitation {
    fn run(&self, call: &Call) -> Result<Output, RunError> {
        let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
        let log = fs::read_to_string(self.file("imitation/log")).unwrap_or_default();
        self.put("imitation/log", &format!("{log}{} {}\n", call.program, args.join(" ")))?;
        match (call.program.rsplit('/').next().unwrap(), args.as_slice()) {
            ("systemctl", ["show", "-p", _, unit]) => said(&self.show(unit)),
            ("systemctl", ["daemon-reload"]) => said(""),
            ("systemctl", ["enable", unit]) => self.set(unit, "UnitFileState", "enabled"),
            ("systemctl", ["enable", "--now", unit]) => self.mount(unit),
            ("systemctl", ["restart", "--no-block", unit]) => self.put(&format!("imitation/queue/{unit}"), ""),
            ("systemctl", ["start", "--no-block", unit]) => self.start(unit),
            ("systemctl", ["stop", unit]) => self.set(unit, "ActiveState", "inactive"),
            ("systemctl", ["reset-failed", unit]) => self.set(unit, "ActiveState", "inactive"),
            ("systemctl", ["is-active", unit]) => said(if self.get(unit, "ActiveState") == "active" { "active\n" } else { "inactive\n" }),
            ("journalctl", _) => said("line one of the journal\nproxy http://u:secret@p:1 refused\n"),
            ("modprobe", [name]) => self.touch(&format!("sys/module/{}/refcnt", name.replace('-', "_"))),
            ("swapoff", [_]) => self.put("proc/swaps", "Filename Type\n"),
            ("firewall-cmd", args) => self.firewall(args),
            ("blkid", ["-p", "-o", "export", device]) => self.blkid(device),
            ("mdadm", ["--create", name, "--run", _, _, _, members @ ..]) => self.assemble(name, members),
            ("mkfs.xfs", [.., device]) => self.put(device, "TYPE=xfs\nUUID=1234-5678\n"),
            ("cp", ["-a", "-T", ..]) => System.run(call),
            ("sync", ["-f", _]) => said(""),
            ("ctr", ["-n", "k8s.io", "images", "check", ..]) => {
                said(&fs::read_to_string(self.file("imitation/images")).unwrap_or_default())
            }
            ("ctr", ["-n", "k8s.io", "images", "import", ..]) => self.put("imitation/images", "localhost/kubernetes/pause:latest\n"),
            ("ctr", ["-n", "k8s.io", "images", "pull", _]) => {
                Ok(Output { code: Some(1), stderr: "no such host".into(), ..Output::default() })
            }
            ("amazon-ssm-agent", ["-register", .., "expired-code"]) => {
                Ok(Output { code: Some(1), stderr: "ActivationExpired: expired-code".into(), ..Output::default() })
            }
            ("amazon-ssm-agent", ["-register", ..]) => {
                self.put("var/lib/amazon/ssm/registration", "{\"ManagedInstanceID\":\"mi-0123\",\"Region\":\"eu-west-1\"}")
            }
            ("restorecon", ["-F", ..]) => said(""),
            (name, ["--version"]) => said(&format!("{name} v1.34.2\n")),
            (_, ["--config", path, "config", "migrate"]) => said(&fs::read_to_string(path).unwrap().replace("version = 2", "version = 3")),
            _ => Err(RunError::NotFound(call.program.clone())),
        }
    }
}

fn said(text: &str) -> Result<Output, RunError> {
    Ok(Output { code: Some(0), stdout: text.into(), stderr: String::new() })
}

impl Imitation {
    fn file(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, text: &str) -> Result<Output, RunError> {
        tree(&self.root, &[(path, text)]);
        said("")
    }

    fn touch(&self, path: &str) -> Result<Output, RunError> {
        self.put(path, "")
    }

    fn unit(&self, unit: &str) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.file(&format!("imitation/units/{unit}"))).unwrap_or_default();
        text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect()
    }

    fn get(&self, unit: &str, key: &str) -> String {
        self.unit(unit).remove(key).unwrap_or_default()
    }

    fn set(&self, unit: &str, key: &str, value: &str) -> Result<Output, RunError> {
        let mut properties = self.unit(unit);
        properties.insert(key.into(), value.into());
        let text: String = properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        self.put(&format!("imitation/units/{unit}"), &text)
    }

    fn show(&self, unit: &str) -> String {
        if self.get(unit, "SubState") == "auto-restart" {
            self.invoke(unit).unwrap();
        }
        // A job that was only queued: the unit is shown once more as it was.
        let queued = fs::remove_file(self.file(&format!("imitation/queue/{unit}"))).is_ok();
        let shown = self.properties(unit);
        if queued {
            self.start(unit).unwrap();
        }
        shown
    }

    fn properties(&self, unit: &str) -> String {
        let there = ["etc", "usr/lib"].iter().any(|dir| self.file(&format!("{dir}/systemd/system/{unit}")).exists());
        let defaults = [
            ("LoadState", if there { "loaded" } else { "not-found" }),
            ("ActiveState", "inactive"),
            ("UnitFileState", "disabled"),
            ("Type", "notify"),
            ("Result", "success"),
            ("NeedDaemonReload", "no"),
        ];
        let mut properties: BTreeMap<String, String> = defaults.map(|(key, value)| (key.into(), value.into())).into();
        properties.extend(self.unit(unit));
        properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    /// A unit starts unless its configuration holds one of these words: "broken" fails, "loops" fails and is started again by systemd for
    /// ever, "slow" never gets ready.
    fn start(&self, unit: &str) -> Result<Output, RunError> {
        let service = unit.trim_end_matches(".service");
        let text = fs::read_to_string(self.file(&format!("etc/{service}/config.toml"))).unwrap_or_default();
        let (active, sub, result) = match text.trim() {
            "broken" => ("failed", "failed", "exit-code"),
            "loops" => ("activating", "auto-restart", "exit-code"),
            "slow" => ("activating", "start", "success"),
            _ => ("active", "running", "success"),
        };
        self.invoke(unit)?;
        self.set(unit, "Result", result)?;
        self.set(unit, "ExecMainStatus", if result == "success" { "0" } else { "1" })?;
        self.set(unit, "SubState", sub)?;
        self.set(unit, "ActiveState", active)
    }

    fn invoke(&self, unit: &str) -> Result<Output, RunError> {
        let count = fs::read_to_string(self.file("imitation/count")).unwrap_or_default().len() + 1;
        self.put("imitation/count", &"x".repeat(count))?;
        self.set(unit, "InvocationID", &count.to_string())
    }

    fn mount(&self, unit: &str) -> Result<Output, RunError> {
        let text = fs::read_to_string(self.file(&format!("etc/systemd/system/{unit}"))).unwrap();
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap().to_owned();
        let mounts = fs::read_to_string(self.file("proc/self/mounts")).unwrap_or_default();
        let line = format!("{} {} {} rw 0 0\n", value("What="), value("Where="), value("Type="));
        self.put("proc/self/mounts", &format!("{mounts}{line}"))?;
        self.set(unit, "UnitFileState", "enabled")?;
        self.set(unit, "ActiveState", "active")
    }

    fn firewall(&self, args: &[&str]) -> Result<Output, RunError> {
        let file = if args.contains(&"--permanent") { "imitation/permanent" } else { "imitation/runtime" };
        let open = fs::read_to_string(self.file(file)).unwrap_or_default();
        let added: String = args.iter().filter_map(|arg| arg.strip_prefix("--add-port=")).map(|port| format!("{port} ")).collect();
        if args.contains(&"--state") || added.is_empty() {
            return said(if args.contains(&"--state") { "running" } else { &open });
        }
        self.put(file, &format!("{open}{added}"))
    }

    /// The text of a device file is what blkid prints.
    fn blkid(&self, device: &str) -> Result<Output, RunError> {
        let text = fs::read_to_string(self.file(device)).unwrap_or_default();
        if text.is_empty() { Ok(Output { code: Some(2), ..Output::default() }) } else { said(&text) }
    }

    fn assemble(&self, name: &str, members: &[&str]) -> Result<Output, RunError> {
        for member in members {
            let real = fs::canonicalize(self.file(member)).unwrap();
            let kernel = real.file_name().unwrap().to_string_lossy();
            self.touch(&format!("sys/block/md127/slaves/{kernel}"))?;
            fs::write(&real, "TYPE=linux_raid_member\n").unwrap();
        }
        self.touch("dev/md127")?;
        fs::create_dir_all(self.file(name).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("../md127", self.file(name)).unwrap();
        said("")
    }
}
