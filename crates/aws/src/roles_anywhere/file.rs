//! A shared credentials file that is kept fresh.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::TemporaryCredentials;

/// Why a credentials file is not written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be {what}", path.display())]
pub struct FileError {
    path: PathBuf,
    what: &'static str,
    #[source]
    source: io::Error,
}

/// A shared credentials file and the profile in it that is ours. Other profiles stay as they are.
#[derive(Clone, Debug)]
pub struct CredentialsFile {
    path: PathBuf,
    profile: String,
}

impl CredentialsFile {
    /// Nothing is read or written yet.
    pub fn new(path: impl Into<PathBuf>, profile: impl Into<String>) -> Self {
        Self { path: path.into(), profile: profile.into() }
    }

    /// Replaces the file by one with these credentials, in one step, readable by its owner alone.
    ///
    /// # Errors
    /// The file cannot be read, or its folder cannot be written.
    pub fn write(&self, credentials: &TemporaryCredentials) -> Result<(), FileError> {
        let failed = |what| move |source| FileError { path: self.path.clone(), what, source };
        let old = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed("read")(error)),
        };
        let text = replaced(&old, &self.profile, credentials);
        replace(&self.path, text.as_bytes()).map_err(failed("written"))
    }
}

/// Writes beside the file and renames, so that readers see the old or the new content, never a part.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // Left by one that was ended halfway.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _gone = fs::remove_file(&beside);
    }
    written
}

/// `old` with the keys of our profile replaced.
fn replaced(old: &str, profile: &str, credentials: &TemporaryCredentials) -> String {
    const KEYS: [&str; 3] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    let ours = format!(
        "[{profile}]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
        credentials.access_key_id, credentials.secret_access_key, credentials.session_token
    );
    let (mut text, mut is_ours, mut is_written) = (String::new(), false, false);
    for line in old.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_ours = name.trim() == profile;
            if is_ours {
                if !is_written {
                    text.push_str(&ours);
                }
                is_written = true;
                continue;
            }
        }
        let key = trimmed.split('=').next().unwrap_or_default().trim();
        if !(is_ours && KEYS.contains(&key)) {
            text.push_str(line);
            text.push('\n');
        }
    }
    if !is_written {
        text.push_str(if text.is_empty() { "" } else { "\n" });
        text.push_str(&ours);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(id: &str) -> TemporaryCredentials {
        TemporaryCredentials {
            access_key_id: id.into(),
            secret_access_key: "secret".into(),
            session_token: "token".into(),
            expires: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_our_profile_is_replaced_and_only_the_owner_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/credentials");
        let file = CredentialsFile::new(&path, "default");
        let ours = |id: &str| format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = secret\naws_session_token = token\n");
        file.write(&credentials("ONE")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), ours("ONE"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let other = "# mine\n[other]\naws_access_key_id = OTHER\n";
        fs::write(&path, format!("{other}[default]\naws_access_key_id=OLD\nregion = eu-west-1\n\n[last]\nx = 1\n")).unwrap();
        file.write(&credentials("TWO")).unwrap();
        file.write(&credentials("THREE")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{other}{}region = eu-west-1\n\n[last]\nx = 1\n", ours("THREE")));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

        fs::write(&path, other).unwrap();
        file.write(&credentials("FOUR")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{other}\n{}", ours("FOUR")));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        fs::write(&path, "[default]\nold = 1\n").unwrap();
        fs::create_dir(folder.path().join("credentials.new")).unwrap();
        let error = CredentialsFile::new(&path, "default").write(&credentials("ONE")).unwrap_err();
        assert!(error.to_string().contains("credentials cannot be written"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "[default]\nold = 1\n");
    }
}
