//! The probe: answers whoever knows the token, and tries what it was allowed to.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hybridge_lni::probe::{FromProbe, FromVerify, VERSION, allowed};
use hybridge_lni::profile::Range4;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::token::{Side, Token, nonce};
use super::{attempt, lines};

/// Connections at a time; further ones wait.
const CONNECTIONS: usize = 8;
/// Attempts at a time of one connection.
const ATTEMPTS: usize = 64;
/// How long a stranger may take to prove itself.
const STRANGER: Duration = Duration::from_secs(5);
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(60);

/// Answers until `stop` is done.
pub async fn serve(listener: TcpListener, token: Token, allow: Vec<Range4>, stop: impl Future<Output = ()>) {
    let (places, allow) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(allow));
    let serving = async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
            let Ok((stream, peer)) = listener.accept().await else {
                // Out of descriptors: others end meanwhile.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (token, allow) = (token.clone(), Arc::clone(&allow));
            tokio::spawn(async move {
                match converse(stream, &token, &allow).await {
                    Ok(()) => tracing::info!(%peer, "done"),
                    Err(error) => tracing::warn!(%peer, %error, "turned away"),
                }
                drop(place);
            });
        }
    };
    tokio::select! {
        () = stop => {}
        () = serving => {}
    }
}

async fn converse(stream: TcpStream, token: &Token, allow: &[Range4]) -> io::Result<()> {
    let IpAddr::V4(you) = stream.peer_addr()?.ip() else { return Err(io::Error::other("IPv6 is not spoken here")) };
    stream.set_nodelay(true)?;
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    let slow = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(STRANGER, welcome(&mut reading, &mut writing, token, you)).await.map_err(slow)??;
    let (tell, mut told) = mpsc::channel::<FromProbe>(ATTEMPTS);
    let places = Arc::new(Semaphore::new(ATTEMPTS));
    let answering = async {
        while let Some(line) = told.recv().await {
            lines::write(&mut writing, &line).await?;
        }
        Ok(())
    };
    let asking = async {
        // Moved in, so that the answers end with the questions.
        let tell = tell;
        while let Some(line) = tokio::time::timeout(IDLE, lines::read::<FromVerify>(&mut reading)).await.map_err(slow)?? {
            let FromVerify::Try(asked) = line else { return Err(io::Error::other("a proof was given already")) };
            if !allowed(*asked.to.ip(), allow) {
                let no = FromProbe::No { id: Some(asked.id), why: format!("{} is not among what it was allowed to try", asked.to.ip()) };
                let _gone = tell.send(no).await;
                continue;
            }
            let (place, tell) = (Arc::clone(&places).acquire_owned().await.expect("nobody closes it"), tell.clone());
            tokio::spawn(async move {
                let _gone = tell.send(FromProbe::Seen(attempt(asked).await)).await;
                drop(place);
            });
        }
        Ok(())
    };
    tokio::try_join!(answering, asking).map(drop)
}

async fn welcome(
    reading: &mut BufReader<tokio::net::tcp::OwnedReadHalf>,
    writing: &mut tokio::net::tcp::OwnedWriteHalf,
    token: &Token,
    you: Ipv4Addr,
) -> io::Result<()> {
    let own = nonce()?;
    lines::write(writing, &FromProbe::Hello { version: VERSION, nonce: own.clone() }).await?;
    match lines::read(reading).await? {
        Some(FromVerify::Proof { proof, nonce }) if token.proves(Side::Verify, &own, &proof) => {
            lines::write(writing, &FromProbe::Welcome { you, proof: token.proof(Side::Probe, &nonce) }).await
        }
        Some(_) => {
            lines::write(writing, &FromProbe::No { id: None, why: "the tokens are not the same".into() }).await?;
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "another token"))
        }
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
