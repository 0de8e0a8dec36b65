//! Multipart MIME (RFC 2046 §5.1) with mail headers, as cloud-init and nodeadm read it.
//!
//! Own code, because places in the source must be kept, parts may be binary, and mail libraries bring tables of character sets.

use std::borrow::Cow;

use super::UserDataError;
use super::unpack::{Budget, Unpacked, transfer_base64, transfer_quoted};

/// Bytes of headers that are looked at.
const MAX_HEADERS: usize = 64 << 10;
/// Parts of one multipart.
const MAX_PARTS: usize = 1000;

/// A text that says it is a multipart.
pub(super) struct Multipart {
    boundary: Vec<u8>,
    /// Where the body begins.
    start: usize,
}

/// Headers that matter here, values unfolded, comments kept.
#[derive(Default)]
pub(super) struct Headers {
    kind: String,
    boundary: Option<String>,
    transfer: String,
    file_name: Option<String>,
}

/// One part of a multipart.
pub(super) struct Entity<'a> {
    pub(super) headers: Headers,
    body: &'a [u8],
    /// Lines of the source before the body.
    pub(super) line: u32,
}

impl Entity<'_> {
    /// Content type, lower case, without parameters.
    pub(super) fn kind(&self) -> &str {
        if self.headers.kind.is_empty() { "text/plain" } else { &self.headers.kind }
    }

    /// Name that its sender gave it.
    pub(super) fn file_name(&self) -> Option<&str> {
        self.headers.file_name.as_deref()
    }

    /// The body without its transfer encoding.
    pub(super) fn body(&self, budget: &mut Budget) -> Result<Unpacked<'_>, UserDataError> {
        let decoded = match self.headers.transfer.as_str() {
            "base64" => transfer_base64(self.body, budget)?,
            "quoted-printable" => transfer_quoted(self.body, budget)?,
            _ => return Ok(Unpacked { bytes: Cow::Borrowed(self.body), packed: false }),
        };
        Ok(Unpacked { bytes: Cow::Owned(decoded), packed: true })
    }
}

/// Whether `bytes` begin with mail headers that say multipart.
///
/// # Errors
/// They do, without a boundary.
pub(super) fn multipart(bytes: &[u8]) -> Result<Option<Multipart>, UserDataError> {
    let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let Some((headers, length)) = headers(&bytes[blank..]) else { return Ok(None) };
    if !headers.kind.starts_with("multipart/") {
        return Ok(None);
    }
    let line = count_lines(&bytes[..blank]) + 1;
    nested(&headers, line).map(|found| Some(Multipart { start: blank + length, ..found }))
}

/// The multipart that a part's headers announce; its body begins where the part's does.
pub(super) fn nested(headers: &Headers, line: u32) -> Result<Multipart, UserDataError> {
    match &headers.boundary {
        Some(boundary) if !boundary.is_empty() => Ok(Multipart { boundary: boundary.clone().into_bytes(), start: 0 }),
        _ => Err(UserDataError::Multipart { line, what: "its Content-Type names no boundary" }),
    }
}

/// The parts in order; `before` lines of the source come before `bytes`.
pub(super) fn parts<'a>(bytes: &'a [u8], mail: &Multipart, before: u32) -> Result<Vec<Entity<'a>>, UserDataError> {
    let mut parts = Vec::new();
    let mut line = before + count_lines(&bytes[..mail.start]);
    let mut at = mail.start;
    // Start of the part that is being read, with the lines before it.
    let mut open: Option<(usize, u32)> = None;
    let mut closed = false;
    while at < bytes.len() && !closed {
        let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length + 1);
        if let Some(last) = delimiter(&bytes[at..end], &mail.boundary) {
            if let Some((start, lines)) = open.take() {
                if parts.len() >= MAX_PARTS {
                    return Err(UserDataError::Multipart { line: lines, what: "it has more than 1000 parts" });
                }
                parts.push(entity(&bytes[start..at], lines)?);
            }
            open = Some((end, line + 1));
            closed = last;
        }
        at = end;
        line += 1;
    }
    match closed {
        true => Ok(parts),
        false => Err(UserDataError::Multipart { line, what: "the closing line --boundary-- is missing; is the text cut off?" }),
    }
}

/// Whether a line is the delimiter, and the last one.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match rest.trim_ascii_end() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

fn entity(bytes: &[u8], before: u32) -> Result<Entity<'_>, UserDataError> {
    let Some((headers, length)) = headers(bytes) else {
        return Err(UserDataError::Multipart { line: before + 1, what: "a part has to begin with headers and an empty line" });
    };
    let body = &bytes[length..];
    // The line break before the delimiter belongs to the delimiter.
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    Ok(Entity { headers, body, line: before + count_lines(&bytes[..length]) })
}

/// Headers at the start of `bytes` and their length with the empty line; none if there is a line that is no header.
fn headers(bytes: &[u8]) -> Option<(Headers, usize)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut length = 0;
    let limit = bytes.len().min(MAX_HEADERS);
    while length < limit {
        let end = bytes[length..limit].iter().position(|&byte| byte == b'\n').map_or(limit, |at| length + at + 1);
        let line = std::str::from_utf8(&bytes[length..end]).ok()?.trim_end_matches(['\r', '\n']);
        length = end;
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut()?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (name, value) = line.split_once(':')?;
        let token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            return None;
        }
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let value = |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str());
    let (kind, boundary) = with_parameter(value("content-type"), "boundary");
    let (_, file_name) = with_parameter(value("content-disposition"), "filename");
    let transfer = value("content-transfer-encoding").to_ascii_lowercase();
    Some((Headers { kind, boundary, transfer, file_name }, length))
}

/// A header's value, lower case, and one of its parameters (RFC 2045 §5.1, RFC 2183 §2).
fn with_parameter(value: &str, wanted: &str) -> (String, Option<String>) {
    let (kind, mut rest) = value.split_once(';').unwrap_or((value, ""));
    let mut found = None;
    while let Some((name, after)) = rest.split_once('=') {
        let (text, after) = parameter(after.trim_start());
        if name.trim_start_matches([';', ' ', '\t']).trim_end().eq_ignore_ascii_case(wanted) {
            found = Some(text);
        }
        rest = after;
    }
    (kind.trim().to_ascii_lowercase(), found)
}

/// A parameter's value, quoted or not, and what follows it.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    (value, "")
}

fn count_lines(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|&&byte| byte == b'\n').count()).unwrap_or(u32::MAX)
}
