//! Files in the directory of a handover: what is the same stays, what differs is the user's unless told otherwise.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hybridge_report::Finding;
use serde::Serialize;

/// For everybody, and for the owner alone.
const MODES: (u32, u32) = (0o644, 0o600);

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Deed {
    /// It was not there.
    Created,
    /// It was there with another content, and `--force` was given.
    Replaced,
    /// It was there like this.
    Unchanged,
    /// It was there like this, but others than its owner could read it.
    Closed,
}

impl Deed {
    /// As it is told.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replaced => "replaced",
            Self::Unchanged => "unchanged",
            Self::Closed => "closed to others",
        }
    }
}

/// A directory that files go to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory<'a> {
    pub(super) path: &'a Path,
    /// Files with another content are replaced.
    pub(super) force: bool,
    /// Nothing is touched.
    pub(super) dry_run: bool,
}

/// A file that is wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Below the directory.
    pub(super) name: &'a str,
    pub(super) content: &'a str,
    /// For its owner alone.
    pub(super) private: bool,
}

impl Directory<'_> {
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What is in a file; none: it is not there.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, Finding> {
        match fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.cannot("read", name, &error)),
        }
    }

    /// Writes a file, or says what would be done.
    ///
    /// # Errors
    /// It is there with another content, or cannot be written.
    pub(super) fn write(&self, wanted: Wanted<'_>) -> Result<Deed, Finding> {
        let deed = self.deed(wanted)?;
        if !self.dry_run {
            let done = match deed {
                Deed::Created | Deed::Replaced => self.put(wanted),
                Deed::Closed => fs::set_permissions(self.file(wanted.name), Permissions::from_mode(MODES.1)),
                Deed::Unchanged => Ok(()),
            };
            done.map_err(|error| self.cannot("write", wanted.name, &error))?;
        }
        Ok(deed)
    }

    /// What would become of it.
    pub(super) fn deed(&self, wanted: Wanted<'_>) -> Result<Deed, Finding> {
        let Some(there) = self.read(wanted.name)? else { return Ok(Deed::Created) };
        if there != wanted.content {
            return if self.force { Ok(Deed::Replaced) } else { Err(self.differs(wanted.name)) };
        }
        let mode = fs::metadata(self.file(wanted.name)).map_err(|error| self.cannot("read", wanted.name, &error))?.permissions().mode();
        Ok(if wanted.private && mode & 0o077 != 0 { Deed::Closed } else { Deed::Unchanged })
    }

    /// Under another name first, so that nobody ever sees half of it, or all of it with a mode that is too wide.
    fn put(&self, wanted: Wanted<'_>) -> io::Result<()> {
        let path = self.file(wanted.name);
        let directory = path.parent().unwrap_or(self.path);
        fs::create_dir_all(directory)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let draft = directory.join(format!(".{name}.{}", std::process::id()));
        let written = self.draft(&draft, wanted).and_then(|()| fs::rename(&draft, &path));
        if written.is_err() {
            // The first error is the one to tell.
            let _gone = fs::remove_file(&draft);
        }
        written
    }

    fn draft(&self, draft: &Path, wanted: Wanted<'_>) -> io::Result<()> {
        // One of a process that was killed, with the number that this one has now.
        match fs::remove_file(draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mode = if wanted.private { MODES.1 } else { MODES.0 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(draft)?;
        file.write_all(wanted.content.as_bytes())?;
        file.sync_all()
    }

    /// Whether anything can be written here; for what cannot be had twice.
    pub(super) fn writable(&self) -> Result<(), Finding> {
        let draft = self.path.join(format!(".hybridge.{}", std::process::id()));
        let tried = fs::create_dir_all(self.path).and_then(|()| fs::write(&draft, "")).and_then(|()| fs::remove_file(&draft));
        tried.map_err(|error| self.cannot("write", "", &error))
    }

    fn differs(&self, name: &str) -> Finding {
        let what = "is there with another content, and stays as it is";
        Finding::error("handover.differs", self.file(name).display().to_string(), what)
            .fix("--force writes over it; or move it away, or name another --dir")
    }

    fn cannot(&self, what: &str, name: &str, error: &io::Error) -> Finding {
        let path = if name.is_empty() { self.path.to_owned() } else { self.file(name) };
        let finding = Finding::error(
            "handover.file",
            path.display().to_string(),
            format!("cannot be {}: {error}", if what == "read" { "read" } else { "written" }),
        );
        let fixes = [
            (ErrorKind::PermissionDenied, "see its owner and mode: ls -l"),
            (ErrorKind::StorageFull, "make room: df -h"),
            (ErrorKind::ReadOnlyFilesystem, "name another --dir"),
        ];
        match fixes.iter().find(|(kind, _)| *kind == error.kind()) {
            Some((_, fix)) => finding.fix(*fix),
            None => finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    const SECRET: Wanted<'static> = Wanted { name: "below/a", content: "text", private: true };

    #[test]
    fn what_is_the_same_stays_and_what_differs_is_the_users() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory { path: home.path(), force: false, dry_run: false };
        assert_eq!(directory.write(SECRET), Ok(Deed::Created));
        let path = directory.file("below/a");
        let (written, first) = (fs::metadata(&path).unwrap().modified().unwrap(), mode(&path));
        assert_eq!((directory.write(SECRET), first), (Ok(Deed::Unchanged), 0o600));
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);

        let other = Wanted { content: "other", ..SECRET };
        assert_eq!(directory.write(other).unwrap_err().code, "handover.differs");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(Directory { force: true, ..directory }.write(other), Ok(Deed::Replaced));
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("other", 0o600));
    }

    #[test]
    fn a_secret_that_others_can_read_is_closed() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory { path: home.path(), force: false, dry_run: false };
        directory.write(Wanted { private: false, ..SECRET }).unwrap();
        assert_eq!(mode(&directory.file("below/a")), 0o644);
        assert_eq!((directory.write(SECRET), mode(&directory.file("below/a"))), (Ok(Deed::Closed), 0o600));
    }

    #[test]
    fn a_dry_run_says_the_same_and_touches_nothing() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory { path: home.path(), force: false, dry_run: true };
        assert_eq!(directory.write(SECRET), Ok(Deed::Created));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_written_leaves_no_draft_behind() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("below/a")).unwrap();
        let directory = Directory { path: home.path(), force: true, dry_run: false };
        assert_eq!(directory.write(SECRET).unwrap_err().code, "handover.file");
        assert_eq!(fs::read_dir(home.path().join("below")).unwrap().count(), 1);
    }
}
