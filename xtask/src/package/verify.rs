//! Whether packages are what they have to be: made again the same, here and from a copy of the source elsewhere; and they start.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{IMAGE, SUMS, pack};
use crate::command::{cargo, output, run as run_command};
use crate::host::{self, Need};
use crate::phases::Phases;
use crate::real;
use crate::release::{GATEWAY, PLATFORMS, Platform};
use crate::workspace::Workspace;

/// Runs programs of other processors. Nothing is registered with the kernel.
const QEMU: Need = Need { what: "qemu's user mode for ARM", met: || qemu().is_some(), package: "qemu-user-static" };

/// What [`all`] needs besides what a build does.
pub(super) const NEEDS: [Need; 1] = [QEMU];

/// The test that has a containerd run the image.
const CONTAINERD_TEST: &str = "installed";

/// Filled in as `git archive` does.
const COMMIT: &str = "crates/version/commit.txt";

/// Does everything; the first thing that is wrong is an error.
pub(super) fn all(workspace: &Workspace, tool: &Path, profile: &str, dist: &Path, phases: &mut Phases) -> Result<()> {
    phases.time("verify: pack again", || again(workspace, tool, profile, dist))?;
    phases.time("verify: start the binary for arm64", || start(workspace, profile))?;
    phases.time("verify: run the image in containerd", || containerd(workspace, dist))?;
    phases.time("verify: build elsewhere", || elsewhere(workspace, profile, dist))
}

fn again(workspace: &Workspace, tool: &Path, profile: &str, dist: &Path) -> Result<()> {
    let second = workspace.target.join("dist-again");
    pack(workspace, tool, profile, &second)?;
    same(dist, &second)?;
    println!("Packed twice, the same bytes");
    fs::remove_dir_all(&second).with_context(|| format!("cannot remove {}", second.display()))
}

/// Two folders with the same checksums.
fn same(one: &Path, other: &Path) -> Result<()> {
    let (first, second) = (sums(one)?, sums(other)?);
    let names: std::collections::BTreeSet<_> = first.keys().chain(second.keys()).collect();
    let differ: Vec<_> = names.into_iter().filter(|name| first.get(*name) != second.get(*name)).cloned().collect();
    if differ.is_empty() {
        return Ok(());
    }
    bail!("{} and {} differ in {}", one.display(), other.display(), differ.join(", "));
}

fn sums(folder: &Path) -> Result<BTreeMap<String, String>> {
    let path = folder.join(SUMS);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name.to_owned(), sum.to_owned())).collect())
}

/// Copies the source to another place, makes the packages there with a target folder of its own, and compares.
fn elsewhere(workspace: &Workspace, profile: &str, dist: &Path) -> Result<()> {
    let place = workspace.target.join("verify");
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
    }
    let (source, target, second) = (place.join("copy/of/the/source"), place.join("built"), place.join("dist"));
    copy_source(&workspace.root, &source)?;
    let mut command = cargo();
    command.current_dir(&source).env("CARGO_TARGET_DIR", &target);
    command.args(["run", "--locked", "--quiet", "--package", "xtask", "--", "package", "--profile", profile, "--output"]).arg(&second);
    run_command(&mut command)?;
    same(dist, &second).with_context(|| format!("two builds of one source differ; the second one is kept in {}", place.display()))?;
    println!("Built from a copy of the source in another folder, the same bytes");
    fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))
}

/// The files that git knows or would add, as they are now, and the commit in the file that `git archive` fills in.
fn copy_source(root: &Path, copy: &Path) -> Result<()> {
    let mut list = Command::new("git");
    let files = output(list.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(root))?;
    for file in files.split_terminator('\0') {
        let (from, to) = (root.join(file), copy.join(file));
        if !from.exists() {
            continue;
        }
        let folder = to.parent().context("a file is in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let commit = output(Command::new("git").args(["log", "-1", "--format=%H %ct %cs"]).current_dir(root))?;
    fs::File::create(copy.join(COMMIT)).and_then(|mut file| file.write_all(commit.as_bytes())).context("cannot note the commit")
}

fn qemu() -> Option<PathBuf> {
    host::find("qemu-aarch64-static").or_else(|| host::find("qemu-aarch64"))
}

/// The binary for arm64 tells its version and refuses settings that are wrong. Of its own accord it would never be run on amd64.
fn start(workspace: &Workspace, profile: &str) -> Result<()> {
    let [_, arm64] = PLATFORMS;
    let qemu = qemu().context("qemu was installed a moment ago")?;
    let program = arm64.folder(workspace, profile).join(GATEWAY.binary);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&qemu);
        command.arg(&program).args(arguments).env_clear().stdin(Stdio::null());
        command.output().with_context(|| format!("cannot run {}", qemu.display()))
    };
    let version = run(&["--version"])?;
    let told = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    if !version.status.success() || !told.starts_with("hybridge-gateway ") {
        bail!("{} --version: {}: {told}", program.display(), version.status);
    }
    let check = run(&["--check", "--vpc-cidr", "10.0.0.1/16"])?;
    let told = [check.stdout, check.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if check.status.code() != Some(1) || !told.contains("10.0.0.1/16") {
        bail!("{} --check with host bits in a CIDR: {}: {told}", program.display(), check.status);
    }
    println!("The binary for {} starts and refuses wrong settings, under {}", arm64.name, qemu.display());
    Ok(())
}

/// Runs the test that the suite runs with an image of its own, with the released one.
fn containerd(workspace: &Workspace, dist: &Path) -> Result<()> {
    host::install(&real::NEEDS)?;
    let parts = real::ensure(workspace)?;
    let image = fs::read_dir(dist)?.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.to_string_lossy().ends_with(".oci.tar"));
    let image = image.with_context(|| format!("no image in {}", dist.display()))?.canonicalize()?;
    println!("The image for {} runs in containerd", Platform::host()?.name);
    let mut test = cargo();
    test.args(["test", "--package", "hybridge-gatewayd", "--test", CONTAINERD_TEST]);
    run_command(test.env(IMAGE, image).env(real::DIRECTORY, parts).env("PATH", std::env::join_paths(host::path())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_two_folders_is_named() {
        let base = std::env::temp_dir().join(format!("hybridge-xtask-verify-{}", std::process::id()));
        let write = |name: &str, text: &str| {
            fs::create_dir_all(base.join(name)).unwrap();
            fs::write(base.join(name).join(SUMS), text).unwrap();
            base.join(name)
        };
        let (one, other) = (write("one", "1  a\n2  b\n"), write("other", "1  a\n3  b\n4  c\n"));
        same(&one, &one).unwrap();
        assert!(same(&one, &other).unwrap_err().to_string().ends_with("differ in b, c"));
        fs::remove_dir_all(&base).unwrap();
    }
}
