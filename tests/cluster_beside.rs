//! What stands beside a cluster's own stack: node groups, roles of service accounts, add-ons, machines outside, and what Kubernetes holds.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod emulated;

#[path = "cluster_beside/kubernetes.rs"]
mod kubernetes;
#[path = "cluster_beside/machines.rs"]
mod machines;
#[path = "cluster_beside/nodes.rs"]
mod nodes;
