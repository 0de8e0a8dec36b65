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

#[cfg(test)]
extern crate self as hybridge_cluster;

pub mod config;
pub mod course;
pub mod difference;
pub mod drift;
pub mod events;
#[cfg(test)]
mod fixture;
pub mod handover;
pub mod kubeconfig;
pub mod path;
pub mod permissions;
pub mod preflight;
pub mod resolve;
pub mod template;
pub mod update;
pub mod world;
