//! What the caller of [`crate::apply::apply`] decides.

use std::net::IpAddr;
use std::time::Duration;

use hybridge_node::plan::Half;
use hybridge_node::secret::Secret;

/// How a plan is carried out.
pub struct Options {
    /// Halves that are left out.
    pub skip: Vec<Half>,
    /// How texts of others are edited.
    pub edits: Edits,
    /// Between two looks at a unit or a file; 100 ms where nothing is known against it.
    pub poll: Duration,
    /// A unit that is active as soon as its process exists (`Type=simple`) has to stay so for this long.
    pub settle: Duration,
    /// User and password (`AWS:…`) for the registry of an image; none where it needs none.
    pub registry: Registry,
}

/// Finds `USER:PASSWORD` for pulling an image.
pub type Registry = Box<dyn Fn(&str) -> Option<Secret>>;

/// Pure functions over texts.
#[derive(Clone, Copy)]
pub struct Edits {
    /// `/etc/hosts` with a block of ours that holds these entries; without it if there are none.
    pub hosts: fn(&str, &[(IpAddr, String)]) -> String,
    /// `/etc/fstab` without swap files.
    pub without_swap: fn(&str) -> String,
}

impl Options {
    /// Everything, with the usual times, and images from registries that anybody may read.
    pub fn new(edits: Edits) -> Self {
        Self { skip: Vec::new(), edits, poll: Duration::from_millis(100), settle: Duration::from_millis(300), registry: Box::new(|_| None) }
    }
}
