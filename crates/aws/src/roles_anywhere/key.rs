//! Private keys: reading them, and signing for Roles Anywhere.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_SHA256,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

/// Why a private key cannot be used. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM block of a private key.
    #[error("it holds no PEM private key")]
    NoKey,
    /// Protected by a password.
    #[error("the private key is encrypted")]
    Encrypted,
    /// A key of another algorithm, curve or size, or a damaged one.
    #[error("the private key is neither RSA (2048 to 8192 bits) nor ECDSA (P-256, P-384, P-521), or is damaged")]
    Unusable,
}

impl KeyError {
    /// What to do about it.
    pub fn fix(self) -> &'static str {
        match self {
            Self::NoKey => "give a file that begins with `-----BEGIN PRIVATE KEY-----`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`",
            Self::Encrypted => "decrypt it, as in `openssl pkey -in FILE -out FILE.plain`, and keep it readable by root alone",
            Self::Unusable => "make a key that Roles Anywhere takes, as in `openssl ecparam -name prime256v1 -genkey -noout`",
        }
    }
}

/// A private key that signs for Roles Anywhere.
pub struct PrivateKey(Pair);

enum Pair {
    Rsa(Box<rsa::KeyPair>),
    Ecdsa(Curve, Box<EcdsaKeyPair>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PrivateKey").field(&self.algorithm()).finish()
    }
}

impl PrivateKey {
    /// The first private key in a PEM text: PKCS#8, PKCS#1 (RSA) or SEC1 (ECDSA).
    ///
    /// # Errors
    /// There is none, or none that can be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let is_encrypted = |mark: &[u8]| text.windows(mark.len()).any(|window| window == mark);
        if is_encrypted(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || is_encrypted(b"Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let der = PrivateKeyDer::from_pem_slice(text).map_err(|_| KeyError::NoKey)?;
        let pair = match &der {
            PrivateKeyDer::Pkcs1(der) => rsa_pair(rsa::KeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Sec1(der) => ecdsa_pair(der.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                rsa_pair(rsa::KeyPair::from_pkcs8(der)).or_else(|| ecdsa_pair(der))
            }
            _ => None,
        };
        pair.map(Self).ok_or(KeyError::Unusable)
    }

    /// The name of its signatures in requests (Roles Anywhere user guide, "Signing process").
    pub fn algorithm(&self) -> &'static str {
        match &self.0 {
            Pair::Rsa(_) => "AWS4-X509-RSA-SHA256",
            Pair::Ecdsa(..) => "AWS4-X509-ECDSA-SHA256",
        }
    }

    /// The public part as a certificate's `subjectPublicKey` has it: PKCS#1 for RSA, an uncompressed point for ECDSA.
    pub(crate) fn public(&self) -> &[u8] {
        match &self.0 {
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ecdsa(_, pair) => pair.public_key().as_ref(),
        }
    }

    /// The public part as SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// The library cannot write it.
    pub fn public_spki(&self) -> Result<Vec<u8>, KeyError> {
        let der: Result<PublicKeyX509Der<'_>, _> = match &self.0 {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ecdsa(_, pair) => pair.public_key().as_der(),
        };
        der.map(|der| der.as_ref().to_vec()).map_err(|_| KeyError::Unusable)
    }

    /// Signs with SHA-256: RSASSA-PKCS1-v1_5, or ECDSA as DER.
    ///
    /// # Errors
    /// The library cannot sign with this key.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(|_| KeyError::Unusable)?;
                Ok(signature)
            }
            Pair::Ecdsa(curve, pair) => {
                let signature = match curve {
                    Curve::P256 | Curve::P521 => pair.sign(&SystemRandom::new(), message),
                    Curve::P384 => sha256_for_p384(message).and_then(|digest| pair.sign_digest(&digest)),
                };
                signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError::Unusable)
            }
        }
    }
}

fn rsa_pair<E>(pair: Result<rsa::KeyPair, E>) -> Option<Pair> {
    pair.ok().map(|pair| Pair::Rsa(Box::new(pair)))
}

fn ecdsa_pair(der: &[u8]) -> Option<Pair> {
    let curves = [
        (Curve::P256, &ECDSA_P256_SHA256_ASN1_SIGNING),
        (Curve::P384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        (Curve::P521, &ECDSA_P521_SHA256_ASN1_SIGNING),
    ];
    curves.into_iter().find_map(|(curve, algorithm)| {
        let pair = EcdsaKeyPair::from_private_key_der(algorithm, der).ok()?;
        Some(Pair::Ecdsa(curve, Box::new(pair)))
    })
}

/// A SHA-256 digest in the width of SHA-384, the only one that the library signs with P-384.
///
/// ECDSA takes the digest as a number (FIPS 186-5, section 6.4.1), and zeros before a number do not change it.
fn sha256_for_p384(message: &[u8]) -> Result<Digest, aws_lc_rs::error::Unspecified> {
    let short = digest::digest(&digest::SHA256, message);
    let mut wide = [0; digest::SHA384_OUTPUT_LEN];
    wide[digest::SHA384_OUTPUT_LEN - digest::SHA256_OUTPUT_LEN..].copy_from_slice(short.as_ref());
    Digest::import_less_safe(&wide, &digest::SHA384)
}
