//! Credentials of registries, which a user's TOML may hold.

use toml::Table;

use crate::plan::File;

use super::document::leaves;

/// Keys of `registry.configs.HOST.auth` (containerd's docs/cri/registry.md).
const SECRET_KEYS: [&str; 3] = ["password", "auth", "identitytoken"];

/// Whether a setting is one that nobody but containerd should see.
pub(super) fn is_credential(path: &str) -> bool {
    let key = path.rsplit('.').next().unwrap_or(path);
    (path.contains(".registry.configs.") && SECRET_KEYS.contains(&key)) || path.contains(".registry.headers.")
}

/// A file with the user's settings in it: for root alone, and shown nowhere, if there are credentials among them.
pub(super) fn file(path: &str, content: String, user: Option<&Table>) -> File {
    let file = File::new(path, content);
    let secret = user.is_some_and(|user| leaves(user).keys().any(|path| is_credential(path)));
    if secret { File { mode: 0o600, secret, ..file } } else { file }
}
