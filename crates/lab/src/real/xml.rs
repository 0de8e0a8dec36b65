//! Just enough XML to read what EC2's Query API answers: elements and text. Attributes, comments and declarations are skipped.

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    name: String,
    /// Its text, trimmed.
    pub(super) text: String,
    children: Vec<Element>,
}

impl Element {
    /// The outermost element; `None` if the text is no well-formed XML.
    pub(super) fn parse(document: &str) -> Option<Self> {
        // A stack of open elements above one without a name.
        let mut open = vec![Self::default()];
        for piece in document.split('<').skip(1) {
            let (tag, text) = piece.split_once('>')?;
            if let Some(name) = tag.strip_prefix('/') {
                let element = open.pop()?;
                if element.name != name {
                    return None;
                }
                open.last_mut()?.children.push(element);
            } else if !tag.starts_with(['?', '!']) {
                let name = tag.split([' ', '/']).next()?.to_owned();
                let element = Self { name, text: unescape(text.trim()), children: Vec::new() };
                match tag.ends_with('/') {
                    true => open.last_mut()?.children.push(element),
                    false => open.push(element),
                }
            }
        }
        let mut root = open.pop()?;
        if !open.is_empty() || root.children.len() != 1 {
            return None;
        }
        root.children.pop()
    }

    /// The element that a path of names leads to, the first one at each step.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.children.iter().find(|child| child.name == *name))
    }

    /// The text at a path; empty elements have none.
    pub(super) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.find(path).map(|element| element.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The `item` elements of a set; none if the set is missing.
    pub(super) fn items(&self, set: &str) -> impl Iterator<Item = &Self> {
        let set = self.find(&[set]);
        set.into_iter().flat_map(|set| set.children.iter().filter(|child| child.name == "item"))
    }
}

fn unescape(text: &str) -> String {
    // The ampersand last: `&amp;lt;` is `&lt;`.
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_items_and_text_are_found() {
        let text =
            "<?xml version=\"1.0\"?>\n<R xmlns=\"x\"><set><item><id>a</id><none/></item> <item><id>b&amp;lt;</id></item></set></R>\n";
        let root = Element::parse(text).unwrap();
        let ids: Vec<_> = root.items("set").map(|item| item.text_at(&["id"])).collect();
        assert_eq!(ids, [Some("a"), Some("b&lt;")]);
        assert_eq!(root.text_at(&["set", "item", "none"]), None);
        assert_eq!(root.items("other").count(), 0);
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        for text in ["", "plain", "<a>", "<a></b>", "<a/><b/>", "</a>"] {
            assert_eq!(Element::parse(text), None, "{text}");
        }
    }
}
