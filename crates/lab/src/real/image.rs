//! Images made from one static program, without a registry: as `docker save` writes them
//! (<https://github.com/moby/docker-image-spec/blob/main/spec.md#combined-image-json--filesystem-changeset-format>).

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::RealError;
use super::process::{run, write};

/// Waits to be told to end, as the sandbox of every pod has to.
const PAUSE: &str = "#include <signal.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
int main(void) { signal(SIGTERM, end); signal(SIGINT, end); for (;;) pause(); }
";

/// Writes an archive with an image of this name for the sandboxes of pods; the compiled program stays beside it.
pub(crate) fn pause(name: &str, to: &Path) -> Result<(), RealError> {
    let program = to.with_file_name("pause");
    compile(PAUSE, &program)?;
    archive(&program, name, to)
}

/// Compiles a C program so that it needs no library.
pub(crate) fn compile(source: &str, program: &Path) -> Result<(), RealError> {
    let file = program.with_extension("c");
    write(&file, source)?;
    let mut cc = Command::new("cc");
    cc.args(["-static", "-Os", "-s", "-o"]).arg(program).arg(&file);
    run("compile a static C program", &mut cc).map(drop)
}

/// Writes an archive with the image `name`, whose only file is the program, in its root, and whose entry point is that.
pub(crate) fn archive(program: &Path, name: &str, archive: &Path) -> Result<(), RealError> {
    let work = archive.with_extension("files");
    fs::create_dir_all(&work).map_err(|source| RealError::File { path: work.clone(), source })?;
    let (folder, file) = (program.parent().unwrap_or(Path::new("/")), program.file_name().unwrap_or_default());
    let layer = work.join("layer.tar");
    pack(&layer, folder, &[file])?;
    let bytes = fs::read(&layer).map_err(|source| RealError::Read { path: layer, source })?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({
        "architecture": architecture, "os": "linux",
        "config": {"Entrypoint": [format!("/{}", file.to_string_lossy())]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
        "history": [{"created_by": "hybridge-lab"}],
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    write(&work.join("config.json"), &config.to_string())?;
    write(&work.join("manifest.json"), &manifest.to_string())?;
    pack(archive, &work, &["config.json", "manifest.json", "layer.tar"].map(AsRef::as_ref))
}

fn pack(archive: &Path, folder: &Path, files: &[&std::ffi::OsStr]) -> Result<(), RealError> {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--owner=0", "--group=0", "--file"]).arg(archive).arg("--directory").arg(folder).args(files);
    run("pack an image", &mut tar).map(drop)
}
