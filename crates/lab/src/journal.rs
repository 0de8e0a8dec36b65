//! What happened in the world and when, for the marks of a timeline and for tests.

use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Which part of the world something happened in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A fault or its undoing.
    Fault,
    /// A gateway process was started.
    Start,
    /// A VPC route took effect in the fabric.
    Route,
    /// A hybrid node took up a change of CiliumVTEPConfig.
    Vtep,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// Where.
    pub source: Source,
    /// Whom it happened to: a host's name.
    pub host: String,
    /// What, in a few words: the same for every host to which the same happened.
    pub what: String,
}

/// A list of entries that many tasks append to; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    /// Appends an entry.
    pub fn record(&self, at: Instant, source: Source, host: &str, what: impl Into<String>) {
        let entry = Entry { at, source, host: host.into(), what: what.into() };
        self.0.lock().expect("no holder of this lock panics").push(entry);
    }

    /// Every entry, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = self.0.lock().expect("no holder of this lock panics").clone();
        entries.sort_by_key(|entry| entry.at);
        entries
    }
}
