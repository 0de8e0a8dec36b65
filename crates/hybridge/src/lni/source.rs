//! Reading a profile.

use std::io::Read as _;
use std::path::Path;

use hybridge_lni::profile::{Profile, parse};
use hybridge_report::{Exit, Finding};

use crate::tell;

/// The profile in `file` (`-` for standard input); tells all that is wrong with it, and how the command ends then.
pub(super) fn read(file: &Path) -> Result<Profile, Exit> {
    let (name, text) = match text(file) {
        Ok(read) => read,
        Err(error) => {
            let finding = Finding::error("lni.file", file.display().to_string(), format!("cannot be read: {error}"));
            tell::line(finding.fix("`hybridge lni check -c FILE` takes a profile or a NodeConfig"));
            return Err(Exit::Input);
        }
    };
    let parsed = parse(&name, &text);
    let findings: Vec<Finding> = parsed.problems.into_iter().map(Finding::from).collect();
    let wrong = tell::findings(&findings);
    parsed.profile.filter(|_| !wrong).ok_or(Exit::Input)
}

fn text(file: &Path) -> std::io::Result<(String, String)> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(("standard input".into(), text));
    }
    Ok((file.display().to_string(), std::fs::read_to_string(file)?))
}
