//! What `hybridge lni verify` and a probe on a machine of the LAN say to each other: one JSON value a line, over TCP.
//!
//! Both prove that they know the same token, without saying it: each gives a number used once, and gets back what only the token makes of
//! it. A probe tries only addresses that whoever started it allowed.

use std::net::{Ipv4Addr, SocketAddrV4};

use hybridge_model::MacAddr;
use serde::{Deserialize, Serialize};

use crate::causes::Outcome;
use crate::profile::Range4;

/// Version of what is said here.
pub const VERSION: u32 = 1;
/// Longest line, in bytes.
pub const LONGEST_LINE: u64 = 4096;
/// Longest that a probe waits for an answer, in milliseconds.
pub const LONGEST_PATIENCE: u32 = 10_000;

/// A probe's lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum FromProbe {
    /// The first line.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// Used once.
        nonce: String,
    },
    /// The proof is right.
    Welcome {
        /// The address that the probe sees the other side come from.
        you: Ipv4Addr,
        /// The probe's own proof.
        proof: String,
    },
    /// What came of an attempt.
    Seen(Seen),
    /// It does not do that.
    No {
        /// The attempt, if it was one.
        id: Option<u32>,
        /// Why.
        why: String,
    },
}

/// `verify`'s lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum FromVerify {
    /// The answer to the first line.
    Proof {
        /// Made of the probe's nonce.
        proof: String,
        /// Used once.
        nonce: String,
    },
    /// Asks for an attempt.
    Try(Try),
}

/// An attempt to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Try {
    /// Told apart from others of the same connection by this.
    pub id: u32,
    /// Where to.
    pub to: SocketAddrV4,
    /// Whether to ask by HTTP, too; else a connection that opens is enough.
    pub http: bool,
    /// How long to wait, in milliseconds, up to [`LONGEST_PATIENCE`].
    pub patience: u32,
}

/// What came of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Which.
    pub id: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The address that it was made from, where there is a way there.
    pub client: Option<Ipv4Addr>,
    /// The MAC address that the kernel has for the one tried, where it is a neighbour that answered.
    pub announced_by: Option<MacAddr>,
    /// The first line of HTTP, or the kernel's words.
    pub detail: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
}

/// Whether a probe may try this address.
pub fn allowed(to: Ipv4Addr, allow: &[Range4]) -> bool {
    allow.iter().any(|range| range.contains(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_this_form() {
        let try_it = FromVerify::Try(Try { id: 7, to: "192.168.2.169:80".parse().unwrap(), http: true, patience: 3000 });
        assert_eq!(serde_json::to_string(&try_it).unwrap(), r#"{"say":"try","id":7,"to":"192.168.2.169:80","http":true,"patience":3000}"#);
        let seen = FromProbe::Seen(Seen {
            id: 7,
            outcome: Outcome::Silent,
            client: Some(Ipv4Addr::new(192, 168, 2, 100)),
            announced_by: Some("02:ab:cd:00:00:01".parse().unwrap()),
            detail: None,
            milliseconds: 3001,
        });
        let text = r#"{"say":"seen","id":7,"outcome":"silent","client":"192.168.2.100","announcedBy":"02:ab:cd:00:00:01","detail":null,"milliseconds":3001}"#;
        assert_eq!(serde_json::to_string(&seen).unwrap(), text);
        assert_eq!(serde_json::from_str::<FromProbe>(text).unwrap(), seen);
    }

    #[test]
    fn only_what_was_allowed_is_tried() {
        let allow = ["192.168.2.160-192.168.2.190".parse().unwrap(), "192.168.9.0/30".parse().unwrap()];
        for (to, good) in
            [("192.168.2.160", true), ("192.168.2.190", true), ("192.168.2.191", false), ("192.168.9.3", true), ("127.0.0.1", false)]
        {
            assert_eq!(allowed(to.parse().unwrap(), &allow), good, "{to}");
        }
    }
}
