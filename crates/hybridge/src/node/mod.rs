//! `hybridge` on a node.

pub(crate) mod plugin;
