//! The HTTP client under the SDK.
//!
//! The SDK's own client knows no `AWS_CA_BUNDLE`, takes one proxy setting for all schemes, and opens a new pool of connections for
//! each pair of timeouts. This one keeps one pool for each scheme, reads certificates only when the first TLS connection is opened,
//! and tells a request that never left from one that may have arrived.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::time::timeout;

use crate::network::{Network, Proxy};
use crate::trust::{NoRoots, only, trust_store};

/// From the first packet to the end of the TLS handshake, proxy included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// From the start of a request to the head of its answer, unless the caller asks for less.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections are closed before the other side is likely to: a request that meets a closing connection has an unknown outcome.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection came about, so the request was never sent.
    #[error("no connection")]
    NotConnected(#[source] ConnectorError),
    /// No connection came about in time, so the request was never sent.
    #[error("no connection within {} ms", .0.as_millis())]
    NotConnectedInTime(Duration),
    /// There was a connection; how far the request came is unknown.
    #[error("the connection was lost")]
    Lost(#[source] ConnectorError),
    /// There was a connection, and no answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    NoAnswer(Duration),
}

impl TransportError {
    /// Whether it is certain that the other side saw nothing of the request.
    pub(crate) fn never_sent(&self) -> bool {
        match self {
            Self::NotConnected(_) | Self::NotConnectedInTime(_) => true,
            Self::Lost(_) | Self::NoAnswer(_) => false,
        }
    }
}

/// Shared by all clients of the SDK, so that they share connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Pools>);

struct Pools {
    network: Network,
    /// Trusted alone, in place of the host's certificates; PEM.
    authority: Option<String>,
    http: OnceLock<Connector>,
    https: OnceLock<Connector>,
}

impl Transport {
    /// Opens nothing and reads nothing yet.
    pub(crate) fn new(network: Network) -> Self {
        Self(Arc::new(Pools { network, authority: None, http: OnceLock::new(), https: OnceLock::new() }))
    }

    /// One that trusts the certificates of `pem` and no others, for servers that are not AWS's. A proxy that is reached over TLS needs
    /// a certificate by them too.
    pub(crate) fn trusting(network: Network, pem: &str) -> Result<Self, NoRoots> {
        let authority = Some(only(pem)?);
        Ok(Self(Arc::new(Pools { network, authority, http: OnceLock::new(), https: OnceLock::new() })))
    }

    /// One that uses no proxy, for the metadata service.
    pub(crate) fn direct() -> Self {
        Self::new(Network::default())
    }

    /// Sends one request and waits for the head of its answer, `limit` at most.
    pub(crate) async fn send(&self, mut request: HttpRequest, limit: Duration) -> Result<HttpResponse, TransportError> {
        let capture = match request.extension::<CaptureSmithyConnection>() {
            Some(capture) => capture.clone(),
            None => {
                let capture = CaptureSmithyConnection::new();
                request.add_extension(capture.clone());
                capture
            }
        };
        let connector =
            self.0.connector(request.uri()).map_err(|error| TransportError::NotConnected(ConnectorError::user(Box::new(error))))?;
        let connected = || capture.get().is_some();
        match timeout(limit, connector.call(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if connected() => Err(TransportError::Lost(error)),
            Ok(Err(error)) => Err(TransportError::NotConnected(error)),
            Err(_) if connected() => Err(TransportError::NoAnswer(limit)),
            Err(_) => Err(TransportError::NotConnectedInTime(limit)),
        }
    }
}

impl Pools {
    /// The pool for `uri`. A failure is not kept: certificates may be mounted later.
    fn connector(&self, uri: &str) -> Result<&Connector, NoRoots> {
        let (pool, proxy, encrypted) = match uri.get(..6) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https:") => (&self.https, &self.network.https_proxy, true),
            _ => (&self.http, &self.network.http_proxy, false),
        };
        if let Some(connector) = pool.get() {
            return Ok(connector);
        }
        let needs_trust = encrypted || proxy.as_ref().is_some_and(Proxy::over_tls);
        let trust = match (&self.authority, needs_trust) {
            (Some(pem), true) => TrustStore::empty().with_pem_certificate(pem.as_str()),
            (None, true) => trust_store(self.network.ca_bundle.as_ref())?,
            (Some(_) | None, false) => TrustStore::empty(),
        };
        Ok(pool.get_or_init(|| connector(trust, proxy.as_ref().map(Proxy::config))))
    }
}

fn connector(trust: TrustStore, proxy: Option<ProxyConfig>) -> Connector {
    let context = TlsContext::builder().with_trust_store(trust).build();
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    Connector::builder()
        .connector_settings(settings)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .proxy_config(proxy.unwrap_or_else(ProxyConfig::disabled))
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context.expect("a context without server names has nothing to refuse"))
        .build()
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transport").field(&self.0.network).finish()
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let limit = settings.read_timeout().map_or(READ_TIMEOUT, |asked| asked.min(READ_TIMEOUT));
        SharedHttpConnector::new(Sender { transport: self.clone(), limit })
    }
}

/// The transport with the patience that one client of the SDK asked for.
#[derive(Debug)]
struct Sender {
    transport: Transport,
    limit: Duration,
}

impl HttpConnector for Sender {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (transport, limit) = (self.transport.clone(), self.limit);
        HttpConnectorFuture::new(async move { transport.send(request, limit).await.map_err(for_sdk) })
    }
}

/// The kind of error decides whether the SDK may try again.
fn for_sdk(error: TransportError) -> ConnectorError {
    match &error {
        TransportError::NotConnected(inner) if inner.is_user() => ConnectorError::user(Box::new(error)),
        TransportError::NotConnected(_) | TransportError::Lost(_) => ConnectorError::io(Box::new(error)),
        TransportError::NotConnectedInTime(_) | TransportError::NoAnswer(_) => ConnectorError::timeout(Box::new(error)),
    }
}
