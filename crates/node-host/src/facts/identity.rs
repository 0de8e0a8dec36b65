//! The node's certificate and the public part of its key.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hybridge_node::facts::CertificateFacts;
use hybridge_node::resolve::CertificateFiles;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject};

use super::Part;
use crate::host::Host;

/// Reads both files; of the key nothing is kept but its public part.
pub(super) fn certificate(host: &Host, paths: Option<&CertificateFiles>) -> Part {
    let Some(CertificateFiles { certificate, private_key: key }) = paths else { return Box::new(|_| ()) };
    let text = host.text(certificate);
    let public = public_part(host, key);
    let path = certificate.clone();
    Box::new(move |facts| {
        let (key_public, key_problem) = match public {
            Ok(public) => (Some(public), None),
            Err(problem) => (None, Some(problem)),
        };
        let certificate = match text {
            // A file that holds the key too, as some tools write it.
            Ok(text) => text.map(|text| certificates(&text)),
            Err(error) => {
                facts.missing.insert(path, error.to_string());
                None
            }
        };
        facts.certificate = Some(CertificateFacts { certificate, key_problem, key_public });
    })
}

/// SubjectPublicKeyInfo in base64, or why the file is of no use.
fn public_part(host: &Host, path: &str) -> Result<String, String> {
    let text = host.text(path).map_err(|error| format!("cannot be read: {error}"))?.ok_or("is not there")?;
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err("is encrypted; nobody is there at boot to give its password".into());
    }
    // What the parser says may quote the file.
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| {
        let none = matches!(error, pem::Error::NoItemsFound);
        if none { "holds no private key in PEM" } else { "is no sound PEM" }
    })?;
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).map_err(|_| "is neither an RSA, ECDSA nor Ed25519 key")?;
    let public = key.public_key().ok_or("does not tell its public part")?;
    Ok(BASE64_STANDARD.encode(public.as_ref()))
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A text without whatever is not a certificate, if there is a key in it; else as it is, faults included.
fn certificates(text: &str) -> String {
    if !text.contains("PRIVATE KEY") {
        return text.to_owned();
    }
    let blocks = text.split(BEGIN).skip(1).filter_map(|rest| rest.split_once(END));
    blocks.map(|(body, _)| format!("{BEGIN}{body}{END}\n")).collect()
}

/// First certificate of a PEM text.
pub(super) fn first_certificate(text: &str) -> Option<String> {
    let (body, _) = text.split_once(BEGIN)?.1.split_once(END)?;
    Some(format!("{BEGIN}{body}{END}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::System;

    fn read(certificate: &str, key: &str) -> CertificateFacts {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("c"), certificate).unwrap();
        std::fs::write(dir.path().join("k"), key).unwrap();
        let mut facts = hybridge_node::facts::Facts::default();
        super::certificate(
            &Host::below(dir.path(), System),
            Some(&CertificateFiles { certificate: "/c".into(), private_key: "/k".into() }),
        )(&mut facts);
        facts.certificate.unwrap()
    }

    #[test]
    fn of_a_key_only_the_public_part_is_kept() {
        let made = rcgen::generate_simple_self_signed(["node".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        let both = format!("{}{key}", made.cert.pem());
        let facts = read(&both, &key);
        assert_eq!(facts.key_public, Some(BASE64_STANDARD.encode(rcgen::PublicKeyData::subject_public_key_info(&made.signing_key))));
        let lines = |text: &str| text.lines().map(String::from).collect::<Vec<_>>();
        assert_eq!(lines(&facts.certificate.clone().unwrap()), lines(&made.cert.pem()));
        let shown = serde_json::to_string(&facts).unwrap();
        assert!(key.lines().filter(|line| !line.starts_with('-')).all(|line| !shown.contains(line)), "{shown}");
    }

    #[test]
    fn a_key_of_no_use_is_explained() {
        for (key, problem) in [
            ("", "holds no private key in PEM"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "is encrypted; nobody is there at boot to give its password"),
            ("-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n", "is no sound PEM"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is neither an RSA, ECDSA nor Ed25519 key"),
        ] {
            assert_eq!(read("x", key).key_problem.as_deref(), Some(problem), "{key}");
        }
    }
}
