//! Reading a profile.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use hybridge_lni::profile::{Parsed, Profile, parse};
use hybridge_report::{Exit, Finding};

use crate::tell;

/// Bytes that are read at most: more than a profile may have, so that a larger file is told as such.
const LARGEST: u64 = (1 << 20) + 1;

/// The profile in `file` (`-` for standard input); tells all that is wrong with it, and how the command ends then.
pub(super) fn read(file: &Path) -> Result<Profile, Exit> {
    let parsed = load(file).map_err(|finding| {
        tell::findings([&finding]);
        Exit::Input
    })?;
    let findings: Vec<Finding> = parsed.problems.into_iter().map(Finding::from).collect();
    tell::findings(&findings);
    parsed.profile.ok_or(Exit::Input)
}

/// What is in `file`, and tells nothing.
pub(super) fn load(file: &Path) -> Result<Parsed, Finding> {
    let (name, bytes) = bytes(file)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Finding::error("file.not-text", name.as_str(), "is not UTF-8 text").fix("save it as UTF-8; is it the right file?"))?;
    Ok(parse(&name, &text))
}

fn bytes(file: &Path) -> Result<(String, Vec<u8>), Finding> {
    let (mut bytes, stdin) = (Vec::new(), file == Path::new("-"));
    let name = if stdin { "standard input".to_owned() } else { file.display().to_string() };
    let read = match stdin {
        true => std::io::stdin().take(LARGEST).read_to_end(&mut bytes),
        false => fs::File::open(file).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)),
    };
    let Err(error) = read else { return Ok((name, bytes)) };
    let fix = "name a profile or a NodeConfig with -c, or - for standard input";
    let kind = error.kind();
    Err(if kind == ErrorKind::NotFound {
        Finding::error("file.missing", name, "there is no such file").fix(fix)
    } else if kind == ErrorKind::IsADirectory {
        Finding::error("file.directory", name, "is a directory").fix(fix)
    } else {
        Finding::error("file.unreadable", name, format!("cannot be read: {error}")).fix("see its owner and mode: ls -l")
    })
}
