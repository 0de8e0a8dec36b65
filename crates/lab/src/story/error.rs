//! What can go wrong in the story.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::HttpError;
use crate::real::RealError;
use crate::serve::ServeError;
use crate::tls::TlsError;
use crate::vm::VmError;
use crate::world::{GatewayError, WorldError};

/// Why the story did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// Hosts, API server, gateways.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A gateway.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// API server, nodes.
    #[error(transparent)]
    Real(#[from] RealError),
    /// A virtual machine.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// A server of the lab.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A server's certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The authority of nodes' certificates.
    #[error("cannot make an authority")]
    Certificate(#[from] rcgen::Error),
    /// The world has the built-in API server, on which no kubelet can be, or an AWS without clusters.
    #[error("the story needs a real API server, and the AWS of clusters")]
    NotReal,
    /// A file of the host.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// A command of `hybridge cluster` did not end well.
    #[error("hybridge cluster {command} ended with {code}:\n{said}")]
    Command {
        /// The command.
        command: &'static str,
        /// Exit code.
        code: i32,
        /// Both outputs.
        said: String,
    },
    /// What was handed over does not fit the cluster.
    #[error("{file} of the handover does not say {what}:\n{said}")]
    Handover {
        /// The file.
        file: &'static str,
        /// What it should say.
        what: String,
        /// What it says.
        said: String,
    },
    /// `hybridge node init` did not end well.
    #[error("hybridge node init on {node} ended with {code}:\n{said}")]
    Init {
        /// The machine.
        node: String,
        /// Exit code.
        code: i32,
        /// Both outputs.
        said: String,
    },
    /// kubelet has not become a node.
    #[error("{node} did not become Ready; its services said last:\n{words}")]
    NotReady {
        /// The machine.
        node: String,
        /// Last words.
        words: String,
        /// What was waited for.
        #[source]
        source: RealError,
    },
    /// A pod has not come up.
    #[error("the pod on {node} did not run; the machine's services said last:\n{words}")]
    NoPod {
        /// The machine.
        node: String,
        /// Last words.
        words: String,
        /// What was waited for.
        #[source]
        source: Box<StoryError>,
    },
    /// A command in a pod's network.
    #[error("a command in the pod on {node} ended with {code}:\n{said}")]
    Pod {
        /// The machine.
        node: String,
        /// Exit code.
        code: i32,
        /// Both outputs.
        said: String,
    },
    /// A pod did not answer.
    #[error("a pod of a hybrid node does not answer the pod of the VPC")]
    Talk(#[source] HttpError),
    /// ping said something else than usual.
    #[error("the summary of ping is not understood: {0}")]
    Ping(String),
    /// A gateway that was asked to end.
    #[error("the gateway ended badly, or not within {} s: {said}", after.as_secs())]
    End {
        /// How long it was waited for.
        after: Duration,
        /// How it ended.
        said: String,
    },
}
