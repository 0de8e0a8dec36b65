//! What can go wrong on the machine.

use std::io;
use std::path::PathBuf;

use hybridge_netlink::NetlinkError;

/// Something that was not done.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The kernel's network.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// `nft` is not there or said no.
    #[error("`{command}` failed: {said}")]
    Nft {
        /// The command line.
        command: String,
        /// Its words.
        said: String,
    },
    /// A sysctl.
    #[error("cannot write sysctl {name}")]
    Sysctl {
        /// `net.ipv4.conf.eth1.rp_filter`.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of ours.
    #[error("cannot write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl HostError {
    /// What to do about it, where we know it; one sentence without a full stop.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Netlink(error) => error.hint(),
            Self::Nft { said, .. } if said.contains("not found") || said.contains("No such file") => {
                Some("install nftables: without it the LAN reaches everything on this machine".into())
            }
            Self::Nft { said, .. } if said.contains("Operation not permitted") => Some("give the process CAP_NET_ADMIN".into()),
            Self::Sysctl { .. } => Some("/proc/sys must be writable for this process: no ProtectKernelTunables= in its unit".into()),
            Self::File { .. } => Some("the directory must be there and writable: `--state-dir` names another".into()),
            Self::Nft { .. } => None,
        }
    }
}
