//! Text to ClusterConfig.

use hybridge_document::Problem;
use jiff::Timestamp;

use super::{Annotations, ClusterConfig, Places};

/// What reading a file gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// None if there is an error.
    pub config: Option<ClusterConfig>,
    /// `metadata.annotations` that begin with `hybridge/`.
    pub annotations: Annotations,
    /// Where each value is.
    pub places: Places,
    /// Everything that is wrong, in order.
    pub problems: Vec<Problem>,
}

/// Reads the text of the file `name`. Sections of eksctl's that are not handled are errors, unless `allow_unsupported` names them: then
/// they are left out. `now`: whether certificates are valid is asked then.
pub fn parse(name: &str, _text: &str, _allow_unsupported: &[String], _now: Timestamp) -> Parsed {
    Parsed { config: None, annotations: Annotations::default(), places: Places::new(name), problems: Vec::new() }
}
