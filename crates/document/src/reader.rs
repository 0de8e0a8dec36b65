//! Values of the types that documents have; what has another type becomes a problem.

use serde_json::Value;

use crate::names::nearest;
use crate::problem::{At, Problems};
use crate::scalar::{boolean, is_null, old_boolean, own, value};
use crate::tree::{Key, Node, Scalar, Tree};

/// Reads values where a type is given.
pub struct Reader<'a> {
    /// What was wrong so far.
    pub problems: &'a mut Problems,
    /// A value was left out as it has the wrong type: what is missing can no longer be told.
    pub incomplete: bool,
}

impl<'a> Reader<'a> {
    /// For a document nothing of which was read yet.
    pub fn new(problems: &'a mut Problems) -> Self {
        Self { problems, incomplete: false }
    }

    /// A mapping's entries, each name once; a value that stands for nothing is an empty one.
    pub fn map<'t>(&mut self, tree: &'t Tree) -> Option<Vec<(&'t Key, &'t Tree)>> {
        match &tree.node {
            Node::Map(entries) => Some(own(entries, self.problems)),
            Node::Scalar(scalar) if is_null(scalar) => Some(Vec::new()),
            Node::Scalar(_) | Node::List(_) => {
                self.wrong_type(tree, "a mapping (`key: value`)", "");
                None
            }
        }
    }

    /// A list's items.
    pub fn list<'t>(&mut self, tree: &'t Tree) -> Option<&'t [Tree]> {
        match &tree.node {
            Node::List(items) => Some(items),
            Node::Scalar(_) | Node::Map(_) => {
                self.wrong_type(tree, "a list (`- item`)", "put a `-` before it in a line of its own");
                None
            }
        }
    }

    /// A text, as it is written.
    pub fn scalar<'t>(&mut self, tree: &'t Tree) -> Option<&'t Scalar> {
        match &tree.node {
            Node::Scalar(scalar) => Some(scalar),
            Node::List(_) | Node::Map(_) => {
                self.wrong_type(tree, "a text", "");
                None
            }
        }
    }

    /// A boolean; those of YAML 1.1 are warned of.
    pub fn boolean(&mut self, tree: &Tree) -> Option<bool> {
        let scalar = self.scalar(tree)?;
        let old = old_boolean(&scalar.text);
        match (scalar.plain, boolean(&scalar.text), old) {
            (true, Some(value), _) => return Some(value),
            (true, None, Some(value)) => {
                self.problems
                    .warning("yaml.boolean", tree.at, &scalar.text, format!("is read as {value}, as YAML 1.1 does"))
                    .fix(format!("write {value}"));
                return Some(value);
            }
            (false, Some(value), _) => self.wrong_type(tree, "true or false", &format!("write {value} without quotes")),
            _ => self.wrong_type(tree, "true or false", "write true or false"),
        }
        None
    }

    /// One of `choices`; none for an empty text.
    pub fn choice<'t>(&mut self, tree: &'t Tree, choices: &[&str]) -> Option<&'t str> {
        let scalar = self.scalar(tree)?;
        if scalar.text.is_empty() || is_null(scalar) {
            return None;
        }
        if choices.contains(&scalar.text.as_str()) {
            return Some(&scalar.text);
        }
        self.incomplete = true;
        let what = format!("is none of {}", choices.join(", "));
        self.problems.error("value.choice", tree.at, &scalar.text, what).fix(match nearest(&scalar.text, choices.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("write one of {}", choices.join(", ")),
        });
        None
    }

    /// A mapping of anything.
    pub fn free(&mut self, tree: &Tree) -> Option<Value> {
        if let Node::Map(_) = tree.node {
            return Some(value(tree, self.problems));
        }
        self.wrong_type(tree, "a mapping (`key: value`)", "");
        None
    }

    /// The value is not shown: it may be a secret in a wrong place.
    pub fn wrong_type(&mut self, tree: &Tree, wanted: &str, fix: &str) {
        self.incomplete = true;
        let is = match &tree.node {
            Node::Scalar(scalar) if is_null(scalar) => "nothing",
            Node::Scalar(_) => "a text or number",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        };
        self.problems.wrong_type(tree.at, is, wanted, fix);
    }
}

impl Problems {
    /// Notes that something `is` where something else is `wanted`.
    pub fn wrong_type(&mut self, at: At, is: &str, wanted: &str, fix: &str) {
        let problem = self.error("type.wrong", at, "", format!("is {is} where {wanted} is expected"));
        if !fix.is_empty() {
            problem.fix(fix);
        }
    }
}
