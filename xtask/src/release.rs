//! Static binaries for release: for both processors, from any machine, the same bytes each time.
//!
//! Rust's musl targets bring their own C library and rustc its own linker, so only C code needs a compiler for the other processor;
//! zig is one for all, and comes from PyPI. No path of this machine gets into a binary.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, output, run as run_command};
use crate::host;
use crate::real::{once, venv};
use crate::workspace::Workspace;

/// The C compiler, as Python package. Another version may give other bytes.
const ZIG: &str = "ziglang==0.15.2";

/// A program that is released.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    package: &'static str,
    /// Its file.
    pub(crate) binary: &'static str,
}

/// The gateway.
pub(crate) const GATEWAY: Product = Product { package: "hybridge-gatewayd", binary: "hybridge-gateway" };

/// The command that people type.
pub(crate) const HYBRIDGE: Product = Product { package: "hybridge", binary: "hybridge" };

/// A processor that is released for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Platform {
    /// As images and archives name it.
    pub(crate) name: &'static str,
    /// As rustc and zig do.
    processor: &'static str,
}

/// All of them.
pub(crate) const PLATFORMS: [Platform; 2] =
    [Platform { name: "amd64", processor: "x86_64" }, Platform { name: "arm64", processor: "aarch64" }];

impl Platform {
    /// That of this machine.
    pub(crate) fn host() -> Result<Self> {
        let triple = host::triple()?;
        match PLATFORMS.into_iter().find(|platform| triple.starts_with(platform.processor)) {
            Some(platform) => Ok(platform),
            None => bail!("there is no release for {triple}"),
        }
    }

    fn target(self) -> String {
        format!("{}-unknown-linux-musl", self.processor)
    }

    /// The folder into which [`build`] puts binaries.
    pub(crate) fn folder(self, workspace: &Workspace, profile: &str) -> PathBuf {
        workspace.target.join(self.target()).join(if profile == "dev" { "debug" } else { profile })
    }
}

/// Builds static binaries with a cargo profile, for one platform after the other: the largest crate takes 7 GB of memory.
///
/// Needs [`host::C_COMPILER`] and [`host::PYTHON`].
pub(crate) fn build(workspace: &Workspace, products: &[Product], platforms: &[Platform], profile: &str) -> Result<()> {
    let zig = zig(workspace)?;
    let places = Places::new(workspace)?;
    let cache = workspace.target.join("tools/zig-cache");
    for platform in platforms {
        let target = platform.target();
        if !installed(&target)? {
            host::rustup("target", &target)?;
        }
        let mut command = cargo();
        command.args(["build", "--locked", "--profile", profile, "--target", &target]);
        command.args(products.iter().flat_map(|product| ["--package", product.package]));
        let variable = target.replace('-', "_");
        command.env(format!("CC_{variable}"), format!("{} cc", zig.display()));
        command.env(format!("AR_{variable}"), format!("{} ar", zig.display()));
        command.env(format!("CFLAGS_{variable}"), places.c_flags(*platform));
        command.env("ZIG_GLOBAL_CACHE_DIR", &cache).env("ZIG_LOCAL_CACHE_DIR", &cache);
        run_command(command.env("CARGO_ENCODED_RUSTFLAGS", places.rust_flags()))?;
    }
    for platform in platforms {
        for product in products {
            places.check(&platform.folder(workspace, profile).join(product.binary))?;
        }
    }
    Ok(())
}

/// Installs zig unless it is there, and returns its path.
fn zig(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target.join("tools");
    if tools.as_os_str().to_string_lossy().contains(char::is_whitespace) {
        bail!("{} has a space in it, at which compiler flags would be cut; set CARGO_TARGET_DIR to another folder", tools.display());
    }
    fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let environment = tools.join("zig-venv");
    once(&tools, "zig", ZIG, |log| venv(&environment, &[ZIG], log))?;
    let mut python = Command::new(environment.join("bin/python"));
    let package = output(python.args(["-c", "import ziglang; print(ziglang.__path__[0])"]))?;
    Ok(Path::new(package.trim()).join("zig"))
}

fn installed(target: &str) -> Result<bool> {
    Ok(sysroot()?.join("lib/rustlib").join(target).join("lib").is_dir())
}

fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(output(Command::new("rustc").args(["--print", "sysroot"]))?.trim()))
}

/// Folders of this machine and what stands for them in a binary: names of source files in panics and in errors of C code.
struct Places {
    /// Later ones win where one is inside the other.
    folders: Vec<(PathBuf, String)>,
    /// The source of Rust's standard library, if it is installed.
    standard_library: (PathBuf, String),
}

impl Places {
    fn new(workspace: &Workspace) -> Result<Self> {
        let version = output(Command::new("rustc").arg("-vV"))?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
        let outside = workspace.packages.iter().filter(|package| !package.manifest_path.starts_with(&workspace.root));
        // The folder of a crate's folder: one for each registry, with the registry's name and a hash of it.
        let registries: BTreeSet<_> = outside.filter_map(|package| package.manifest_path.parent()?.parent()).collect();
        let mut folders = vec![(workspace.root.clone(), "/hybridge".to_owned())];
        folders.extend(registries.into_iter().map(|folder| (folder.to_owned(), "/registry".to_owned())));
        folders.push((workspace.target.clone(), "/target".to_owned()));
        // The name that it has in the library as it is installed.
        Ok(Self { folders, standard_library: (sysroot()?.join("lib/rustlib/src/rust"), format!("/rustc/{commit}")) })
    }

    /// As `CARGO_ENCODED_RUSTFLAGS` wants them. Procedural macros and build scripts are built without, since a target is named.
    fn rust_flags(&self) -> String {
        let linker = ["-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Clink-self-contained=yes"].map(str::to_owned);
        let remap = self.all().map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()));
        linker.into_iter().chain(remap).collect::<Vec<_>>().join("\u{1f}")
    }

    /// The target is named here, since zig does not know the name that Rust's build scripts give it; the last one counts. Without
    /// optimisation zig would check for undefined behaviour, with functions that are not there.
    fn c_flags(&self, platform: Platform) -> String {
        let own = format!("-target {}-linux-musl -fno-sanitize=undefined", platform.processor);
        let remap = self.folders.iter().map(|(folder, name)| format!("-ffile-prefix-map={}={name}", folder.display()));
        std::iter::once(own).chain(remap).collect::<Vec<_>>().join(" ")
    }

    fn all(&self) -> impl Iterator<Item = &(PathBuf, String)> {
        self.folders.iter().chain([&self.standard_library])
    }

    /// Whether a binary names none of these folders.
    fn check(&self, binary: &Path) -> Result<()> {
        let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
        match self.all().map(|(folder, _)| folder).find(|folder| contains(&bytes, folder.as_os_str())) {
            Some(folder) => bail!("{} names {}, so that another machine would build another one", binary.display(), folder.display()),
            None => Ok(()),
        }
    }
}

fn contains(bytes: &[u8], folder: &OsStr) -> bool {
    // Paths of source files are UTF-8; what is not becomes a mark that no path holds.
    let text = String::from_utf8_lossy(bytes);
    text.contains(&format!("{}/", folder.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(folders: &[(&str, &str)]) -> Places {
        let folders = folders.iter().map(|(folder, name)| ((*folder).into(), (*name).into())).collect();
        Places { folders, standard_library: ("/std".into(), "/rustc/1".into()) }
    }

    #[test]
    fn a_binary_that_names_a_folder_of_this_machine_is_found() {
        let places = places(&[("/home/somebody/hybridge", "/hybridge")]);
        let file = std::env::temp_dir().join(format!("hybridge-xtask-places-{}", std::process::id()));
        for (text, good) in [("\u{7f}ELF /hybridge/a.rs", true), ("\u{7f}ELF\0/home/somebody/hybridge/a.rs", false)] {
            fs::write(&file, text).unwrap();
            assert_eq!(places.check(&file).is_ok(), good, "{text}");
        }
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn flags_name_every_place_for_rust_and_c() {
        let places = places(&[("/w", "/hybridge"), ("/w/target", "/target")]);
        let remap =
            "\u{1f}--remap-path-prefix=/w=/hybridge\u{1f}--remap-path-prefix=/w/target=/target\u{1f}--remap-path-prefix=/std=/rustc/1";
        assert!(places.rust_flags().ends_with(remap));
        let flags = places.c_flags(PLATFORMS[1]);
        assert!(flags.starts_with("-target aarch64-linux-musl ") && flags.ends_with("-ffile-prefix-map=/w/target=/target"), "{flags}");
    }
}
