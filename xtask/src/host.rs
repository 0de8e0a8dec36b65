//! What this machine has, and how it gets what it lacks.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{self, run, succeeds};

/// Something that others provide and that a package of the distribution brings.
pub(crate) struct Need {
    /// What it is, for people.
    pub(crate) what: &'static str,
    /// Whether it is there.
    pub(crate) met: fn() -> bool,
    /// The Debian package.
    pub(crate) package: &'static str,
}

/// A C compiler: the crypto library of TLS is partly C, and rustc links with it.
pub(crate) const C_COMPILER: Need = Need { what: "a C compiler (`cc`)", met: || find("cc").is_some(), package: "gcc libc6-dev" };

/// Rules of an EKS node's firewall in the lab.
pub(crate) const NFTABLES: Need = Need { what: "`nft`", met: || find("nft").is_some(), package: "nftables" };

/// Hands others play in the tests of LNIs: addresses flushed, rules deleted.
pub(crate) const IPROUTE: Need = Need { what: "`ip`", met: || find("ip").is_some(), package: "iproute2" };

/// The DHCP server of a LAN. The package starts nothing.
pub(crate) const DNSMASQ: Need = Need { what: "`dnsmasq`", met: || find("dnsmasq").is_some(), package: "dnsmasq-base" };

/// Checks files of LNIs for Ubuntu. The package changes nothing where there is no file of its own; it brings `ip`.
pub(crate) const NETPLAN: Need = Need { what: "`netplan`", met: || find("netplan").is_some(), package: "netplan.io" };

/// Checks units, and reads files of LNIs as systemd-networkd. The package starts nothing.
pub(crate) const SYSTEMD: Need = Need { what: "`systemd-analyze`", met: || find("systemd-analyze").is_some(), package: "systemd" };

/// For programs from PyPI.
pub(crate) const PYTHON: Need = Need {
    what: "Python with `venv` and `pip`",
    met: || succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
    package: "python3-venv",
};

/// The path of a program on [`path`].
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    path().into_iter().map(|place| place.join(program)).find(|path| path.is_file())
}

/// PATH and the folders that Debian has on root's alone. `nft` lies there, and in a user namespace everybody may use it.
pub(crate) fn path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect()
}

/// Installs what is missing with apt, as root or by sudo, after saying so. Elsewhere it names all that is missing.
pub(crate) fn install(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs.iter().filter(|need| !(need.met)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().flat_map(|need| need.package.split(' ')).collect();
    let whats: Vec<_> = missing.iter().map(|need| need.what).collect();
    if find("apt-get").is_none() {
        bail!("missing: {}; install them with this system's package manager (Debian calls them {})", whats.join(", "), packages.join(" "));
    }
    println!("Missing: {}. Installing with apt: {}", whats.join(", "), packages.join(" "));
    let otherwise = format!("run `apt-get install {}` as root", packages.join(" "));
    let mut apt = privileged("apt-get", &otherwise)?;
    // A machine that was never updated knows no packages; a failure here (one broken source of many) need not matter.
    succeeds(apt.args(["-o", "DPkg::Lock::Timeout=300", "-q", "update"]));
    run(privileged("apt-get", &otherwise)?
        .args(["-o", "DPkg::Lock::Timeout=300", "-q", "install", "--yes", "--no-install-recommends"])
        .args(&packages))?;
    match missing.iter().find(|need| !(need.met)()) {
        Some(need) => bail!("apt installed {}, but {} is still missing", need.package, need.what),
        None => Ok(()),
    }
}

/// Adds a component or target to the Rust toolchain, if it has come by rustup and lacks it.
pub(crate) fn rustup(kind: &str, name: &str) -> Result<()> {
    if find("rustup").is_none() {
        bail!("the Rust {kind} `{name}` is missing, and without rustup it cannot be added");
    }
    println!("Adding the Rust {kind} {name}");
    run(Command::new("rustup").args([kind, "add", name]))
}

/// rustc's name for this machine, as `x86_64-unknown-linux-gnu`.
pub(crate) fn triple() -> Result<String> {
    let text = command::output(Command::new("rustc").arg("-vV"))?;
    match text.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(triple) => Ok(triple.to_owned()),
        None => bail!("`rustc -vV` names no host"),
    }
}

/// A command that root runs, by sudo where that is needed; `otherwise` is what to do where there is no sudo.
pub(crate) fn privileged(program: impl AsRef<OsStr>, otherwise: &str) -> Result<Command> {
    let root = command::output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = match (root, find("sudo")) {
        (true, _) => Command::new(program),
        (false, Some(sudo)) => {
            let mut command = Command::new(sudo);
            command.arg(program);
            command
        }
        (false, None) => bail!("root is needed: {otherwise}, then again this"),
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}
