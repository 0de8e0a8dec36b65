//! Where the real parts are.

use std::env;
use std::path::{Path, PathBuf};

use super::RealError;

/// Names the folder, if set. `cargo xtask test` sets it.
const DIRECTORY: &str = "HYBRIDGE_REAL_DIR";

/// The last program of those that most tests need, relative to the folder: where it is, they are.
const LAST: &str = "etcd";

/// The programs that `cargo xtask real` makes.
#[derive(Clone, Debug)]
pub struct Parts(PathBuf);

impl Parts {
    /// The folder that `HYBRIDGE_REAL_DIR` names, else `real` in cargo's target folder, found from where this program is or, if it
    /// is elsewhere, from the package that cargo runs.
    pub fn find() -> Result<Self, RealError> {
        if let Some(directory) = env::var_os(DIRECTORY) {
            return Self::at(directory.into());
        }
        let program = env::current_exe().unwrap_or_default();
        let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
        let candidates = program.ancestors().skip(1).map(|folder| folder.join("real"));
        let candidates: Vec<PathBuf> = candidates.chain(package.ancestors().map(|folder| folder.join("target/real"))).collect();
        match candidates.iter().find(|folder| folder.join(LAST).is_file()) {
            Some(folder) => Self::at(folder.clone()),
            None => Err(RealError::Missing { program: LAST, directory: "target/real".into() }),
        }
    }

    /// The parts in a certain folder.
    pub fn at(directory: PathBuf) -> Result<Self, RealError> {
        let parts = Self(directory);
        parts.program("etcd")?;
        parts.program("kube-apiserver")?;
        parts.program("moto-venv/bin/python")?;
        Ok(parts)
    }

    /// etcd, 3.6.
    pub fn etcd(&self) -> PathBuf {
        self.0.join("etcd")
    }

    /// kube-apiserver, of the version in `tests/real/kube/go.mod`.
    pub fn kube_apiserver(&self) -> PathBuf {
        self.0.join("kube-apiserver")
    }

    /// The Python that has moto.
    pub fn moto_python(&self) -> PathBuf {
        self.0.join("moto-venv/bin/python")
    }

    /// The Python that has the AWS CLI, version 1.
    pub fn aws_cli_python(&self) -> PathBuf {
        self.0.join("awscli-venv/bin/python")
    }

    /// AWS's command line client, of the version in `tests/real/awscli/requirements.txt`.
    pub fn awscli(&self) -> Result<PathBuf, RealError> {
        self.program("awscli-venv/bin/aws")
    }

    /// The folder.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// Any of the programs: kubelet, containerd, ctr, helm.
    pub fn program(&self, program: &'static str) -> Result<PathBuf, RealError> {
        let path = self.0.join(program);
        if path.is_file() {
            return Ok(path);
        }
        Err(RealError::Missing { program, directory: self.0.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_part_is_named_with_the_command_that_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("etcd"), "").unwrap();
        let error = Parts::at(folder.path().into()).unwrap_err();
        let expected =
            format!("the real part kube-apiserver is not in {}: run `cargo xtask test` or `cargo xtask real`", folder.path().display());
        assert_eq!(error.to_string(), expected);
    }
}
