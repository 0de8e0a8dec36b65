//! `hybridge lni render`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hybridge_aws::{Imds, ImdsError, Metadata};
use hybridge_lni::facts::Facts;
use hybridge_lni::profile::{Match, Profile};
use hybridge_lni::render::{self, Backend, File};
use hybridge_model::MacAddr;
use hybridge_node_host::host::Host;
use hybridge_report::{Exit, Finding, chain};
use serde_json::{Value, json};

use super::source;
use crate::args::Output;
use crate::args::lni::{Backend as Asked, Render};
use crate::tell;

pub(crate) fn run(flags: &Render) -> Exit {
    let profile = match source::read(&flags.profile.file) {
        Ok(profile) => profile,
        Err(exit) => return exit,
    };
    let mac = match mac(&profile, flags.mac) {
        Ok(mac) => mac,
        Err(finding) => {
            tell::findings([&finding]);
            return Exit::Input;
        }
    };
    let files = render::files(&profile, mac, backend(flags.backend));
    match &flags.dir {
        None => print(&files, flags.output),
        Some(dir) => write(&files, dir, flags),
    }
}

fn backend(asked: Asked) -> Backend {
    match asked {
        Asked::Auto => Backend::of(&here()),
        Asked::Networkd => Backend::Networkd,
        Asked::NetworkManager => Backend::NetworkManager,
        Asked::Netplan => Backend::Netplan,
    }
}

/// The distribution, and who of the two runs: each has a directory of its own while it does.
fn here() -> Facts {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let id = release.lines().find_map(|line| line.strip_prefix("ID=")).unwrap_or_default();
    let running = [("/run/NetworkManager/devices", "NetworkManager.service"), ("/run/systemd/netif/links", "systemd-networkd.service")];
    let units = running.into_iter().filter(|(path, _)| Path::new(path).is_dir()).map(|(_, unit)| unit.to_owned());
    Facts { os: id.trim_matches('"').to_owned(), units: units.collect(), ..Facts::default() }
}

/// As the flag says, then as the profile, then as instance metadata.
fn mac(profile: &Profile, said: Option<MacAddr>) -> Result<MacAddr, Finding> {
    match (said, profile.which) {
        (Some(mac), Match::Mac(other)) if mac != other => {
            let what = format!("is {mac}, and lni.match.mac is {other}");
            Err(Finding::error("lni.mac", "--mac", what).fix("leave one of the two out"))
        }
        (Some(mac), _) | (None, Match::Mac(mac)) => Ok(mac),
        (None, Match::DeviceIndex(index)) => {
            let place = "lni.match.deviceIndex";
            let otherwise = "say --mac with its MAC address, or run this on the machine";
            match crate::runtime::block_on(with_index(index)) {
                Ok(Some(mac)) => Ok(mac),
                Ok(None) => {
                    let what = format!("instance metadata knows no interface with device index {index}");
                    Err(Finding::error("lni.interface-missing", place, what).fix(format!("attach it first, or {otherwise}")))
                }
                Err(error) => {
                    let what =
                        format!("device index {index} is told by instance metadata alone, and that cannot be asked: {}", chain(&error));
                    Err(Finding::error("lni.metadata", place, what).fix(otherwise))
                }
            }
        }
    }
}

async fn with_index(index: u8) -> Result<Option<MacAddr>, ImdsError> {
    let imds = Imds::open(&Metadata::from_env()).await?;
    for mac in imds.macs().await? {
        let number = imds.interface(&mac.to_string(), "device-number").await?;
        if number.is_some_and(|number| number.trim() == index.to_string()) {
            return Ok(Some(mac));
        }
    }
    Ok(None)
}

fn print(files: &[File], output: Output) -> Exit {
    match output {
        Output::Json | Output::Yaml => {
            tell::structured(output, &files.iter().map(|file| row(file, &format!("/etc/{}", file.path), None)).collect::<Value>())
        }
        Output::Table => {
            let text = |file: &File| match file.content.as_str() {
                "" => format!("==> /etc/{} ({:04o}): empty, which switches the unit off\n\n", file.path, file.mode),
                content => format!("==> /etc/{} ({:04o})\n{content}\n", file.path, file.mode),
            };
            tell::data(&files.iter().map(text).collect::<String>())
        }
    }
}

fn row(file: &File, path: &str, change: Option<&str>) -> Value {
    let mut row = json!({ "path": path, "mode": format!("{:04o}", file.mode), "content": file.content });
    if let Some(change) = change {
        row["change"] = Value::from(change);
    }
    row
}

/// What is to be done about a file in a directory.
enum Step<'a> {
    Keep(&'a File),
    Write(&'a File),
    /// Of another backend, or of a VLAN that is no more.
    Remove(String),
}

fn write(files: &[File], dir: &Path, flags: &Render) -> Exit {
    let dir = match std::path::absolute(dir) {
        Ok(dir) => dir,
        Err(error) => return refused(dir, &error),
    };
    let mut rows = Vec::new();
    let mut text = String::new();
    for step in steps(files, &dir) {
        let (path, change) = match &step {
            Step::Keep(file) => (dir.join(&file.path), "unchanged"),
            Step::Write(file) => (dir.join(&file.path), if flags.dry_run { "would write" } else { "wrote" }),
            Step::Remove(path) => (dir.join(path), if flags.dry_run { "would remove" } else { "removed" }),
        };
        if !flags.dry_run
            && let Err(error) = take(&step, &path)
        {
            let exit = refused(&path, &error);
            return if rows.is_empty() { exit } else { Exit::Partly };
        }
        let shown = path.display().to_string();
        text += &format!("{change} {shown}\n");
        rows.push(match step {
            Step::Keep(file) | Step::Write(file) => row(file, &shown, Some(change)),
            Step::Remove(_) => json!({ "path": shown, "change": change }),
        });
    }
    match flags.output {
        form @ (Output::Json | Output::Yaml) => tell::structured(form, &rows),
        Output::Table => tell::data(&text),
    }
}

fn steps<'a>(files: &'a [File], dir: &Path) -> Vec<Step<'a>> {
    let kept = files.iter().map(|file| if same(file, &dir.join(&file.path)) { Step::Keep(file) } else { Step::Write(file) });
    let ours = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| render::is_ours(&text));
    let gone = render::left_over(files).into_iter().filter(|path| ours(&dir.join(path))).map(Step::Remove);
    kept.chain(gone).collect()
}

fn same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|meta| meta.permissions().mode() & 0o7777);
    mode == Some(file.mode) && fs::read(path).is_ok_and(|bytes| bytes == file.content.as_bytes())
}

fn take(step: &Step<'_>, path: &Path) -> io::Result<()> {
    match step {
        Step::Keep(_) => Ok(()),
        Step::Write(file) => Host::system().write(&path.display().to_string(), &file.content, file.mode),
        Step::Remove(_) => fs::remove_file(path),
    }
}

fn refused(path: &Path, error: &io::Error) -> Exit {
    let finding = Finding::error("file.write", path.display().to_string(), format!("cannot be written: {error}"));
    tell::findings([&finding.fix("run this as root, or name another directory with --dir")]);
    Exit::Input
}
