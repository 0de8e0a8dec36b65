//! Texts of steps and disks.

use hybridge_document::Problems;

use super::Place;
use crate::config::own;

/// A name that can be a file's: lower-case letters, digits and dashes, as a DNS label (RFC 1123 §2.1).
pub(super) fn step_id(place: &Place<'_>, problems: &mut Problems) {
    let text = place.text();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let good = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && edge(text.as_bytes().first())
        && edge(text.as_bytes().last())
        && text.len() <= 63;
    if !good {
        problems.error("steps.id", place.at, text, "is no name of a step").fix("use small letters, digits and dashes, 63 at most");
    }
}

pub(super) fn duration(place: &Place<'_>, problems: &mut Problems) {
    if own::seconds(place.text()).is_none() {
        problems.error("steps.timeout", place.at, place.text(), "is no time between 1s and 24h").fix("write 30s, 5m or 1h");
    }
}

pub(super) fn size(place: &Place<'_>, problems: &mut Problems) {
    if own::bytes(place.text()).is_none() {
        problems.error("disks.size", place.at, place.text(), "is no size").fix("write 500GB, 1TB or 200GiB");
    }
}

pub(super) fn count(place: &Place<'_>, problems: &mut Problems) {
    if own::count(place.text()).is_none() {
        problems.error("disks.count", place.at, place.text(), "is no number from 1 to 64").fix("write 1, or how many disks there are");
    }
}

pub(super) fn label(place: &Place<'_>, problems: &mut Problems) {
    let text = place.text();
    let good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) && !text.starts_with('-');
    if !good || text.len() > 16 {
        problems.error("disks.label", place.at, text, "is no label").fix("use letters, digits, `-` and `_`, 12 at most for XFS");
    }
}
