//! The real parts of end-to-end tests: etcd and kube-apiserver in place of [`crate::kube`], moto in place of [`crate::ec2`],
//! Kubernetes' controllers and scheduler, and nodes that run pods.
//!
//! `cargo xtask test` makes the programs. Where they are missing a test fails; none is skipped. Everything here blocks, and each
//! server is a process inside one of the lab's namespaces that dies with its handle.

mod controllers;
mod emulator;
mod helm;
pub(crate) mod image;
mod kube;
mod moto;
mod node;
mod parts;
mod pki;
pub(crate) mod process;
mod query;
mod role;
mod vpc;
mod xml;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::HttpError;
pub use controllers::Controllers;
pub use emulator::{ACCOUNT as EMULATED_ACCOUNT, Emulator, REGION as EMULATED_REGION};
pub use helm::{Helm, Said};
pub use kube::{AuditEntry, Kube, TokenWebhook, User, condition};
pub use moto::Moto;
pub use node::{Node, NodeSpec, PodNetwork};
pub use parts::Parts;
pub use role::{Role, Rule};
pub use vpc::{Subnet, Vpc};

/// Why a real part could not be had or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RealError {
    /// Nobody has built it yet.
    #[error("the real part {program} is not in {}: run `cargo xtask test` or `cargo xtask real`", directory.display())]
    Missing {
        /// The program.
        program: &'static str,
        /// Where it was looked for last.
        directory: PathBuf,
    },
    /// A file of a server.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// A file that a server writes.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// A certificate.
    #[error("cannot make the API server's certificates")]
    Certificate(#[from] rcgen::Error),
    /// A process that did not start.
    #[error("cannot run {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// A process that ended by itself.
    #[error("{program} ended while it was waited for; its log ends:\n{log}")]
    Ended {
        /// Its name.
        program: String,
        /// Last lines of its log.
        log: String,
    },
    /// A process that was not ready in time.
    #[error("{program} was not ready after {} s; its log ends:\n{log}", after.as_secs())]
    Late {
        /// Its name.
        program: String,
        /// How long it was waited for.
        after: Duration,
        /// Last lines of its log.
        log: String,
    },
    /// A program that ended with an error.
    #[error("cannot {what}: {said}")]
    Failed {
        /// What it was run for.
        what: &'static str,
        /// What it wrote to stderr.
        said: String,
    },
    /// A control group.
    #[error("cannot use the control group {}, without which no container runs: a test with a real node has to be run by root", path.display())]
    Cgroup {
        /// The group.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// No answer.
    #[error("a real part does not answer")]
    Http(#[from] HttpError),
    /// An answer that is no success.
    #[error("{request} was answered {status}: {body}")]
    Refused {
        /// Method and path, or action.
        request: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// An answer that lacks something or is of another form than documented.
    #[error("the answer to {request} has no {wanted}")]
    NotUnderstood {
        /// Method and path, or action.
        request: String,
        /// What was looked for.
        wanted: String,
    },
    /// An object that did not become as it should.
    #[error("{what} was waited for in vain for {} s; last, {path} was: {last}", after.as_secs())]
    NotSeen {
        /// What was waited for.
        what: String,
        /// The object.
        path: String,
        /// How long it was waited for.
        after: Duration,
        /// Its status, or all of it.
        last: String,
    },
    /// Something in a VPC that cannot be made in the emulator.
    #[error("moto cannot be given {0}")]
    Unmakeable(String),
}
