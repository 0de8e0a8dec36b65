//! The canonical form of a request and what is signed of it: the part that Signature Version 4 and its X.509 variant share
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::message::Message;

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same in a path, whose slashes stay.
const IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The parameter that cannot be part of what is signed.
const SIGNATURE: &str = "X-Amz-Signature";

/// What the signature of a request covers, as its sender names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// `YYYYMMDD`.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
}

impl Scope {
    /// `DATE/REGION/SERVICE/aws4_request`.
    pub(super) fn text(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The canonical request; `Err` names a signed header that the request does not have.
pub(super) fn canonical_request(message: &Message, signed_headers: &[String]) -> Result<String, String> {
    let mut headers = String::new();
    for name in signed_headers {
        let values: Vec<_> = message.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| collapse(value)).collect();
        if values.is_empty() {
            return Err(name.clone());
        }
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    // Every service but S3 encodes the path that was sent once more.
    let path = utf8_percent_encode(if message.path.is_empty() { "/" } else { &message.path }, IN_PATH);
    let body = hex(&Sha256::digest(&message.body));
    Ok(format!("{}\n{path}\n{}\n{headers}\n{}\n{body}", message.method, query(message), signed_headers.join(";")))
}

/// What is signed: algorithm, time, scope and the canonical request's digest.
pub(super) fn string_to_sign(algorithm: &str, date: &str, scope: &Scope, canonical_request: &str) -> String {
    format!("{algorithm}\n{date}\n{}\n{}", scope.text(), hex(&Sha256::digest(canonical_request)))
}

/// Parameters in the order of their encoded names and values, without the signature itself.
fn query(message: &Message) -> String {
    let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let signed = message.parameters().into_iter().filter(|(name, _)| name != SIGNATURE);
    let mut pairs: Vec<_> = signed.map(|(name, value)| (encode(&name), encode(&value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn collapse(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_twice_queries_sorted_and_spaces_collapsed() {
        let message = Message {
            method: "GET".into(),
            path: "/clusters/x/access-entries/arn%3Aaws".into(),
            query: "b=2&a=x%20y&X-Amz-Signature=00&a=1".into(),
            headers: vec![("host".into(), "  lab   one ".into())],
            body: vec![],
        };
        let expected = "GET\n/clusters/x/access-entries/arn%253Aaws\na=1&a=x%20y&b=2\nhost:lab one\n\nhost\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(canonical_request(&message, &["host".into()]).unwrap(), expected);
        assert_eq!(canonical_request(&message, &["x-amz-date".into()]), Err("x-amz-date".into()));
    }
}
