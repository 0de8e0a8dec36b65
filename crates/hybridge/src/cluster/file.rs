//! The file that every command begins with.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use hybridge_cluster::config::{Annotations, ClusterConfig, Parsed, Places, parse};
use hybridge_report::{Exit, Finding};
use jiff::Timestamp;

use crate::args::cluster::File;
use crate::tell;

/// Bytes that are read at most: one more than a file may have, so that a larger one is told as such.
const LARGEST: u64 = (4 << 20) + 1;

/// A file without errors.
#[derive(Debug)]
pub(super) struct Read {
    /// What it asks for.
    pub(super) config: ClusterConfig,
    /// What it asks for by annotations.
    pub(super) annotations: Annotations,
    /// Where each value is.
    pub(super) places: Places,
    /// Its warnings. They are printed already.
    pub(super) warnings: Vec<Finding>,
}

/// Reads the file, and prints what is wrong with it; an error ends the command.
pub(super) fn read(file: &File, now: Timestamp) -> Result<Read, Exit> {
    let parsed = match load(file, now) {
        Ok(parsed) => parsed,
        Err(finding) => {
            tell::findings([&finding]);
            return Err(Exit::Input);
        }
    };
    let findings: Vec<Finding> = parsed.problems.into_iter().map(Finding::from).collect();
    tell::findings(&findings);
    let config = parsed.config.ok_or(Exit::Input)?;
    Ok(Read { config, annotations: parsed.annotations, places: parsed.places, warnings: findings })
}

/// Reads the file and prints nothing; what cannot be opened is one finding.
pub(super) fn load(file: &File, now: Timestamp) -> Result<Parsed, Finding> {
    let (name, bytes) = if file.file == Path::new("-") { ("standard input".to_owned(), stdin()?) } else { from_disk(&file.file)? };
    let text = String::from_utf8(bytes).map_err(|error| not_text(&name, error.as_bytes(), error.utf8_error().valid_up_to()))?;
    Ok(parse(&name, &text, &file.allow_unsupported, now))
}

fn stdin() -> Result<Vec<u8>, Finding> {
    let mut bytes = Vec::new();
    match std::io::stdin().take(LARGEST).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Finding::error("file.unreadable", "standard input", format!("cannot be read: {error}"))),
    }
}

fn from_disk(path: &Path) -> Result<(String, Vec<u8>), Finding> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let wrong = match fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
        Ok(_) => return Ok((name, bytes)),
        Err(error) => error,
    };
    let kind = wrong.kind();
    Err(if kind == ErrorKind::NotFound {
        Finding::error("file.missing", name, "there is no such file").fix("name the file with -f, or - for standard input")
    } else if kind == ErrorKind::IsADirectory {
        Finding::error("file.directory", name, "is a directory").fix("name one file in it")
    } else if kind == ErrorKind::PermissionDenied {
        Finding::error("file.unreadable", name, "may not be read by you").fix("see its owner and mode: ls -l")
    } else {
        Finding::error("file.unreadable", name, format!("cannot be read: {wrong}"))
    })
}

fn not_text(name: &str, bytes: &[u8], valid: usize) -> Finding {
    let line = bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
    Finding::error("file.not-text", format!("{name}:{line}"), "is not UTF-8 text").fix("save it as UTF-8; is it the right file?")
}
