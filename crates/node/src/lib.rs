//! What makes a machine an EKS node, as functions of data.
//!
//! ```text
//! user data, files ──► userdata ──► config ──┐
//!                                            ├──► resolve ──► Node ──► containerd, kubelet, hybrid, disks … ──► Plan
//! machine, IMDS, EC2, EKS ──► Facts ─────────┘
//! ```
//!
//! Nothing here reads a clock, a file or a socket: what is known of the machine are [`facts::Facts`], what is to be done is a
//! [`plan::Plan`]. The crate `hybridge-node-host` gathers the one and carries out the other.

pub mod config;
pub mod containerd;
pub mod disks;
pub mod environment;
pub mod explain;
pub mod facts;
pub mod fstab;
pub mod hosts;
pub mod hybrid;
pub mod kubelet;
pub mod links;
pub mod lni;
pub mod max_pods;
pub mod name_resolution;
pub mod node;
pub mod plan;
pub mod resolve;
pub mod secret;
pub mod steps;
pub mod userdata;
pub mod validate;
pub mod version;
