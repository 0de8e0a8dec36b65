//! Certificates for nodes, as an operator's own authority makes them.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, date_time_ymd,
};

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
    pem: String,
}

/// Kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of 2048 bits.
    Rsa,
    /// The curve P-256.
    P256,
    /// The curve P-384.
    P384,
}

/// What a node's certificate says.
#[derive(Clone, Debug)]
pub struct CertificateSpec {
    /// Common name of the subject.
    pub common_name: String,
    /// Kind of its key.
    pub key: KeyKind,
    /// Whether it may be used to sign with, as Roles Anywhere demands.
    pub signs: bool,
    /// The first and the last year in which it is valid.
    pub years: (i32, i32),
}

/// A node's certificate with its key, both PEM.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The certificate.
    pub certificate: String,
    /// The key (PKCS#8).
    pub key: String,
}

impl CertificateSpec {
    /// A certificate that is as it should be.
    pub fn new(common_name: &str, key: KeyKind) -> Self {
        Self { common_name: common_name.into(), key, signs: true, years: (2000, 2100) }
    }
}

impl Authority {
    /// A fresh one that signs for itself.
    pub fn new(name: &str) -> Result<Self, rcgen::Error> {
        let (params, key) = (authority(name), KeyPair::generate()?);
        let made = params.self_signed(&key)?;
        Ok(Self { der: made.der().to_vec(), pem: made.pem(), issuer: Issuer::new(params, key) })
    }

    /// A fresh one below this one.
    pub fn intermediate(&self, name: &str) -> Result<Self, rcgen::Error> {
        let (params, key) = (authority(name), KeyPair::generate()?);
        let made = params.signed_by(&key, &self.issuer)?;
        Ok(Self { der: made.der().to_vec(), pem: made.pem(), issuer: Issuer::new(params, key) })
    }

    /// Its certificate (DER), as a trust anchor has it.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The same as PEM, to go behind a node's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its key (PKCS#8, PEM).
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate of a node.
    pub fn issue(&self, spec: &CertificateSpec) -> Result<Leaf, rcgen::Error> {
        let key = KeyPair::generate_for(match spec.key {
            KeyKind::Rsa => &PKCS_RSA_SHA256,
            KeyKind::P256 => &PKCS_ECDSA_P256_SHA256,
            KeyKind::P384 => &PKCS_ECDSA_P384_SHA384,
        })?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, &spec.common_name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        if spec.signs {
            params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        }
        (params.not_before, params.not_after) = (date_time_ymd(spec.years.0, 1, 1), date_time_ymd(spec.years.1, 12, 31));
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Leaf { certificate, key: key.serialize_pem() })
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.extend([KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]);
    params
}
