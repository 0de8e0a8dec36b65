//! Flags of the kubelet and the expression for its pods.

use super::Place;
use crate::config::Shape;
use hybridge_document::Problems;

/// One item of `kubelet.flags`. systemd splits the environment variable they are written to at white space.
pub(super) fn flag(place: &Place<'_>, shape: Shape, problems: &mut Problems) {
    let (at, text) = (place.at, place.text());
    let name = text.split(['=', ' ']).next().unwrap_or_default();
    if !name.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())) && name != "-v" {
        let fix = match text.trim_start_matches('-') {
            "" => "leave it out".to_owned(),
            bare => format!("write --{bare}"),
        };
        problems.error("flag.form", at, text, "is no flag: one begins with `--`").fix(fix);
        return;
    }
    if shape == Shape::Hybrid && name == "--hostname-override" {
        let found = text.split_once(['=', ' ']).map_or("", |(_, value)| value.trim());
        let what = format!("hostname-override kubelet flag is not supported for hybrid nodes but found override: {found}");
        problems.error("flag.hostname-override", at, text, what).fix("leave it out; the name comes from nodeName, or from SSM");
        return;
    }
    if text.contains(|c: char| c.is_control()) {
        problems.error("flag.form", at, "", "has a line break or another control character in it").fix("write it in one line");
    } else if text.contains(char::is_whitespace) {
        spaces(place, problems);
    }
}

/// `--v 5` and `--v=5 --foo=bar` come out right, if not by intent; anything else does not.
fn spaces(place: &Place<'_>, problems: &mut Problems) {
    let (at, text) = (place.at, place.text());
    let mut bare = false;
    let mut fine = true;
    for word in text.split_whitespace() {
        fine &= word.starts_with("--") || bare;
        bare = word.starts_with("--") && !word.contains('=');
    }
    if fine {
        let what = "has a space in it, at which systemd splits it";
        problems.warning("flag.space", at, text, what).fix("write one item a flag, its value after `=`");
    } else {
        let what = "has a space in it: systemd splits it there, and the kubelet refuses what follows";
        problems.error("flag.space", at, text, what).fix("write one item a flag, its value after `=` and without spaces");
    }
}

pub(super) fn expression(place: &Place<'_>, check: &dyn Fn(&str) -> Result<(), String>, problems: &mut Problems) {
    if let Err(why) = check(place.text()) {
        let fix = "it is CEL over default_enis, ips_per_eni and max_pods, such as `max_pods > 110 ? 110 : max_pods`";
        problems.error("cel.invalid", place.at, place.text(), format!("is no expression that can be computed: {why}")).fix(fix);
    }
}
