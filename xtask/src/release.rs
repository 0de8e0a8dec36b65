//! `cargo xtask release`: binaries that need nothing of the system they run on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, output, run as run_command};
use crate::flags::Flags;
use crate::host;
use crate::workspace::Workspace;

/// A program that is released.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    package: &'static str,
    /// Its file.
    pub(crate) binary: &'static str,
}

/// The gateway.
pub(crate) const GATEWAY: Product = Product { package: "hybridge-gatewayd", binary: "hybridge-gateway" };

const ALL: [Product; 3] =
    [GATEWAY, Product { package: "hybridge-lab", binary: "hybridge-lab" }, Product { package: "hybridge", binary: "hybridge" }];

/// `cargo xtask release`.
pub(crate) fn run(flags: Flags) -> Result<ExitCode> {
    flags.finish()?;
    host::install(&[host::C_COMPILER])?;
    let workspace = Workspace::load()?;
    let built = build(&workspace, &ALL)?;
    let dist = workspace.target.join("dist");
    fs::create_dir_all(&dist).with_context(|| format!("cannot make {}", dist.display()))?;
    for Product { binary, .. } in ALL {
        let (from, to) = (built.join(binary), dist.join(binary));
        let size = fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        println!("{:>6.1} MB  {}", size as f64 / 1e6, to.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds static binaries and returns their folder: with musl, else with glibc, whose name look-ups then lack plug-ins.
pub(crate) fn build(workspace: &Workspace, products: &[Product]) -> Result<PathBuf> {
    let gnu = host::triple()?;
    let musl = gnu.replace("-gnu", "-musl");
    let mut command = cargo();
    let triple = match prepare(&musl) {
        Ok(()) => {
            command.env(format!("CC_{}", musl.replace('-', "_")), "musl-gcc");
            musl
        }
        Err(why) => {
            println!("No musl here ({why:#}); linking glibc statically instead");
            command.env("RUSTFLAGS", "-C target-feature=+crt-static");
            gnu
        }
    };
    // Named even if it is this machine's: procedural macros, which cannot be static, then are built without the flags above.
    let packages = products.iter().flat_map(|product| ["--package", product.package]);
    run_command(command.args(["build", "--release", "--target", &triple]).args(packages))?;
    let folder = workspace.target.join(triple).join("release");
    for Product { binary, .. } in products {
        let path = folder.join(binary);
        if !is_static(&fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?)? {
            bail!("{} needs a dynamic linker", path.display());
        }
    }
    Ok(folder)
}

/// Gets the Rust target and the C compiler for it.
fn prepare(musl: &str) -> Result<()> {
    if !installed(musl)? {
        host::rustup("target", musl)?;
    }
    host::install(&[host::MUSL])
}

fn installed(target: &str) -> Result<bool> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir())
}

/// Whether an ELF file asks for no interpreter: program headers of type `PT_INTERP` (3), as in elf(5), for 64-bit little-endian.
fn is_static(elf: &[u8]) -> Result<bool> {
    let number = |at: usize, length: usize| {
        let bytes = elf.get(at..at + length).context("the ELF file ends early")?;
        anyhow::Ok(bytes.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    if elf.get(..6) != Some(&[0x7f, b'E', b'L', b'F', 2, 1]) {
        bail!("this is no 64-bit little-endian ELF file");
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        if number(table + index * size, 4)? == 3 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::is_static;

    #[test]
    fn this_test_program_is_dynamic_and_a_text_is_no_program() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(is_static(&program).unwrap(), cfg!(target_feature = "crt-static"));
        assert!(is_static(b"#!/bin/sh\n").is_err());
        assert!(is_static(&program[..40]).is_err());
    }
}
