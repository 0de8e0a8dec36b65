//! What can go wrong between this process and the kernel, said in the words of `ip` and `bridge`.

use std::fmt;
use std::io;

use hybridge_model::kernel::Change;
use hybridge_model::routing::RoutingChange;
use nix::errno::Errno;

/// A netlink operation that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// No socket.
    #[error("cannot open a netlink socket")]
    Open(#[source] io::Error),
    /// The kernel said no.
    #[error("`{command}` was refused")]
    Refused {
        /// The equivalent command line.
        command: String,
        /// The kernel's answer.
        #[source]
        answer: Refusal,
    },
    /// A device that is not as wanted stands in the way of one to be made.
    #[error("`{command}` was refused because of device `{device}`, which {why}")]
    InTheWay {
        /// The equivalent command line.
        command: String,
        /// The other device.
        device: String,
        /// What about it.
        why: &'static str,
        /// The kernel's answer.
        #[source]
        answer: Refusal,
    },
    /// The socket failed, so it is not known what the kernel did.
    #[error("no answer to `{command}`")]
    Socket {
        /// The equivalent command line.
        command: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Each reading was invalidated by a change before it was complete.
    #[error("`{command}` was interrupted by changes {attempts} times")]
    Unsteady {
        /// The equivalent command line.
        command: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A change that has no meaning, such as setting a route of which only "other" is known.
    #[error("`{command}` cannot be carried out")]
    Meaningless {
        /// The equivalent command line, as far as it can be written.
        command: String,
    },
}

impl NetlinkError {
    /// What to do about it, where we know it; one sentence without a full stop.
    #[allow(clippy::wildcard_enum_match_arm, reason = "error numbers are the kernel's; most need no advice")]
    pub fn hint(&self) -> Option<String> {
        let answer = match self {
            Self::Open(source) => {
                return (source.raw_os_error() == Some(libc::EAFNOSUPPORT)).then(|| "the sandbox must allow AF_NETLINK".into());
            }
            Self::InTheWay { device, .. } => return Some(format!("remove it with `ip link del {device}` if it is a leftover")),
            Self::Refused { answer, .. } => answer,
            Self::Socket { .. } | Self::Unsteady { .. } | Self::Meaningless { .. } => return None,
        };
        let hint = match answer.errno {
            Errno::EPERM | Errno::EACCES => "give the process CAP_NET_ADMIN in this network namespace (`capabilities: {add: [NET_ADMIN]}`)",
            // Other refusals with this number come with words that say more.
            Errno::EOPNOTSUPP if answer.text.as_deref() == Some("Unknown device type") => {
                "the kernel lacks the `vxlan` module: `modprobe vxlan`"
            }
            Errno::EADDRINUSE => "another program holds the UDP port: `ss -lunp` names it",
            Errno::ENETUNREACH | Errno::EHOSTUNREACH => "the next hop is not reachable over the device; is the device up",
            Errno::ENETDOWN => "the device is down: `ip link set DEVICE up`",
            Errno::ENODEV => "the device is gone; it is made again with the next full pass",
            Errno::ENOSPC | Errno::ENFILE | Errno::ENOBUFS => {
                "a table is full; see `net.ipv4.neigh.default.gc_thresh3` and `net.ipv4.route.max_size`"
            }
            _ => return None,
        };
        Some(hint.into())
    }

    /// The kernel's error number, where it gave one.
    pub(crate) fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { answer, .. } | Self::InTheWay { answer, .. } => Some(answer.errno),
            Self::Open(_) | Self::Socket { .. } | Self::Unsteady { .. } | Self::Meaningless { .. } => None,
        }
    }
}

/// The kernel's negative answer to one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Error number.
    pub errno: Errno,
    /// The kernel's own words ("extended acknowledgement"), where it has any.
    pub text: Option<String>,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self { errno, text: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.errno.desc())?;
        match &self.text {
            Some(text) => write!(f, " ({text})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

/// A change that did not succeed; later ones were tried all the same.
#[derive(Debug, thiserror::Error)]
#[error("a change to the kernel failed")]
pub struct Failure {
    /// What was to be done.
    pub change: Change,
    /// Why it was not.
    #[source]
    pub error: NetlinkError,
}

/// A change of addresses or policy routing that did not succeed; later ones were tried all the same.
#[derive(Debug, thiserror::Error)]
#[error("a change to the kernel failed")]
pub struct RoutingFailure {
    /// What was to be done.
    pub change: RoutingChange,
    /// Why it was not.
    #[source]
    pub error: NetlinkError,
}
