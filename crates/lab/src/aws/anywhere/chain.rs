//! From a certificate to an authority that is trusted
//! (<https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html>).

use jiff::Timestamp;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

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
    candidates.iter().find(|candidate| {
        candidate.is_ca() && candidate.subject() == of.issuer() && of.verify_signature(Some(candidate.public_key())).is_ok()
    })
}
