//! Files that set up an LNI when the machine starts, before our agent runs: for systemd-networkd, NetworkManager and netplan.
//!
//! The agent is what decides; the files make the first seconds right, and every second of a machine without the agent. They name the
//! interface by its MAC address and give it a name of its own, [`NAME`], so that firewall, sysctls and what is switched off can name it
//! before anybody has looked.

mod firewall;
mod machine;
mod netplan;
mod network_manager;
mod networkd;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use hybridge_model::MacAddr;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::profile::Profile;
use crate::resolve::{Lni, Parent};
use crate::state::{NAME, vlan_name};

/// Who sets up interfaces when the machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// systemd-networkd: AL2023.
    Networkd,
    /// NetworkManager: RHEL and its kin.
    NetworkManager,
    /// netplan, which writes files of networkd: Ubuntu.
    Netplan,
}

impl Backend {
    /// The one of the machine that `facts` are about: what runs decides, then what the distribution comes with.
    pub fn of(facts: &Facts) -> Self {
        let runs = |unit: &str| facts.units.contains(unit);
        match facts.os.as_str() {
            "ubuntu" => Self::Netplan,
            _ if runs("NetworkManager.service") => Self::NetworkManager,
            _ if runs("systemd-networkd.service") => Self::Networkd,
            "rhel" | "centos" | "rocky" | "almalinux" | "ol" | "fedora" => Self::NetworkManager,
            _ => Self::Networkd,
        }
    }

    /// Its unit.
    fn unit(self) -> &'static str {
        match self {
            Self::Networkd | Self::Netplan => "systemd-networkd.service",
            Self::NetworkManager => "NetworkManager.service",
        }
    }
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct File {
    /// Below /etc: `systemd/network/10-hybridge-lni.network`.
    pub path: String,
    /// Permissions, as 0o644.
    pub mode: u32,
    /// Text; a unit without any is switched off (systemd.unit(5): an empty file masks).
    pub content: String,
}

impl File {
    fn new(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self { path: path.into(), mode: 0o644, content: content.into() }
    }

    /// Switches off a unit.
    fn mask(unit: &str) -> Self {
        Self::new(format!("systemd/system/{unit}"), "")
    }
}

/// What stands at the top of each file.
const HEAD: &str = "# Written by `hybridge lni render`; changes are lost when it writes again.\n";

/// The files, in the order of their paths. What `useDefaultRoute` asks for is not among them: it depends on the VPC's networks and on
/// the first interface, which the agent asks for when it runs.
pub fn files(profile: &Profile, mac: MacAddr, backend: Backend) -> Vec<File> {
    let lni = named(profile, mac);
    let mut files: BTreeSet<File> = machine::files(&lni, backend).into_iter().collect();
    files.extend(firewall::files(&lni, backend));
    files.extend(match backend {
        Backend::Networkd => networkd::files(&lni),
        Backend::NetworkManager => network_manager::files(&lni),
        Backend::Netplan => netplan::files(&lni),
    });
    files.into_iter().collect()
}

/// Paths of files that other profiles and backends have and `files` not, below /etc; those that [`is_ours`] can be taken away.
pub fn left_over(files: &[File]) -> BTreeSet<String> {
    const ALL: [&str; 6] = [
        "systemd/network/10-hybridge-lni.network",
        "systemd/network/10-hybridge-lni.netdev",
        "systemd/network/10-hybridge-lni-vlan.network",
        "NetworkManager/system-connections/hybridge-lni.nmconnection",
        "NetworkManager/system-connections/hybridge-lni-vlan.nmconnection",
        "netplan/90-hybridge-lni.yaml",
    ];
    let units =
        [Backend::Networkd, Backend::NetworkManager].map(|backend| format!("systemd/system/{}.d/10-hybridge-lni.conf", backend.unit()));
    let vlans = (1..=4094).map(vlan_name).chain(["hybridge-lni".to_owned()]);
    let drop_ins = vlans.map(|above| format!("systemd/network/10-netplan-{above}.network.d/10-hybridge-lni.conf"));
    let foreign = ["systemd/networkd.conf.d/10-hybridge-lni.conf".to_owned()];
    let all = ALL.map(str::to_owned).into_iter().chain(units).chain(drop_ins).chain(foreign);
    all.filter(|path| !files.iter().any(|file| file.path == *path)).collect()
}

/// Whether a file was written from one of these.
pub fn is_ours(content: &str) -> bool {
    content.starts_with(HEAD)
}

/// The LNI under the names that the files give.
fn named(profile: &Profile, mac: MacAddr) -> Lni {
    let (name, parent) = match profile.vlan {
        None => (NAME.to_owned(), None),
        Some(vlan) => (vlan_name(vlan), Some(Parent { link: 0, name: NAME.to_owned() })),
    };
    Lni { profile: profile.clone(), link: 0, name, mac, parent, vpc_routes: Vec::new() }
}

/// Sections and settings of systemd and NetworkManager.
#[derive(Default)]
struct Ini(String);

impl Ini {
    fn new() -> Self {
        Self(HEAD.to_owned())
    }

    fn section(&mut self, name: &str) -> &mut Self {
        self.0 += &format!("\n[{name}]\n");
        self
    }

    fn set(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        self.0 += &format!("{key}={value}\n");
        self
    }

    fn comment(&mut self, text: &str) -> &mut Self {
        self.0 += &format!("# {text}\n");
        self
    }
}
