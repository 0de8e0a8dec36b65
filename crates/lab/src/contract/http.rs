//! A plain HTTP/1.1 client for the contract suite: one connection a request, over TLS where the server wants it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// No server that the suite runs against takes longer for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A server, and how to talk to it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Certificates (PEM) of the authority that signed its own; plain HTTP without.
    pub authority: Option<Vec<u8>>,
    /// Headers of every request, such as `Authorization`.
    pub headers: Vec<(String, String)>,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection.
    #[error("cannot connect to {0}")]
    Connect(SocketAddr, #[source] std::io::Error),
    /// Certificates that cannot be used.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// A request that cannot be written down.
    #[error("cannot build the request")]
    Build(#[source] hyper::http::Error),
    /// The connection broke.
    #[error("the connection to {0} broke")]
    Broken(SocketAddr, #[source] hyper::Error),
    /// Nothing came.
    #[error("no answer from {0} within {1:?}")]
    Late(SocketAddr, Duration),
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An answer that comes line by line.
pub(crate) struct Lines {
    address: SocketAddr,
    body: Incoming,
    rest: Vec<u8>,
    ready: VecDeque<Value>,
}

impl Lines {
    /// The next line as JSON; `None` at the end of the answer.
    pub(crate) async fn next(&mut self, within: Duration) -> Result<Option<Value>, HttpError> {
        timeout(within, self.read()).await.map_err(|_| HttpError::Late(self.address, within))?
    }

    async fn read(&mut self) -> Result<Option<Value>, HttpError> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| HttpError::Broken(self.address, error))?;
            self.rest.extend_from_slice(frame.data_ref().map(Bytes::as_ref).unwrap_or_default());
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                self.ready.push_back(serde_json::from_slice(&line).unwrap_or_default());
            }
        }
    }
}

impl Endpoint {
    /// A server that speaks plain HTTP.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, authority: None, headers: Vec::new() }
    }

    /// The same server, asked with one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, HttpError> {
        self.send("GET", path, ("", Vec::new())).await
    }

    /// Any request with a body of the given type, and its whole answer.
    pub(crate) async fn send(&self, method: &str, path: &str, body: (&str, Vec<u8>)) -> Result<Answer, HttpError> {
        let exchange = async {
            let response = self.start(method, path, body).await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| HttpError::Broken(self.address, error))?;
            Ok(Answer { status, body: body.to_bytes().to_vec() })
        };
        timeout(TIMEOUT, exchange).await.map_err(|_| HttpError::Late(self.address, TIMEOUT))?
    }

    /// GET of an answer that goes on for long.
    pub(crate) async fn lines(&self, path: &str) -> Result<Lines, HttpError> {
        let start = self.start("GET", path, ("", Vec::new()));
        let response = timeout(TIMEOUT, start).await.map_err(|_| HttpError::Late(self.address, TIMEOUT))??;
        Ok(Lines { address: self.address, body: response.into_body(), rest: Vec::new(), ready: VecDeque::new() })
    }

    async fn start(&self, method: &str, path: &str, (content_type, body): (&str, Vec<u8>)) -> Result<Response<Incoming>, HttpError> {
        let mut request = Request::builder().method(method).uri(path).header("Host", self.address.to_string());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !content_type.is_empty() {
            request = request.header("Content-Type", content_type);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(HttpError::Build)?;
        let stream = TcpStream::connect(self.address).await.map_err(|error| HttpError::Connect(self.address, error))?;
        match &self.authority {
            None => self.exchange(stream, request).await,
            Some(authority) => {
                let name = ServerName::from(self.address.ip());
                let stream = connector(authority)?.connect(name, stream).await;
                self.exchange(stream.map_err(|error| HttpError::Connect(self.address, error))?, request).await
            }
        }
    }

    async fn exchange<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HttpError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error| HttpError::Broken(self.address, error);
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with the answer, or with the runtime.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(broken)
    }
}

fn connector(authority: &[u8]) -> Result<TlsConnector, HttpError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        let certificate = certificate.map_err(|error| HttpError::Tls(error.to_string()))?;
        roots.add(certificate).map_err(|error| HttpError::Tls(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
