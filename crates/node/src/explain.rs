//! Where the value of a setting comes from: what `config explain` shows.

use serde::Serialize;

/// One setting of a file that is written for the node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Dotted path in the file, each part quoted where the file's format asks for it.
    pub path: String,
    /// Value in force.
    pub value: serde_json::Value,
    /// Who decided it: `user`, `hybridge default`, a version, something found on the machine.
    pub source: String,
}
