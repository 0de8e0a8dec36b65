//! One suite of requests for the built-in servers and for the real ones, so that the built-in ones cannot drift from the truth.
//!
//! The requests are those that gateways send, ours and the reference's, and what follows from them. Each case makes the objects
//! it needs under names of its own and removes them again, so that a suite can run more than once against one server.

mod ec2;
pub(crate) mod http;
mod kube;
mod kube_lists;
mod kube_reference;
mod kube_watches;
pub mod shape;

use std::fmt::Debug;

pub use ec2::{Vpc, ec2};
pub use http::{Endpoint, HttpError};
pub use kube::kube;

/// One case and what became of it.
#[derive(Debug)]
pub struct Case {
    /// What the case shows, as a sentence.
    pub name: &'static str,
    /// Why the server is not as expected.
    pub outcome: Result<(), Wrong>,
}

/// How a server differs from what was expected.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It did not answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It answered something else.
    #[error("{what}: expected {wanted}, got {actual}")]
    Differs {
        /// What was looked at.
        what: String,
        /// What should be.
        wanted: String,
        /// What is.
        actual: String,
    },
}

/// The cases that failed, one line each; empty if all is well.
pub fn failures(cases: &[Case]) -> Vec<String> {
    cases.iter().filter_map(|case| case.outcome.as_ref().err().map(|wrong| format!("{}: {wrong}", case.name))).collect()
}

fn equal<T: PartialEq<U> + Debug, U: Debug>(what: &str, actual: T, wanted: U) -> Result<(), Wrong> {
    if actual == wanted {
        return Ok(());
    }
    Err(Wrong::Differs { what: what.to_owned(), wanted: format!("{wanted:?}"), actual: format!("{actual:?}") })
}

fn holds(what: &str, holds: bool, actual: impl Debug) -> Result<(), Wrong> {
    if holds {
        return Ok(());
    }
    Err(Wrong::Differs { what: what.to_owned(), wanted: "that it holds".into(), actual: format!("{actual:?}") })
}
