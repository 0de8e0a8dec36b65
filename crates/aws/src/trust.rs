//! Certificates that TLS connections to AWS may end in: the host's, and those of `AWS_CA_BUNDLE`.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_smithy_http_client::tls::TrustStore;
use aws_smithy_types::base64;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What in the environment keeps us from calling AWS.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file cannot be read.
    #[error("AWS_CA_BUNDLE: {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file holds no certificate.
    #[error("AWS_CA_BUNDLE: {} holds no PEM certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is no sound PEM, as when it was cut short.
    #[error("AWS_CA_BUNDLE: {} is damaged after {good} certificate(s)", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many certificates stand before the damage.
        good: usize,
        /// What is wrong there.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The blocks in the file hold something else than X.509 certificates.
    #[error("AWS_CA_BUNDLE: none of the {count} block(s) in {} is an X.509 certificate", path.display())]
    NotX509 {
        /// The file.
        path: PathBuf,
        /// How many blocks there are.
        count: usize,
    },
    /// A proxy setting is no `http://` or `https://` URL. The value may hold a password and is not repeated.
    #[error("{variable} is no URL of an HTTP proxy")]
    Proxy {
        /// The environment variable.
        variable: &'static str,
    },
}

impl NetworkError {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Unreadable { .. } | Self::Empty { .. } | Self::Damaged { .. } | Self::NotX509 { .. } => {
                "let AWS_CA_BUNDLE name a PEM file (-----BEGIN CERTIFICATE-----) with the proxy's or the company's CA, or unset it".into()
            }
            Self::Proxy { variable } => format!("write {variable} as `http://proxy.example.com:3128`, or unset it"),
        }
    }
}

/// The certificates of `AWS_CA_BUNDLE`. They are trusted besides those of the host.
#[derive(Clone)]
pub struct CaBundle {
    path: PathBuf,
    certificates: Vec<CertificateDer<'static>>,
}

impl CaBundle {
    /// Reads a PEM file.
    ///
    /// Blocks of other kinds are passed over. So are single certificates that are no sound X.509, with a warning: bundles of
    /// companies hold such ones.
    ///
    /// # Errors
    /// The file is missing, damaged, or without a single usable certificate.
    pub fn read(path: &Path) -> Result<Self, NetworkError> {
        let text = fs::read(path).map_err(|source| NetworkError::Unreadable { path: path.into(), source })?;
        let mut blocks = Vec::new();
        for block in CertificateDer::pem_slice_iter(&text) {
            let good = blocks.len();
            blocks.push(block.map_err(|source| NetworkError::Damaged { path: path.into(), good, source })?);
        }
        let count = blocks.len();
        if count == 0 {
            return Err(NetworkError::Empty { path: path.into() });
        }
        let certificates = usable(blocks);
        if certificates.is_empty() {
            return Err(NetworkError::NotX509 { path: path.into(), count });
        }
        let passed_over = count - certificates.len();
        if passed_over > 0 {
            tracing::warn!(path = %path.display(), passed_over, "AWS_CA_BUNDLE holds blocks that are no X.509 certificate");
        }
        Ok(Self { path: path.into(), certificates })
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} certificates)", self.path.display(), self.certificates.len())
    }
}

/// There is nothing to check a server's certificate against.
#[derive(Debug, thiserror::Error)]
#[error("no CA certificate on this host; set SSL_CERT_FILE or AWS_CA_BUNDLE to a PEM file (tried: {tried})")]
pub(crate) struct NoRoots {
    tried: String,
}

/// The certificates of a text that can be trusted, as a text again.
pub(crate) fn only(text: &str) -> Result<String, NoRoots> {
    let pem = pem(usable(CertificateDer::pem_slice_iter(text.as_bytes()).map_while(Result::ok)));
    if pem.is_empty() { Err(NoRoots { tried: "the text given".into() }) } else { Ok(pem) }
}

/// The host's certificates and those of `bundle`.
///
/// The host's are where OpenSSL would look, or where `SSL_CERT_FILE` and `SSL_CERT_DIR` say. Reading them takes milliseconds.
pub(crate) fn trust_store(bundle: Option<&CaBundle>) -> Result<TrustStore, NoRoots> {
    let host = rustls_native_certs::load_native_certs();
    let tried = host.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if !tried.is_empty() {
        tracing::warn!(errors = tried, "some of the host's CA certificates cannot be read");
    }
    let own = bundle.map(|bundle| bundle.certificates.as_slice()).unwrap_or_default();
    let roots: BTreeSet<&[u8]> = host.certs.iter().chain(own).map(AsRef::as_ref).collect();
    let pem = pem(usable(roots.into_iter().map(|der| CertificateDer::from(der.to_vec()))));
    if pem.is_empty() {
        return Err(NoRoots { tried: if tried.is_empty() { "the usual places".into() } else { tried } });
    }
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

/// Those that can be a trust anchor. The SDK's HTTP client panics at others.
fn usable(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Vec<CertificateDer<'static>> {
    certificates.into_iter().filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok()).collect()
}

/// PEM text, the only form that the SDK's trust store takes.
fn pem(certificates: Vec<CertificateDer<'static>>) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        text.push_str(&base64::encode(&certificate));
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}
