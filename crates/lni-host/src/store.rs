//! What outlives the process: lease, interface, what was there before us.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hybridge_lni::facts::Ec2Interface;
use hybridge_lni::lease::Lease;
use hybridge_model::Cidr4;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::HostError;

pub use hybridge_lni::state::DIRECTORY;

/// What the agent remembers. Every part may be missing: it is found out again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// Interfaces as instance metadata told them last, for a start without it.
    pub interfaces: Vec<Ec2Interface>,
    /// Networks of the VPC, likewise.
    pub vpc_cidrs: Vec<Cidr4>,
    /// The lease of DHCP.
    pub lease: Option<Lease>,
    /// Our tables as they were loaded, and as `nft` listed them right afterwards: so that a change by somebody is seen.
    pub loaded: Option<Loaded>,
    /// Sysctls as they were before us.
    pub before: BTreeMap<String, String>,
}

/// A ruleset that was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// What was given to `nft`.
    pub ruleset: String,
    /// What `nft` lists.
    pub listing: String,
}

/// A directory with our files.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// Files in `directory`, which is made when the first is written.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.into() }
    }

    /// What is remembered; nothing where the file is missing or damaged.
    pub fn memory(&self) -> Memory {
        self.read("memory.json").unwrap_or_default()
    }

    /// Remembers.
    pub fn remember(&self, memory: &Memory) -> Result<(), HostError> {
        self.write("memory.json", memory)
    }

    /// A file's content, if it is there and can be understood.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = fs::read(self.directory.join(name)).ok()?;
        serde_json::from_slice(&text).map_err(|error| tracing::warn!(%error, file = name, "a file of ours cannot be read")).ok()
    }

    /// Writes the whole file or nothing, for root alone.
    pub(crate) fn write(&self, name: &str, value: &impl Serialize) -> Result<(), HostError> {
        let path = self.directory.join(name);
        let text = serde_json::to_vec_pretty(value).expect("our own types have text keys only");
        self.replace(&path, &text).map_err(|source| HostError::File { path, source })
    }

    fn replace(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let new = path.with_extension("new");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&new, path)
    }

    /// Removes our files, and the directory if nothing else is in it.
    pub fn clear(&self) -> Result<(), HostError> {
        for name in ["memory.json", "memory.new", "status.json", "status.new"] {
            let path = self.directory.join(name);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(HostError::File { path, source }),
                Ok(()) | Err(_) => {}
            }
        }
        // Somebody else's files keep it.
        let _kept = fs::remove_dir(&self.directory);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_remembered_is_for_root_alone_and_a_damaged_file_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("lni");
        let store = Store::new(&place);
        assert_eq!(store.memory(), Memory::default());
        let memory = Memory { before: [("a".to_owned(), "1".to_owned())].into(), ..Memory::default() };
        store.remember(&memory).unwrap();
        assert_eq!(store.memory(), memory);
        let mode = |name: &str| fs::metadata(place.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("memory.json"), mode("")), (0o600, 0o700));
        // As a machine that lost its power may leave it.
        fs::write(place.join("memory.json"), &b"{\"lease\": {\"addr"[..]).unwrap();
        assert_eq!(store.memory(), Memory::default());
        store.clear().unwrap();
        assert!(!place.exists());
    }
}
