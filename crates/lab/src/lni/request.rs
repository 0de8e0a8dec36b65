//! Who answers, and who asks: HTTP as far as a curl needs it.

use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream as Connection};

use super::LniError;
use crate::netns::{Netns, Task};

/// How long somebody waits who believes that there will be an answer: two repetitions of a SYN (RFC 6298: 1 s, 2 s), and some.
pub const PATIENT: Duration = Duration::from_secs(4);
/// How long somebody waits who believes that there will be none. What answers in the lab answers within milliseconds.
pub const BRIEF: Duration = Duration::from_millis(400);

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A pod or a machine answered.
    From {
        /// Which.
        name: String,
        /// Whom it saw as the one who asks.
        client: Ipv4Addr,
    },
    /// The connection was refused.
    Refused,
    /// There was no answer in time.
    Silence,
    /// There is no way there, or what came was no answer.
    Other(String),
}

impl Answer {
    /// Whether somebody answered.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::From { .. })
    }

    /// The address that was seen as the one who asks.
    pub fn client(&self) -> Option<Ipv4Addr> {
        match self {
            Self::From { client, .. } => Some(*client),
            Self::Refused | Self::Silence | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From { name, client } => write!(f, "{name} answers {client}"),
            Self::Refused => f.write_str("refused"),
            Self::Silence => f.write_str("no answer"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// Answers on a port of every address, until the task is dropped: who it is, and whom it sees.
pub(super) fn serve(ns: &Netns, port: u16, name: &str) -> Result<Task, LniError> {
    let failed = |source| LniError::Listen { name: name.to_owned(), source };
    let listener = ns.run(|| {
        let listener = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let listener = listener.map_err(failed)?;
    let own = name.to_owned();
    Ok(ns.spawn("answer", move |token| async move {
        let serving = async {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((connection, peer)) = listener.accept().await {
                tokio::spawn(answer(connection, peer, own.clone()));
            }
        };
        tokio::select! {
            () = token.cancelled() => {}
            () = serving => {}
        }
    }))
}

async fn answer(mut connection: Connection, peer: SocketAddr, name: String) {
    let mut request = [0; 1024];
    // A connection that was opened and closed wants no answer.
    if connection.read(&mut request).await.is_ok_and(|length| length > 0) {
        let body = format!("{name} {}\n", peer.ip());
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let _gone = connection.write_all(text.as_bytes()).await;
    }
}

/// `curl` from a namespace, waiting at most `patience` for each step.
pub fn get(from: &Netns, to: SocketAddrV4, patience: Duration) -> Answer {
    from.run(|| ask(to, patience)).unwrap_or_else(|error| {
        let kind = error.kind();
        if matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock) {
            Answer::Silence
        } else if kind == ErrorKind::ConnectionRefused {
            Answer::Refused
        } else {
            Answer::Other(error.to_string())
        }
    })
}

fn ask(to: SocketAddrV4, patience: Duration) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&to.into(), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).trim();
    Ok(match body.split_once(' ').map(|(name, client)| (name, client.parse())) {
        Some((name, Ok(client))) => Answer::From { name: name.to_owned(), client },
        _ => Answer::Other(format!("an answer that is none: {body}")),
    })
}
