//! From a certificate to an authority that is trusted
//! (<https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html>).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use jiff::Timestamp;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

/// What AWS says of certificates that do not do.
const INSUFFICIENT: &str = "Untrusted certificate. Insufficient certificate";
const UNTRUSTED: &str = "Untrusted signing certificate";

/// Longest chain between certificate and authority (the trust model above allows five certificates in X-Amz-X509-Chain).
const LONGEST: usize = 5;

/// Whether a certificate may sign requests and leads, maybe over `between`, to one of the authorities; all are DER.
pub(super) fn check(certificate: &[u8], between: &[Vec<u8>], authorities: &[Vec<u8>], now: Timestamp) -> Result<(), &'static str> {
    let now = ASN1Time::from_timestamp(now.as_second()).map_err(|_| UNTRUSTED)?;
    let between = parse(between)?;
    let authorities = parse(authorities)?;
    let (_, leaf) = X509Certificate::from_der(certificate).map_err(|_| INSUFFICIENT)?;
    let signs = leaf.key_usage().ok().flatten().is_some_and(|usage| usage.value.digital_signature());
    if leaf.version().0 != 2 || leaf.is_ca() || !signs {
        return Err(INSUFFICIENT);
    }
    let mut current = &leaf;
    for _ in 0..=LONGEST {
        if !current.validity().is_valid_at(now) {
            return Err(UNTRUSTED);
        }
        if let Some(authority) = issuer(current, &authorities) {
            return if authority.validity().is_valid_at(now) { Ok(()) } else { Err(UNTRUSTED) };
        }
        current = issuer(current, &between).ok_or(UNTRUSTED)?;
    }
    Err(UNTRUSTED)
}

fn parse(all: &[Vec<u8>]) -> Result<Vec<X509Certificate<'_>>, &'static str> {
    all.iter().map(|der| X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|_| INSUFFICIENT)).collect()
}

/// The authority among `candidates` that signed a certificate.
fn issuer<'a, 'der>(of: &X509Certificate<'_>, candidates: &'a [X509Certificate<'der>]) -> Option<&'a X509Certificate<'der>> {
    candidates.iter().find(|candidate| candidate.is_ca() && candidate.subject() == of.issuer() && is_signed_by(of, candidate))
}

/// Whether one of the algorithms that fit the authority's key (RFC 5480, RFC 8017) verifies the certificate's signature.
fn is_signed_by(certificate: &X509Certificate<'_>, authority: &X509Certificate<'_>) -> bool {
    let key = authority.public_key();
    let algorithms: &[&dyn VerificationAlgorithm] = match key.parsed() {
        Ok(PublicKey::RSA(_)) => &[&RSA_PKCS1_2048_8192_SHA256, &RSA_PKCS1_2048_8192_SHA384, &RSA_PKCS1_2048_8192_SHA512],
        Ok(PublicKey::EC(_)) => &[&ECDSA_P256_SHA256_ASN1, &ECDSA_P384_SHA384_ASN1, &ECDSA_P384_SHA256_ASN1],
        _ => &[],
    };
    let (signed, signature) = (certificate.tbs_certificate.as_ref(), &certificate.signature_value.data);
    algorithms.iter().any(|algorithm| UnparsedPublicKey::new(*algorithm, &key.subject_public_key.data).verify(signed, signature).is_ok())
}
