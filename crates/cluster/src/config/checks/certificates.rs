//! `remoteNetworkConfig.iam.caBundleCert`: whom Roles Anywhere is to trust.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::x509::X509Version;

use super::Checks;

const PATH: &str = "remoteNetworkConfig.iam.caBundleCert";
/// `SourceDataX509CertificateDataString` of the API of Roles Anywhere.
const LONGEST: usize = 204_800;
/// Quota of Roles Anywhere: certificates of a trust anchor.
const MOST: usize = 2;
/// Days before the end from which on it is told.
const SOON: i64 = 30;
/// Who signs for everybody: whoever has a certificate of theirs could join (`O=` of the subject).
const PUBLIC: [&str; 10] = [
    "Internet Security Research Group",
    "Let's Encrypt",
    "DigiCert Inc",
    "GlobalSign nv-sa",
    "Sectigo Limited",
    "Google Trust Services LLC",
    "Amazon",
    "GoDaddy.com, Inc.",
    "Entrust, Inc.",
    "The USERTRUST Network",
];
/// Signatures by MD5 and SHA-1, which Roles Anywhere refuses: RSA (RFC 3279), ECDSA (RFC 3279).
const WEAK: [&str; 3] = ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"];

pub(super) fn check(checks: &mut Checks<'_>) {
    let Some(text) = checks.config.remote_network_config.as_ref().map(|remote| remote.iam.ca_bundle_cert.as_str()) else { return };
    if text.trim().is_empty() {
        return;
    }
    if text.len() > LONGEST {
        checks.error("ca.many", PATH, format!("has {} bytes; Roles Anywhere takes {LONGEST}", text.len())).fix("write the root alone");
        return;
    }
    let mut count = 0;
    for pem in Pem::iter_from_buffer(text.as_bytes()) {
        let what = match pem {
            Ok(pem) if pem.label.contains("PRIVATE KEY") => {
                let what = "has a private key in it, which must not leave the authority's machine";
                checks.error("ca.private-key", PATH, what).fix("take it out, and make a new authority if others have seen it");
                continue;
            }
            Ok(pem) if pem.label == "CERTIFICATE" => {
                count += 1;
                match pem.parse_x509() {
                    Ok(certificate) => {
                        one(checks, count, &certificate);
                        continue;
                    }
                    Err(_) => format!("has a certificate that cannot be read: its part {count} is no X.509"),
                }
            }
            Ok(pem) => format!("has a part that is no certificate: BEGIN {}", pem.label.chars().take(40).collect::<String>()),
            Err(_) => "has a certificate that cannot be read: its PEM is broken".to_owned(),
        };
        checks
            .error("ca.unreadable", PATH, what)
            .fix("write the certificate from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----");
        return;
    }
    if count == 0 {
        let what = "has no certificate in it: -----BEGIN CERTIFICATE----- is missing";
        checks.error("ca.unreadable", PATH, what).fix("write the PEM text of the authority's certificate, not the name of a file");
    } else if count > MOST {
        let what = format!("has {count} certificates; a trust anchor takes {MOST}");
        checks.error("ca.many", PATH, what).fix("write the authority that signs, or the root above it");
    }
}

fn one(checks: &mut Checks<'_>, number: usize, certificate: &X509Certificate<'_>) {
    let which = format!("certificate {number} ({})", subject(certificate));
    let authority = certificate.basic_constraints().ok().flatten().is_some_and(|basic| basic.value.ca);
    if certificate.version() != X509Version::V3 || !authority {
        let what = format!("{which} is no authority: it lacks CA:TRUE in its basic constraints");
        checks.error("ca.authority", PATH, what).fix("write the certificate of the authority, not of a node or server");
    }
    if let Ok(Some(usage)) = certificate.key_usage()
        && !usage.value.key_cert_sign()
    {
        let what = format!("{which} may not sign certificates: its key usage lacks keyCertSign");
        checks.error("ca.key-usage", PATH, what).fix("make the authority with keyUsage = keyCertSign, cRLSign");
    }
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    if WEAK.contains(&algorithm.as_str()) {
        let what = format!("{which} is signed with MD5 or SHA-1, which Roles Anywhere does not believe");
        checks.error("ca.signature", PATH, what).fix("make it anew, signed with SHA-256");
    }
    if let Some(owner) = organization(certificate).filter(|owner| PUBLIC.contains(owner)) {
        let what = format!("{which} is of {owner}, which signs for everybody: anybody's certificate of theirs could join as a node");
        checks.error("ca.public", PATH, what).fix("make an authority of your own for the nodes");
    }
    validity(checks, &which, certificate);
}

fn validity(checks: &mut Checks<'_>, which: &str, certificate: &X509Certificate<'_>) {
    let second = |at: i64| Timestamp::from_second(at).ok();
    let (from, until) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    let day = |at: i64| second(at).map_or_else(|| "a day far away".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
    let now = checks.now.as_second();
    if until < now {
        let what = format!("{which} has expired on {}", day(until));
        checks.error("ca.expired", PATH, what).fix("make a new one; certificates of nodes that it signed are worth nothing now");
    } else if from > now {
        let what = format!("{which} is not valid before {}", day(from));
        checks.error("ca.early", PATH, what).fix("wait, or see this machine's clock");
    } else if until.saturating_sub(now) < SOON * 86_400 {
        let what = format!("{which} expires on {}, in less than {SOON} days", day(until));
        checks.warning("ca.soon", PATH, "", what).fix("make a new one and write both: a trust anchor takes two");
    }
}

fn subject(certificate: &X509Certificate<'_>) -> String {
    certificate.subject().to_string().chars().filter(|c| !c.is_control()).take(100).collect()
}

fn organization<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a str> {
    certificate.subject().iter_organization().next().and_then(|name| name.as_str().ok())
}
