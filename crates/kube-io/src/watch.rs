//! The lines of a watch.

use serde::Deserialize;
use serde_json::Value;

use crate::list::Item;

/// One event of a watch.
#[derive(Debug)]
pub(crate) enum Change {
    /// The object was added or changed, or was given the label that is watched for.
    Set(Item),
    /// The object was deleted, or lost the label.
    Removed(Item),
    /// Nothing more happened up to the version that this carries.
    Bookmark(Item),
    /// The watch is over; a code as of HTTP, and a sentence.
    Error(u16, String),
    /// A kind of event that did not exist when this was written.
    Unknown(String),
}

#[derive(Deserialize)]
struct Head {
    r#type: String,
}

#[derive(Deserialize)]
struct Event<T> {
    object: T,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: Value,
    message: Value,
}

/// Reads the line twice, since its key `type` says what `object` is and may stand before or after it.
///
/// # Errors
/// The line is no watch event.
pub(crate) fn parse(line: &[u8]) -> serde_json::Result<Change> {
    let Head { r#type } = serde_json::from_slice(line)?;
    let item = || serde_json::from_slice::<Event<Item>>(line).map(|event| event.object);
    Ok(match r#type.as_str() {
        "ADDED" | "MODIFIED" => Change::Set(item()?),
        "DELETED" => Change::Removed(item()?),
        "BOOKMARK" => Change::Bookmark(item()?),
        "ERROR" => {
            let Event { object: Status { code, message } } = serde_json::from_slice(line)?;
            let code = code.as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
            Change::Error(code, message.as_str().unwrap_or("no reason given").to_owned())
        }
        _ => Change::Unknown(r#type),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_event_is_told_apart() {
        let parse = |text: &str| parse(text.as_bytes()).unwrap();
        let node = r#"{"metadata":{"name":"a","resourceVersion":"9","managedFields":[{}]},"spec":{}}"#;
        assert!(matches!(parse(&format!(r#"{{"type":"ADDED","object":{node}}}"#)), Change::Set(item) if item.name() == "a"));
        assert!(matches!(parse(&format!(r#"{{"object":{node},"type":"MODIFIED"}}"#)), Change::Set(item) if item.version() == "9"));
        assert!(matches!(parse(&format!(r#"{{"type":"DELETED","object":{node}}}"#)), Change::Removed(item) if item.name() == "a"));
        assert!(matches!(parse(&format!(r#"{{"type":"BOOKMARK","object":{node}}}"#)), Change::Bookmark(item) if item.version() == "9"));
        assert!(matches!(parse(&format!(r#"{{"type":"REPLACED","object":{node}}}"#)), Change::Unknown(kind) if kind == "REPLACED"));
        let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old","metadata":{}}}"#;
        assert!(matches!(parse(gone), Change::Error(410, message) if message == "too old"));
        assert!(matches!(parse(r#"{"type":"ERROR","object":{}}"#), Change::Error(500, _)));
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        for text in ["", "{", "[]", r#"{"type":"ADDED"}"#, r#"{"object":{}}"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
