//! What the agent tells of itself, in a file for `hybridge lni status`.

use hybridge_lni::contest::Contest;
use hybridge_lni::lease::Lease;
use hybridge_lni::profile::HostAddress;
use hybridge_model::MacAddr;
use hybridge_report::{Finding, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::HostError;
use crate::store::Store;

const FILE: &str = "status.json";

/// How far the agent is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It has just started.
    #[default]
    Starting,
    /// No interface is the LNI, or the profile does not fit the machine.
    NoInterface,
    /// The cable is out, or the other side is down.
    NoCarrier,
    /// No DHCP server has given one.
    NoAddress,
    /// Somebody else has the address.
    DuplicateAddress,
    /// Something could not be put in order.
    Failing,
    /// All is as the profile says.
    Ready,
    /// It was told to stop; everything stays as it was.
    Stopped,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::NoInterface => "no interface",
            Self::NoCarrier => "no carrier",
            Self::NoAddress => "no address",
            Self::DuplicateAddress => "duplicate address",
            Self::Failing => "failing",
            Self::Ready => "ready",
            Self::Stopped => "stopped",
        })
    }
}

/// A finding as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Stable name.
    pub code: String,
    /// Whether it stops everything.
    pub error: bool,
    /// What it is about.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: Option<String>,
}

impl From<&Finding> for Told {
    fn from(finding: &Finding) -> Self {
        let Finding { code, severity, place, what, fix } = finding;
        let error = *severity == Severity::Error;
        Self { code: (*code).to_owned(), error, place: place.clone(), what: what.clone(), fix: fix.clone() }
    }
}

/// The last repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// When.
    pub time: Timestamp,
    /// From hearing of it until it was undone; without pauses that were made on purpose.
    pub milliseconds: u64,
    /// What was done, in the words of `ip`, `sysctl` and `nft`.
    pub changes: Vec<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// Process number of the agent.
    pub process: u32,
    /// When this was written.
    pub time: Option<Timestamp>,
    /// Name of the interface.
    pub interface: Option<String>,
    /// Its MAC address.
    pub mac: Option<MacAddr>,
    /// Its address.
    pub address: Option<HostAddress>,
    /// What DHCP gave.
    pub lease: Option<Lease>,
    /// How often something was put back.
    pub repairs: u64,
    /// The last time.
    pub last_repair: Option<Repair>,
    /// What is taken again and again, and by whom probably.
    pub contested: Vec<Contest>,
    /// What is wrong.
    pub findings: Vec<Told>,
}

/// What the agent wrote last; none where none has ever run here.
pub fn read(store: &Store) -> Option<Status> {
    store.read(FILE)
}

pub(crate) fn write(store: &Store, status: &Status) -> Result<(), HostError> {
    store.write(FILE, status)
}
