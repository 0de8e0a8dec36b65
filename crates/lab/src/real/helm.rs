//! Helm, as people run it, with folders of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::write;
use super::{Kube, Parts, RealError, User};
use crate::netns::Netns;

/// Helm, without a cluster or for one.
#[derive(Debug)]
pub struct Helm {
    program: PathBuf,
    home: PathBuf,
    /// From where the API server is reached.
    ns: Option<Netns>,
}

/// What a run of Helm said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Whether it ended well.
    pub success: bool,
    /// Standard output: what was rendered, or the release's notes.
    pub stdout: String,
    /// Standard error: warnings, and what went wrong.
    pub stderr: String,
}

impl Helm {
    /// For what needs no cluster: lint, template, package. Cache, configuration and data go below `home`, which must exist.
    ///
    /// # Errors
    /// Nobody has built Helm yet.
    pub fn offline(home: &Path) -> Result<Self, RealError> {
        Ok(Self { program: Parts::find()?.program("helm")?, home: home.to_owned(), ns: None })
    }

    /// For the cluster, as [`User::Admin`], from a namespace that has a route to it.
    ///
    /// # Errors
    /// Nobody has built Helm yet, or `home` cannot be written to.
    pub fn online(home: &Path, kube: &Kube, from: &Netns) -> Result<Self, RealError> {
        let helm = Self { ns: Some(from.clone()), ..Self::offline(home)? };
        write(&helm.kubeconfig(), &kube.kubeconfig(User::Admin, "default"))?;
        Ok(helm)
    }

    /// Runs it. Nothing but these arguments counts: it sees no other environment.
    ///
    /// # Errors
    /// It cannot be started. What it refuses is in [`Said`].
    pub fn run<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Said, RealError> {
        let mut command = match &self.ns {
            Some(ns) => ns.command(&self.program),
            None => Command::new(&self.program),
        };
        command.env_clear().env("HOME", &self.home).env("KUBECONFIG", self.kubeconfig());
        for folder in ["CACHE", "CONFIG", "DATA"] {
            command.env(format!("HELM_{folder}_HOME"), self.home.join(folder.to_lowercase()));
        }
        command.args(arguments.into_iter().map(|argument| argument.as_ref().to_owned())).stdin(Stdio::null());
        let output = command.output().map_err(|source| RealError::Start { program: self.program.clone(), source })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Said { success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Does not exist where there is no cluster.
    fn kubeconfig(&self) -> PathBuf {
        self.home.join("kubeconfig")
    }
}

/// Tests that need what `cargo xtask real` makes.
#[cfg(test)]
mod with_real_parts {
    use super::*;

    #[test]
    fn helm_is_of_the_version_in_go_mod_and_what_it_refuses_is_no_error() {
        let home = tempfile::tempdir().unwrap();
        let helm = Helm::offline(home.path()).unwrap();
        let manifest = include_str!("../../../../tests/real/helm/go.mod");
        let version = manifest.lines().find_map(|line| line.strip_prefix("require helm.sh/helm/v3 ")).unwrap();
        let said = helm.run(["version", "--template", "{{.Version}}"]).unwrap();
        assert_eq!((said.success, said.stdout.as_str()), (true, version), "{}", said.stderr);
        let said = helm.run(["lint", "/nowhere"]).unwrap();
        assert!(!said.success && !said.stderr.is_empty(), "{said:?}");
        assert!(!helm.run(["list"]).unwrap().success, "there is no cluster");
    }
}
