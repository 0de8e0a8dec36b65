//! Asking a probe.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hybridge_lni::probe::{FromProbe, FromVerify, LONGEST_PATIENCE, Seen, Try, VERSION};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::token::{Side, Token, nonce};
use super::{ProbeError, lines};

/// A connection to a probe that has proved to know the token.
#[derive(Debug)]
pub struct Session {
    reading: BufReader<OwnedReadHalf>,
    writing: OwnedWriteHalf,
    /// The address that the probe sees this machine come from.
    pub you: Ipv4Addr,
}

impl Session {
    /// Connects, and has both sides prove themselves, within `patience`.
    pub async fn open(to: SocketAddr, token: &Token, patience: Duration) -> Result<Self, ProbeError> {
        let slow = || ProbeError::Connect { to, source: io::ErrorKind::TimedOut.into() };
        tokio::time::timeout(patience, Self::meet(to, token)).await.map_err(|_| slow())?
    }

    async fn meet(to: SocketAddr, token: &Token) -> Result<Self, ProbeError> {
        let stream = TcpStream::connect(to).await.map_err(|source| ProbeError::Connect { to, source })?;
        stream.set_nodelay(true).map_err(ProbeError::Broken)?;
        let (reading, mut writing) = stream.into_split();
        let mut reading = BufReader::new(reading);
        let theirs = match next(&mut reading).await? {
            FromProbe::Hello { version: VERSION, nonce } => nonce,
            FromProbe::Hello { version, .. } => return Err(ProbeError::Stranger(format!("it speaks version {version}, not {VERSION}"))),
            FromProbe::Welcome { .. } | FromProbe::Seen(_) | FromProbe::No { .. } => {
                return Err(ProbeError::Stranger("it does not begin with a greeting".into()));
            }
        };
        let own = nonce().map_err(ProbeError::Broken)?;
        let proof = FromVerify::Proof { proof: token.proof(Side::Verify, &theirs), nonce: own.clone() };
        lines::write(&mut writing, &proof).await.map_err(ProbeError::Broken)?;
        match next(&mut reading).await? {
            FromProbe::Welcome { you, proof } if token.proves(Side::Probe, &own, &proof) => Ok(Self { reading, writing, you }),
            FromProbe::No { why, .. } => Err(ProbeError::No(why)),
            FromProbe::Hello { .. } | FromProbe::Welcome { .. } | FromProbe::Seen(_) => {
                Err(ProbeError::Stranger("it does not know the token".into()))
            }
        }
    }

    /// Has everything tried at once; what came of each, or why the probe does not try it, in the order of what was asked.
    pub async fn tries(&mut self, asked: &[Try]) -> Result<Vec<Result<Seen, String>>, ProbeError> {
        let longest = Duration::from_millis(LONGEST_PATIENCE.into()) + Duration::from_secs(5);
        let mut answers = BTreeMap::new();
        // In portions: the probe makes so many at a time.
        for portion in asked.chunks(32) {
            for one in portion {
                lines::write(&mut self.writing, &FromVerify::Try(*one)).await.map_err(ProbeError::Broken)?;
            }
            for _ in portion {
                let late = |_| ProbeError::Broken(io::ErrorKind::TimedOut.into());
                match tokio::time::timeout(longest, next(&mut self.reading)).await.map_err(late)?? {
                    FromProbe::Seen(seen) => drop(answers.insert(seen.id, Ok(seen))),
                    FromProbe::No { id: Some(id), why } => drop(answers.insert(id, Err(why))),
                    FromProbe::No { id: None, why } => return Err(ProbeError::No(why)),
                    FromProbe::Hello { .. } | FromProbe::Welcome { .. } => {
                        return Err(ProbeError::Stranger("it greets twice".into()));
                    }
                }
            }
        }
        let missing = || Err("it gave no answer to this".to_owned());
        Ok(asked.iter().map(|one| answers.remove(&one.id).unwrap_or_else(missing)).collect())
    }
}

async fn next(reading: &mut BufReader<OwnedReadHalf>) -> Result<FromProbe, ProbeError> {
    match lines::read(reading).await {
        Ok(Some(line)) => Ok(line),
        Ok(None) => Err(ProbeError::Broken(io::ErrorKind::UnexpectedEof.into())),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(ProbeError::Stranger(error.to_string())),
        Err(error) => Err(ProbeError::Broken(error)),
    }
}
