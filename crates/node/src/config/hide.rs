//! What of a NodeConfig is not to be shown, besides the activation code: credentials of proxies, variables and registries.

use std::collections::BTreeMap;
use std::fmt;

use super::{Containerd, Instance};
use crate::secret::Secret;

/// Words in the names of variables and TOML keys whose values are hidden.
const WORDS: [&str; 7] = ["password", "passwd", "secret", "token", "credential", "auth", "activationcode"];

/// Bytes in which a URL's `@` is looked for, so that time stays linear in the text.
const MAX_USERINFO: usize = 1024;

/// Whether what is called so is a secret.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace("authority", "");
    WORDS.iter().any(|word| name.contains(word))
}

/// `value` of the variable `name` as it may be shown.
pub(super) fn variable(name: &str, value: &str) -> String {
    if is_secret_name(name) && !value.is_empty() { Secret::HIDDEN.to_owned() } else { text(value) }
}

/// `text` without user names and passwords of URLs (`scheme://user:password@host`).
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, user, after)) = userinfo(rest) {
        out.push_str(before);
        if !user.is_empty() {
            out.push_str(Secret::HIDDEN);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first URL of `text`: what is before its user information, that, and what is after it (from `@`).
fn userinfo(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.find("://")? + 3;
    let (before, authority) = text.split_at(at);
    let mut window = authority.len().min(MAX_USERINFO);
    while !authority.is_char_boundary(window) {
        window -= 1;
    }
    if !authority[..window].contains('@') {
        return Some((before, "", authority));
    }
    let word = authority[..window].find(char::is_whitespace).unwrap_or(window);
    let end = authority[..word].find(['/', '?', '#', '"', '\'', ',']).unwrap_or(word);
    // A password may hold what should have been escaped: up to the last @ before white space.
    let user = authority[..word].rfind('@').filter(|at| *at < end || authority[..*at].contains(':')).unwrap_or(0);
    Some((before, &authority[..user], &authority[user..]))
}

/// A proxy's address as it may be shown, which need not have a scheme (`user:password@host:8080`).
fn bare_userinfo(text: &str) -> Option<&str> {
    let (user, host) = text.rsplit_once('@')?;
    (!text.contains("://") && user.contains(':') && !host.contains('/')).then_some(user)
}

/// TOML `text` with the values of secret keys hidden, line by line.
pub(super) fn toml(text: &str) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some((key, _)) if is_secret_name(key) => format!("{key}= '{}'", Secret::HIDDEN),
        _ => self::text(line),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Environment as it may be shown.
pub(super) fn environment(services: &BTreeMap<String, BTreeMap<String, String>>) -> BTreeMap<String, BTreeMap<String, String>> {
    let variables = |of: &BTreeMap<String, String>| of.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect();
    services.iter().map(|(service, of)| (service.clone(), variables(of))).collect()
}

fn shown(name: &str, value: &str) -> String {
    match bare_userinfo(value) {
        Some(user) => value.replacen(user, Secret::HIDDEN, 1),
        None => variable(name, value),
    }
}

/// Whether the variable's value may not be stored.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    shown(name, value) != value
}

/// What looks secret in the text of a document, wherever it stands: documents with mistakes have it in odd places.
pub(super) fn secrets_of(source: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    for line in source.lines() {
        if let Some((key, value)) = line.split_once([':', '='])
            && is_secret_name(key)
        {
            let value = value.trim().trim_matches(['"', '\'', ',', '}', ' ']);
            secrets.push(value.to_owned());
            secrets.extend(value.split_whitespace().filter(|word| word.len() >= 8).map(str::to_owned));
        }
        let mut rest = line;
        while let Some((_, user, after)) = userinfo(rest) {
            secrets.push(user.to_owned());
            secrets.extend(user.split_once(':').map(|(_, password)| password.to_owned()));
            rest = after;
        }
    }
    secrets.retain(|secret| secret.len() >= 3 && !matches!(secret.as_str(), "true" | "false" | "null"));
    secrets.sort_by(|one, two| two.len().cmp(&one.len()).then_with(|| one.cmp(two)));
    secrets.dedup();
    secrets
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("local_storage", &self.local_storage)
            .field("environment", &environment(&self.environment))
            .field("network", &self.network)
            .field("steps", &self.steps)
            .field("disks", &self.disks)
            .finish()
    }
}

impl fmt::Debug for Containerd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Containerd").field("config", &toml(&self.config)).field("base_runtime_spec", &self.base_runtime_spec).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_nothing_else() {
        for (name, value, wanted) in [
            ("HTTP_PROXY", "http://proxy:8080", "http://proxy:8080"),
            ("HTTP_PROXY", "http://me:pw@proxy:8080/", "http://(hidden)@proxy:8080/"),
            ("HTTP_PROXY", "http://me@proxy", "http://(hidden)@proxy"),
            ("HTTP_PROXY", "http://me:p@w/x@proxy", "http://(hidden)@proxy"),
            ("HTTP_PROXY", "me:pw@proxy:8080", "(hidden)@proxy:8080"),
            ("A", "http://a:b@c http://d:e@f", "http://(hidden)@c http://(hidden)@f"),
            ("NO_PROXY", "localhost,169.254.169.254,.internal", "localhost,169.254.169.254,.internal"),
            ("MAIL", "me@example.com", "me@example.com"),
            ("MY_SECRET_KEY", "x", "(hidden)"),
            ("MY_SECRET_KEY", "", ""),
            ("CERTIFICATE_AUTHORITY", "x", "x"),
        ] {
            assert_eq!(shown(name, value), wanted, "{name}={value}");
        }
    }

    #[test]
    fn secrets_are_found_wherever_a_line_names_them() {
        let source = "activationCode: abc-def\nx: 'http://me:hunter2@proxy'\npassword = \"p w\"\ncertificateAuthority: abc\n";
        assert_eq!(secrets_of(source), ["me:hunter2", "abc-def", "hunter2", "p w"]);
    }
}
