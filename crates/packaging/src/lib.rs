//! From finished static binaries to what people install: an OCI image, release archives, and beside them a bill of materials.
//!
//! One source gives one result: everything is sorted, every time is that of the commit, every owner is 0, and gzip notes neither
//! name nor time.

pub mod elf;
pub mod image;
pub mod licences;
pub mod linked;
pub mod release;
pub mod sbom;
pub mod tree;
pub mod trust;

/// A processor for which packages are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// Both, in the order in which they are packed.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// The name that images and archives use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// What rustc calls it, with musl as C library.
    pub fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-musl",
            Self::Arm64 => "aarch64-unknown-linux-musl",
        }
    }
}

/// Which source is packed.
#[derive(Clone, Debug)]
pub struct Source {
    /// As `0.1.0`.
    pub version: String,
    /// The commit's whole hash.
    pub revision: String,
    /// When the commit was made: seconds since 1970.
    pub seconds: u64,
}

impl Source {
    /// That from which this program was built.
    pub fn own() -> Self {
        Self {
            version: hybridge_version::VERSION.into(),
            revision: hybridge_version::REVISION.into(),
            // A number in `git log` and in the file of `git archive`; 0 where both are missing.
            seconds: hybridge_version::SECONDS.parse().unwrap_or_default(),
        }
    }

    /// When the commit was made, as `2026-11-21T13:00:00Z`.
    pub fn created(&self) -> String {
        let seconds = i64::try_from(self.seconds).unwrap_or_default();
        jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
    }
}
