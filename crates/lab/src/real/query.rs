//! EC2's Query API, from the side of the one who asks
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>).

use std::net::SocketAddr;
use std::str::FromStr;

use super::RealError;
use super::xml::Element;
use crate::http::Server;
use crate::netns::Netns;

/// The version of the API that all SDKs name.
const VERSION: &str = "2016-11-15";

/// A header by which moto chooses service and region; it verifies no signature.
pub(super) fn authorization(service: &str) -> (String, String) {
    let scope = format!("AKIAIOSFODNN7EXAMPLE/20260101/us-west-2/{service}/aws4_request");
    ("Authorization".into(), format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
}

/// An EC2 API.
#[derive(Clone, Debug)]
pub(super) struct Query(Server);

impl Query {
    pub(super) fn new(from: &Netns, address: SocketAddr) -> Self {
        let mut server = Server::plain(from, address);
        server.headers.push(authorization("ec2"));
        Self(server)
    }

    /// Calls an action with its parameters.
    pub(super) fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Answer, RealError> {
        let pairs = [("Action", action), ("Version", VERSION)].into_iter().chain(parameters.iter().copied());
        let form: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", percent(value))).collect();
        let reply = self.0.send("POST", "/", Some(("application/x-www-form-urlencoded", form.join("&").as_bytes())))?;
        if reply.status != 200 {
            return Err(RealError::Refused { request: action.into(), status: reply.status, body: reply.text() });
        }
        let root = Element::parse(&reply.text());
        let root = root.ok_or_else(|| RealError::NotUnderstood { request: action.into(), wanted: "XML".into() })?;
        Ok(Answer { action: action.into(), root })
    }
}

/// What an action answered.
#[derive(Debug)]
pub(super) struct Answer {
    action: String,
    pub(super) root: Element,
}

impl Answer {
    /// The value at a path from the outermost element.
    pub(super) fn get<T: FromStr>(&self, path: &[&str]) -> Result<T, RealError> {
        self.value(&self.root, path)
    }

    /// The value at a path from an element of this answer.
    pub(super) fn value<T: FromStr>(&self, element: &Element, path: &[&str]) -> Result<T, RealError> {
        let value = element.text_at(path).and_then(|text| text.parse().ok());
        value.ok_or_else(|| RealError::NotUnderstood { request: self.action.clone(), wanted: path.join("/") })
    }
}

/// Percent-encoding of all but RFC 3986's unreserved characters.
fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(percent("10.0.0.0/16 a~b"), "10.0.0.0%2F16%20a~b");
    }
}
