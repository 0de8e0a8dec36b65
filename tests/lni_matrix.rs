//! An LNI from outside: what fails without which part of the profile, and that nothing fails with all of it.
//!
//! The signs of a row stand for the Services of `Service::all_of`: pod on the primary interface (policy Cluster, Local), pod on the
//! secondary interface (Cluster, Local), pod in the network of the host. Each row is what one client sees: in the LAN, behind its router,
//! behind its router in a network that the profile does not name.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

#[path = "lni/bench.rs"]
mod bench;
#[path = "lni/causes.rs"]
mod causes;
#[path = "lni/failover.rs"]
mod failover;
#[path = "lni/firewall.rs"]
mod firewall;
#[path = "lni/keeper.rs"]
mod keeper;
#[path = "lni/knobs.rs"]
mod knobs;
#[path = "lni/reference.rs"]
mod reference;
#[path = "lni/trouble.rs"]
mod trouble;
