//! How QEMU and virtiofsd are called.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::{Image, VmConfig};

/// The program, of the Debian package qemu-system-x86.
pub(super) const PROGRAM: &str = "qemu-system-x86_64";

/// Where Debian has virtiofsd: with QEMU up to 12, in a package of its own later.
const VIRTIOFSD: [&str; 3] = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd"];

/// Asks for KVM. A device /dev/kvm alone does not tell that a kernel boots on it.
const KVM: &str = "HYBRIDGE_LAB_KVM";

/// How long a kernel may take under KVM until it finds that it has no root file system. With KVM it is one second.
const PROBE: Duration = Duration::from_secs(10);

/// What runs the machine's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accelerator {
    /// Software emulation.
    Tcg,
    /// The processor itself.
    Kvm,
}

impl Accelerator {
    /// Emulation, unless HYBRIDGE_LAB_KVM=1 and a kernel was seen to boot with KVM.
    pub(super) fn choose(image: &Image) -> Self {
        static WORKS: OnceLock<bool> = OnceLock::new();
        let wanted = std::env::var_os(KVM).is_some_and(|value| value == "1");
        if wanted && *WORKS.get_or_init(|| kvm_boots(image)) { Self::Kvm } else { Self::Tcg }
    }

    fn arguments(self) -> [&'static str; 4] {
        match self {
            // Without what emulation lacks, so that the kernel does not try it and QEMU does not warn.
            Self::Tcg => ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "Haswell-v4,-pcid,-x2apic,-tsc-deadline,-invpcid,-spec-ctrl"],
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
        }
    }
}

/// Boots the kernel without a disk: it panics, restarts, and `-no-reboot` makes QEMU end.
fn kvm_boots(image: &Image) -> bool {
    let mut command = Command::new(PROGRAM);
    command
        .args(["-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "512"])
        .args(Accelerator::Kvm.arguments())
        .arg("-kernel")
        .arg(&image.kernel)
        .args(["-append", "panic=-1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    let start = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if start.elapsed() < PROBE => thread::sleep(Duration::from_millis(20)),
            Ok(None) | Err(_) => break false,
        }
    };
    // Both fail only if it is gone already.
    let _ = child.kill();
    let _ = child.wait();
    ended
}

/// virtiofsd, if it is installed.
pub(super) fn virtiofsd() -> Option<PathBuf> {
    VIRTIOFSD.iter().map(PathBuf::from).find(|path| path.is_file())
}

/// Serves a folder of the host at a socket, to one machine. Ends with that.
pub(super) fn share(mut command: Command, folder: &Path, socket: &Path) -> Command {
    command
        .arg(format!("--socket-path={}", socket.display()))
        .arg("-o")
        .arg(format!("source={}", folder.display()))
        // Raising its limit of open files needs CAP_SYS_RESOURCE.
        .arg("--rlimit-nofile=0");
    command
}

/// The command line of a machine. `disks` are the files of its further disks, in order.
pub(super) fn machine(mut command: Command, image: &Image, config: &VmConfig<'_>, home: &Home, tap: RawFd) -> Command {
    command
        .args(["-machine", if config.share.is_some() { "q35,memory-backend=memory" } else { "q35" }])
        .args(Accelerator::choose(image).arguments())
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none"])
        .args(["-m".to_owned(), format!("{}M", config.memory), "-smp".to_owned(), config.cpus.to_string()])
        .arg("-kernel")
        .arg(&image.kernel)
        .args(["-append", &kernel_command_line(config)])
        // Writes go to an unlinked file of QEMU's own, which a restart of the machine keeps and its end drops.
        .arg("-drive")
        .arg(format!("file={},format=raw,if=none,id=root,snapshot=on,cache=unsafe", image.root.display()))
        .args(["-device", "nvme,drive=root,serial=root"])
        .args(["-device", "virtio-serial", "-device", "virtio-rng-pci"])
        .args(["-chardev".to_owned(), format!("file,id=console,path={}", home.console().display())])
        .args(["-device", "virtconsole,chardev=console"])
        .args(["-chardev".to_owned(), format!("socket,id=agent,path={},server=on,wait=off", home.agent().display())])
        .args(["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"])
        .args(["-netdev".to_owned(), format!("tap,id=net,fd={tap}")])
        .args(["-device".to_owned(), format!("virtio-net-pci,netdev=net,mac={}", mac(config.address.0))]);
    for number in 0..config.disks.len() {
        command
            .arg("-drive")
            .arg(format!("file={},format=raw,if=none,id=disk{number},cache=unsafe", home.disk(number).display()))
            .args(["-device".to_owned(), format!("nvme,drive=disk{number},serial={}", serial(number))]);
    }
    if config.share.is_some() {
        command
            .args(["-object".to_owned(), format!("memory-backend-memfd,id=memory,size={}M,share=on", config.memory)])
            .args(["-chardev".to_owned(), format!("socket,id=share,path={}", home.share().display())])
            .args(["-device", "vhost-user-fs-pci,chardev=share,tag=lab"]);
    }
    command
}

/// Lets the command's process have the descriptor under the same number.
#[allow(unsafe_code, reason = "Command::pre_exec is the only way to hand on a descriptor")]
pub(super) fn hand_on(command: &mut Command, descriptor: OwnedFd) {
    let keep = move || {
        fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(())
    };
    // SAFETY: the closure makes one system call; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(keep) };
}

/// The files of one machine that runs.
#[derive(Clone, Debug)]
pub(super) struct Home(pub(super) PathBuf);

impl Home {
    pub(super) fn console(&self) -> PathBuf {
        self.0.join("console.log")
    }

    pub(super) fn agent(&self) -> PathBuf {
        self.0.join("agent.sock")
    }

    pub(super) fn share(&self) -> PathBuf {
        self.0.join("share.sock")
    }

    pub(super) fn disk(&self, number: usize) -> PathBuf {
        self.0.join(format!("disk-{number}.img"))
    }

    /// Makes the further disks: sparse files.
    pub(super) fn make_disks(&self, sizes: &[u32]) -> std::io::Result<()> {
        for (number, size) in sizes.iter().enumerate() {
            File::create(self.disk(number))?.set_len(u64::from(*size) << 20)?;
        }
        Ok(())
    }
}

/// What the kernel and the units of `tests/real/vm/root` are told.
fn kernel_command_line(config: &VmConfig<'_>) -> String {
    let (address, prefix) = config.address;
    let mut line = format!(
        "root=/dev/nvme0n1 rw console=hvc0 mitigations=off net.ifnames=0 panic=-1 systemd.hostname={} lab.address={address}/{prefix}",
        config.name
    );
    if let Some(gateway) = config.gateway {
        line.push_str(&format!(" lab.gateway={gateway}"));
    }
    if config.share.is_some() {
        line.push_str(" lab.share");
    }
    line
}

/// An address of the vendor prefix that QEMU uses; unique where the IPv4 address is.
fn mac(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("52:54:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// Serial number of a further disk, as EC2 gives it to local disks: AWS and hexadecimal digits. At most 20 bytes (NVMe, Identify Controller).
fn serial(number: usize) -> String {
    format!("AWS{:017X}", 0xC0DE_0000 + number)
}

/// The name of the TAP interface: unique in a namespace where the address is.
pub(super) fn tap_name(address: Ipv4Addr) -> String {
    format!("tap{:08x}", address.to_bits())
}

/// Only for messages: what the descriptor is to QEMU.
pub(super) fn number(descriptor: &OwnedFd) -> RawFd {
    descriptor.as_raw_fd()
}
