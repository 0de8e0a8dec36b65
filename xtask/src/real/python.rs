//! moto, an independent EC2 emulator, in a virtual environment.

use std::path::Path;

use anyhow::Result;

use super::{once, read, venv};

/// Installs what `requirements.txt` names unless that was done before. Needs [`crate::host::PYTHON`].
pub(crate) fn ensure_moto(source: &Path, directory: &Path) -> Result<()> {
    let requirements = read(&source.join("requirements.txt"))?;
    let packages: Vec<_> = requirements.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    once(directory, "moto", &packages.join("\n"), |log| venv(&directory.join("moto-venv"), &packages, log))
}
