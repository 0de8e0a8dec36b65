//! Names and identifiers of AWS.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::Pem;

use super::Place;
use hybridge_document::Problems;

/// What an ARN has to name.
pub(super) struct Arn {
    service: &'static str,
    /// How the resource begins.
    resource: &'static str,
    regional: bool,
    /// Another service is an error. It is none for anchor and profile: nodeadm never looked, and test set-ups have made-up ones.
    strict: bool,
    example: &'static str,
}

pub(super) const TRUST_ANCHOR: Arn = Arn {
    service: "rolesanywhere",
    resource: "trust-anchor/",
    regional: true,
    strict: false,
    example: "arn:aws:rolesanywhere:REGION:ACCOUNT:trust-anchor/ID",
};
pub(super) const PROFILE: Arn = Arn {
    service: "rolesanywhere",
    resource: "profile/",
    regional: true,
    strict: false,
    example: "arn:aws:rolesanywhere:REGION:ACCOUNT:profile/ID",
};
pub(super) const ROLE: Arn =
    Arn { service: "iam", resource: "role/", regional: false, strict: true, example: "arn:aws:iam::ACCOUNT:role/NAME" };

/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
pub(super) fn arn(place: &Place<'_>, wanted: &Arn, problems: &mut Problems) {
    let (at, text) = (place.at, place.text());
    let fix = format!("write {}", wanted.example);
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = fields.as_slice() else {
        problems.error("arn.invalid", at, text, "is no ARN: one has six fields between `:`").fix(fix);
        return;
    };
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let wrong = if *arn != "arn" || !partition.starts_with("aws") || !partition.chars().all(word) {
        "does not begin with arn:aws (or arn:aws-cn, arn:aws-us-gov …)"
    } else if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        "has no account of 12 digits in its fifth field"
    } else if !region.is_empty() && !is_region(region) {
        "has no region in its fourth field"
    } else if resource.is_empty() || resource.contains(char::is_whitespace) || resource.ends_with('/') {
        "names no resource in its sixth field"
    } else {
        ""
    };
    if !wrong.is_empty() {
        problems.error("arn.invalid", at, text, wrong).fix(fix);
        return;
    }
    if *service != wanted.service || !resource.starts_with(wanted.resource) {
        let what = format!("is not of {}, {}…", wanted.service, wanted.resource);
        let problem =
            if wanted.strict { problems.error("arn.service", at, text, what) } else { problems.warning("arn.service", at, text, what) };
        problem.fix(fix);
    } else if region.is_empty() == wanted.regional {
        let what = if wanted.regional { "has no region in its fourth field" } else { "has a region; roles are global" };
        problems.error("arn.invalid", at, text, what).fix(fix);
    }
}

/// `us-west-2`, `us-gov-east-1`, `eusc-de-east-1`.
fn is_region(text: &str) -> bool {
    let mut words = text.split('-');
    let number = words.next_back().is_some_and(|word| (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit()));
    let words: Vec<&str> = words.collect();
    number && words.len() >= 2 && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

pub(super) fn region(place: &Place<'_>, problems: &mut Problems) {
    let text = place.text();
    if is_region(text) {
        return;
    }
    let zone = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let fix = match is_region(zone) {
        true => format!("that is an availability zone; write {zone}"),
        false => "write the cluster's region, such as us-west-2".to_owned(),
    };
    problems.error("region.invalid", place.at, text, "is no region").fix(fix);
}

/// Base64 of PEM certificates. The text itself is never shown: what is pasted here may be a key.
pub(super) fn authority(place: &Place<'_>, problems: &mut Problems) {
    let (at, text) = (place.at, place.text());
    let fix = "write certificateAuthority.data of `aws eks describe-cluster` as it stands";
    if text.contains("-----BEGIN") {
        problems.error("ca.base64", at, "", "is PEM; it has to be that in base64 once more").fix(fix);
        return;
    }
    // Go's decoder skips line breaks.
    let packed: Vec<u8> = text.bytes().filter(|byte| !b"\r\n".contains(byte)).collect();
    let decoded = match STANDARD.decode(packed) {
        Ok(decoded) => decoded,
        Err(error) => {
            problems.error("ca.base64", at, "", format!("is not base64: {}", base64_error(&error))).fix(fix);
            return;
        }
    };
    let mut certificates = 0;
    for pem in Pem::iter_from_buffer(&decoded) {
        let what = match pem {
            Ok(pem) if pem.label.contains("PRIVATE KEY") => "holds a private key, which must not leave the cluster",
            Ok(pem) if pem.label == "CERTIFICATE" && pem.parse_x509().is_ok() => {
                certificates += 1;
                continue;
            }
            Ok(pem) if pem.label == "CERTIFICATE" => "holds a certificate that is no X.509",
            Ok(_) => continue,
            Err(_) => "holds broken PEM",
        };
        problems.error("ca.certificate", at, "", what).fix(fix);
        return;
    }
    if certificates == 0 {
        problems.warning("ca.not-pem", at, "", "is base64, but not of PEM certificates; no API server can be trusted with it").fix(fix);
    }
}

/// Why a text is not base64, without any of it.
fn base64_error(error: &base64::DecodeError) -> String {
    match error {
        base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => {
            format!("character {} cannot be there", at + 1)
        }
        base64::DecodeError::InvalidLength(_) => "it is cut off".to_owned(),
        base64::DecodeError::InvalidPadding => "the `=` at its end are missing or too many".to_owned(),
    }
}

/// `^.{20,250}$` (API_CreateActivation). Never shown.
pub(super) fn activation_code(place: &Place<'_>, problems: &mut Problems) {
    let length = place.text().chars().count();
    if !(20..=250).contains(&length) || place.text().contains('\n') {
        let what = "is no activation code: one has 20 to 250 characters in one line";
        problems.error("ssm.activation-code", place.at, "", what).fix("write ActivationCode of `aws ssm create-activation`");
    }
}

/// Not shown either: the code is often what stands here.
pub(super) fn activation_id(place: &Place<'_>, problems: &mut Problems) {
    let groups: Vec<&str> = place.text().split('-').collect();
    let hex = |group: &&str| group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    if lengths != [8, 4, 4, 4, 12] || !groups.iter().all(hex) {
        let what = "is no activation id: one is a UUID in lower case";
        problems.error("ssm.activation-id", place.at, "", what).fix("write ActivationId of `aws ssm create-activation`");
    }
}

pub(super) fn node_name(place: &Place<'_>, problems: &mut Problems) {
    let (at, text) = (place.at, place.text());
    if text.chars().count() > 64 {
        let what = "NodeName can't be longer than 64 characters in hybrid iam roles anywhere configuration";
        problems.error("node-name.length", at, text, what).fix("write 1 to 64 characters: the name is a role session's, too");
        return;
    }
    // Kubernetes: a DNS subdomain (RFC 1123).
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    if !text.split('.').all(label) {
        let what = "is no name for a node: lower-case letters, digits, `-` and `.` are";
        problems.error("node-name.form", at, text, what).fix(format!("write {}", text.to_ascii_lowercase().replace(['_', ' '], "-")));
    }
}
