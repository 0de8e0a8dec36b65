//! What a probe run found: plain data, as it is written to JSON and read back.
//!
//! Moments are offsets from the run's origin; moments and lengths are written as seconds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The four ways of asking whether packets flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Small UDP packets, echoed.
    Udp,
    /// UDP packets of the path MTU with the don't-fragment bit, echoed.
    Df,
    /// New TCP connections.
    Connect,
    /// Established TCP connections that carry records, echoed.
    Stream,
}

impl Kind {
    /// All of them, in the order in which reports show them.
    pub const ALL: [Self; 4] = [Self::Udp, Self::Df, Self::Connect, Self::Stream];

    /// What people call it; at most eleven characters.
    pub fn title(self) -> &'static str {
        match self {
            Self::Udp => "UDP echo",
            Self::Df => "DF packets",
            Self::Connect => "TCP opens",
            Self::Stream => "TCP streams",
        }
    }
}

/// Who asks: the first named side sends the packets that the other side echoes, or opens the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The cloud pod asks the hybrid pod.
    CloudToHybrid,
    /// The hybrid pod asks the cloud pod.
    HybridToCloud,
}

impl Direction {
    /// Both of them, in the order in which reports show them.
    pub const BOTH: [Self; 2] = [Self::CloudToHybrid, Self::HybridToCloud];
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CloudToHybrid => "cloud → hybrid",
            Self::HybridToCloud => "hybrid → cloud",
        })
    }
}

/// A time in which the path was not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When the first send that was hit left.
    #[serde(with = "seconds")]
    pub start: Duration,
    /// Until the first following send that was not hit, or until the end of the run.
    #[serde(with = "seconds")]
    pub length: Duration,
    /// Sends that were hit: packets, connections, or (in a stall of a stream) records that waited.
    pub hit: u64,
    /// Whether the run ended before the path was whole again.
    pub open: bool,
}

impl Window {
    /// Its first moment behind the end.
    pub fn end(&self) -> Duration {
        self.start + self.length
    }
}

/// The end of an established connection that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// When the side that opened it noticed.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// The error's name as in errno(3), such as `ECONNRESET`, or `EOF`.
    pub reason: String,
}

/// How long answers took. Quantiles are upper bounds, at most 1/16 too high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the answers took no longer.
    #[serde(with = "seconds")]
    pub median: Duration,
    /// 99 of 100 answers took no longer.
    #[serde(with = "seconds")]
    pub p99: Duration,
    /// The longest, exactly.
    #[serde(with = "seconds")]
    pub max: Duration,
}

/// What one probe found in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeOutcome {
    /// Which probe.
    pub kind: Kind,
    /// Who asked.
    pub direction: Direction,
    /// How often it asked for, a second (records a second and connection for streams).
    pub rate: u32,
    /// Packets sent, connections begun, or records written; those that the kernel refused too.
    pub sent: u64,
    /// Those that were answered in time.
    pub answered: u64,
    /// Those that were not.
    pub lost: u64,
    /// Those of the lost that reached the other side, so that only the answer was lost.
    pub answers_lost: u64,
    /// Errors by name as in errno(3), such as `EMSGSIZE` where the packet is larger than the path MTU.
    pub errors: BTreeMap<String, u64>,
    /// Times in which sends were lost.
    pub losses: Vec<Window>,
    /// Times in which answers came, but late: connections that took a second or more to open, silence of 100 ms or more on a stream.
    pub stalls: Vec<Window>,
    /// Established connections that died, in the order of time.
    pub deaths: Vec<Death>,
    /// Longest time between two sends: no window can be measured more finely. Far more than `1 / rate` means a busy machine.
    #[serde(with = "seconds")]
    pub longest_pause: Duration,
    /// How long answers took, if there were any.
    pub latency: Option<Latency>,
}

impl ProbeOutcome {
    /// The longest time in which sends were lost.
    pub fn longest_loss(&self) -> Option<&Window> {
        self.losses.iter().max_by_key(|window| window.length)
    }

    /// The longest time in which answers were late.
    pub fn longest_stall(&self) -> Option<&Window> {
        self.stalls.iter().max_by_key(|window| window.length)
    }

    /// Whether something came through, and went on doing so up to the end of the run.
    pub fn flows(&self) -> bool {
        self.answered > 0 && !self.losses.iter().chain(&self.stalls).any(|window| window.open)
    }
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When the probes started.
    #[serde(with = "seconds")]
    pub start: Duration,
    /// When they were told to stop.
    #[serde(with = "seconds")]
    pub end: Duration,
    /// One for each probe and direction, ordered by these two.
    pub probes: Vec<ProbeOutcome>,
}

/// A duration as a number of seconds with microseconds.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
