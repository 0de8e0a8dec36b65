//! How calls to AWS leave this host: through which proxy, and with which certificates trusted besides the host's own.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use aws_smithy_http_client::proxy::ProxyConfig;

use crate::trust::{CaBundle, NetworkError};

/// Where no proxy is ever asked: this host, and the link-local addresses of the metadata service and of container credentials.
const NEVER_PROXIED: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fe80::/10,fd00:ec2::/32";

/// Proxies and additional certificates for calls to AWS.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Certificates trusted besides the host's.
    pub ca_bundle: Option<CaBundle>,
    /// Proxy for `http://` endpoints.
    pub http_proxy: Option<Proxy>,
    /// Proxy for `https://` endpoints, asked with CONNECT.
    pub https_proxy: Option<Proxy>,
}

impl Network {
    /// Reads `AWS_CA_BUNDLE`, `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, and the last three also in lower case where the upper is not set.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn from_env() -> Result<Self, Vec<NetworkError>> {
        Self::from_vars(|name| env::var_os(name))
    }

    /// The same from any source of variables. An empty value counts as none.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Vec<NetworkError>> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let either = |upper: &'static str, lower: &'static str| {
            let found = lookup(upper).map(|value| (upper, value)).or_else(|| lookup(lower).map(|value| (lower, value)));
            found.map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        };
        let no_proxy = either("NO_PROXY", "no_proxy").map(|(_, value)| value).unwrap_or_default();
        let proxy = |upper, lower, make: fn(&str) -> Option<ProxyConfig>| {
            either(upper, lower)
                .map(|(variable, url)| Proxy::new(&url, &no_proxy, make).ok_or(NetworkError::Proxy { variable }))
                .transpose()
        };
        let bundle = lookup("AWS_CA_BUNDLE").map(|path| CaBundle::read(Path::new(&path))).transpose();
        let http = proxy("HTTP_PROXY", "http_proxy", |url| ProxyConfig::http(url).ok());
        let https = proxy("HTTPS_PROXY", "https_proxy", |url| ProxyConfig::https(url).ok());
        match (bundle, http, https) {
            (Ok(ca_bundle), Ok(http_proxy), Ok(https_proxy)) => Ok(Self { ca_bundle, http_proxy, https_proxy }),
            (bundle, http, https) => Err([bundle.err(), http.err(), https.err()].into_iter().flatten().collect()),
        }
    }
}

/// An HTTP proxy with the hosts that are reached without it.
#[derive(Clone)]
pub struct Proxy {
    config: ProxyConfig,
    over_tls: bool,
    shown: String,
}

impl Proxy {
    fn new(url: &str, no_proxy: &str, make: fn(&str) -> Option<ProxyConfig>) -> Option<Self> {
        let url = url.trim();
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let config = make(&url)?.no_proxy(bypass(no_proxy));
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        Some(Self { config, over_tls: scheme.eq_ignore_ascii_case("https"), shown: format!("{scheme}://{host}") })
    }

    /// What the SDK's HTTP client takes.
    pub(crate) fn config(&self) -> ProxyConfig {
        self.config.clone()
    }

    /// Whether the way to the proxy itself is encrypted.
    pub(crate) fn over_tls(&self) -> bool {
        self.over_tls
    }
}

/// Scheme, host and port; never the password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `NO_PROXY` with our own exceptions, in the SDK's dialect, which knows `.example.com` but not `*.example.com`.
fn bypass(no_proxy: &str) -> String {
    let entries = no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry))
        .chain([NEVER_PROXIED])
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn network(vars: &[(&str, &str)]) -> Result<Network, Vec<NetworkError>> {
        Network::from_vars(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn proxies_are_taken_in_either_case_and_without_scheme() {
        let both =
            network(&[("http_proxy", "lower:1"), ("HTTPS_PROXY", "https://upper:2/"), ("https_proxy", "lower:3"), ("HTTP_PROXY", "")])
                .unwrap();
        assert_eq!(both.http_proxy.as_ref().unwrap().to_string(), "http://lower:1");
        assert_eq!(both.https_proxy.as_ref().unwrap().to_string(), "https://upper:2");
        assert!(both.https_proxy.unwrap().over_tls());
        assert!(network(&[]).unwrap().http_proxy.is_none());
    }

    #[test]
    fn passwords_of_proxies_are_never_shown() {
        let network = network(&[("HTTPS_PROXY", "http://user:se@cret@proxy:3128")]);
        assert!(!format!("{network:?}").contains("cret"), "{network:?}");
        let errors = self::network(&[("HTTPS_PROXY", "ftp://user:secret@proxy:3128")]).unwrap_err();
        assert!(!format!("{errors:?} {}", errors[0]).contains("secret"), "{errors:?}");
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let errors = network(&[("AWS_CA_BUNDLE", "/nowhere/ca.pem"), ("HTTP_PROXY", "socks5://proxy:1080"), ("https_proxy", "http://")])
            .unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "AWS_CA_BUNDLE: /nowhere/ca.pem cannot be read",
                "HTTP_PROXY is no URL of an HTTP proxy",
                "https_proxy is no URL of an HTTP proxy"
            ]
        );
        assert_eq!(errors[1].fix(), "write HTTP_PROXY as `http://proxy.example.com:3128`, or unset it");
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_refused_by_path() {
        let good = rcgen::generate_simple_self_signed(["ec2.test".into()]).unwrap().cert.pem();
        let cut = &good[..good.len() / 2];
        for (content, expected) in [
            ("".into(), "holds no PEM certificate"),
            ("just text\n".into(), "holds no PEM certificate"),
            (format!("{good}{cut}"), "is damaged after 1 certificate(s)"),
            ("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n".into(), "is an X.509 certificate"),
        ] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let path = file.path().to_str().unwrap();
            let errors = network(&[("AWS_CA_BUNDLE", path)]).unwrap_err();
            let text = errors[0].to_string();
            assert!(text.contains(path) && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn one_bad_certificate_in_a_bundle_does_not_spoil_the_others() {
        let good = rcgen::generate_simple_self_signed(["ec2.test".into()]).unwrap().cert.pem();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "# our CA\n{good}\n-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n").unwrap();
        let bundle = network(&[("AWS_CA_BUNDLE", file.path().to_str().unwrap())]).unwrap().ca_bundle.unwrap();
        assert!(format!("{bundle:?}").ends_with("(1 certificates)"), "{bundle:?}");
    }

    #[test]
    fn wildcards_of_no_proxy_are_understood() {
        assert!(bypass("*.internal, 10.0.0.0/8,,*").starts_with(".internal,10.0.0.0/8,*,localhost,"));
    }
}
