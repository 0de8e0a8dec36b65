//! Files of a layer or an archive, and how they are packed the same each time.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use sha2::{Digest as _, Sha256};

/// The mode of programs.
pub const PROGRAM: u32 = 0o755;

/// The mode of everything else.
pub const DATA: u32 = 0o644;

/// A path that no archive can hold.
#[derive(Debug, thiserror::Error)]
#[error("cannot pack `{path}`")]
pub struct TreeError {
    path: String,
    source: io::Error,
}

#[derive(Clone, Debug)]
struct File {
    mode: u32,
    bytes: Vec<u8>,
}

/// Files by path, relative to the root. Sorted, so that the order in which they come in does not matter.
#[derive(Clone, Debug, Default)]
pub struct Tree(BTreeMap<String, File>);

impl Tree {
    /// Puts a file at `path`, as `usr/bin/program`, in place of one that was there.
    pub fn add(&mut self, path: impl Into<String>, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), File { mode, bytes: bytes.into() });
    }

    /// Puts all files of another tree below `folder`.
    pub fn graft(&mut self, folder: &str, other: &Self) {
        self.0.extend(other.0.iter().map(|(path, file)| (format!("{folder}/{path}"), file.clone())));
    }

    /// The paths of the files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What a file holds.
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(|file| file.bytes.as_slice())
    }

    /// A tar archive with folders and files, all of them root's and of this time (seconds since 1970).
    ///
    /// # Errors
    /// A path is absolute, leads upwards, or is empty.
    pub fn tar(&self, seconds: u64) -> Result<Vec<u8>, TreeError> {
        let mut entries: BTreeMap<String, Option<&File>> = BTreeMap::new();
        for (path, file) in &self.0 {
            for (at, _) in path.match_indices('/') {
                entries.insert(format!("{}/", &path[..at]), None);
            }
            entries.insert(path.clone(), Some(file));
        }
        let mut archive = tar::Builder::new(Vec::new());
        for (path, file) in entries {
            let mut header = tar::Header::new_gnu();
            let (kind, mode, bytes) = match file {
                Some(file) => (tar::EntryType::Regular, file.mode, file.bytes.as_slice()),
                None => (tar::EntryType::Directory, PROGRAM, [].as_slice()),
            };
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_mtime(seconds);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, &path, bytes).map_err(|source| TreeError { path, source })?;
        }
        Ok(archive.into_inner().expect("writing to memory cannot fail"))
    }
}

/// Compressed as far as gzip can, without name and time.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

/// 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_packs_to_the_same_bytes_in_whatever_order_it_was_filled() {
        let pack = |order: [usize; 3]| {
            let files = [("usr/bin/a", PROGRAM, "A"), ("usr/b", DATA, "B"), ("c", DATA, "")];
            let mut tree = Tree::default();
            order.into_iter().for_each(|index| tree.add(files[index].0, files[index].1, files[index].2));
            gzip(&tree.tar(1_700_000_000).unwrap())
        };
        assert_eq!(pack([0, 1, 2]), pack([2, 0, 1]));
        // RFC 1952: no flags, no time, best compression, unknown operating system.
        assert_eq!(pack([0, 1, 2])[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    }

    #[test]
    fn entries_are_roots_of_one_time_with_folders_before_what_is_in_them() {
        let mut tree = Tree::default();
        tree.add("usr/bin/a", PROGRAM, "A");
        tree.add("usr/b", DATA, "B");
        let bytes = tree.tar(1_700_000_000).unwrap();
        let entries: Vec<_> = tar::Archive::new(bytes.as_slice())
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 1_700_000_000));
                format!("{:o} {}", header.mode().unwrap(), entry.path().unwrap().display())
            })
            .collect();
        assert_eq!(entries, ["755 usr/", "644 usr/b", "755 usr/bin/", "755 usr/bin/a"]);
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        let mut tree = Tree::default();
        tree.add("a/../../b", DATA, "");
        assert_eq!(tree.tar(0).unwrap_err().to_string(), "cannot pack `a/../`");
    }
}
