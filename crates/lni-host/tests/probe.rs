//! A probe and whoever asks it, over loopback.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use hybridge_lni::causes::Outcome;
use hybridge_lni::probe::Try;
use hybridge_lni_host::probe::{ProbeError, Session, Token, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(10);

fn token(text: &str) -> Token {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Token::read(&path).unwrap()
}

/// A probe that may try 127.0.0.1, and where it listens.
async fn probe() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let allow = vec!["127.0.0.1".parse().unwrap()];
    tokio::spawn(serve(listener, token("the token of both sides"), allow, std::future::pending()));
    address
}

async fn listener() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!("it was bound to IPv4") };
    (listener, address)
}

fn attempt(id: u32, to: SocketAddrV4, http: bool) -> Try {
    Try { id, to, http, patience: 300 }
}

#[tokio::test]
async fn each_outcome_is_told_apart_and_nothing_is_tried_that_was_not_allowed() {
    let mut session = Session::open(probe().await, &token("the token of both sides\n"), PATIENCE).await.unwrap();
    assert_eq!(session.you, Ipv4Addr::LOCALHOST);
    let (http, answers) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = http.accept().await {
            let _asked = stream.read(&mut [0; 1024]).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    });
    let (silent, opens) = listener().await;
    tokio::spawn(async move { while silent.accept().await.is_ok() {} });
    let (closed, nobody) = listener().await;
    drop(closed);
    let elsewhere = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), answers.port());
    let asked = [
        attempt(1, answers, true),
        attempt(2, opens, false),
        attempt(3, opens, true),
        attempt(4, nobody, false),
        attempt(5, elsewhere, false),
    ];
    let seen = session.tries(&asked).await.unwrap();
    let outcomes: Vec<_> = seen.iter().map(|seen| seen.as_ref().map(|seen| (seen.id, seen.outcome)).map_err(String::as_str)).collect();
    assert_eq!(
        outcomes,
        [
            Ok((1, Outcome::Answered)),
            Ok((2, Outcome::Answered)),
            Ok((3, Outcome::Silent)),
            Ok((4, Outcome::Refused)),
            Err("127.0.0.2 is not among what it was allowed to try"),
        ]
    );
    let first = seen[0].as_ref().unwrap();
    assert_eq!((first.client, first.detail.as_deref()), (Some(Ipv4Addr::LOCALHOST), Some("HTTP/1.1 204 No Content")));
    // More than the probe makes at a time.
    let many: Vec<_> = (0..200).map(|id| attempt(id, opens, false)).collect();
    for seen in session.tries(&many).await.unwrap() {
        assert_eq!(seen.as_ref().map(|seen| seen.outcome), Ok(Outcome::Answered), "{seen:?}");
    }
}

#[tokio::test]
async fn who_does_not_know_the_token_is_turned_away_on_either_side() {
    let address = probe().await;
    let error = Session::open(address, &token("another token than that"), PATIENCE).await.unwrap_err();
    assert!(matches!(&error, ProbeError::No(why) if why.contains("tokens")), "{error}");
    // Without a proof nothing is tried, and what is no line of ours ends the connection.
    for odd in [
        r#"{"say":"try","id":1,"to":"127.0.0.1:1","http":false,"patience":1}"#.to_owned() + "\n",
        "GET / HTTP/1.1\r\n\r\n".into(),
        "x".repeat(5000),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(odd.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        // It may be a reset, as the probe does not read what is too long.
        let _end = stream.read_to_end(&mut said).await;
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("hello") && !said.contains("seen") && !said.contains("welcome"), "{said}");
    }
    // A false probe that lets everybody in has no proof.
    let (impostor, there) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = impostor.accept().await.unwrap();
        stream.write_all(b"{\"say\":\"hello\",\"version\":1,\"nonce\":\"00\"}\n").await.unwrap();
        let _asked = stream.read(&mut [0; 1024]).await.unwrap();
        stream.write_all(b"{\"say\":\"welcome\",\"you\":\"127.0.0.1\",\"proof\":\"00\"}\n").await.unwrap();
        let _asked = stream.read(&mut [0; 1024]).await.unwrap();
    });
    let error = Session::open(there.into(), &token("the token of both sides"), PATIENCE).await.unwrap_err();
    assert!(matches!(error, ProbeError::Stranger(_)), "{error}");
    let (closed, nobody) = listener().await;
    drop(closed);
    let error = Session::open(nobody.into(), &token("the token of both sides"), PATIENCE).await.unwrap_err();
    assert!(matches!(error, ProbeError::Connect { .. }) && error.hint().unwrap().contains("hybridge lni probe"), "{error}");
}
