//! Python programs, each in a virtual environment of its own: moto, an independent EC2 emulator, the AWS CLI, and cfn-lint.

use std::path::Path;

use anyhow::Result;

use super::{once, read, venv};

/// The folders below `tests/real` that hold a `requirements.txt`.
pub(crate) const PROGRAMS: [&str; 3] = ["moto", "awscli", "cfnlint"];

/// Installs what `requirements.txt` names unless that was done before. Needs [`crate::host::PYTHON`].
pub(crate) fn ensure(program: &str, source: &Path, directory: &Path) -> Result<()> {
    let requirements = read(&source.join("requirements.txt"))?;
    let packages: Vec<_> = requirements.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    once(directory, program, &packages.join("\n"), |log| venv(&directory.join(format!("{program}-venv")), &packages, log))
}
