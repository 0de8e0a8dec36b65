//! The certificate that a node shows to Roles Anywhere.

use aws_smithy_types::base64;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::key::PrivateKey;

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No PEM certificate, or one that is damaged.
    #[error("it holds no PEM X.509 certificate, or a damaged one")]
    NoCertificate,
    /// Its time is over.
    #[error("the certificate expired at {0}")]
    Expired(Timestamp),
    /// Its time has not come.
    #[error("the certificate is valid only from {0} on")]
    NotYetValid(Timestamp),
    /// It belongs to another key.
    #[error("the private key is not the one that the certificate was issued for")]
    OtherKey,
}

impl CertificateError {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::NoCertificate => "give a file that begins with `-----BEGIN CERTIFICATE-----`, the node's own certificate first".into(),
            Self::Expired(_) => "let the CA behind the trust anchor issue a new one".into(),
            Self::NotYetValid(_) => "see whether this host's clock is right; else wait, or let the CA issue one that is valid now".into(),
            Self::OtherKey => {
                "give certificate and key of the same pair; compare `openssl x509 -pubkey` with `openssl pkey -pubout`".into()
            }
        }
    }
}

/// A certificate with what requests need of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// DER in base64, as the header takes it.
    pub(crate) encoded: String,
    /// Serial number, decimal.
    pub(crate) serial: String,
    /// Common name of the subject, the first one.
    pub common_name: Option<String>,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    public: Vec<u8>,
}

impl Certificate {
    /// The first certificate in a PEM text.
    ///
    /// # Errors
    /// There is none.
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(text).map_err(|_| CertificateError::NoCertificate)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| CertificateError::NoCertificate)?;
        let time = |seconds: i64| Timestamp::from_second(seconds).map_err(|_| CertificateError::NoCertificate);
        let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
        Ok(Self {
            encoded: base64::encode(&der),
            serial: parsed.tbs_certificate.serial.to_string(),
            common_name: name,
            not_before: time(parsed.validity().not_before.timestamp())?,
            not_after: time(parsed.validity().not_after.timestamp())?,
            public: parsed.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// `subjectPublicKey`.
    #[cfg(test)]
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// Whether it can be shown at `now` by the holder of `key`.
    ///
    /// # Errors
    /// It is out of date, or belongs to another key.
    pub fn check(&self, key: &PrivateKey, now: Timestamp) -> Result<(), CertificateError> {
        if key.public() != self.public {
            return Err(CertificateError::OtherKey);
        }
        if now > self.not_after {
            return Err(CertificateError::Expired(self.not_after));
        }
        if now < self.not_before {
            return Err(CertificateError::NotYetValid(self.not_before));
        }
        Ok(())
    }
}

/// The certificates between the node's and the trust anchor's, each as DER in base64.
///
/// # Errors
/// The text holds none, or a damaged one.
pub fn intermediates(text: &[u8]) -> Result<Vec<String>, CertificateError> {
    let mut found = Vec::new();
    for der in CertificateDer::pem_slice_iter(text) {
        let der = der.map_err(|_| CertificateError::NoCertificate)?;
        X509Certificate::from_der(&der).map_err(|_| CertificateError::NoCertificate)?;
        found.push(base64::encode(&der));
    }
    if found.is_empty() { Err(CertificateError::NoCertificate) } else { Ok(found) }
}
