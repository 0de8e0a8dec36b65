//! `containerd config migrate`: containerd's own translation of an older configuration.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::command::{Call, RunError};
use crate::commit::write_file;
use crate::host::Host;

/// containerd did not translate.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The text could not be handed over.
    #[error("cannot write {}", path.display())]
    File {
        /// Temporary file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It could not be run.
    #[error("containerd cannot be asked")]
    Run(#[source] RunError),
    /// It refused the text.
    #[error("containerd cannot translate the configuration: {0}")]
    Refused(String),
}

/// What `binary` makes of a configuration. It reads the text from a file that only we can read, and that is removed again.
///
/// # Errors
///
/// If containerd cannot be run, takes longer than 20 s, or refuses the text.
pub fn migrate(host: &Host, binary: &str, text: &str) -> Result<String, MigrateError> {
    let name = format!("hybridge-migrate-{}.toml", std::process::id());
    // /run is memory and belongs to root; who plans without being root has a directory for temporary files.
    let places = [host.path("/run").join(&name), std::env::temp_dir().join(&name)];
    let write = |path: &PathBuf| write_file(path, text.as_bytes(), 0o600, None).map(|()| path.clone());
    let path = write(&places[0]).or_else(|_| write(&places[1])).map_err(|source| MigrateError::File { path: places[1].clone(), source })?;
    let call =
        Call { limit: Duration::from_secs(20), ..Call::question(binary, ["--config", &path.to_string_lossy(), "config", "migrate"]) };
    let result = host.ask(&call);
    let _ = fs::remove_file(&path);
    let output = result.map_err(MigrateError::Run)?;
    if output.good() && !output.stdout.trim().is_empty() { Ok(output.stdout) } else { Err(MigrateError::Refused(output.last_words())) }
}
