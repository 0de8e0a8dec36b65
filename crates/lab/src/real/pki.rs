//! Keys and certificates of an API server.

use std::net::Ipv4Addr;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// PEM texts.
pub(super) struct Pki {
    /// The certificate authority, which clients trust.
    pub(super) authority: String,
    /// The authority's key, for the controller that signs what nodes ask for.
    pub(super) authority_key: String,
    /// The server's certificate, for its addresses.
    pub(super) certificate: String,
    /// Its key.
    pub(super) key: String,
    /// The key that signs service account tokens.
    pub(super) account_key: String,
    /// The key that verifies them.
    pub(super) account_public_key: String,
    /// Signs certificates of clients.
    pub(super) issuer: ClientIssuer,
}

/// The certificate authority, as the one that vouches for clients.
#[derive(Debug)]
pub(super) struct ClientIssuer(Issuer<'static, KeyPair>);

impl ClientIssuer {
    /// Certificate and key (PEM) of a user in a group: common name and organization, as Kubernetes reads them
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>).
    pub(super) fn client(&self, user: &str, group: &str) -> Result<(String, String), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        Ok((params.signed_by(&key, &self.0)?.pem(), key.serialize_pem()))
    }
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
        let authority_key_pem = authority_key.serialize_pem();
        let issuer = Issuer::new(authority, authority_key);
        let certificate = server.signed_by(&key, &issuer)?.pem();
        let account = KeyPair::generate()?;
        Ok(Self {
            authority: authority_pem,
            authority_key: authority_key_pem,
            certificate,
            key: key.serialize_pem(),
            account_key: account.serialize_pem(),
            account_public_key: account.public_key_pem(),
            issuer: ClientIssuer(issuer),
        })
    }
}
