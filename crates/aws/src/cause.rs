//! What lies beneath an error of the SDK, as text that is safe to print.
//!
//! Errors of the SDK carry whole responses in `Debug` and may quote requests in `Display`. Neither may reach a log, so we keep
//! the messages alone, without what looks like a credential.

use std::error::Error;
use std::fmt;

/// Longer words are tokens, signatures, presigned URLs or encoded messages; request IDs have 36 characters.
const LONGEST_WORD: usize = 80;
/// ARNs that are no longer than this are shown whole (that of a change set has some 150 characters).
const LONGEST_ARN: usize = 256;
/// Length of an access key ID (IAM user guide, "Unique identifiers").
const ACCESS_KEY_ID: usize = 20;
/// No message that a person reads is longer.
const LONGEST_TEXT: usize = 600;

/// The messages of an error and of its sources, outermost first, free of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(Box<str>);

impl Cause {
    /// Takes the messages of `error` and of its sources, and leaves out those that say nothing by themselves.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut messages: Vec<String> = Vec::new();
        for link in links(error) {
            let whole = link.to_string();
            // A bad endpoint is reported with the whole request.
            let message = whole.split(" to request `Request {").next().unwrap_or_default().to_owned();
            let said = messages.last().is_some_and(|last| last.contains(&message));
            if !said && !is_hollow(&message) {
                messages.push(message);
            }
        }
        Self(scrub(&messages.join(": ")).into())
    }

    /// A cause in words of our own.
    pub(crate) fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}

/// `error` and its sources, and what an I/O error wraps, which it does not name as its source.
pub(crate) fn links<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&link| match link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn Error + 'static)),
        None => link.source(),
    })
}

/// The first link of type `E` in the chain of `error`.
pub(crate) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    links(error).find_map(|link| link.downcast_ref::<E>())
}

/// Messages of the SDK's wrappers that add nothing to what they wrap.
fn is_hollow(message: &str) -> bool {
    const HOLLOW: [&str; 9] = [
        "",
        "dispatch failure",
        "failed to construct request",
        "io error",
        "other",
        "service error",
        "timeout",
        "unhandled error",
        "user error",
    ];
    HOLLOW.contains(&message)
}

/// `text` on one line, cut to a readable length, without access key IDs and other words that may hold a secret.
pub(crate) fn scrub(text: &str) -> String {
    // What follows these quotes the request, security token included, or is a blob for `aws sts decode-authorization-message`.
    let end = ["Encoded authorization failure message", "The Canonical String"].iter().filter_map(|mark| text.find(mark)).min();
    let mut line = String::new();
    for part in text[..end.unwrap_or(text.len())].lines().filter(|part| !part.trim().is_empty()) {
        // The SDK's credential chain gives each of its sources a line.
        line.push_str(if line.is_empty() || line.ends_with(':') { "" } else { ";" });
        for word in part.split_whitespace() {
            line.push_str(if line.is_empty() { "" } else { " " });
            match word.len() {
                length if length > LONGEST_WORD && is_arn(word) => line.push_str(word),
                length if length > LONGEST_WORD => line.push_str(&format!("[{length} characters]")),
                _ if has_access_key(word) => line.push_str("[access key]"),
                _ => line.push_str(word),
            }
        }
    }
    if let Some((cut, _)) = line.char_indices().nth(LONGEST_TEXT) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

/// Whether `word` is an ARN, in quotes or not. It names things, and a message that leaves it out says nothing.
fn is_arn(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_part = |c: char| c.is_ascii_alphanumeric() || ":/-_.+=,@*".contains(c);
    bare.starts_with("arn:aws") && bare.len() <= LONGEST_ARN && bare.chars().all(is_part) && !has_access_key(word)
}

/// Whether `word` holds an access key ID, permanent (AKIA) or temporary (ASIA).
fn has_access_key(word: &str) -> bool {
    word.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| {
        part.len() == ACCESS_KEY_ID
            && (part.starts_with("AKIA") || part.starts_with("ASIA"))
            && !part.contains(|c: char| c.is_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_left_out_of_messages() {
        let token = "x".repeat(200);
        for (given, shown) in [
            ("You are not authorized. Encoded authorization failure message: abc", "You are not authorized."),
            ("mismatch. The Canonical String for this request should have been x-amz-security-token:abc", "mismatch."),
            ("key AKIAIOSFODNN7EXAMPLE, is unknown", "key [access key] is unknown"),
            ("Credential=ASIAIOSFODNN7EXAMPLE/20260101", "[access key]"),
            (&format!("token {token}  refused\n\n  tried:\n it"), "token [200 characters] refused; tried: it"),
            (
                "not authorized on resource: arn:aws:cloudformation:eu-central-1:123456789012:stack/eksctl-shop-cluster/0a1b2c3d-0123-4567-89ab-0123456789ab",
                "not authorized on resource: arn:aws:cloudformation:eu-central-1:123456789012:stack/eksctl-shop-cluster/0a1b2c3d-0123-4567-89ab-0123456789ab",
            ),
            ("The route identified by 10.0.0.0/16 already exists.", "The route identified by 10.0.0.0/16 already exists."),
        ] {
            assert_eq!(scrub(given), shown);
        }
        assert_eq!(scrub(&"word ".repeat(1000)).chars().count(), LONGEST_TEXT + 1);
    }

    #[test]
    fn a_cause_says_each_thing_once() {
        let io = std::io::Error::other(Cause::new("certificate expired"));
        assert_eq!(Cause::of(&io).to_string(), "certificate expired");
    }
}
