//! `apiVersion` and `kind`.

use crate::problem::{At, Problems};
use crate::tree::{Key, Tree};

/// A key at the top and what it has to say.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// `apiVersion` or `kind`.
    pub name: &'a str,
    /// Its value.
    pub wanted: &'a str,
    /// Of documents of this kind.
    pub kind: &'a str,
}

impl Head<'_> {
    /// Whether it is there, as `found` among the keys of the document that begins at `top`; a wrong one counts as one that is not.
    pub fn check(&self, found: Option<(&Key, &Tree)>, top: At, problems: &mut Problems) -> bool {
        let Self { name, wanted, kind } = *self;
        let code = if name == "kind" { "document.kind" } else { "document.api-version" };
        let Some((_, tree)) = found else {
            problems.error(code, top, "", format!("{name} is missing")).fix(format!("write `{name}: {wanted}` at the top"));
            return false;
        };
        if tree.text() == Some(wanted) {
            return true;
        }
        problems
            .error(code, tree.at, tree.text().unwrap_or_default(), format!("is not the {name} of a {kind}"))
            .fix(format!("write {wanted}"));
        false
    }
}
