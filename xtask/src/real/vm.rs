//! The virtual machine of the tests: a kernel and a root file system of Debian packages, which QEMU runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{once, read};
use crate::command::run_logged;
use crate::host;

/// What says how to build it, beside the files that it gets.
const SCRIPT: &str = "build.sh";

/// Builds it into `DIRECTORY/vm` unless everything below `source` is the same as then. Needs root for the owners of its files.
///
/// Newer packages of Debian alone do not make it again; deleting `vm.made-from` does.
pub(crate) fn ensure(source: &Path, directory: &Path) -> Result<()> {
    once(directory, "vm", &recipe(source)?, |log| {
        println!("vm: fetching Debian packages, making an image of them");
        let script = source.join(SCRIPT);
        let otherwise = format!("run `{} {}` as root", script.display(), directory.join("vm").display());
        let mut build = host::privileged("sh", &otherwise)?;
        // mmdebstrap calls what Debian has on root's PATH alone.
        build.env("PATH", std::env::join_paths(host::path())?);
        run_logged(build.arg(script).arg(directory.join("vm")), log)
    })
}

/// Every file that it is made from, with its name.
fn recipe(source: &Path) -> Result<String> {
    let mut text = String::new();
    for path in files(source)? {
        let name = path.strip_prefix(source).unwrap_or(&path);
        text.push_str(&format!("== {}\n{}", name.display(), read(&path)?));
    }
    Ok(text)
}

/// All files below a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_file_changes_the_recipe() {
        let folder = std::env::temp_dir().join(format!("hybridge-xtask-vm-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("root/etc")).unwrap();
        std::fs::write(folder.join(SCRIPT), "true\n").unwrap();
        std::fs::write(folder.join("root/etc/fstab"), "a\n").unwrap();
        let first = recipe(&folder).unwrap();
        assert_eq!(first, "== build.sh\ntrue\n== root/etc/fstab\na\n");
        std::fs::rename(folder.join("root/etc/fstab"), folder.join("root/etc/mtab")).unwrap();
        assert_ne!(recipe(&folder).unwrap(), first);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
