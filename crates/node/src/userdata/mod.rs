//! User data and configuration files as they come: plain, base64, gzip, multipart MIME. Out come texts that may be NodeConfigs.
//!
//! What comes out is bounded by [`MAX_BYTES`] over all layers and parts, so a small gzip bomb cannot take the machine's memory.

pub mod compose;
mod legacy;
mod listed;
mod mime;
mod unpack;

pub use legacy::Legacy;
pub use listed::{Listed, list};
use unpack::Budget;

/// Most bytes that are taken in, and most that come out of all layers and parts together. EC2's user data holds 16 KiB; what is more is no
/// NodeConfig, and reading it would only take time.
pub const MAX_BYTES: usize = 4 << 20;
/// Most multiparts within each other.
const MAX_DEPTH: u32 = 5;
/// Content type of a NodeConfig part.
pub const CONTENT_TYPE: &str = "application/node.eks.aws";

/// One text that may be a NodeConfig.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Source, with the part's number and `(decoded)` where its lines are not those of the source.
    pub name: String,
    /// The text.
    pub text: String,
    /// Lines of the source before the text.
    pub line: u32,
}

/// Shows no text: there may be an activation code in it.
impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("name", &self.name).field("bytes", &self.text.len()).field("line", &self.line).finish()
    }
}

/// Why there is no NodeConfig in these bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserDataError {
    /// Nothing but white space.
    #[error("there is nothing in it")]
    Empty,
    /// Over [`MAX_BYTES`], before or after unpacking.
    #[error("more than 16 MiB, packed or unpacked")]
    TooLarge,
    /// The gzip magic, and then no gzip.
    #[error("begins as gzip does, but cannot be unpacked: {0}")]
    Gzip(String),
    /// `Content-Transfer-Encoding: base64` or `quoted-printable`, and then something else.
    #[error("the part's {0} encoding is broken")]
    Transfer(&'static str),
    /// Binary.
    #[error("not text in UTF-8")]
    NotText,
    /// Multipart, but not as RFC 2046 §5.1 has it.
    #[error("broken multipart: {what}")]
    Multipart {
        /// Line of the source, or of the decoded text.
        line: u32,
        /// What is missing.
        what: &'static str,
    },
    /// Multiparts within multiparts, more than 5.
    #[error("multiparts are nested more than 5 deep")]
    Depth,
    /// Multipart without a part for us; cloud-init may have enough in it.
    #[error("multipart without a part of type application/node.eks.aws (it has: {})", .types.join(", "))]
    NoPart {
        /// Types of the parts that are there.
        types: Vec<String>,
    },
    /// A shell script.
    #[error("a shell script, not a NodeConfig")]
    Script,
    /// `#cloud-config` and its like.
    #[error("a cloud-init document ({0}), not a NodeConfig")]
    CloudInit(String),
    /// A call of `/etc/eks/bootstrap.sh`, which Amazon Linux 2 had.
    #[error("calls /etc/eks/bootstrap.sh, which nodes with a NodeConfig do not have")]
    Legacy(Box<Legacy>),
}

/// Takes `bytes` apart; `name` is what messages call them.
///
/// # Errors
/// Whatever keeps a NodeConfig from being in them. A text that does not look like anything known is handed out as a part: parsing it
/// says more.
pub fn decode(name: &str, bytes: &[u8]) -> Result<Vec<Part>, UserDataError> {
    if bytes.len() > MAX_BYTES {
        return Err(UserDataError::TooLarge);
    }
    let mut budget = Budget::new(MAX_BYTES);
    let whole = unpack::layers(bytes, &mut budget)?;
    let name = if whole.packed { format!("{name} (decoded)") } else { name.to_owned() };
    let bytes = whole.bytes;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(UserDataError::Empty);
    }
    let Some(mail) = mime::multipart(&bytes)? else {
        let text = text(bytes.into_owned())?;
        return match foreign(&text, 0) {
            Some(error) => Err(error),
            None => Ok(vec![Part { name, text, line: 0 }]),
        };
    };
    let mut found = Found { name: &name, budget, parts: Vec::new(), types: Vec::new(), legacy: None };
    found.multipart(&bytes, mail, 0, 1)?;
    match (found.parts.is_empty(), found.legacy) {
        (false, _) => Ok(found.parts),
        (true, Some(legacy)) => Err(UserDataError::Legacy(Box::new(legacy))),
        (true, None) => Err(UserDataError::NoPart { types: found.types }),
    }
}

/// What has been found in a multipart so far.
struct Found<'a> {
    name: &'a str,
    budget: Budget,
    parts: Vec<Part>,
    types: Vec<String>,
    legacy: Option<Legacy>,
}

impl Found<'_> {
    fn multipart(&mut self, bytes: &[u8], mail: mime::Multipart, before: u32, depth: u32) -> Result<(), UserDataError> {
        if depth > MAX_DEPTH {
            return Err(UserDataError::Depth);
        }
        for part in mime::parts(bytes, &mail, before)? {
            self.part(&part, depth)?;
        }
        Ok(())
    }

    fn part(&mut self, part: &mime::Entity<'_>, depth: u32) -> Result<(), UserDataError> {
        // Types nobody reads are limited, as there can be as many parts as lines.
        let number = self.types.len() + 1;
        self.types.push(if number <= 20 { part.kind().to_owned() } else { String::new() });
        let ours = part.kind() == CONTENT_TYPE;
        let nested = part.kind().starts_with("multipart/");
        if !ours && !nested && !part.kind().contains("shellscript") {
            return Ok(());
        }
        let body = part.body(&mut self.budget)?;
        let whole = unpack::layers(&body.bytes, &mut self.budget)?;
        let packed = body.packed || whole.packed;
        let line = if packed { 0 } else { part.line };
        if nested {
            let mail = mime::nested(&part.headers, part.line)?;
            return self.multipart(&whole.bytes, mail, line, depth + 1);
        }
        if ours {
            let name = if packed { format!("{}, part {number} (decoded)", self.name) } else { self.name.to_owned() };
            self.parts.push(Part { name, text: text(whole.bytes.into_owned())?, line });
        } else if let Ok(script) = std::str::from_utf8(&whole.bytes)
            && self.legacy.is_none()
        {
            self.legacy = legacy::find(script, line);
        }
        Ok(())
    }
}

fn text(bytes: Vec<u8>) -> Result<String, UserDataError> {
    let mut text = String::from_utf8(bytes).map_err(|_| UserDataError::NotText)?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    if text.contains('\0') {
        return Err(UserDataError::NotText);
    }
    Ok(text)
}

/// What else user data is often found to be.
fn foreign(text: &str, before: u32) -> Option<UserDataError> {
    let start = text.trim_start();
    let first = start.lines().next().unwrap_or_default().trim_end();
    // A NodeConfig may well mention bootstrap.sh in a comment; a script never says `apiVersion:`.
    let script = first.starts_with("#!");
    if (script || !text.contains("apiVersion"))
        && let Some(legacy) = legacy::find(text, before)
    {
        return Some(UserDataError::Legacy(Box::new(legacy)));
    }
    if script {
        return Some(UserDataError::Script);
    }
    // https://cloudinit.readthedocs.io/en/latest/explanation/format.html
    let kinds =
        ["#cloud-config", "#cloud-boothook", "#include", "#part-handler", "#upstart-job", "#cloud-config-archive", "## template: jinja"];
    let kind = kinds.iter().filter(|kind| first.starts_with(**kind)).max_by_key(|kind| kind.len())?;
    (!text.contains("node.eks.aws/")).then(|| UserDataError::CloudInit((*kind).to_owned()))
}

#[cfg(test)]
mod tests;
