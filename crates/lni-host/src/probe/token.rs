//! The secret that both sides know.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_lc_rs::{hmac, rand};

use super::ProbeError;

/// Shortest token, in characters: 96 bits in base64.
const SHORTEST: usize = 16;

/// Who proves; so that nobody can hand the other's own proof back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Probe,
    Verify,
}

/// A secret out of a file that only its owner can read.
#[derive(Clone)]
pub struct Token {
    key: hmac::Key,
}

impl Token {
    /// Reads a file.
    ///
    /// # Errors
    /// It is not there, others may read it, or it holds less than 16 characters.
    pub fn read(path: &Path) -> Result<Self, ProbeError> {
        let failed = |why: String| ProbeError::Token { path: path.into(), why };
        let mut file = File::open(path).map_err(|error| failed(error.to_string()))?;
        let mode = file.metadata().map_err(|error| failed(error.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(failed(format!("others may read it (mode {:03o}); `chmod 600` it", mode & 0o777)));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        Self::from_text(text.trim()).ok_or_else(|| failed(format!("it holds less than {SHORTEST} characters")))
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        (text.len() >= SHORTEST).then(|| Self { key: hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()) })
    }

    /// What only this token makes of a nonce.
    pub(super) fn proof(&self, side: Side, nonce: &str) -> String {
        hex(hmac::sign(&self.key, &message(side, nonce)).as_ref())
    }

    /// Whether a proof is right; takes as long for a wrong one.
    pub(super) fn proves(&self, side: Side, nonce: &str, proof: &str) -> bool {
        unhex(proof).is_some_and(|proof| hmac::verify(&self.key, &message(side, nonce), &proof).is_ok())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

fn message(side: Side, nonce: &str) -> Vec<u8> {
    let side = match side {
        Side::Probe => "probe",
        Side::Verify => "verify",
    };
    format!("hybridge lni {side} {nonce}").into_bytes()
}

/// 128 random bits.
pub(super) fn nonce() -> io::Result<String> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("the system has no random numbers"))?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_proof_holds_for_its_token_its_side_and_its_nonce_alone() {
        let (token, other) = (Token::from_text("0123456789abcdef").unwrap(), Token::from_text("0123456789abcdeg").unwrap());
        let proof = token.proof(Side::Probe, "n");
        assert!(token.proves(Side::Probe, "n", &proof));
        assert!(!token.proves(Side::Verify, "n", &proof));
        assert!(!token.proves(Side::Probe, "m", &proof));
        assert!(!other.proves(Side::Probe, "n", &proof));
        for odd in ["", "0", "zz", "é", &proof[..62]] {
            assert!(!token.proves(Side::Probe, "n", odd), "{odd}");
        }
        assert!(Token::from_text("short").is_none());
        assert_ne!(nonce().unwrap(), nonce().unwrap());
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_nothing_of_it_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "a-secret-of-many-characters\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Token::read(&path).unwrap_err().to_string();
        assert!(error.contains("mode 640") && !error.contains("secret"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(format!("{:?}", Token::read(&path).unwrap()), "Token");
        fs::write(&path, "short\n").unwrap();
        assert!(Token::read(&path).unwrap_err().to_string().contains("less than 16"));
    }
}
