//! What earlier runs did, so that later ones know what is theirs: `/var/lib/hybridge/node/state.json`.
//!
//! It is written ahead: before a file is changed its new digest stands here beside the old one, and every service that reads it
//! counts as started with something else. A run that is killed anywhere leaves a record from which the next one goes on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where the record is.
pub const PATH: &str = "/var/lib/hybridge/node/state.json";
/// Held while a machine is being changed.
pub const LOCK: &str = "/var/lib/hybridge/node/lock";

/// The record. Its file is for root only, as it may hold earlier contents of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// Files and links of ours → SHA-256 of what we wrote; two while one content replaces another.
    pub files: BTreeMap<String, BTreeSet<String>>,
    /// Files of others that hold a block of ours.
    pub blocks: BTreeSet<String>,
    /// Units → files → their SHA-256 when we started the unit last.
    pub services: BTreeMap<String, BTreeMap<String, String>>,
    /// Files of services as they were before we changed them, until the service runs with the change.
    pub previous: BTreeMap<String, Previous>,
    /// Units that no plan names any more, and that read a file which was removed: they are restarted once.
    pub orphans: BTreeSet<String>,
    /// A unit file has changed, and systemd has not read it yet.
    pub reload: bool,
    /// Files under temporary names that have not taken their own yet.
    pub staged: BTreeSet<String>,
    /// Files whose SELinux label has to be set.
    pub unlabelled: BTreeSet<String>,
    /// Devices that were blank, and on which a file system is being made.
    pub formatting: BTreeSet<String>,
    /// Directories that are being moved to the disks: what is on the disk is not whole yet.
    pub moving: BTreeSet<String>,
    /// Units that we stopped for that, and that have to run again.
    pub stopped: BTreeSet<String>,
}

/// A file before it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Previous {
    /// All of it; none if it was not there.
    pub content: Option<String>,
    /// Permission bits.
    pub mode: u32,
    /// Whether it was a file of ours.
    pub ours: bool,
}

impl State {
    /// Notes that `path` is about to hold what has `digest`, or, without one, to be gone.
    pub(crate) fn intend(&mut self, path: &str, digest: Option<&str>) {
        if let Some(digest) = digest {
            self.files.entry(path.into()).or_default().insert(digest.into());
        }
        self.services.values_mut().for_each(|files| drop(files.remove(path)));
        self.reload |= read_by_systemd(path);
    }

    /// Notes that `path` holds what has `digest`.
    pub(crate) fn wrote(&mut self, path: &str, digest: &str) {
        self.files.insert(path.into(), BTreeSet::from([digest.into()]));
    }
}

/// Whether systemd's manager reads the file: a unit, a drop-in, or its own configuration.
pub(crate) fn read_by_systemd(path: &str) -> bool {
    let below =
        ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].iter().find_map(|top| path.strip_prefix(top)?.strip_prefix("/systemd/"));
    below.is_some_and(|path| path.starts_with("system/") || path.starts_with("system.conf.d/"))
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_makes_its_readers_stale() {
        let mut state = State::default();
        state.services.insert("a.service".into(), BTreeMap::from([("/etc/a".into(), "1".into()), ("/etc/b".into(), "1".into())]));
        state.intend("/etc/a", Some("2"));
        state.intend("/etc/a", Some("3"));
        assert_eq!(state.services["a.service"].keys().collect::<Vec<_>>(), ["/etc/b"]);
        assert_eq!((state.files["/etc/a"].len(), state.reload), (2, false));
        state.wrote("/etc/a", "3");
        assert_eq!(state.files["/etc/a"], BTreeSet::from(["3".into()]));
    }

    #[test]
    fn systemd_reads_units_and_its_own_configuration_only() {
        for (path, read) in [
            ("/etc/systemd/system/kubelet.service.d/a.conf", true),
            ("/etc/systemd/system.conf.d/environment.conf", true),
            ("/run/systemd/resolved.conf.d/40-eks.conf", false),
            ("/etc/eks/kubelet/environment", false),
        ] {
            assert_eq!(read_by_systemd(path), read, "{path}");
        }
    }

    #[test]
    fn a_digest_is_that_of_the_standard() {
        // FIPS 180-4, the message "abc".
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
