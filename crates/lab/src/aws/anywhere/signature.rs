//! The signature of CreateSession: Signature Version 4 with a certificate's key in place of a secret
//! (<https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html>).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::chain;
use super::denied;
use crate::aws::message::Message;
use crate::aws::refusal::Refusal;
use crate::aws::sigv4::{Claim, Unproven};

const RSA: &str = "AWS4-X509-RSA-SHA256";
const ECDSA: &str = "AWS4-X509-ECDSA-SHA256";

/// Who signed a request.
#[derive(Debug)]
pub(super) struct Signer {
    /// DER of the certificate that was sent, and of those that lead from it to an authority.
    certificate: Vec<u8>,
    chain: Vec<Vec<u8>>,
    serial: String,
    common_name: Option<String>,
}

impl Signer {
    /// Whose key made the signature. Whether anybody trusts the certificate is for [`Signer::check_chain`].
    pub(super) fn prove(message: &Message, region: &str, now: Timestamp) -> Result<Self, Refusal> {
        let claim = Claim::of(message).map_err(|error| unproven(&error))?;
        let der = |text: &str| STANDARD.decode(text.trim()).map_err(|_| denied("The certificate is not encoded in base64."));
        let certificate = der(message.header("x-amz-x509").ok_or_else(|| denied("The header X-Amz-X509 is missing."))?)?;
        let chain = message.header("x-amz-x509-chain").unwrap_or_default().split(',').filter(|text| !text.is_empty());
        let chain = chain.map(der).collect::<Result<_, _>>()?;
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| denied("The certificate cannot be read."))?;
        if claim.key != parsed.tbs_certificate.serial.to_string() {
            return Err(denied("The credential does not name the certificate's serial number."));
        }
        if claim.scope.region != region || claim.scope.service != "rolesanywhere" {
            return Err(unproven(&Unproven::Scope("a valid region and service".into())));
        }
        claim.check_time(now).map_err(|error| unproven(&error))?;
        let text = claim.string_to_sign(message).map_err(|error| unproven(&error))?;
        let signature = from_hex(&claim.signature).ok_or_else(|| unproven(&Unproven::Mismatch))?;
        let key = parsed.public_key();
        let algorithm =
            algorithm(&claim.algorithm, key.parsed().ok().as_ref()).ok_or_else(|| denied("The algorithm does not match the key."))?;
        let verified = UnparsedPublicKey::new(algorithm, &key.subject_public_key.data).verify(text.as_bytes(), &signature);
        verified.map_err(|_| unproven(&Unproven::Mismatch))?;
        let serial = parsed.tbs_certificate.serial.to_str_radix(16);
        let common_name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
        Ok(Self { certificate, chain, serial, common_name })
    }

    /// Whether the certificate leads to one of the authorities and is one to sign with.
    pub(super) fn check_chain(&self, authorities: &[Vec<u8>], now: Timestamp) -> Result<(), Refusal> {
        chain::check(&self.certificate, &self.chain, authorities, now).map_err(denied)
    }

    /// The certificate's serial number: the name of a session that was given none.
    pub(super) fn serial_hex(&self) -> &str {
        &self.serial
    }

    /// The subject's common name.
    pub(super) fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }
}

fn algorithm(name: &str, key: Option<&PublicKey<'_>>) -> Option<&'static dyn VerificationAlgorithm> {
    match (name, key?) {
        (RSA, PublicKey::RSA(_)) => Some(&RSA_PKCS1_2048_8192_SHA256),
        // By the length of an uncompressed point: one octet and two coordinates.
        (ECDSA, PublicKey::EC(point)) if point.data().len() == 65 => Some(&ECDSA_P256_SHA256_ASN1),
        (ECDSA, PublicKey::EC(point)) if point.data().len() == 97 => Some(&ECDSA_P384_SHA256_ASN1),
        _ => None,
    }
}

fn unproven(error: &Unproven) -> Refusal {
    denied(&error.to_string())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    if text.len().is_multiple_of(2) { digits.collect() } else { None }
}
