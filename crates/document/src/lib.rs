//! YAML and JSON documents that people write, read so that everything that is wrong with them can be told at once, with its place.
//!
//! [`read`] makes a tree with places; a crate walks it along its own fields with a [`Reader`], and notes what does not fit in
//! [`Problems`].

mod head;
mod names;
mod problem;
mod reader;
mod scalar;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub use head::Head;
pub use names::{Unknown, nearest, unknown};
pub use problem::{At, HIDDEN, MAX_PROBLEMS, Problem, Problems};
pub use reader::Reader;
pub use scalar::{boolean, free_key, is_null, is_yaml_word, old_boolean, own, plain, value};
pub use tree::{Broken, Form, Key, Node, Scalar, Tree, read};
pub use write::write;
