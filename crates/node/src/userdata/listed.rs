//! All parts of user data, whoever reads them.

use super::unpack::{self, Budget};
use super::{MAX_BYTES, UserDataError, mime};

/// One part, or all of user data that is no multipart.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// Content type; of what is no multipart, as cloud-init would tell by its beginning.
    pub kind: String,
    /// Name that its author gave it.
    pub name: Option<String>,
    /// Bytes, unpacked.
    pub bytes: usize,
    /// Line of the source that it begins after; 0 where it was packed.
    pub line: u32,
    /// The text; none if it is binary.
    pub text: Option<String>,
}

/// Shows no text: there may be an activation code in it.
impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").field("kind", &self.kind).field("name", &self.name).field("bytes", &self.bytes).finish()
    }
}

/// The parts in order; multiparts within are not entered.
///
/// # Errors
/// It is empty, too large, or broken.
pub fn list(bytes: &[u8]) -> Result<Vec<Listed>, UserDataError> {
    if bytes.len() > MAX_BYTES {
        return Err(UserDataError::TooLarge);
    }
    let mut budget = Budget::new(MAX_BYTES);
    let whole = unpack::layers(bytes, &mut budget)?;
    if whole.bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(UserDataError::Empty);
    }
    let Some(mail) = mime::multipart(&whole.bytes)? else {
        let text = String::from_utf8(whole.bytes.to_vec()).ok();
        let kind = text.as_deref().map_or("application/octet-stream", told).to_owned();
        return Ok(vec![Listed { kind, name: None, bytes: whole.bytes.len(), line: 0, text }]);
    };
    let mut found = Vec::new();
    for part in mime::parts(&whole.bytes, &mail, 0)? {
        let body = part.body(&mut budget)?;
        found.push(Listed {
            kind: part.kind().to_owned(),
            name: part.file_name().map(str::to_owned),
            bytes: body.bytes.len(),
            line: if whole.packed || body.packed { 0 } else { part.line },
            text: String::from_utf8(body.bytes.into_owned()).ok(),
        });
    }
    Ok(found)
}

/// What cloud-init takes a text for, by its beginning; a NodeConfig is none of its own.
fn told(text: &str) -> &'static str {
    let start = text.trim_start();
    let kinds = [("#cloud-config", "text/cloud-config"), ("#cloud-boothook", "text/cloud-boothook"), ("#!", "text/x-shellscript")];
    match kinds.iter().find(|(begin, _)| start.starts_with(begin)) {
        Some((_, kind)) => kind,
        None if text.contains("node.eks.aws/") => super::CONTENT_TYPE,
        None => "text/plain",
    }
}
