//! Who has signed a certificate.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::SignatureVerificationAlgorithm;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Whether one of the authorities (PEM) has signed the first certificate of `pem`; none if one of the two texts holds no certificate.
/// Dates do not matter: a kubelet's certificate of another life may have ended.
pub fn is_signed(pem: &str, authorities: &str) -> Option<bool> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&certificate).ok()?;
    let authorities: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(authorities.as_bytes()).map_while(Result::ok).collect();
    let mut signed = None;
    for authority in &authorities {
        if let Ok((_, authority)) = X509Certificate::from_der(authority) {
            signed = Some(signed == Some(true) || has_signed(&authority, &certificate));
        }
    }
    signed
}

fn has_signed(authority: &X509Certificate<'_>, certificate: &X509Certificate<'_>) -> bool {
    let (key, text) = (&authority.public_key().subject_public_key.data, certificate.tbs_certificate.as_ref());
    let holds =
        |algorithm: &&dyn SignatureVerificationAlgorithm| algorithm.verify_signature(key, text, &certificate.signature_value.data).is_ok();
    // A signature of the authority's key is one by whatever algorithm; which one the certificate names does not matter here.
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
    authority.subject().as_raw() == certificate.issuer().as_raw() && algorithms.all.iter().any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SignatureAlgorithm};

    fn named(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    /// An authority called `kubernetes`, as that of every cluster is, and a certificate by it.
    fn cluster(algorithm: &'static SignatureAlgorithm) -> (String, String) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = named("kubernetes");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        let serving = KeyPair::generate().unwrap();
        let certificate = named("system:node:n").signed_by(&serving, &Issuer::new(params, key)).unwrap().pem();
        (authority, certificate + &serving.serialize_pem())
    }

    #[test]
    fn the_key_tells_clusters_apart_that_have_one_name() {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let ((one, serving), (other, _)) = (cluster(algorithm), cluster(algorithm));
            assert_eq!(is_signed(&serving, &one), Some(true));
            assert_eq!(is_signed(&serving, &other), Some(false));
            assert_eq!(is_signed(&serving, &format!("{other}{one}")), Some(true), "a cluster that changes its authority has two");
            assert_eq!(is_signed(&serving, &format!("{one}{other}")), Some(true));
            let text = serving.replacen("MII", "MIJ", 1);
            assert_ne!(is_signed(&text, &one), Some(true));
            assert_eq!((is_signed("", &one), is_signed(&serving, "no PEM")), (None, None));
        }
    }

    #[test]
    fn certificates_of_openssl_with_rsa_are_understood() {
        let fixture = |name: &str| {
            let path = format!("{}/../../tests/fixtures/node-certificates/{name}.pem", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        };
        assert_eq!(is_signed(&fixture("kubelet"), &fixture("cluster-one")), Some(true));
        assert_eq!(is_signed(&fixture("kubelet"), &fixture("cluster-other")), Some(false));
    }
}
