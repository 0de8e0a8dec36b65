//! The user's kubeconfig.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hybridge_cluster::kubeconfig::{Entry, KubeconfigError, merged, without};
use hybridge_cluster::world::LiveCluster;
use hybridge_report::Finding;

/// Only its owner reads it: it may hold credentials of other clusters.
const MODE: u32 = 0o600;

/// The entry of a cluster whose tokens this program gets.
pub(in crate::cluster) fn entry(live: &LiveCluster, region: &str, profile: Option<&str>) -> Entry {
    let program = std::env::current_exe().map_or_else(|_| "hybridge".into(), |path| path.display().to_string());
    Entry {
        name: live.name.clone(),
        arn: live.arn.clone(),
        region: region.to_owned(),
        server: live.endpoint.clone(),
        authority: live.certificate_authority.data.clone(),
        program,
        profile: profile.map(str::to_owned),
    }
}

/// Puts a cluster into a kubeconfig, the rest of which stays. False: it was in there.
pub(in crate::cluster) fn put(path: &Path, entry: &Entry) -> Result<bool, Finding> {
    change(path, |existing| merged(existing, entry))
}

/// Takes a cluster out of a kubeconfig, the rest of which stays. False: neither the cluster nor, maybe, the file was there.
pub(in crate::cluster) fn take_out(path: &Path, arn: &str) -> Result<bool, Finding> {
    change(path, |existing| without(existing, arn))
}

fn change(path: &Path, after: impl FnOnce(&str) -> Result<Option<String>, KubeconfigError>) -> Result<bool, Finding> {
    let wrong = |what: String| Finding::error("kubeconfig", path.display().to_string(), what);
    // A link stays a link.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = match fs::read_to_string(&place) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
    };
    let text = after(&existing).map_err(|error| wrong(format!("cannot be changed: {error}")).fix("mend it, or name another file"))?;
    let Some(text) = text else { return Ok(false) };
    write(&place, &text).map_err(|error| wrong(format!("cannot be written: {error}")))?;
    Ok(true)
}

/// All of it or nothing: written beside, then renamed.
fn write(place: &Path, text: &str) -> std::io::Result<()> {
    let directory = place.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned);
    if !directory.exists() {
        fs::create_dir_all(&directory)?;
    }
    let mode = fs::metadata(place).map_or(MODE, |metadata| metadata.permissions().mode() & MODE);
    let beside = directory.join(format!(".{}.{}", place.file_name().unwrap_or_default().to_string_lossy(), std::process::id()));
    let result = (|| {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, place)
    })();
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Entry {
        let live = LiveCluster { name: "shop".into(), arn: "arn:shop".into(), endpoint: "https://shop".into(), ..LiveCluster::default() };
        entry(&live, "eu-central-1", Some("dev"))
    }

    #[test]
    fn a_kubeconfig_is_made_for_its_owner_alone_and_changed_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("made/config"), directory.path().join("link"));
        assert!(put(&file, &example()).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!put(&file, &example()).unwrap());
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(put(&link, &Entry { server: "https://new".into(), ..example() }).unwrap());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("https://new") && text.contains("--profile"), "{text}");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_put_is_taken_out_and_a_file_that_is_not_there_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let (file, none) = (directory.path().join("config"), directory.path().join("none"));
        put(&file, &Entry { arn: "arn:other".into(), ..example() }).unwrap();
        let before = fs::read_to_string(&file).unwrap();
        put(&file, &example()).unwrap();
        assert!(take_out(&file, "arn:shop").unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), before.replace("current-context: \"arn:other\"", "current-context: \"\""));
        assert!(!take_out(&file, "arn:shop").unwrap());
        assert!(!take_out(&none, "arn:shop").unwrap() && !none.exists());
    }

    #[test]
    fn a_file_that_is_no_kubeconfig_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        fs::write(&file, "- a list\n").unwrap();
        let finding = put(&file, &example()).unwrap_err();
        assert_eq!(finding.code, "kubeconfig");
        assert_eq!(fs::read_to_string(&file).unwrap(), "- a list\n");
    }
}
