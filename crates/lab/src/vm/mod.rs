//! Machines of their own for tests: a virtual machine with a full kernel, systemd as PID 1 and control groups of version 2.
//!
//! QEMU emulates it, so no /dev/kvm is needed; a start takes ten seconds on two cores. The image comes from `cargo xtask real`
//! (`tests/real/vm` says what is in it). A machine has one wire, to a bridge in one of the lab's namespaces, and is commanded by
//! QEMU's guest agent, without a network. What it writes to its disk stays over [`Vm::reboot`] and is gone with the handle.
//!
//! At most [`PLACES`] machines run at once on a host; [`Vm::start`] waits until there is a place. Everything here blocks. As all
//! processes of the lab, those of a machine die with it because of [`crate::isolate`].

mod agent;
mod image;
mod places;
mod qemu;
mod tap;
#[cfg(test)]
mod with_real_parts;

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::netns::Netns;
use crate::real::process::Process;
use crate::real::{Parts, RealError};
use crate::topology::wire::{self, WireError};
pub use agent::{Agent, AgentError, Output};
pub use image::Image;
pub use places::PLACES;
use places::Place;
use qemu::Home;

/// How long a machine may take until its agent answers. Two at once need 22 s on two idle cores, several times that on busy ones.
pub const BOOT: Duration = Duration::from_secs(180);

/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(120);

/// How long machines of other tests may hold the places.
const WAIT_FOR_PLACE: Duration = Duration::from_secs(600);

/// Between two looks at a machine that boots.
const PAUSE: Duration = Duration::from_millis(100);

/// Lines of the console that an error shows.
const LINES: usize = 15;

/// Which machine to be.
#[derive(Clone, Debug)]
pub struct VmConfig<'a> {
    /// Its host name: lower-case letters, digits and dashes.
    pub name: &'a str,
    /// Memory in MiB. Debian alone uses 130, a node with pods needs 1024.
    pub memory: u32,
    /// Processors.
    pub cpus: u8,
    /// The namespace that QEMU runs in.
    pub ns: &'a Netns,
    /// A bridge there, for the machine's wire.
    pub bridge: &'a str,
    /// Address and prefix length of its `eth0`.
    pub address: (Ipv4Addr, u8),
    /// Next hop of its default route. Without one a kubelet finds no address for its node.
    pub gateway: Option<Ipv4Addr>,
    /// Sizes in MiB of further NVMe disks, which it finds as `/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_AWS…`.
    pub disks: &'a [u32],
    /// A folder of the host that it finds at `/mnt/lab`.
    pub share: Option<&'a Path>,
}

impl<'a> VmConfig<'a> {
    /// 1 GiB, one processor, no default route, no further disk, no folder.
    pub fn new(name: &'a str, (ns, bridge): (&'a Netns, &'a str), address: (Ipv4Addr, u8)) -> Self {
        Self { name, memory: 1024, cpus: 1, ns, bridge, address, gateway: None, disks: &[], share: None }
    }

    fn check(&self) -> Result<(), VmError> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 63 || !self.name.chars().all(good) {
            return Err(VmError::Name(self.name.into()));
        }
        Ok(())
    }
}

/// Why a machine could not be had or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// Nobody has made the image or installed QEMU yet.
    #[error("{what} is missing: run `cargo xtask real`")]
    Missing {
        /// The program or the file.
        what: String,
    },
    /// A name that no host may have.
    #[error("`{0}` is no name of a machine: 1 to 63 lower-case letters, digits and dashes")]
    Name(String),
    /// Others have not ended in time.
    #[error("{PLACES} machines run on this host for {} s already, and more are not allowed at once", after.as_secs())]
    NoPlace {
        /// How long it was waited.
        after: Duration,
    },
    /// A file of the host.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// No interface for its wire.
    #[error("cannot make a TAP interface in namespace `{namespace}`")]
    Tap {
        /// The namespace.
        namespace: String,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// Its wire could not be plugged in.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// QEMU or virtiofsd.
    #[error(transparent)]
    Process(#[from] RealError),
    /// Its agent.
    #[error("machine `{name}`: cannot {what}; its console ends:\n{console}")]
    Agent {
        /// The machine.
        name: String,
        /// What was wanted.
        what: String,
        /// What happened.
        #[source]
        source: AgentError,
        /// Last lines of its console.
        console: String,
    },
    /// systemd did not come to an end with starting, or not to a good one.
    #[error("machine `{name}` is {state} after {} s instead of running:\n{why}", after.as_secs())]
    NotRunning {
        /// The machine.
        name: String,
        /// What `systemctl is-system-running` says.
        state: String,
        /// How long it was waited for.
        after: Duration,
        /// Failed units with their last words, or what is still being started.
        why: String,
    },
    /// It is the same boot as before.
    #[error("machine `{name}` was told to reboot and did not within {} s; its console ends:\n{console}", after.as_secs())]
    NoReboot {
        /// The machine.
        name: String,
        /// How long it was waited for.
        after: Duration,
        /// Last lines of its console.
        console: String,
    },
    /// A script that ended with an error.
    #[error("machine `{name}`: `{script}` ended with {}:\n{}{}", output.code, output.stdout, output.stderr)]
    Script {
        /// The machine.
        name: String,
        /// The script.
        script: String,
        /// What it wrote.
        output: Output,
    },
}

/// A running machine. Dropping ends it like a power failure and removes its interface and files; after a failed test its console
/// stays in a file that is named.
#[derive(Debug)]
pub struct Vm {
    name: String,
    // Dropped in this order.
    qemu: Process,
    _virtiofsd: Option<Process>,
    agent: Agent,
    home: Home,
    _place: Place,
}

impl Vm {
    /// Starts a machine, once there is a place for it, and waits until its agent answers: 7 s on two idle cores.
    ///
    /// Whoever needs two at once starts them together by [`Vm::start_all`]: two that each wait for a second place would wait for ever.
    pub fn start(parts: &Parts, config: &VmConfig<'_>) -> Result<Self, VmError> {
        let [machine] = Self::start_all(parts, [config])?;
        Ok(machine)
    }

    /// Starts several machines at the same time, at most [`PLACES`].
    pub fn start_all<const N: usize>(parts: &Parts, configs: [&VmConfig<'_>; N]) -> Result<[Self; N], VmError> {
        const { assert!(N <= PLACES) };
        let image = Image::of(parts)?;
        for config in configs {
            config.check()?;
        }
        let places = places::take(&image.directory, N, WAIT_FOR_PLACE).map_err(|source| VmError::File { path: image.directory.clone(), source })?;
        let mut places = places.ok_or(VmError::NoPlace { after: WAIT_FOR_PLACE })?;
        let mut machines = Vec::new();
        for config in configs {
            let place = places.pop().expect("as many places as machines were taken");
            machines.push(Self::switch_on(&image, config, place)?);
        }
        for machine in &machines {
            machine.wait_for_agent()?;
        }
        Ok(machines.try_into().expect("one machine was made for each config"))
    }

    fn switch_on(image: &Image, config: &VmConfig<'_>, place: Place) -> Result<Self, VmError> {
        let temporary = std::env::temp_dir();
        let made = tempfile::Builder::new().prefix(&format!("hybridge-vm-{}-", config.name)).tempdir();
        let home = Home(made.map_err(|source| VmError::File { path: temporary, source })?.keep());
        let started = Self::processes(image, config, &home);
        if started.is_err() {
            // The error says what the logs would.
            let _ = fs::remove_dir_all(&home.0);
        }
        let (qemu, virtiofsd) = started?;
        let agent = Agent::new(home.agent());
        Ok(Self { name: config.name.into(), qemu, _virtiofsd: virtiofsd, agent, home, _place: place })
    }

    /// Starts QEMU and, where a folder is shared, virtiofsd.
    fn processes(image: &Image, config: &VmConfig<'_>, home: &Home) -> Result<(Process, Option<Process>), VmError> {
        home.make_disks(config.disks).map_err(|source| VmError::File { path: home.0.clone(), source })?;
        let virtiofsd = config.share.map(|folder| {
            let program = qemu::virtiofsd().ok_or_else(|| VmError::Missing { what: "virtiofsd".into() })?;
            let command = qemu::share(config.ns.command(program), folder, &home.share());
            let mut daemon = Process::start(command, "virtiofsd", &home.0)?;
            daemon.wait_until(|| home.share().exists())?;
            Ok::<_, VmError>(daemon)
        });
        let virtiofsd = virtiofsd.transpose()?;
        let interface = qemu::tap_name(config.address.0);
        let tap = tap::make(config.ns, &interface).map_err(|source| VmError::Tap { namespace: config.ns.name().into(), source })?;
        wire::enslave(config.ns, config.bridge, &interface)?;
        let mut command = qemu::machine(config.ns.command(qemu::PROGRAM), image, config, home, qemu::number(&tap));
        qemu::hand_on(&mut command, tap);
        let mut machine = Process::start(command, "qemu", &home.0)?;
        machine.wait_until(|| home.agent().exists())?;
        Ok((machine, virtiofsd))
    }

    /// Its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process of QEMU, as this process sees it.
    pub fn pid(&self) -> u32 {
        self.qemu.pid()
    }

    /// Its folder on the host: `console.log`, `qemu.log`, `agent.sock`.
    pub fn directory(&self) -> &Path {
        &self.home.0
    }

    /// What it has written to its console until now.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.home.console()).unwrap_or_default()).into_owned()
    }

    /// Runs a program of the machine to its end.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<Output, VmError> {
        self.run_with_input(program, arguments, b"")
    }

    /// Runs a program of the machine that reads this on its standard input.
    pub fn run_with_input(&self, program: &str, arguments: &[&str], input: &[u8]) -> Result<Output, VmError> {
        self.agent.run(program, arguments, input, COMMAND).map_err(|error| self.failed(&format!("run {program}"), error))
    }

    /// Runs a shell script that has to succeed, and returns what it wrote to its standard output.
    pub fn sh(&self, script: &str) -> Result<String, VmError> {
        let output = self.run("/bin/sh", &["-c", script])?;
        if output.code == 0 {
            return Ok(output.stdout);
        }
        Err(VmError::Script { name: self.name.clone(), script: script.into(), output })
    }

    /// Writes a file with these permissions, as 0o644, and makes the folders that it lies in.
    pub fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), VmError> {
        if let Some(folder) = Path::new(path).parent().and_then(Path::to_str) {
            self.sh(&format!("mkdir -p '{folder}'"))?;
        }
        self.agent.write(path, content, COMMAND).map_err(|error| self.failed(&format!("write {path}"), error))?;
        self.sh(&format!("chmod {mode:o} '{path}'")).map(drop)
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, VmError> {
        self.agent.read(path, COMMAND).map_err(|error| self.failed(&format!("read {path}"), error))
    }

    /// Copies a file of the host with its permissions. Large ones come quicker through a shared folder.
    pub fn copy_in(&self, from: &Path, to: &str) -> Result<(), VmError> {
        let failed = |source| VmError::File { path: from.into(), source };
        let mode = fs::metadata(from).map_err(failed)?.permissions().mode() & 0o7777;
        self.write(to, &fs::read(from).map_err(failed)?, mode)
    }

    /// Waits until systemd has started everything. Units that failed are an error that shows their last words.
    pub fn wait_running(&self, patience: Duration) -> Result<(), VmError> {
        let start = Instant::now();
        loop {
            let state = self.run("systemctl", &["is-system-running"])?.stdout;
            let (state, late) = (state.trim(), start.elapsed() > patience);
            let why = match state {
                "running" => return Ok(()),
                "degraded" => "for unit in $(systemctl --failed --plain --no-legend | cut -d ' ' -f 1); do \
                     systemctl status --no-pager --full --lines 5 $unit; done; true",
                _ if late => "systemctl list-jobs --no-pager",
                _ => {
                    thread::sleep(PAUSE);
                    continue;
                }
            };
            let (name, state, after) = (self.name.clone(), state.to_owned(), start.elapsed());
            return Err(VmError::NotRunning { name, state, after, why: self.sh(why)? });
        }
    }

    /// Shuts it down in order, and waits until its agent answers again, with another boot of the same disk.
    pub fn reboot(&self) -> Result<(), VmError> {
        let before = self.boot_id()?;
        self.sh("systemctl reboot --no-block")?;
        let start = Instant::now();
        loop {
            // It may end at any time between two words of the agent, and that starts at some time later.
            if self.boot_id().is_ok_and(|id| id != before) {
                return Ok(());
            }
            if start.elapsed() > BOOT {
                return Err(VmError::NoReboot { name: self.name.clone(), after: BOOT, console: self.last_lines() });
            }
            thread::sleep(PAUSE);
        }
    }

    /// Ends it at once, like a power failure. Its interface goes; asking it anything fails from now on.
    pub fn kill(&mut self) {
        self.qemu.kill();
    }

    /// Which boot it is: another one after each.
    pub fn boot_id(&self) -> Result<String, VmError> {
        let id = self.agent.read("/proc/sys/kernel/random/boot_id", BOOT);
        let id = id.map_err(|error| self.failed("read which boot it is", error))?;
        Ok(String::from_utf8_lossy(&id).trim().to_owned())
    }

    fn wait_for_agent(&self) -> Result<(), VmError> {
        self.boot_id().map(drop)
    }

    fn failed(&self, what: &str, source: AgentError) -> VmError {
        VmError::Agent { name: self.name.clone(), what: what.into(), source, console: self.last_lines() }
    }

    fn last_lines(&self) -> String {
        let text = self.console();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.qemu.kill();
        if thread::panicking() {
            say_where(&self.name, &self.home.console());
            return;
        }
        // What cannot be removed lies in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.home.0);
    }
}

/// libtest shows it with the failed test.
#[allow(clippy::print_stderr, reason = "there is no other way to tell where the console of a failed test is")]
fn say_where(name: &str, console: &Path) {
    eprintln!("the console of machine `{name}` is in {}", console.display());
}
