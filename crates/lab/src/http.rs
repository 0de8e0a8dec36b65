//! The lab's own questions to servers in its namespaces: one blocking HTTP/1.1 request each, over TLS where the server wants it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::netns::Netns;

/// Hardly a server of the lab that is alive takes longer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why a request had no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("no answer from {address} to {request}")]
    Io {
        /// The server.
        address: SocketAddr,
        /// Method and path.
        request: String,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// Something answered that speaks no HTTP/1.1.
    #[error("{address} did not answer {request} with HTTP")]
    NotHttp {
        /// The server.
        address: SocketAddr,
        /// Method and path.
        request: String,
    },
    /// The certificate authority's file is no certificate, or TLS cannot be set up with it.
    #[error("cannot speak TLS with {address}: {detail}")]
    Tls {
        /// The server.
        address: SocketAddr,
        /// What is wrong.
        detail: String,
    },
}

/// A server and how to talk to it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where to ask from.
    pub from: Netns,
    /// Its address.
    pub address: SocketAddr,
    /// The certificate authority (PEM) that signed its certificate; plain HTTP without.
    pub authority: Option<Vec<u8>>,
    /// Further header lines, such as Authorization.
    pub headers: Vec<(String, String)>,
    /// For the connection, and for each part of an answer.
    pub patience: Duration,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Server {
    /// A server that speaks plain HTTP and asks for no credentials.
    pub fn plain(from: &Netns, address: SocketAddr) -> Self {
        Self { from: from.clone(), address, authority: None, headers: Vec::new(), patience: TIMEOUT }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Result<Reply, HttpError> {
        self.send("GET", path, None)
    }

    /// Any request; a body comes with its content type.
    pub fn send(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Result<Reply, HttpError> {
        let request = format!("{method} {path}");
        let failed = |source| HttpError::Io { address: self.address, request: request.clone(), source };
        let message = self.message(&request, body);
        let raw = self.from.run(|| {
            let stream = TcpStream::connect_timeout(&self.address, self.patience).map_err(failed)?;
            stream.set_read_timeout(Some(self.patience)).map_err(failed)?;
            stream.set_write_timeout(Some(self.patience)).map_err(failed)?;
            match &self.authority {
                None => converse(stream, &message).map_err(failed),
                Some(authority) => converse(self.tls(stream, authority)?, &message).map_err(failed),
            }
        })?;
        parse(&raw).ok_or_else(|| HttpError::NotHttp { address: self.address, request: request.clone() })
    }

    fn message(&self, request: &str, body: Option<(&str, &[u8])>) -> Vec<u8> {
        let mut head = format!("{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: */*\r\n", self.address);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some((content_type, body)) = body {
            head.push_str(&format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len()));
        }
        let mut message = head.into_bytes();
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(body.map_or(&[], |(_, body)| body));
        message
    }

    fn tls(&self, stream: TcpStream, authority: &[u8]) -> Result<StreamOwned<ClientConnection, TcpStream>, HttpError> {
        let bad = |detail: String| HttpError::Tls { address: self.address, detail };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority) {
            roots.add(certificate.map_err(|e| bad(e.to_string()))?).map_err(|e| bad(e.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| bad(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::from(self.address.ip());
        let connection = ClientConnection::new(Arc::new(config), name).map_err(|e| bad(e.to_string()))?;
        Ok(StreamOwned::new(connection, stream))
    }
}

fn converse(mut stream: impl Read + Write, message: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(message)?;
    stream.flush()?;
    let mut raw = Vec::new();
    match stream.read_to_end(&mut raw) {
        // A TLS server that closes without saying so; whether the answer is whole shows when it is parsed.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(raw),
        Err(error) => Err(error),
        Ok(_) => Ok(raw),
    }
}

fn parse(raw: &[u8]) -> Option<Reply> {
    let end = raw.windows(4).position(|w| w == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&raw[..end]).ok()?, &raw[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let header = |wanted: &str| {
        let mut pairs = lines.clone().filter_map(|line| line.split_once(':'));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let body = if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        unchunk(body)?
    } else if let Some(length) = header("content-length") {
        body.get(..length.parse().ok()?)?.to_vec()
    } else {
        body.to_vec()
    };
    Some(Reply { status, body })
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let chunk = rest.get(end + 2..end + 2 + size)?;
        body.extend_from_slice(chunk);
        rest = rest.get(end + 2 + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_every_framing_are_read() {
        for raw in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\nhello",
        ] {
            assert_eq!(parse(raw.as_bytes()), Some(Reply { status: 200, body: b"hello".to_vec() }), "{raw:?}");
        }
    }

    #[test]
    fn what_was_cut_off_is_no_answer() {
        for raw in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", "SSH-2.0\r\n\r\n"] {
            assert_eq!(parse(raw.as_bytes()), None, "{raw:?}");
        }
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"), None);
    }
}
