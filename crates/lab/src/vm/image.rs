//! The kernel and the root file system that all machines begin with.

use std::path::PathBuf;

use super::VmError;
use crate::real::Parts;

/// Files that `cargo xtask real` makes of `tests/real/vm`. Machines only read them.
#[derive(Clone, Debug)]
pub struct Image {
    /// The folder, in which also the locks are that count the machines.
    pub(super) directory: PathBuf,
    /// An ELF kernel with all drivers of the machine's own devices built in.
    pub(super) kernel: PathBuf,
    /// An ext4 file system.
    pub(super) root: PathBuf,
}

impl Image {
    /// The image among the real parts. Fails where it or QEMU is missing.
    pub fn of(parts: &Parts) -> Result<Self, VmError> {
        let missing = |what: &str| VmError::Missing { what: what.into() };
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join(super::qemu::PROGRAM).is_file()) {
            return Err(missing(super::qemu::PROGRAM));
        }
        let directory = parts.directory().join("vm");
        let file = |name: &str| {
            let path = directory.join(name);
            if path.is_file() { Ok(path) } else { Err(missing(&path.display().to_string())) }
        };
        Ok(Self { kernel: file("vmlinux")?, root: file("root.img")?, directory })
    }
}
