//! The real parts of the end-to-end tests: built or installed once into `target/real`, where `hybridge_lab::real` finds them.
//!
//! Nothing is installed into the system and no service is started.

mod go;
mod python;
mod vm;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::flags::Flags;
use crate::host::{self, Need};
use crate::phases::seconds;
use crate::workspace::Workspace;

/// Where the tests look for the real parts, if this variable is set.
pub(crate) const DIRECTORY: &str = "HYBRIDGE_REAL_DIR";

/// What is made, for people.
pub(crate) const PARTS: &str = "Kubernetes' servers and kubelet, etcd, containerd and helm (built from Go modules, minutes the first time), moto, the AWS CLI and cfn-lint \
     (from PyPI), a virtual machine (of Debian packages, 500 MB, under a minute)";

/// What must be installed for that and for running them. Debian's runc starts no service.
pub(crate) const NEEDS: [Need; 7] = [host::PYTHON, RUNC, QEMU, MMDEBSTRAP, ZSTD, KUBECTL, STRACE];

/// What starts the containers of a real node.
const RUNC: Need = Need { what: "`runc`", met: || host::find("runc").is_some(), package: "runc" };

/// Runs the virtual machines, by emulation: /dev/kvm is not needed. The package starts nothing.
const QEMU: Need = Need { what: "`qemu-system-x86_64`", met: || host::find("qemu-system-x86_64").is_some(), package: "qemu-system-x86" };

/// Makes the root of the virtual machine. Debian's keys are there where this system is Debian itself.
const MMDEBSTRAP: Need = Need {
    what: "`mmdebstrap` and `mke2fs`",
    met: || host::find("mmdebstrap").is_some() && host::find("mke2fs").is_some(),
    package: "mmdebstrap e2fsprogs debian-archive-keyring",
};

/// Unpacks its kernel.
const ZSTD: Need = Need { what: "`zstd`", met: || host::find("zstd").is_some(), package: "zstd" };

/// Reads logs of pods and runs commands in them, as people do. Any version can; Debian's is old.
const KUBECTL: Need = Need { what: "`kubectl`", met: || host::find("kubectl").is_some(), package: "kubernetes-client" };

/// Kills `hybridge node init` before each of its changes (tests/trouble/killed.rs).
const STRACE: Need = Need { what: "`strace`", met: || host::find("strace").is_some(), package: "strace" };

/// `cargo xtask real`.
pub(crate) fn run(flags: Flags) -> Result<ExitCode> {
    flags.finish()?;
    let workspace = Workspace::load()?;
    println!("Real parts of the tests: {PARTS}");
    host::install(&NEEDS)?;
    let directory = ensure(&workspace)?;
    println!("all are in {}", directory.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes what is missing or out of date and returns the folder. Long output goes to `*.log` there.
///
/// Needs [`host::PYTHON`]; running a node also needs the rest of [`NEEDS`].
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let directory = workspace.target.join("real");
    let sources = workspace.root.join("tests/real");
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for program in python::PROGRAMS {
        python::ensure(program, &sources.join(program), &directory)?;
    }
    vm::ensure(&sources.join("vm"), &directory)?;
    for module in &go::MODULES {
        go::ensure(module, &sources.join(module.name), &directory)?;
    }
    Ok(directory)
}

/// Runs `make` unless the stamp beside the result says that it was made from exactly these inputs.
pub(crate) fn once(directory: &Path, part: &str, inputs: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let stamp = directory.join(format!("{part}.made-from"));
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == inputs) {
        return Ok(());
    }
    // Absent while the part is half made.
    let _ = std::fs::remove_file(&stamp);
    let log = directory.join(format!("{part}.log"));
    let _ = std::fs::remove_file(&log);
    println!("{part}: making it (log: {})", log.display());
    let start = Instant::now();
    make(&log).with_context(|| format!("cannot make {part}"))?;
    std::fs::write(&stamp, inputs).with_context(|| format!("cannot write {}", stamp.display()))?;
    println!("{part}: made in {}", seconds(start.elapsed()));
    Ok(())
}

/// The text of a file that a part is made from.
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A virtual environment of Python with exactly these packages.
pub(crate) fn venv(directory: &Path, packages: &[&str], log: &Path) -> Result<()> {
    crate::command::run_logged(Command::new("python3").args(["-m", "venv", "--clear"]).arg(directory), log)?;
    let pip = directory.join("bin/pip");
    crate::command::run_logged(Command::new(pip).args(["install", "--disable-pip-version-check"]).args(packages), log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_made_again_only_when_its_inputs_change_or_it_failed() {
        let directory = std::env::temp_dir().join(format!("hybridge-xtask-once-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let made = std::cell::Cell::new(0);
        let make = |inputs: &str, result: Result<()>| {
            once(&directory, "part", inputs, |_| {
                made.set(made.get() + 1);
                result
            })
        };
        make("a", Ok(())).unwrap();
        make("a", Ok(())).unwrap();
        assert_eq!(made.get(), 1);
        make("b", Err(anyhow::anyhow!("disk full"))).unwrap_err();
        make("b", Ok(())).unwrap();
        make("a", Ok(())).unwrap();
        assert_eq!(made.get(), 4);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
