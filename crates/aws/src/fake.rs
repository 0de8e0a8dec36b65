//! A web server for tests that also misbehaves: it can stay silent, hang up, tunnel as a proxy does, and speak TLS.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The first line: method, target, version.
    pub(crate) line: String,
    /// The header lines.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The parameters of an EC2 call, decoded as far as EC2 identifiers and CIDRs need it.
    pub(crate) fn parameters(&self) -> Vec<String> {
        self.body.split('&').map(|pair| pair.replace("%2F", "/")).collect()
    }

    /// The fields of a form, without what every form has.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        let pairs = self.body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (decoded(key), decoded(value))).filter(|(key, _)| key != "Action" && key != "Version").collect()
    }

    /// Service and region that the request is signed for, as in `eks/eu-central-1`.
    pub(crate) fn scope(&self) -> String {
        let credential = self.header("authorization").unwrap_or_default().split(", ").next().unwrap_or_default().to_owned();
        let parts: Vec<&str> = credential.split('/').collect();
        format!("{}/{}", parts[3], parts[2])
    }

    /// The call's `Action`.
    pub(crate) fn action(&self) -> &str {
        self.body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default()
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = |rest: &mut std::str::Bytes<'_>| format!("{}{}", char::from(rest.next().unwrap()), char::from(rest.next().unwrap()));
        bytes.push(if byte == b'%' { u8::from_str_radix(&digits(&mut rest), 16).unwrap() } else { byte });
    }
    String::from_utf8(bytes).unwrap()
}

/// What becomes of a request.
pub(crate) enum Reply {
    /// Status, header lines (each with CRLF) and body.
    Answer(u16, &'static str, String),
    /// Nothing, and the connection stays open.
    Silence,
    /// The connection is closed.
    HangUp,
    /// As a proxy answers CONNECT.
    Tunnel(SocketAddr),
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Answer(200, "", body.into())
    }

    /// An answer in JSON.
    pub(crate) fn json(body: impl std::fmt::Display) -> Self {
        Self::Answer(200, "Content-Type: application/json\r\n", body.to_string())
    }

    /// An answer of the query protocol as CloudFormation and IAM send it.
    pub(crate) fn result(action: &str, result: &str) -> Self {
        let space = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
        Self::ok(format!(
            "<{action}Response xmlns=\"{space}\"><{action}Result>{result}</{action}Result>\
             <ResponseMetadata><RequestId>b9b4b068-3a41-11e5-94eb-example</RequestId></ResponseMetadata></{action}Response>"
        ))
    }

    /// An error as CloudFormation and IAM send it.
    pub(crate) fn error_response(status: u16, code: &str, message: &str) -> Self {
        let body = format!(
            "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\n  <Error>\n    <Type>Sender</Type>\n    \
             <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n  <RequestId>x</RequestId>\n</ErrorResponse>\n"
        );
        Self::Answer(status, "Content-Type: text/xml\r\n", body)
    }

    /// An error as EC2 sends it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
        );
        Self::Answer(status, "Content-Type: text/xml\r\n", body)
    }
}

/// A running server; it stops when dropped.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Answers each request by `reply`.
    pub(crate) async fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(reply)).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(acceptor: TlsAcceptor, reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(Some(acceptor), Arc::new(reply)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, reply: Arc<dyn Fn(&Request) -> Reply + Send + Sync>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (record, count) = (seen.clone(), connections.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (tls, record, reply) = (tls.clone(), record.clone(), reply.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &record, &*reply).await,
                            Err(error) => tracing::debug!(%error, "no handshake"),
                        },
                        None => serve(stream, &record, &*reply).await,
                    }
                });
            }
        });
        Self { address, seen, connections, task }
    }

    /// `http://` and the address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often a connection was opened.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    record: &Mutex<Vec<Request>>,
    reply: &(dyn Fn(&Request) -> Reply + Send + Sync),
) {
    while let Some(request) = read(&mut stream).await {
        record.lock().unwrap().push(request.clone());
        match reply(&request) {
            Reply::Answer(status, headers, body) => {
                let answer = format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Silence => std::future::pending().await,
            Reply::HangUp => return,
            Reply::Tunnel(to) => {
                stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
                let mut other = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut other).await;
                return;
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let (line, head) = text.split_once("\r\n")?;
    let mut request = Request { line: line.into(), head: head.into(), body: String::new() };
    let length: usize = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = String::from_utf8_lossy(&bytes[end..end + length]).into_owned();
    Some(request)
}

/// A CA of this name, which no store knows, in a file, and a server certificate for `localhost` and `ec2.test` that it issued.
pub(crate) fn authority(name: &str) -> (tempfile::NamedTempFile, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(root.pem().as_bytes()).unwrap();

    let server_key = KeyPair::generate().unwrap();
    let names = vec!["localhost".into(), "ec2.test".into()];
    let server = CertificateParams::new(names).unwrap().signed_by(&server_key, &Issuer::new(params, key)).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], private)
        .unwrap();
    (file, TlsAcceptor::from(Arc::new(config)))
}
