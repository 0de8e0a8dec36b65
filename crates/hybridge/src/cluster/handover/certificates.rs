//! An authority and certificates for labs. Where machines matter, certificates come from an authority that somebody looks after.

use hybridge_report::Finding;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};

use super::files::{Deed, Directory, Wanted};

/// The authority's certificate; what a trust anchor is made from.
pub(super) const AUTHORITY: &str = "pki/ca.pem";
const AUTHORITY_KEY: &str = "pki/ca.key";
const AUTHORITY_NAME: &str = "hybridge lab authority";
/// Days before now from which certificates count, for clocks that are behind.
const BEFORE: i64 = 1;
/// Days for which the authority and a node's certificate count.
const DAYS: (i64, i64) = (5 * 365, 365);
/// Characters of a common name (RFC 5280, `ub-common-name`), and of a role session's name, which is the same.
const LONGEST_NAME: usize = 64;

/// What was made, or would be.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Files by name.
    pub(super) files: Vec<(String, Deed)>,
    /// The authority's certificate; none: a dry run that would make one.
    pub(super) authority: Option<String>,
}

/// Makes an authority, unless there is one in the directory, and a certificate for each name that has none there.
pub(super) fn make(directory: &Directory<'_>, names: &[String], now: Timestamp) -> Result<Made, Vec<Finding>> {
    let wrong: Vec<Finding> = names.iter().filter_map(|name| wrong_name(name)).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let one = |finding| vec![finding];
    let mut made = Made::default();
    let issuer = authority(directory, now, &mut made).map_err(one)?;
    for name in names {
        node(directory, name, &issuer, now, &mut made).map_err(one)?;
    }
    Ok(made)
}

/// A node's name becomes a common name, a file's name, and the name of a Node.
fn wrong_name(name: &str) -> Option<Finding> {
    let form = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let good = (2..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(form) && ends(name.bytes().next()) && ends(name.bytes().last());
    (!good).then(|| {
        Finding::error("lab.node-name", "--lab-certificates", format!("{name:?} cannot be a node's name"))
            .fix("write 2 to 64 of a-z, 0-9, - and ., beginning and ending with a letter or digit")
    })
}

fn authority(directory: &Directory<'_>, now: Timestamp, made: &mut Made) -> Result<Issuer<'static, KeyPair>, Finding> {
    match (directory.read(AUTHORITY)?, directory.read(AUTHORITY_KEY)?) {
        (Some(certificate), Some(key)) => {
            let unusable = |error: rcgen::Error| {
                Finding::error(
                    "lab.authority",
                    directory.file(AUTHORITY).display().to_string(),
                    format!("cannot be used with its key: {error}"),
                )
                .fix("move pki away for a new authority")
            };
            let pair = KeyPair::from_pem(&key).map_err(unusable)?;
            let issuer = Issuer::from_ca_cert_pem(&certificate, pair).map_err(unusable)?;
            for (name, content) in [(AUTHORITY, &certificate), (AUTHORITY_KEY, &key)] {
                made.files.push((name.to_owned(), directory.write(Wanted { name, content, private: true })?));
            }
            made.authority = Some(certificate);
            Ok(issuer)
        }
        (None, None) => {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, AUTHORITY_NAME);
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages.extend([KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]);
            valid(&mut params, now, DAYS.0);
            let key = new_key()?;
            let certificate = params.self_signed(&key).map_err(not_made)?.pem();
            for (name, content) in [(AUTHORITY_KEY, key.serialize_pem()), (AUTHORITY, certificate.clone())] {
                made.files.push((name.to_owned(), directory.write(Wanted { name, content: &content, private: true })?));
            }
            made.authority = (!directory.dry_run).then_some(certificate);
            Ok(Issuer::new(params, key))
        }
        (certificate, _) => {
            let (there, missing) = if certificate.is_some() { (AUTHORITY, AUTHORITY_KEY) } else { (AUTHORITY_KEY, AUTHORITY) };
            Err(Finding::error("lab.authority", directory.file(there).display().to_string(), format!("is there without {missing}"))
                .fix("bring the other one back, or move pki away for a new authority"))
        }
    }
}

fn node(directory: &Directory<'_>, name: &str, issuer: &Issuer<'_, KeyPair>, now: Timestamp, made: &mut Made) -> Result<(), Finding> {
    let (file, key_file) = (format!("pki/{name}.pem"), format!("pki/{name}.key"));
    let there = (directory.read(&file)?, directory.read(&key_file)?);
    // A machine may have it already.
    if let (Some(certificate), Some(key)) = &there {
        for (name, content) in [(&file, certificate), (&key_file, key)] {
            made.files.push((name.clone(), directory.write(Wanted { name, content, private: true })?));
        }
        return Ok(());
    }
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, now, DAYS.1);
    let key = new_key()?;
    let certificate = params.signed_by(&key, issuer).map_err(not_made)?.pem();
    for (name, content) in [(&key_file, key.serialize_pem()), (&file, certificate)] {
        made.files.push((name.clone(), directory.write(Wanted { name, content: &content, private: true })?));
    }
    Ok(())
}

fn new_key() -> Result<KeyPair, Finding> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(not_made)
}

fn not_made(error: rcgen::Error) -> Finding {
    Finding::error("lab.certificate", "certificate", format!("cannot be made: {error}"))
}

fn valid(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let date = |days: i64| {
        let date: Date = today.saturating_add(jiff::Span::new().days(days));
        let number = |value: i8| u8::try_from(value).expect("months and days are positive");
        date_time_ymd(date.year().into(), number(date.month()), number(date.day()))
    };
    (params.not_before, params.not_after) = (date(-BEFORE), date(days));
}

/// Whether a certificate is one of a bundle.
pub(super) fn in_bundle(certificate: &str, bundle: &str) -> bool {
    let body = |text: &str| text.lines().map(str::trim).filter(|line| !line.contains("-----")).collect::<String>();
    let certificates = bundle.split("-----BEGIN CERTIFICATE-----").skip(1).filter_map(|rest| rest.split("-----END").next());
    let wanted = body(certificate);
    !wanted.is_empty() && certificates.map(body).any(|one| one == wanted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T20:00:00Z".parse().unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_authority_of_the_directory_is_used_again() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory { path: home.path(), force: false, dry_run: false };
        let first = make(&directory, &names(&["press-7"]), now()).unwrap();
        let deeds: Vec<_> = first.files.iter().map(|(name, deed)| (name.as_str(), *deed)).collect();
        assert_eq!(
            deeds,
            [
                ("pki/ca.key", Deed::Created),
                ("pki/ca.pem", Deed::Created),
                ("pki/press-7.key", Deed::Created),
                ("pki/press-7.pem", Deed::Created)
            ]
        );
        let second = make(&directory, &names(&["press-7", "press-8"]), now()).unwrap();
        assert_eq!(second.authority, first.authority);
        let made: Vec<_> = second.files.iter().filter(|(_, deed)| *deed != Deed::Unchanged).map(|(name, _)| name.as_str()).collect();
        assert_eq!(made, ["pki/press-8.key", "pki/press-8.pem"]);
        for (name, _) in &second.files {
            let mode = std::fs::metadata(directory.file(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert!(in_bundle(&second.authority.unwrap(), &std::fs::read_to_string(directory.file(AUTHORITY)).unwrap()));
    }

    #[test]
    fn half_an_authority_is_no_reason_to_make_another() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory { path: home.path(), force: true, dry_run: false };
        make(&directory, &[], now()).unwrap();
        std::fs::remove_file(directory.file(AUTHORITY_KEY)).unwrap();
        assert_eq!(make(&directory, &[], now()).unwrap_err()[0].code, "lab.authority");
    }

    #[test]
    fn names_that_no_node_can_have_make_nothing() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory { path: home.path(), force: false, dry_run: false };
        let long = "a".repeat(65);
        for name in ["", "a", "Press", "../up", "a/b", "-a", "a-", "ä", &long] {
            assert_eq!(make(&directory, &names(&[name]), now()).unwrap_err()[0].code, "lab.node-name", "{name}");
        }
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_bundle_has_a_certificate_however_it_is_wrapped() {
        let one = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n";
        let bundle = "-----BEGIN CERTIFICATE-----\nCCCC\n-----END CERTIFICATE-----\n  -----BEGIN CERTIFICATE-----\n  AAAABBBB\n  -----END CERTIFICATE-----";
        assert!(in_bundle(one, bundle) && !in_bundle(one, "") && !in_bundle("", bundle));
    }
}
