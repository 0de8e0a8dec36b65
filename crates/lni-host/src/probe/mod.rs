//! The probe on a machine of the LAN, and the one who asks it. What they say stands in `hybridge_lni::probe`.

mod attempt;
mod lines;
mod serve;
mod session;
mod token;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use attempt::attempt;
pub use serve::serve;
pub use session::Session;
pub use token::Token;

/// Why a probe could not be asked, or cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No connection.
    #[error("cannot reach the probe at {to}")]
    Connect {
        /// Where it should be.
        to: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the probe broke")]
    Broken(#[source] io::Error),
    /// Something else than a probe, or one of another version.
    #[error("what answers is no probe of this version: {0}")]
    Stranger(String),
    /// The probe does not do what is asked.
    #[error("the probe says no: {0}")]
    No(String),
    /// The file with the token.
    #[error("cannot use the token in {}: {why}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl ProbeError {
    /// What to do about it, where we know it; one sentence without a full stop.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect { to, .. } => {
                Some(format!("on a machine of the LAN: `hybridge lni probe --listen {to} --allow POOL --token-file FILE`"))
            }
            Self::Token { path, .. } => {
                let path = path.display();
                Some(format!("`(umask 077; head -c 32 /dev/urandom | base64 > {path})` on one side; copy it to the other"))
            }
            Self::No(_) => Some("`--allow` of the probe names what may be tried; the tokens of both sides must be the same".into()),
            Self::Broken(_) | Self::Stranger(_) => None,
        }
    }
}
