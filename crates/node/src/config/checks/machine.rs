//! Files, services, variables and containerd's TOML.

use super::Place;
use hybridge_document::{At, Key, Problems};

/// An absolute path without `..`.
pub(super) fn path(place: &Place<'_>, problems: &mut Problems) {
    let text = place.text();
    let what = if !text.starts_with('/') {
        "is no absolute path"
    } else if text.split('/').any(|name| name == "..") {
        "has `..` in it"
    } else if text.contains(|c: char| c.is_control()) {
        "has a control character in it"
    } else {
        return;
    };
    problems.error("path.absolute", place.at, text, what).fix("write the whole path from /");
}

/// A systemd service, or `default`; it becomes a directory's name.
pub(in crate::config) fn service(key: &Key, problems: &mut Problems) {
    let text = key.text.as_str();
    let name = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    // 255 bytes are a file name; `.service.d` is put after it.
    if text.is_empty() || text.len() > 240 || text.starts_with('.') || !text.chars().all(name) {
        problems
            .error("environment.service", key.at, text, "cannot be the name of a service")
            .fix("write `default` or a unit's name without `.service`, such as kubelet");
    } else if let Some(bare) = text.strip_suffix(".service") {
        problems
            .error("environment.service", key.at, text, "has `.service` in it, which is put there by itself")
            .fix(format!("write {bare}"));
    }
}

/// The name of a variable, systemd.exec(5).
pub(in crate::config) fn variable(key: &Key, problems: &mut Problems) {
    let text = key.text.as_str();
    let valid = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !text.starts_with(|c: char| c.is_ascii_digit());
    if text.is_empty() || !valid {
        problems
            .error("environment.variable", key.at, text, "cannot be the name of a variable")
            .fix("write letters, digits and `_`, no digit first");
    }
}

/// Values are quoted when written; control characters cannot be. The value is not shown.
pub(in crate::config) fn variable_value(at: At, text: &str, problems: &mut Problems) {
    if text.contains(|c: char| c.is_control() && c != '\t' && c != '\n') {
        problems.error("environment.value", at, "", "has a control character in it").fix("leave it out");
    }
}

/// TOML syntax, with the place within the document. The text is not shown: registries have passwords in theirs.
pub(super) fn toml(place: &Place<'_>, problems: &mut Problems) {
    let text = place.text();
    let Err(error) = text.parse::<toml::Table>() else { return };
    let offset = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let what = format!("is not TOML: {} (line {} of it)", error.message().lines().collect::<Vec<_>>().join(", "), line + 1);
    let at = within(place, line, column);
    problems.error("toml.syntax", at, "", what).fix("mend the TOML; it is what containerd's config.toml holds");
}

/// Where a place of a `|` text is in the document; the text's beginning for other texts.
fn within(place: &Place<'_>, line: usize, column: usize) -> At {
    let Some(row) = place.text().lines().nth(line).filter(|_| place.scalar.literal) else { return place.at };
    let first = place.text().lines().next().unwrap_or_default();
    let start = usize::try_from(place.at.line).unwrap_or(usize::MAX).saturating_sub(1);
    // The scalar's place is that of `|` or of its first line, as the parser has it.
    let source: Vec<&str> = place.source.lines().skip(start).take(line + 2).collect();
    let shift = usize::from(source.first().is_none_or(|found| found.trim_start() != first.trim_start()));
    let indent = source.get(line + shift).and_then(|found| found.find(row)).unwrap_or(0);
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    At { line: number(start + line + shift + 1), column: number(indent + column + 1) }
}
