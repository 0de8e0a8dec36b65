//! What is to be done to a machine, in order: data that can be printed, compared and carried out.

mod assemble;
mod owned;

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

pub use assemble::{Daemon, Options, first, plan};
pub use owned::{owned, possible_drop_ins};

use crate::secret::Secret;

/// All of it. Phases are timed one by one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Name of the node.
    pub node: String,
    /// In this order.
    pub phases: Vec<Phase>,
    /// Paths that phases write which the user has left out (`--skip run`, `--daemon kubelet`): ours too, so nobody removes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Whether files of ours that the plan no longer names may be removed: it holds all that this configuration writes.
    pub whole: bool,
}

/// Steps that belong together, under the name that timings and progress show.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// `environment`, `containerd`, `kubelet`, `run` …
    pub name: &'static str,
    /// `config` or `run`: what `--skip` leaves out.
    pub half: Half,
    /// In this order.
    pub steps: Vec<Step>,
}

/// The two halves of `init`, as EC2's boot runs them before and after the user's own scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// Before both: what a hybrid node does first (`--skip preprocess`).
    Preprocess,
    /// Files.
    Config,
    /// Services.
    Run,
}

/// One thing to do. Each can be done again without harm, and is not done where it is done already.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Step {
    /// The whole content of a file of ours; its directory is made. Left alone, mtime too, if it is as it should be.
    Write(File),
    /// A symbolic link of ours.
    Symlink {
        /// Of the link.
        path: String,
        /// What it leads to.
        target: String,
    },
    /// Part of somebody else's file.
    Edit {
        /// The file; made if missing.
        path: String,
        /// What of it.
        edit: Edit,
    },
    /// `systemctl daemon-reload`, if a file below one of systemd's directories has changed.
    DaemonReload,
    /// `sysctl -p FILE`, if a value is not in force.
    Sysctl {
        /// One of the files written.
        path: String,
    },
    /// `modprobe` of each module that is not there.
    Modules {
        /// Kernel modules.
        names: Vec<String>,
    },
    /// `swapoff`, where it is on.
    SwapOff {
        /// File of the swap.
        path: String,
    },
    /// Opens ports, now and for good.
    OpenPorts {
        /// Which firewall runs.
        firewall: crate::facts::FirewallKind,
        /// `10250/tcp`, `30000-32767/tcp`.
        ports: Vec<String>,
    },
    /// Disks of the instance store.
    Disk(DiskStep),
    /// A script of the user's, if it is due.
    Script(crate::steps::Script),
    /// Registers the machine with Systems Manager, unless it is registered, and waits for its name.
    RegisterSsm {
        /// Agent's program.
        agent: String,
        /// Region.
        region: String,
        /// Activation.
        id: String,
        /// Hidden wherever the plan is shown.
        code: Secret,
    },
    /// A systemd unit.
    Service {
        /// `kubelet.service`.
        unit: String,
        /// Start it at each boot.
        enable: bool,
        /// Restarted if one of these has changed since it was started last (by digest; a file that is not there has one of its own, so
        /// that a removed drop-in counts as a change), started if it is not running.
        files: Vec<String>,
        /// How long it may take to become active, in seconds.
        wait: u32,
    },
    /// Waits for a file.
    WaitForFile {
        /// Until it is there and not empty.
        path: String,
        /// Who makes it.
        by: String,
        /// In seconds.
        wait: u32,
    },
    /// Imports a tar of images, if the image is not there.
    ImportImage {
        /// `/etc/eks/pause.tar`.
        archive: String,
        /// containerd's snapshotter.
        snapshotter: String,
    },
    /// Pulls the sandbox image by CRI; a failure is a warning.
    PullImage {
        /// Reference.
        image: String,
    },
}

/// A file of ours. Neither `Debug` nor what is serialized show a secret content.
#[derive(Clone, PartialEq)]
pub struct File {
    /// Absolute.
    pub path: String,
    /// All of it.
    pub content: String,
    /// Permission bits; owner and group are root.
    pub mode: u32,
    /// Content is neither printed nor put into a diff: it holds credentials that its reader needs.
    pub secret: bool,
}

impl File {
    /// A file that anybody may read.
    pub fn new(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self { path: path.into(), content: content.into(), mode: 0o644, secret: false }
    }
}

impl File {
    fn shown(&self) -> &str {
        if self.secret { Secret::HIDDEN } else { &self.content }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut file = f.debug_struct("File");
        file.field("path", &self.path).field("content", &self.shown()).field("mode", &self.mode).field("secret", &self.secret).finish()
    }
}

impl Serialize for File {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut file = to.serialize_struct("File", 4)?;
        file.serialize_field("path", &self.path)?;
        file.serialize_field("content", self.shown())?;
        file.serialize_field("mode", &self.mode)?;
        file.serialize_field("secret", &self.secret)?;
        file.end()
    }
}

/// What to change in a file of somebody else.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "edit", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Edit {
    /// These names at these addresses in `/etc/hosts`, in a block of ours; replaced as a whole, lines elsewhere are left.
    Hosts {
        /// Address, name.
        entries: Vec<(std::net::IpAddr, String)>,
    },
    /// Lines of swap files in `/etc/fstab` become comments.
    NoSwap,
}

/// Disks, after `instance.localStorage`. Existing file systems and arrays are used as they are, never formatted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "disk", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum DiskStep {
    /// One array of these disks: assembled if they carry its signature, created if they are blank, left alone if it is there.
    Array {
        /// `/dev/md/kubernetes`.
        name: String,
        /// 0 or 10.
        level: u8,
        /// `/dev/disk/by-id/…`.
        members: Vec<String>,
    },
    /// An XFS file system, unless there is one.
    Format {
        /// Disk or array.
        device: String,
    },
    /// A disk that was chosen by what it is: a file system with a label, unless it is there, and a mount unit by its UUID.
    Volume {
        /// `/dev/disk/by-id/…`.
        device: String,
        /// What is made.
        filesystem: crate::config::own::FileSystem,
        /// By which the file system is known again.
        label: String,
        /// Something else on the disk is overwritten.
        wipe: bool,
        /// Where it is mounted.
        path: String,
    },
    /// A mount unit by UUID, enabled and started; its name and text are [`crate::disks::unit`]'s.
    Mount {
        /// Disk or array.
        device: String,
        /// Where.
        path: String,
    },
    /// Moves a directory to the disks: stops who uses it, copies what is in it, binds it.
    Bind {
        /// `/var/lib/containerd`.
        path: String,
        /// Directory on the disks.
        source: String,
        /// Units stopped meanwhile.
        users: Vec<String>,
    },
}
