//! base64 and gzip, with a limit of what comes out.

use std::borrow::Cow;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::UserDataError;

/// Layers of base64 and gzip around one text. nodeadm knows one of each; tools that encode twice are common.
const MAX_LAYERS: u32 = 4;
/// RFC 1952 §2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What may still come out.
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    pub(super) fn new(left: usize) -> Self {
        Self { left }
    }

    /// Books `bytes` that are about to be made.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), UserDataError> {
        self.left = self.left.checked_sub(bytes).ok_or(UserDataError::TooLarge)?;
        Ok(())
    }
}

/// Bytes, and whether they are the source's own.
pub(super) struct Unpacked<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) packed: bool,
}

/// Takes off base64 and gzip, as long as there is one of them.
pub(super) fn layers<'a>(bytes: &'a [u8], budget: &mut Budget) -> Result<Unpacked<'a>, UserDataError> {
    let mut whole = Unpacked { bytes: Cow::Borrowed(bytes), packed: false };
    for _ in 0..MAX_LAYERS {
        let inner = if whole.bytes.starts_with(&GZIP_MAGIC) { Some(gunzip(&whole.bytes, budget)?) } else { base64(&whole.bytes, budget)? };
        let Some(inner) = inner else { break };
        whole = Unpacked { bytes: Cow::Owned(inner), packed: true };
    }
    Ok(whole)
}

/// Unpacks all members, never more than the budget has.
fn gunzip(bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, UserDataError> {
    let mut out = Vec::new();
    let limit = u64::try_from(budget.left).unwrap_or(u64::MAX).saturating_add(1);
    let read = flate2::read::MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut out);
    // The budget first: a bomb need not be whole.
    budget.take(out.len())?;
    read.map_err(|error| UserDataError::Gzip(error.to_string()))?;
    Ok(out)
}

/// The whole body as base64, line breaks and white space around it left out. Nothing if it is none, or if what comes out is neither
/// text nor gzip: a plain word is base64, too.
fn base64(bytes: &[u8], budget: &mut Budget) -> Result<Option<Vec<u8>>, UserDataError> {
    let body = bytes.trim_ascii();
    if body.is_empty() || !body.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte)) {
        return Ok(None);
    }
    budget.take(body.len())?;
    let packed: Vec<u8> = body.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    Ok(STANDARD.decode(packed).ok().filter(|inner| inner.starts_with(&GZIP_MAGIC) || readable(inner)))
}

fn readable(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')))
}

/// `Content-Transfer-Encoding: base64`, RFC 2045 §6.8: what is not of the alphabet is ignored.
pub(super) fn transfer_base64(bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, UserDataError> {
    budget.take(bytes.len())?;
    let packed: Vec<u8> = bytes.iter().copied().filter(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte)).collect();
    STANDARD.decode(packed).map_err(|_| UserDataError::Transfer("base64"))
}

/// `Content-Transfer-Encoding: quoted-printable`, RFC 2045 §6.7.
pub(super) fn transfer_quoted(bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, UserDataError> {
    budget.take(bytes.len())?;
    let broken = UserDataError::Transfer("quoted-printable");
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'=' {
            out.push(first);
            continue;
        }
        if let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            rest = after;
            continue;
        }
        let digits = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let Some(byte) = digits.and_then(|two| u8::from_str_radix(two, 16).ok()) else { return Err(broken) };
        out.push(byte);
        rest = &rest[2..];
    }
    Ok(out)
}
