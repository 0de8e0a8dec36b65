//! Gathers what is known of the machine, all at once, and each command with a time limit.

pub(crate) mod block;
mod identity;
mod network;
mod proxies;
mod signature;
mod software;
pub(crate) mod storage;
mod system;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use hybridge_node::facts::Facts;
use hybridge_node::fstab::swap_lines;
use hybridge_node::hybrid::system::FSTAB;
use hybridge_node::resolve::{Question, Wanted};

use crate::host::Host;

pub use signature::is_signed;

/// Where sysfs shows processors, redirected in tests as with nodeadm (`nodeadm/internal/system/resources.go`).
#[derive(Clone, Debug)]
pub struct Paths {
    /// `CPU_DIR`, else `/sys/devices/system/cpu`.
    pub cpus: PathBuf,
    /// `NODE_DIR`, else `/sys/devices/system/node`.
    pub nodes: PathBuf,
}

impl Paths {
    /// The directories of a host.
    pub fn of(host: &Host) -> Self {
        Self { cpus: host.path("/sys/devices/system/cpu"), nodes: host.path("/sys/devices/system/node") }
    }

    /// The same, redirected by `CPU_DIR` and `NODE_DIR` where these are set and not empty.
    pub fn from_env(host: &Host) -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let Self { cpus, nodes } = Self::of(host);
        Self { cpus: variable("CPU_DIR").unwrap_or(cpus), nodes: variable("NODE_DIR").unwrap_or(nodes) }
    }
}

/// What one source has found out, to be put into the facts.
pub type Part = Box<dyn FnOnce(&mut Facts) + Send>;

/// A source of facts that takes time.
pub type Source<'a> = Box<dyn FnOnce() -> Part + Send + 'a>;

/// Everything about the machine that `wanted` says, and what every plan needs. `others` (IMDS, EC2, EKS …) are asked meanwhile; what they found is put in last, in their order.
pub fn gather(host: &Host, wanted: &Wanted, paths: &Paths, others: Vec<Source<'_>>) -> Facts {
    let mut sources: Vec<Source<'_>> = vec![
        Box::new(|| system::machine(host, paths)),
        Box::new(|| software::version(host, "kubelet")),
        Box::new(|| software::version(host, "containerd")),
        Box::new(|| software::programs(host, wanted)),
        Box::new(|| network::interfaces(host)),
        Box::new(|| storage::mounted(host)),
        Box::new(proxies::variables),
        Box::new(|| texts(host, &wanted.files)),
        Box::new(|| identity::certificate(host, wanted.certificate.as_ref())),
    ];
    if wanted.disks {
        sources.push(Box::new(|| storage::disks(host)));
    }
    if wanted.block_devices {
        sources.push(Box::new(|| block::devices(host)));
    }
    if wanted.system {
        sources.push(Box::new(|| software::firewall(host)));
        sources.push(Box::new(|| storage::swapped(host)));
    }
    let asked = |question| wanted.questions.contains(&question);
    if asked(Question::KubeletCertificate) {
        sources.push(Box::new(|| software::kubelet_certificate(host)));
    }
    if asked(Question::KubeletActive) {
        sources.push(Box::new(|| software::kubelet_active(host)));
    }
    if asked(Question::ProxyFiles) {
        sources.push(Box::new(|| proxies::files(host)));
    }
    sources.extend(others);
    let parts: Vec<Part> = thread::scope(|scope| {
        let threads: Vec<_> = sources.into_iter().map(|source| scope.spawn(source)).collect();
        // A source that panics has found nothing; the panic is shown by the runtime.
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut facts = Facts { at: Some(jiff::Timestamp::now()), ..Facts::default() };
    parts.into_iter().for_each(|part| part(&mut facts));
    facts
}

/// Texts of files; a file that is not there is no text and nothing missing, and one with a private key in it is missing.
fn texts(host: &Host, paths: &BTreeSet<&'static str>) -> Part {
    let mut found = Vec::new();
    for path in paths {
        let path = *path;
        match host.text(path) {
            Ok(Some(text)) if text.contains("PRIVATE KEY-----") => found.push((path.to_owned(), Err("it holds a private key".to_owned()))),
            Ok(Some(text)) if path == FSTAB => found.push((path.to_owned(), Ok(swap_lines(&text)))),
            Ok(Some(text)) => found.push((path.to_owned(), Ok(text))),
            Ok(None) => {}
            Err(error) => found.push((path.to_owned(), Err(error.to_string()))),
        }
    }
    Box::new(move |facts| {
        for (path, text) in found {
            match text {
                Ok(text) => drop(facts.files.insert(path, text)),
                Err(why) => drop(facts.missing.insert(path, why)),
            }
        }
    })
}

/// Facts that cannot be kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file itself.
    #[error("the facts in {} cannot be read or written", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What is in it.
    #[error("{} holds no facts", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why not, with line and column.
        #[source]
        source: serde_json::Error,
    },
}

/// Writes facts as JSON, for root only: texts of files are among them. What containerd made of the user's TOML is left out, as it may
/// hold passwords of registries; the file says so.
///
/// # Errors
///
/// If the file cannot be written.
pub fn save(facts: &Facts, path: &Path) -> Result<(), FileError> {
    let mut facts = facts.clone();
    if facts.migrated.take().is_some() {
        facts.missing.insert("migrated".into(), "it is never saved, as the text may hold passwords of registries".into());
    }
    let text = serde_json::to_string_pretty(&facts).map_err(|source| FileError::Content { path: path.into(), source })?;
    crate::commit::write_file(path, (text + "\n").as_bytes(), 0o600, None).map_err(|source| FileError::File { path: path.into(), source })
}

/// Reads what [`save`] has written.
///
/// # Errors
///
/// If the file cannot be read, or holds something else.
pub fn load(path: &Path) -> Result<Facts, FileError> {
    let text = fs::read_to_string(path).map_err(|source| FileError::File { path: path.into(), source })?;
    serde_json::from_str(&text).map_err(|source| FileError::Content { path: path.into(), source })
}
