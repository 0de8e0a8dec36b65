//! Where the values of a file are.

use std::collections::BTreeMap;

use hybridge_document::At;

/// Line and column of each value of a file, by its path (`remoteNetworkConfig.remoteNodeNetworks[0].cidrs[1]`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    file: String,
    known: BTreeMap<String, (u32, u32)>,
}

impl Places {
    /// For a file nothing of which is known yet.
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), known: BTreeMap::new() }
    }

    pub(super) fn note(&mut self, path: &str, at: At) {
        self.known.insert(path.to_owned(), (at.line, at.column));
    }

    /// The file as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether the file says anything at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.known.contains_key(path)
    }

    /// `file:line:column` of the value at `path`, or of the nearest value around it; the file alone if there is none.
    pub fn place(&self, path: &str) -> String {
        match self.at(path) {
            At { line: 0, .. } => self.file.clone(),
            At { line, column } => format!("{}:{line}:{column}", self.file),
        }
    }

    /// The same as line and column; 0 if there is none.
    pub(super) fn at(&self, path: &str) -> At {
        let mut path = path;
        loop {
            if let Some(&(line, column)) = self.known.get(path) {
                return At { line, column };
            }
            let Some(end) = path.rfind(['.', '[']) else { return At::default() };
            path = &path[..end];
        }
    }
}
