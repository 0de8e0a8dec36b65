//! `hybridge-packaging`: what `cargo xtask package` runs once the binaries are built.

#![allow(clippy::print_stdout, reason = "a command-line tool talks to its user")]

mod documents;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use hybridge_packaging::image::{self, Image};
use hybridge_packaging::tree::Tree;
use hybridge_packaging::{Architecture, Source, licences, linked, release, sbom};

/// Programs in the archives, and the packages that build them.
const PRODUCTS: [(&str, &str); 2] = [("hybridge", "hybridge"), (GATEWAY, GATEWAY_PACKAGE)];

/// The program in the image.
const GATEWAY: &str = "hybridge-gateway";

const GATEWAY_PACKAGE: &str = "hybridge-gatewayd";

/// Makes packages from static binaries.
#[derive(Parser)]
#[command(name = "hybridge-packaging", version = hybridge_version::LONG)]
struct Arguments {
    /// The workspace from which the binaries were built
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    workspace: PathBuf,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Image, release archives, bills of materials and checksums
    Dist {
        #[command(flatten)]
        built: Built,
        /// Where they are put
        #[arg(long, value_name = "FOLDER")]
        output: PathBuf,
    },
    /// The image alone, for one processor or both
    Image {
        #[command(flatten)]
        built: Built,
        /// The archive
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Built {
    /// Folder with the binaries for x86-64
    #[arg(long, value_name = "FOLDER")]
    amd64: Option<PathBuf>,
    /// Folder with the binaries for 64-bit ARM
    #[arg(long, value_name = "FOLDER")]
    arm64: Option<PathBuf>,
}

impl Built {
    fn folders(&self) -> impl Iterator<Item = (Architecture, &Path)> {
        let folders = [(Architecture::Amd64, &self.amd64), (Architecture::Arm64, &self.arm64)];
        folders.into_iter().filter_map(|(architecture, folder)| Some((architecture, folder.as_deref()?)))
    }
}

fn main() -> Result<()> {
    let Arguments { workspace, task } = Arguments::parse();
    let source = Source::own();
    match task {
        Task::Dist { built, output } => dist(&workspace, &source, &built, &output),
        Task::Image { built, output } => {
            let image = image(&workspace, &source, &built)?.0;
            write(&output, &image.archive)?;
            println!("{} {}", image.digest, output.display());
            Ok(())
        }
    }
}

/// The image, and the bill of what is in it.
fn image(workspace: &Path, source: &Source, built: &Built) -> Result<(Image, Vec<u8>)> {
    let crates = linked::crates(workspace, &[GATEWAY_PACKAGE])?;
    let texts = texts(workspace, &crates)?;
    let mut binaries = BTreeMap::new();
    for (architecture, folder) in built.folders() {
        binaries.insert(architecture, read(&folder.join(GATEWAY))?);
    }
    let image = image::pack(source, &texts, &binaries).context("cannot make the image")?;
    Ok((image, sbom::bill(source, GATEWAY, &[GATEWAY_PACKAGE], &crates)?))
}

fn texts(workspace: &Path, crates: &[linked::Crate]) -> Result<Tree> {
    let rustc = Command::new("rustc").args(["--print", "sysroot"]).current_dir(workspace).output().context("cannot run rustc")?;
    let sysroot = PathBuf::from(String::from_utf8(rustc.stdout).context("rustc names its folder in UTF-8")?.trim());
    let own = workspace.join("LICENSE");
    let own = fs::read_to_string(&own).with_context(|| format!("cannot read {}", own.display()))?;
    Ok(licences::collect(crates, &own, &sysroot)?)
}

fn dist(workspace: &Path, source: &Source, built: &Built, output: &Path) -> Result<()> {
    let mut files = BTreeMap::new();
    let (image, bill) = image(workspace, source, built)?;
    files.insert(format!("{GATEWAY}-{}.cdx.json", source.version), bill);
    let packages = PRODUCTS.map(|(_, package)| package);
    let crates = linked::crates(workspace, &packages)?;
    let texts = texts(workspace, &crates)?;
    let documents = documents::documents()?;
    files.insert(format!("hybridge-{}.cdx.json", source.version), sbom::bill(source, "hybridge", &packages, &crates)?);
    for (architecture, folder) in built.folders() {
        let mut programs = BTreeMap::new();
        for (program, _) in PRODUCTS {
            let bytes = read(&folder.join(program))?;
            println!("{}  {program} for {}", megabytes(bytes.len() as u64), architecture.name());
            programs.insert(program.to_owned(), bytes);
        }
        let archive = release::pack(source, architecture, &programs, &texts, &documents)?;
        files.insert(release::name(source, architecture), archive);
    }
    for packed in &image.platforms {
        println!("{}  image for {}, compressed  {}", megabytes(packed.size), packed.architecture.name(), packed.digest);
    }
    println!("            image {}:{}  {}", image::NAME, source.version, image.digest);
    files.insert(format!("{GATEWAY}-{}.oci.tar", source.version), image.archive);
    files.insert("SHA256SUMS".to_owned(), release::sums(&files).into_bytes());
    fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    for (name, bytes) in &files {
        let path = output.join(name);
        write(&path, bytes)?;
        println!("{}  {}", megabytes(bytes.len() as u64), path.display());
    }
    Ok(())
}

/// Ten columns, in units of a million bytes.
fn megabytes(bytes: u64) -> String {
    format!("{:>7.2} MB", bytes as f64 / 1e6)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
