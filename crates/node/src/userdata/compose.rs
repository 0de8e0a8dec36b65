//! User data put together from typed parts: the reverse of [`super::decode`].
//!
//! The same parts give the same bytes, so that a launch template has a new version only where something has changed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use std::io::Write as _;

use super::CONTENT_TYPE;

/// Most bytes of user data, before base64 and after gzip (EC2 user guide, "Run commands when you launch an EC2 instance with user data
/// input").
pub const LARGEST: usize = 16 << 10;
/// Longest line that goes through mail unchanged (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;
/// Characters of a line of base64 (RFC 2045 §6.8).
const BASE64_LINE: usize = 76;

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A NodeConfig, for `hybridge node init`.
    NodeConfig,
    /// Run by cloud-init early in each boot.
    Boothook,
    /// Run by cloud-init at the end of the first boot.
    Script,
    /// Cloud-init's own document.
    CloudConfig,
}

impl Kind {
    /// Content type, after cloud-init's documentation of user data formats.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::NodeConfig => CONTENT_TYPE,
            Self::Boothook => "text/cloud-boothook",
            Self::Script => "text/x-shellscript",
            Self::CloudConfig => "text/cloud-config",
        }
    }

    /// What a text of this kind has to begin with for cloud-init to run it, and what to write instead.
    fn beginning(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NodeConfig => None,
            Self::Boothook | Self::Script => Some(("#!", "begin it with `#!/bin/sh` or the like")),
            Self::CloudConfig => Some(("#cloud-config", "begin it with the line `#cloud-config`")),
        }
    }
}

/// One part.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is for.
    pub kind: Kind,
    /// Its name, shown by cloud-init and by `user-data show`: letters, digits, `.`, `_` and `-`; others become `-`.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// Shows no text: there may be an activation code in it.
impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piece").field("kind", &self.kind).field("name", &self.name).field("bytes", &self.text.len()).finish()
    }
}

/// User data.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// Multipart text, or gzip of it.
    pub bytes: Vec<u8>,
    /// It had to be packed.
    pub packed: bool,
}

/// Shows no text: there may be an activation code in it.
impl std::fmt::Debug for Composed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Composed").field("bytes", &self.bytes.len()).field("packed", &self.packed).finish()
    }
}

/// Why parts make no user data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// No part at all.
    #[error("there is nothing to compose")]
    Nothing,
    /// Cloud-init would not know what to do with it, or nobody could read it.
    #[error("{name} {what}")]
    Part {
        /// Of the part.
        name: String,
        /// What is wrong.
        what: &'static str,
        /// What to write instead.
        fix: &'static str,
    },
    /// Over [`LARGEST`], packed as well.
    #[error("user data has {packed} bytes even when packed ({plain} before), EC2 takes {LARGEST}: {}", list(.parts))]
    TooLarge {
        /// Bytes after gzip.
        packed: usize,
        /// Bytes before.
        plain: usize,
        /// Name and bytes of each part, largest first.
        parts: Vec<(String, usize)>,
    },
}

fn list(parts: &[(String, usize)]) -> String {
    parts.iter().map(|(name, bytes)| format!("{name} {bytes}")).collect::<Vec<_>>().join(", ")
}

impl ComposeError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Nothing => "name a NodeConfig with -c, or a part with --script, --cloud-config or --boothook",
            Self::Part { fix, .. } => fix,
            Self::TooLarge { .. } => "fetch the largest part from S3 or an image in a short script, or bake it into the AMI",
        }
    }
}

/// Puts parts together, in their order; packs them if they are too large otherwise.
///
/// # Errors
/// A part that nobody could read, or more than EC2 takes.
pub fn compose(pieces: &[Piece]) -> Result<Composed, ComposeError> {
    if pieces.is_empty() {
        return Err(ComposeError::Nothing);
    }
    pieces.iter().try_for_each(check)?;
    let plain = multipart(pieces).into_bytes();
    if plain.len() <= LARGEST {
        return Ok(Composed { bytes: plain, packed: false });
    }
    let bytes = gzip(&plain);
    if bytes.len() <= LARGEST {
        return Ok(Composed { bytes, packed: true });
    }
    let mut parts: Vec<(String, usize)> = pieces.iter().map(|piece| (piece.name.clone(), piece.text.len())).collect();
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Err(ComposeError::TooLarge { packed: bytes.len(), plain: plain.len(), parts })
}

fn check(piece: &Piece) -> Result<(), ComposeError> {
    let wrong = |what, fix| Err(ComposeError::Part { name: piece.name.clone(), what, fix });
    if piece.text.trim().is_empty() {
        return wrong("is empty", "leave it out");
    }
    if piece.text.contains('\0') {
        return wrong("is not text", "name a text file; programs belong into the image");
    }
    if piece.text.starts_with('\u{feff}') {
        return wrong("begins with a byte order mark", "save it as UTF-8 without one");
    }
    match piece.kind.beginning() {
        Some((start, fix)) if !piece.text.starts_with(start) => wrong("would be passed over by cloud-init", fix),
        Some(_) | None => Ok(()),
    }
}

fn multipart(pieces: &[Piece]) -> String {
    let bodies: Vec<(&Piece, Body)> = pieces.iter().map(|piece| (piece, Body::of(&piece.text))).collect();
    let boundary = boundary(&bodies);
    let mut out = format!("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\n\n");
    for (piece, body) in &bodies {
        out += &format!(
            "--{boundary}\nContent-Type: {}; charset=\"{}\"\nContent-Transfer-Encoding: {}\nContent-Disposition: attachment; filename=\"{}\"\n\n{}\n",
            piece.kind.content_type(),
            body.charset,
            body.encoding,
            file_name(&piece.name),
            body.text,
        );
    }
    out + &format!("--{boundary}--\n")
}

/// A text as it goes through mail. What is not plain lines of ASCII is base64: cloud-init would read it in another character set, or
/// change its line ends.
struct Body {
    charset: &'static str,
    encoding: &'static str,
    text: String,
}

impl Body {
    fn of(text: &str) -> Self {
        let plain = text.is_ascii() && !text.contains('\r') && text.lines().all(|line| line.len() <= LONGEST_LINE);
        if plain {
            return Self { charset: "us-ascii", encoding: "7bit", text: text.to_owned() };
        }
        let packed = STANDARD.encode(text);
        let lines: Vec<&str> =
            packed.as_bytes().chunks(BASE64_LINE).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
        Self { charset: "utf-8", encoding: "base64", text: lines.join("\n") }
    }
}

/// Out of what the parts hold, and in none of them.
fn boundary(bodies: &[(&Piece, Body)]) -> String {
    let mut hash = Sha256::new();
    for (piece, body) in bodies {
        hash.update(format!("{}\0{}\0{}\0", piece.kind.content_type(), piece.name, body.text.len()));
        hash.update(body.text.as_bytes());
    }
    loop {
        let digest = hash.clone().finalize();
        let name: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        let boundary = format!("hybridge-{name}");
        if bodies.iter().all(|(_, body)| !body.text.contains(&boundary)) {
            return boundary;
        }
        hash.update(b"again");
    }
}

/// Quotes and line breaks would end the header.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}

/// Without a time in it, so that the same text gives the same bytes.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    writer.write_all(bytes).and_then(|()| writer.finish()).expect("a vector takes everything")
}

#[cfg(test)]
mod tests;
