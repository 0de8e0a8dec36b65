//! `cargo xtask package`: image, release archives, bills of materials and checksums, in `target/dist`.

mod verify;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, output, run as run_command};
use crate::flags::Flags;
use crate::host;
use crate::phases::Phases;
use crate::release::{self, GATEWAY, HYBRIDGE, PLATFORMS, Platform};
use crate::workspace::Workspace;

/// Where a test looks for the image of the gateway.
pub(crate) const IMAGE: &str = "HYBRIDGE_IMAGE";

/// The list of all other files and their checksums.
const SUMS: &str = "SHA256SUMS";

/// `cargo xtask package`.
pub(crate) fn run(mut flags: Flags) -> Result<ExitCode> {
    let profile = flags.value("--profile")?.unwrap_or_else(|| "release".into());
    let output = flags.value("--output")?.map(PathBuf::from);
    let verify = flags.switch("--verify");
    flags.finish()?;
    println!("Builds static binaries for amd64 and arm64 (20 minutes or more the first time), then packs them");
    host::install(&[host::C_COMPILER, host::PYTHON])?;
    if verify {
        host::install(&verify::NEEDS)?;
    }
    let workspace = Workspace::load()?;
    if let Some(note) = uncommitted(&workspace) {
        println!("{note}");
    }
    let output = output.unwrap_or_else(|| workspace.target.join("dist"));
    let mut phases = Phases::default();
    let commit = head(&workspace);
    phases.time("build the binaries", || release::build(&workspace, &[GATEWAY, HYBRIDGE], &PLATFORMS, &profile))?;
    let tool = phases.time("build the packer", || packer(&workspace))?;
    if head(&workspace) != commit {
        bail!("HEAD has moved since the binaries were built, so they name another commit than their packages would; run this again");
    }
    phases.time("pack", || pack(&workspace, &tool, &profile, &output))?;
    if verify {
        verify::all(&workspace, &tool, &profile, &output, &mut phases)?;
    }
    println!("\nSlowest parts:\n{}", phases.table());
    Ok(ExitCode::SUCCESS)
}

/// The commit that versions name; `None` outside a repository.
fn head(workspace: &Workspace) -> Option<String> {
    output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(&workspace.root)).ok()
}

/// The version names the commit; what is packed besides is worth a word.
fn uncommitted(workspace: &Workspace) -> Option<String> {
    let mut git = Command::new("git");
    let status = output(git.args(["status", "--porcelain"]).current_dir(&workspace.root)).ok()?;
    let count = status.lines().count();
    (count > 0).then(|| format!("note: {count} files differ from the commit that `--version` will name"))
}

/// Builds `hybridge-packaging` with the tests' profile: gzip is optimised there, too.
fn packer(workspace: &Workspace) -> Result<PathBuf> {
    run_command(cargo().args(["build", "--locked", "--package", "hybridge-packaging"]))?;
    Ok(workspace.target.join("debug/hybridge-packaging"))
}

/// Puts packages in place of what the folder held.
fn pack(workspace: &Workspace, tool: &Path, profile: &str, output: &Path) -> Result<()> {
    let mut command = Command::new(tool);
    command.arg("--workspace").arg(&workspace.root).arg("dist");
    for platform in PLATFORMS {
        command.arg(format!("--{}", platform.name)).arg(platform.folder(workspace, profile));
    }
    if output.join(SUMS).exists() {
        // Packages of another version would lie between these.
        fs::remove_dir_all(output).with_context(|| format!("cannot remove {}", output.display()))?;
    }
    run_command(command.arg("--output").arg(output))
}

/// An image for tests, in seconds: the gateway of the tests' build, linked again without shared libraries.
///
/// The flag goes to the last crate alone, so that no dependency is built again; cargo keeps both programs apart.
pub(crate) fn test_image(workspace: &Workspace) -> Result<PathBuf> {
    let tool = packer(workspace)?;
    let mut link = cargo();
    link.args(["rustc", "--package", "hybridge-gatewayd", "--bin", GATEWAY.binary]);
    run_command(link.args(["--", "-Ctarget-feature=+crt-static", "-Cstrip=symbols"]))?;
    let folder = workspace.target.join("real/image");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (built, copy) = (workspace.target.join("debug").join(GATEWAY.binary), folder.join(GATEWAY.binary));
    fs::copy(&built, &copy).with_context(|| format!("cannot copy {}", built.display()))?;
    // The other tests get theirs back, without a new link.
    run_command(cargo().args(["build", "--package", "hybridge-gatewayd"]))?;
    let image = folder.join("hybridge-gateway.oci.tar");
    let mut command = Command::new(tool);
    command.arg("--workspace").arg(&workspace.root).arg("image").arg(format!("--{}", Platform::host()?.name)).arg(&folder);
    run_command(command.arg("--output").arg(&image))?;
    Ok(image)
}
