//! One HTTP request as its sender signed it: nothing decoded, nothing put in order.

use percent_encoding::percent_decode_str;

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Verb, upper case.
    pub method: String,
    /// Path with its percent-encoding.
    pub path: String,
    /// What follows the question mark, with its percent-encoding; empty if there is none.
    pub query: String,
    /// Headers in the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Message {
    /// Value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Decoded parameters of the query, in the order of arrival.
    pub fn parameters(&self) -> Vec<(String, String)> {
        pairs(&self.query)
    }

    /// The first value of a parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value)
    }

    /// Decoded parameters of a form in the body.
    pub fn form(&self) -> Vec<(String, String)> {
        // Of forms, unlike queries, `+` is a space (https://url.spec.whatwg.org/#application/x-www-form-urlencoded).
        pairs(&String::from_utf8_lossy(&self.body).replace('+', "%20"))
    }

    /// Decoded segments of the path.
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect()
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decode(name), decode(value))).collect()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_a_space_in_forms_alone() {
        let message = Message { path: "/a%2Fb/c".into(), query: "x=1+2%20&y".into(), body: b"z=1+2%2B".to_vec(), ..Message::default() };
        assert_eq!(message.parameters(), [("x".into(), "1+2 ".into()), ("y".into(), String::new())]);
        assert_eq!(message.form(), [("z".into(), "1 2+".into())]);
        assert_eq!(message.segments(), ["a/b", "c"]);
    }
}
