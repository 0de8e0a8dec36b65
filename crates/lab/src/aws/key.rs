//! Access keys and who holds them.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

/// Who a key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// An IAM user, by name.
    User(String),
    /// A session of a role.
    Session {
        /// Name of the role, without its path.
        role: String,
        /// Name of the session: the instance ID on EC2.
        session: String,
    },
}

impl Principal {
    /// The ARN as STS states it in partition `aws`.
    pub fn arn(&self, account: &str) -> String {
        match self {
            Self::User(name) => format!("arn:aws:iam::{account}:user/{name}"),
            Self::Session { role, session } => format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        }
    }

    /// The ARN that access entries name: of the role, not of its session.
    pub fn entry_arn(&self, account: &str) -> String {
        match self {
            Self::User(_) => self.arn(account),
            Self::Session { role, .. } => format!("arn:aws:iam::{account}:role/{role}"),
        }
    }

    /// The unique identifier: `AIDA…` of a user, `AROA…:SESSION` of a session
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>).
    pub fn user_id(&self) -> String {
        match self {
            Self::User(name) => format!("AIDA{}", letters(name)),
            Self::Session { role, session } => format!("AROA{}:{session}", letters(role)),
        }
    }
}

/// 17 capital letters that depend on the text alone (FNV-1a).
fn letters(text: &str) -> String {
    let mut hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let letter = |_| {
        let letter = char::from(b'A' + (hash % 26) as u8);
        hash = hash.rotate_right(7).wrapping_mul(0x100_0000_01b3);
        letter
    };
    (0..17).map(letter).collect()
}

/// An access key. It is good for the lab alone, so `Debug` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…`, or `ASIA…` of temporary ones.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The session token of temporary ones.
    pub token: Option<String>,
    /// When a temporary one ends.
    pub expires: Option<Timestamp>,
    /// Whose it is.
    pub principal: Principal,
}

impl AccessKey {
    /// A fresh key that does not end.
    pub fn permanent(principal: Principal) -> Self {
        Self { id: format!("AKIA{}", random(16)), secret: random(40), token: None, expires: None, principal }
    }

    /// A fresh key with a session token, which ends after `lifetime`.
    pub fn temporary(principal: Principal, now: Timestamp, lifetime: SignedDuration) -> Self {
        let (id, token) = (format!("ASIA{}", random(16)), Some(format!("IQoJ{}/+==", random(200))));
        Self { id, secret: random(40), token, expires: Some(now + lifetime), principal }
    }

    /// The environment in which AWS's own clients use it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let pair = [("AWS_ACCESS_KEY_ID", self.id.clone()), ("AWS_SECRET_ACCESS_KEY", self.secret.clone())];
        pair.into_iter().chain(self.token.clone().map(|token| ("AWS_SESSION_TOKEN", token))).collect()
    }
}

/// Random characters of the set that AWS's identifiers are made of.
pub(super) fn random(length: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut source = rand::rng();
    (0..length).map(|_| char::from(LETTERS[source.random_range(0..LETTERS.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_an_arn_of_its_own_and_its_roles() {
        let session = Principal::Session { role: "node".into(), session: "i-0a".into() };
        assert_eq!(session.arn("123456789012"), "arn:aws:sts::123456789012:assumed-role/node/i-0a");
        assert_eq!(session.entry_arn("123456789012"), "arn:aws:iam::123456789012:role/node");
        let id = session.user_id();
        assert!(id.starts_with("AROA") && id.ends_with(":i-0a") && id.len() == 26, "{id}");
        assert_ne!(id, Principal::Session { role: "other".into(), session: "i-0a".into() }.user_id());
    }
}
