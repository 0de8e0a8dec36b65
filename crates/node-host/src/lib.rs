//! The only code that changes a machine: gathers the facts of a node and carries out its plan.
//!
//! Everything is done to a [`host::Host`]: files below its root, programs by its runner. With [`host::Host::system`] that is this
//! machine.

pub mod apply;
pub mod command;
mod commit;
pub mod diff;
mod disk;
pub mod error;
pub mod facts;
mod files;
mod firewall;
pub mod host;
mod image;
mod kernel;
pub mod migrate;
pub mod options;
mod registration;
pub mod report;
mod service;
pub mod state;
pub mod steps;
