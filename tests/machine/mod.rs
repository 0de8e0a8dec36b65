//! A throw-away machine for tests of the node: a root file system of its own in the namespaces of `isolated`, with programs of the
//! host, an empty /etc, /var and /run, and stand-ins for what only a real machine has (kubelet, containerd, systemctl).
//!
//! It is memory that goes with the namespaces. What it shows of the host (`/usr`, `/sys`) cannot be written through it, and kernel
//! parameters are files of its own.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where hybridge is on the machine.
pub(crate) const HYBRIDGE: &str = "/opt/hybridge/bin/hybridge";

/// systemd as far as `init` asks: every unit is installed, starts at once, and stays. What was changed is in /opt/systemctl.
const SYSTEMCTL: &str = r#"mkdir -p /opt/units
for unit do :; done
case "$1" in
show)
    echo LoadState=loaded Result=success Type=notify NeedDaemonReload=no | tr ' ' '\n'
    test -e "/opt/units/$unit.enabled" && echo UnitFileState=enabled || echo UnitFileState=disabled
    test -e "/opt/units/$unit" && echo ActiveState=active || echo ActiveState=inactive
    echo "InvocationID=$(cat "/opt/units/$unit" 2>/dev/null)"
    exit ;;
is-active) test -e "/opt/units/$unit"; exit ;;
restart) date +%N > "/opt/units/$unit" ;;
enable) : > "/opt/units/$unit.enabled" ;;
esac
echo "$@" >> /opt/systemctl"#;

/// firewalld, which lets in what Cilium needs, and keeps what it is told.
const FIREWALL: &str = r#"kept=/opt/firewall.now
if [ "$1" = --permanent ]; then kept=/opt/firewall.permanent; shift; fi
for word do
    case "$word" in
    --state) echo running ;;
    --list-ports) echo 8472/udp $(cat $kept 2>/dev/null) ;;
    --add-port=*) echo "${word#--add-port=}" >> $kept ;;
    esac
done"#;

/// Its root file system.
pub(crate) struct Machine {
    root: PathBuf,
    environment: BTreeMap<String, String>,
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Exit code, or 128 and the signal.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Outcome {
    /// Panics with all it printed unless it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Machine {
    /// A machine with two processors and 4 GiB, hybridge and its names, a kubelet and a containerd of these versions.
    ///
    /// To be called within `isolated`: mounts and everything that runs end with the test.
    pub(crate) fn new(kubelet: &str, containerd: &str) -> Self {
        let machine = Self { root: fresh_root(), environment: BTreeMap::new() };
        for directory in [
            "etc/eks",
            "opt/hybridge/bin",
            "opt/local",
            "opt/stand-ins",
            "var/lib",
            "var/log",
            "run",
            "tmp",
            "root",
            "dev",
            "proc",
            "sys",
            "usr",
        ] {
            fs::create_dir_all(machine.path(directory)).unwrap();
        }
        // Debian and Amazon Linux have merged /bin, /lib and /sbin into /usr.
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), machine.path(link)).unwrap();
        }
        machine.show("/usr", "/usr");
        // A mount of its own shows this namespace's network interfaces; not allowed in a container that masks parts of /sys.
        if !Command::new("mount").args(["-t", "sysfs", "-o", "ro", "sysfs"]).arg(machine.path("/sys")).status().unwrap().success() {
            machine.show("/sys", "/sys");
        }
        run(Command::new("mount").arg("--bind").args([machine.path("/opt/local"), machine.path("/usr/local/bin")]));
        for device in ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"] {
            machine.write(device, "");
            run(Command::new("mount").args(["--bind", device]).arg(machine.path(device)));
        }
        run(Command::new("mount").args(["-t", "proc", "proc"]).arg(machine.path("proc")));
        machine.kernel_parameters();
        machine.write(HYBRIDGE, "");
        machine.show(env!("CARGO_BIN_EXE_hybridge"), HYBRIDGE);
        for name in ["nodeadm", "nodeadm-internal", "ecr-credential-provider"] {
            symlink(HYBRIDGE, machine.path("opt/hybridge/bin").join(name)).unwrap();
        }
        machine.write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
        machine.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
        machine.write("/etc/os-release", "ID=amzn\nVERSION_ID=\"2023\"\n");
        machine.processors(2, 4 << 30);
        machine.program("kubelet", &format!("echo Kubernetes v{kubelet}"));
        machine.program("containerd", &format!("echo containerd github.com/containerd/containerd v{containerd} 0123456"));
        machine.program("systemctl", SYSTEMCTL);
        machine.program("journalctl", "exit 0");
        let provider = "/etc/eks/image-credential-provider/ecr-credential-provider";
        machine.write(provider, "#!/bin/sh\nexit 1\n");
        fs::set_permissions(machine.path(provider), fs::Permissions::from_mode(0o755)).unwrap();
        machine
    }

    /// Shows something of the host, read-only.
    fn show(&self, from: &str, at: &str) {
        let at = self.path(at);
        run(Command::new("mount").arg("--bind").arg(from).arg(&at));
        run(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&at));
    }

    /// Values that a Linux host has before a node is made of it.
    fn kernel_parameters(&self) {
        for (name, value) in [
            ("vm/overcommit_memory", "0"),
            ("kernel/panic", "0"),
            ("kernel/panic_on_oops", "0"),
            ("net/ipv4/ip_forward", "0"),
            ("kernel/random/boot_id", "6a1f9d3c-9d6a-4f6e-8d2c-1c2f6f3a7b10"),
            ("crypto/fips_enabled", "0"),
        ] {
            self.write(&format!("/opt/kernel/{name}"), format!("{value}\n"));
        }
        run(Command::new("mount").arg("--bind").args([self.path("/opt/kernel"), self.path("/proc/sys")]));
    }

    /// The same directories as upstream's mock: `CPU_DIR` and `NODE_DIR`.
    fn processors(&self, count: u32, bytes: u64) {
        for cpu in 0..count {
            let topology = format!("/sys_devices_system_mock/cpu/cpu{cpu}/topology");
            self.write(&format!("{topology}/core_id"), format!("{cpu}\n"));
            self.write(&format!("{topology}/physical_package_id"), "0\n");
            self.write(&format!("/sys_devices_system_mock/cpu/cpu{cpu}/online"), "1\n");
        }
        self.write("/sys_devices_system_mock/cpu/online", format!("0-{}\n", count - 1));
        let kibibytes = bytes / 1024;
        self.write("/sys_devices_system_mock/node/node0/meminfo", format!("Node 0 MemTotal:       {kibibytes} kB\n"));
        self.write("/sys_devices_system_mock/node/node0/cpulist", format!("0-{}\n", count - 1));
        for cpu in 0..count {
            symlink(format!("../../cpu/cpu{cpu}"), self.path(&format!("sys_devices_system_mock/node/node0/cpu{cpu}"))).unwrap();
        }
    }

    /// Where a path of the machine is on the host.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Writes a file, with its directories.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A file's text; panics if there is none.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Whether there is something.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Puts a shell script into PATH, before the host's programs.
    pub(crate) fn program(&self, name: &str, script: &str) {
        self.script(&format!("/opt/stand-ins/{name}"), script);
    }

    /// Puts a shell script into /usr/local/bin, which has nothing else.
    pub(crate) fn local_program(&self, name: &str, script: &str) {
        self.script(&format!("/usr/local/bin/{name}"), script);
    }

    /// Writes a shell script that can be executed.
    pub(crate) fn script(&self, path: &str, script: &str) {
        self.write(path, format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Starts firewalld. What it lets in is in /opt/firewall.now and /opt/firewall.permanent.
    pub(crate) fn firewall(&self) {
        self.program("firewall-cmd", FIREWALL);
    }

    /// Sets a variable for everything that is run.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// A command on the machine, in `/` and with the machine's variables only.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.root).arg(program).args(arguments).env_clear().stdin(Stdio::null());
        command.env("PATH", "/opt/hybridge/bin:/opt/stand-ins:/usr/sbin:/usr/bin").env("HOME", "/root");
        command.env("CPU_DIR", "/sys_devices_system_mock/cpu").env("NODE_DIR", "/sys_devices_system_mock/node");
        command.envs(&self.environment);
        command
    }

    /// Runs a program until it ends.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Outcome {
        let Output { status, stdout, stderr } = self.command(program, arguments).output().unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        Outcome {
            code: status.code().unwrap_or_else(|| 128 + signal.unwrap_or_default()),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Every file below a directory with its content, links as `-> target`.
    pub(crate) fn files(&self, below: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![self.path(below)];
        while let Some(directory) = directories.pop() {
            let Ok(entries) = fs::read_dir(&directory) else { continue };
            for entry in entries.map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                let name = format!("/{}", entry.path().strip_prefix(&self.root).unwrap().display());
                if kind.is_dir() {
                    directories.push(entry.path());
                } else if kind.is_symlink() {
                    found.insert(name, format!("-> {}", fs::read_link(entry.path()).unwrap().display()).into_bytes());
                } else {
                    found.insert(name, fs::read(entry.path()).unwrap());
                }
            }
        }
        found
    }
}

/// An empty directory in memory, below a mount point that every Linux has and nothing else in these namespaces uses.
fn fresh_root() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    if number == 0 {
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "machines", "/mnt"]));
    }
    let root = PathBuf::from(format!("/mnt/{number}"));
    fs::create_dir(&root).unwrap();
    root
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A case of both nodeadms: its inputs and what it expects.
pub(crate) fn fixture(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodeadm").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
