//! Machines of their own for tests: a virtual machine with a full kernel, systemd as PID 1 and control groups of version 2.
//!
//! QEMU emulates it, so no /dev/kvm is needed; a start takes ten seconds on two cores. The image comes from `cargo xtask real`
//! (`tests/real/vm` says what is in it). A machine has one wire, to a bridge in one of the lab's namespaces, and is commanded by
//! QEMU's guest agent, without a network. What it writes to its disk stays over [`Guest::reboot`] and is gone with the handle.
//!
//! At most [`PLACES`] machines run at once on a host; [`Vm::start`] waits until there is a place. Everything here blocks. As all
//! processes of the lab, those of a machine die with it because of [`crate::isolate`].

mod agent;
mod error;
mod guest;
mod image;
pub mod node;
mod places;
mod qemu;
mod tap;
#[cfg(test)]
mod with_real_parts;

use std::fs;
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::netns::Netns;
use crate::real::Parts;
use crate::real::process::Process;
use crate::topology::wire::{self, Interface};
pub use agent::{Agent, AgentError, Output};
pub use error::VmError;
pub use guest::Guest;
pub use image::Image;
pub use places::PLACES;
use places::Place;
use qemu::Home;

/// How long a machine may take until its agent answers. Two at once need 22 s on two idle cores, several times that on busy ones.
pub const BOOT: Duration = Duration::from_secs(180);

/// How long machines of other tests may hold the places.
const WAIT_FOR_PLACE: Duration = Duration::from_secs(600);

/// The bridge that [`bridge`] makes.
pub const BRIDGE: &str = "br0";

/// Makes the bridge [`BRIDGE`] for the wires of machines, with an address and prefix length of the namespace's own.
pub fn bridge(ns: &Netns, address: (Ipv4Addr, u8)) -> Result<(), VmError> {
    wire::bridge(ns, BRIDGE)?;
    Ok(wire::configure(&Interface { ns, name: BRIDGE, addresses: vec![address], paths: Vec::new() })?)
}

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

/// A running machine. Dropping ends it like a power failure and removes its interface and files; after a failed test its console
/// stays in a file that is named.
#[derive(Debug)]
pub struct Vm {
    // Dropped in this order.
    qemu: Process,
    _virtiofsd: Option<Process>,
    guest: Guest,
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
        let places =
            places::take(&image.directory, N, WAIT_FOR_PLACE).map_err(|source| VmError::File { path: image.directory.clone(), source })?;
        let mut places = places.ok_or(VmError::NoPlace { after: WAIT_FOR_PLACE })?;
        let mut machines = Vec::new();
        for config in configs {
            let place = places.pop().expect("as many places as machines were taken");
            machines.push(Self::switch_on(&image, config, place)?);
        }
        for machine in &machines {
            machine.boot_id()?;
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
        Ok(Self { qemu, _virtiofsd: virtiofsd, guest: Guest::at(config.name, home.0), _place: place })
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

    /// The process of QEMU, as this process sees it.
    pub fn pid(&self) -> u32 {
        self.qemu.pid()
    }

    /// Ends it at once, like a power failure. Its interface goes; asking it anything fails from now on.
    pub fn kill(&mut self) {
        self.qemu.kill();
    }
}

impl Deref for Vm {
    type Target = Guest;

    fn deref(&self) -> &Guest {
        &self.guest
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.qemu.kill();
        if thread::panicking() {
            say_where(self.guest.name(), &Home(self.guest.directory().into()).console());
            return;
        }
        // What cannot be removed lies in the folder for temporary files.
        let _ = fs::remove_dir_all(self.guest.directory());
    }
}

/// libtest shows it with the failed test.
#[allow(clippy::print_stderr, reason = "there is no other way to tell where the console of a failed test is")]
fn say_where(name: &str, console: &Path) {
    eprintln!("the console of machine `{name}` is in {}", console.display());
}
