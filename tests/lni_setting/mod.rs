//! A machine with an LNI and a LAN behind it, each in a network namespace; the machine is the one that the test is in.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses a part, and fails by a panic")]

use std::cell::Cell;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use hybridge_lab::netns::Netns;
use hybridge_netlink::Netlink;
use serde_json::Value;

/// MAC address of the LNI.
pub(crate) const MAC: &str = "02:ab:cd:00:00:01";

/// Machine and LAN.
pub(crate) struct Setting {
    pub(crate) lan: Netns,
    pub(crate) files: tempfile::TempDir,
    /// Profiles name it instead of the MAC address, and instance metadata is asked at 127.0.0.1:8169.
    device_index: Cell<Option<u8>>,
}

impl Setting {
    /// A LAN 192.168.2.0/24 with a router 192.168.2.1, and the machine's `eth1` in it, down and without an address.
    pub(crate) fn new() -> Self {
        // /sys and /proc/sys are those of this namespace's own processes.
        let setting = Self { lan: Netns::new("lan").unwrap(), files: tempfile::tempdir().unwrap(), device_index: Cell::new(None) };
        // A way to the VPC that is not the LNI.
        ip("link add eth0 type dummy").unwrap_or_else(|_| ip("link add eth0 type bridge").unwrap());
        ip("address add 10.50.80.10/20 dev eth0").unwrap();
        ip("link set eth0 up").unwrap();
        setting.plug_in();
        setting
    }

    /// From now on profiles name a device index.
    pub(crate) fn by_device_index(&self, index: u8) {
        self.device_index.set(Some(index));
    }

    /// Attaches the LNI.
    pub(crate) fn plug_in(&self) {
        let lan = format!("/proc/{}/fd/{}", std::process::id(), self.lan.fd().as_raw_fd());
        ip(&format!("link add eth1 address {MAC} type veth peer name lan0")).unwrap();
        ip(&format!("link set lan0 netns {lan}")).unwrap();
        self.in_lan("address add 192.168.2.1/24 dev lan0");
        self.in_lan("link set lan0 up");
    }

    /// `ip` in the LAN.
    pub(crate) fn in_lan(&self, arguments: &str) {
        let output = self.lan.command("ip").args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
    }

    /// The profile with an address by DHCP or 192.168.2.10.
    pub(crate) fn profile(&self, dhcp: bool) -> PathBuf {
        let address = if dhcp { "{ mode: dhcp }" } else { "{ mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1 }" };
        let which = match self.device_index.get() {
            Some(index) => format!("deviceIndex: {index}"),
            None => format!("mac: \"{MAC}\""),
        };
        let lan = "{ cidrs: [192.168.2.0/24, 192.168.50.0/24] }";
        let text = format!("lni:\n  match: {{ {which} }}\n  address: {address}\n  lan: {lan}\n");
        let path = self.files.path().join("lni.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.files.path().join("state")
    }

    fn command(&self, what: &str, dhcp: bool) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
        command.args(["lni", what]).arg("--state-dir").arg(self.state_dir());
        match self.device_index.get() {
            Some(_) => command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:8169"),
            None => command.env("AWS_EC2_METADATA_DISABLED", "true"),
        };
        if what != "status" {
            command.arg("-c").arg(self.profile(dhcp));
        }
        command
    }

    /// `hybridge lni apply` and more words.
    pub(crate) fn apply(&self, words: &[&str]) -> Output {
        self.command("apply", false).args(words).output().unwrap()
    }

    /// Starts the agent.
    pub(crate) fn agent(&self, dhcp: bool) -> Agent {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.log()).unwrap();
        Agent(self.command("run", dhcp).arg("--debug").stderr(log).stdin(Stdio::null()).spawn().unwrap())
    }

    /// The same with a variable of the environment, as systemd starts it.
    pub(crate) fn agent_with(&self, name: &str, value: &std::path::Path) -> Agent {
        Agent(self.command("run", false).env(name, value).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap())
    }

    fn log(&self) -> PathBuf {
        self.files.path().join("agent.log")
    }

    /// What the agents have logged so far.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// `hybridge lni status -o json`; null before the first.
    pub(crate) fn status(&self) -> Value {
        let output = self.command("status", false).args(["-o", "json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Waits for a status.
    pub(crate) fn until(&self, seconds: u64, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        eventually(Duration::from_secs(seconds), || {
            seen = self.status();
            wanted(&seen)
        })
        .unwrap_or_else(|| panic!("not {what}: {seen:#}\n{}", self.logged()));
        seen
    }

    /// Waits until the agent is ready and told so.
    pub(crate) fn until_ready(&self) -> Value {
        self.until(10, "ready", |status| status["phase"] == "ready")
    }
}

/// A running agent; killed when dropped.
pub(crate) struct Agent(pub(crate) Child);

impl Agent {
    /// SIGTERM, and waits for its end.
    pub(crate) fn stop(mut self) {
        let process = nix::unistd::Pid::from_raw(self.0.id() as i32);
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }

    /// A file of it under /proc.
    pub(crate) fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// `ip` on the machine.
pub(crate) fn ip(arguments: &str) -> Result<String, String> {
    run("ip", arguments)
}

/// A program on the machine.
pub(crate) fn run(program: &str, arguments: &str) -> Result<String, String> {
    let output = Command::new(program).args(arguments.split(' ')).output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// How long it took until `is` was so; `None` if it never was.
pub(crate) fn eventually(limit: Duration, mut is: impl FnMut() -> bool) -> Option<Duration> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if is() {
            return Some(start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

/// Addresses of `eth1`, routes of its table, rules that lead there, and our nftables: whatever the order.
pub(crate) fn seen() -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for question in ["-4 -o address show dev eth1", "-4 route show table 2100", "-4 rule show table 2100"] {
        // Without the index of the interface, which another one has that comes in its place.
        let words = |line: &str| {
            line.split_whitespace().skip_while(|word| *word != "eth1" && line.contains(": eth1")).collect::<Vec<_>>().join(" ")
        };
        lines.extend(ip(question).unwrap_or_default().lines().map(words));
    }
    for table in ["inet hybridge_lni", "ip hybridge_lni_nat"] {
        lines.extend(run("nft", &format!("-s list table {table}")).unwrap_or_default().lines().map(|line| line.trim().to_owned()));
    }
    for key in ["rp_filter", "arp_ignore", "arp_announce"] {
        let value = std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/eth1/{key}")).unwrap_or_default();
        lines.push(format!("{key}={}", value.trim()));
    }
    lines
}

/// Runs a future.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What is in the kernel.
pub(crate) fn routing() -> hybridge_model::routing::Routing {
    block_on(async { Netlink::connect().unwrap().routing().await.unwrap() })
}
