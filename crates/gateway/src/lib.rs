//! Every decision of the gateway, as functions of data.
//!
//! Nothing here reads a clock, a file, a socket or the environment: time comes in as a [`Moment`], everything else as values.
//! The daemon (`hybridge-gatewayd`) observes, asks these functions, acts, and looks again.

pub mod datapath;
pub mod detail;
pub mod hold;
pub mod lease;
mod moment;
pub mod nodes;
pub mod routes;
pub mod settings;
pub mod status;
pub mod vpc;
pub mod vtep;

pub use moment::Moment;
