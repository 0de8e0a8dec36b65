//! What can go wrong with a machine.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::{AgentError, Output, PLACES};
use crate::real::RealError;
use crate::topology::WireError;

/// Why a machine could not be had or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// Nobody has made the image or installed QEMU yet.
    #[error("{what} is missing: run `cargo xtask real`")]
    Missing {
        /// The program or the file.
        what: String,
    },
    /// A name that no host may have.
    #[error("`{0}` is no name of a machine: 1 to 63 lower-case letters, digits and dashes")]
    Name(String),
    /// Others have not ended in time.
    #[error("{PLACES} machines run on this host for {} s already, and more are not allowed at once", after.as_secs())]
    NoPlace {
        /// How long it was waited.
        after: Duration,
    },
    /// A file of the host.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// No interface for its wire.
    #[error("cannot make a TAP interface in namespace `{namespace}`")]
    Tap {
        /// The namespace.
        namespace: String,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// Its wire could not be plugged in.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// QEMU or virtiofsd.
    #[error(transparent)]
    Process(#[from] RealError),
    /// Its agent.
    #[error("machine `{name}`: cannot {what}; its console ends:\n{console}")]
    Agent {
        /// The machine.
        name: String,
        /// What was wanted.
        what: String,
        /// What happened.
        #[source]
        source: AgentError,
        /// Last lines of its console.
        console: String,
    },
    /// systemd did not come to an end with starting, or not to a good one.
    #[error("machine `{name}` is {state} after {} s instead of running:\n{why}", after.as_secs())]
    NotRunning {
        /// The machine.
        name: String,
        /// What `systemctl is-system-running` says.
        state: String,
        /// How long it was waited for.
        after: Duration,
        /// Failed units with their last words, or what is still being started.
        why: String,
    },
    /// It is the same boot as before.
    #[error("machine `{name}` was told to reboot and did not within {} s; its console ends:\n{console}", after.as_secs())]
    NoReboot {
        /// The machine.
        name: String,
        /// How long it was waited for.
        after: Duration,
        /// Last lines of its console.
        console: String,
    },
    /// A script that ended with an error.
    #[error("machine `{name}`: `{script}` ended with {}:\n{}{}", output.code, output.stdout, output.stderr)]
    Script {
        /// The machine.
        name: String,
        /// The script.
        script: String,
        /// What it wrote.
        output: Output,
    },
}
