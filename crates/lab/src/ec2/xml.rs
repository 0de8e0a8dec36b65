//! Writing the little XML that EC2 answers with.

use std::fmt;

/// A run of elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Xml(String);

impl Xml {
    /// Adds `<name>value</name>`, escaped.
    pub(crate) fn text(&mut self, name: &str, value: impl fmt::Display) {
        let value = value.to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.0.push_str(&format!("<{name}>{value}</{name}>"));
    }

    /// Adds `<name>…</name>` around what `inside` adds.
    pub(crate) fn nest(&mut self, name: &str, inside: impl FnOnce(&mut Xml)) {
        let mut inner = Xml::default();
        inside(&mut inner);
        self.0.push_str(&format!("<{name}>{inner}</{name}>"));
    }

    /// Adds the elements of `other`.
    pub(crate) fn append(&mut self, other: Xml) {
        self.0.push_str(&other.0);
    }
}

impl fmt::Display for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_elements_nest() {
        let mut xml = Xml::default();
        xml.nest("item", |item| item.text("name", "a<b>&c"));
        assert_eq!(xml.to_string(), "<item><name>a&lt;b&gt;&amp;c</name></item>");
    }
}
