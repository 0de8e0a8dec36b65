//! What the writers of containerd's, kubelet's and the environment's files give to a plan.

use hybridge_report::Finding;

use crate::node::Node;
use crate::plan::File;

pub(super) mod containerd {
    use super::{File, Finding, Node};

    pub(in crate::plan) fn files(_: &Node<'_>) -> Result<Vec<File>, Vec<Finding>> {
        Ok(Vec::new())
    }

    pub(in crate::plan) fn sandbox_image(_: &Node<'_>) -> String {
        String::new()
    }
}

pub(super) mod environment {
    use super::{File, Node};

    pub(in crate::plan) fn files(_: &Node<'_>) -> Vec<File> {
        Vec::new()
    }
}

pub(super) mod name_resolution {
    use super::{File, Node};

    pub(in crate::plan) fn file(_: &Node<'_>) -> Option<File> {
        None
    }
}

pub(super) mod kubelet {
    use super::{File, Finding, Node};

    pub(in crate::plan) fn files(_: &Node<'_>) -> Result<Vec<File>, Vec<Finding>> {
        Ok(Vec::new())
    }

    pub(in crate::plan) fn links(_: &Node<'_>) -> Vec<(String, String)> {
        Vec::new()
    }
}
