//! Keys and certificates of an API server.

use std::net::Ipv4Addr;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// PEM texts.
pub(super) struct Pki {
    /// The certificate authority, which clients trust.
    pub(super) authority: String,
    /// The server's certificate, for its addresses.
    pub(super) certificate: String,
    /// Its key.
    pub(super) key: String,
    /// The key that signs service account tokens.
    pub(super) account_key: String,
    /// The key that verifies them.
    pub(super) account_public_key: String,
}

impl Pki {
    /// Fresh keys for a server that is reached at these addresses.
    pub(super) fn new(addresses: &[Ipv4Addr]) -> Result<Self, rcgen::Error> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "hybridge-lab");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let key = KeyPair::generate()?;
        let names: Vec<String> = addresses.iter().map(ToString::to_string).chain(["kubernetes.default.svc".into()]).collect();
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?.pem();
        let account = KeyPair::generate()?;
        Ok(Self {
            authority: authority_pem,
            certificate,
            key: key.serialize_pem(),
            account_key: account.serialize_pem(),
            account_public_key: account.public_key_pem(),
        })
    }
}
