//! XML by the names of its elements.

use std::str::FromStr;

use roxmltree::{Document, Node};

/// An element of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a, 'input>(Node<'a, 'input>);

impl<'a, 'input> Element<'a, 'input> {
    /// The first element of this name within.
    pub(crate) fn child(self, name: &str) -> Option<Self> {
        self.elements().find(|child| child.0.tag_name().name() == name)
    }

    fn elements(self) -> impl Iterator<Item = Self> + use<'a, 'input> {
        self.0.children().filter(Node::is_element).map(Self)
    }

    /// The elements of a list: `item`s for EC2, `member`s for the others. None where there is no such list.
    pub(crate) fn items(self, list: &str) -> impl Iterator<Item = Self> + use<'a, 'input> {
        let found = self.child(list);
        found.into_iter().flat_map(Self::elements).filter(|item| matches!(item.0.tag_name().name(), "item" | "member"))
    }

    /// The texts of a list.
    pub(crate) fn texts(self, list: &str) -> Vec<String> {
        self.items(list).map(Self::own_text).collect()
    }

    /// What stands in this element itself.
    pub(crate) fn own_text(self) -> String {
        self.0.text().unwrap_or_default().trim().to_owned()
    }

    /// The text of a field; empty where it is not there.
    pub(crate) fn text(self, name: &str) -> String {
        self.some(name).unwrap_or_default()
    }

    /// The text of a field that may not be there.
    pub(crate) fn some(self, name: &str) -> Option<String> {
        self.child(name).map(Self::own_text)
    }

    /// The text of a field without which the element means nothing.
    pub(crate) fn need(self, name: &str) -> Result<String, String> {
        self.some(name).filter(|text| !text.is_empty()).ok_or_else(|| format!("{name} is missing"))
    }

    /// Whether a field says `true`.
    pub(crate) fn flag(self, name: &str) -> bool {
        self.some(name).is_some_and(|text| text == "true")
    }

    /// A number that may not be there.
    pub(crate) fn number<T: FromStr>(self, name: &str) -> Result<Option<T>, String> {
        let text = self.some(name).filter(|text| !text.is_empty());
        text.map(|text| text.parse().map_err(|_| format!("{name}: `{text}` is no number of the expected size"))).transpose()
    }
}

/// Takes what is needed from the answer to `action`.
pub(super) fn read<T>(body: &[u8], action: &str, decode: impl FnOnce(Element<'_, '_>) -> Result<T, String>) -> Result<T, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is no UTF-8")?;
    let document = Document::parse(text).map_err(|error| format!("it is no XML: {error}"))?;
    let root = Element(document.root_element());
    let name = root.0.tag_name().name();
    if name.strip_suffix("Response") != Some(action) {
        return Err(format!("it begins with `{name}`, not with `{action}Response`"));
    }
    decode(root.child(&format!("{action}Result")).unwrap_or(root))
}

/// Code and message of an error in XML: `ErrorResponse` of most services, `Response` of EC2, `Error` of S3. None: it is something else.
pub(crate) fn error_of(body: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.trim_start().starts_with('<'))?;
    let document = Document::parse(text.trim_start()).ok()?;
    let error = document.descendants().find(|node| node.is_element() && node.tag_name().name() == "Error").map(Element)?;
    let message = error.some("Message").unwrap_or_else(|| "no message".into());
    Some((error.need("Code").ok()?, message))
}
