//! Versions of Kubernetes and containerd.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `major.minor.patch`; what follows (`-eks-1a2b3c`, `+k3s1`, `~ds1`) is dropped, as no decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number; 0 where none was given.
    pub patch: u16,
}

/// This text holds no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no version in {0:?}; one looks like 1.34.2 or v1.34.2-eks-abc")]
pub struct NoVersion(String);

impl Version {
    /// `major.minor`, patch 0: what gates compare with.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor, patch: 0 }
    }
}

impl FromStr for Version {
    type Err = NoVersion;

    /// Takes the first word that begins as a version does, so that the output of `kubelet --version` (`Kubernetes v1.34.4`) and of
    /// `containerd --version` (`containerd github.com/containerd/containerd v2.0.5 1a2b`) are understood as they stand.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        text.split_whitespace().find_map(word).ok_or_else(|| NoVersion(text.chars().take(80).collect()))
    }
}

fn word(word: &str) -> Option<Version> {
    let mut rest = word.strip_prefix('v').unwrap_or(word);
    let mut number = || {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[..digits].parse::<u16>().ok()?;
        let after = &rest[digits..];
        let dotted = after.strip_prefix('.');
        rest = dotted.unwrap_or("");
        Some((number, dotted.is_some()))
    };
    let (major, dotted) = number()?;
    if !dotted {
        return None;
    }
    let (minor, _) = number()?;
    let patch = number().map_or(0, |(patch, _)| patch);
    Some(Version { major, minor, patch })
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl TryFrom<String> for Version {
    type Error = NoVersion;
    fn try_from(text: String) -> Result<Self, NoVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_print_is_understood() {
        for (text, version) in [
            ("Kubernetes v1.34.4", "1.34.4"),
            ("v1.29.0-eks-5e0fdde", "1.29.0"),
            ("1.31", "1.31.0"),
            ("containerd github.com/containerd/containerd/v2 2.0.5 fb4c30d4ede3531652d86197bf3fc9515e5276d9", "2.0.5"),
            ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1", "1.6.20"),
        ] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), version, "{text}");
        }
        for wrong in ["", "kubelet", "v1", "1.x", "1.99999"] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
        assert!(Version::new(1, 32) < "1.32.1".parse().unwrap() && Version::new(1, 32) > "1.31.9".parse().unwrap());
    }
}
