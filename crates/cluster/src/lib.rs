//! An EKS cluster that hybrid nodes can join, as functions of data.
//!
//! ```text
//! cluster.yaml ── config ──► ClusterConfig ─┐
//!                                           ├─ resolve ─► Cluster ─ template ─► Template ─┬─ difference ─► what an update does
//! AWS's answers ──────────► World ──────────┘      │                                      └─ CloudFormation
//!                                                  └─ preflight, path, handover, drift
//! ```
//!
//! Nothing here reads a clock, a file or a socket: what is known of AWS is a [`world::World`], and the command asks for it and acts.

pub mod config;
pub mod handover;
pub mod permissions;
pub mod course;
pub mod events;
pub mod kubeconfig;
pub mod drift;
#[cfg(test)]
mod fixture;
pub mod path;
pub mod preflight;
pub mod resolve;
pub mod template;
pub mod world;
