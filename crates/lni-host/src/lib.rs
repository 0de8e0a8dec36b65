//! Keeps a node's LNI as its profile says.
//!
//! Looks (kernel, nftables, lease), asks `hybridge-lni` what is to be done, does it, looks again. Knows no policy.
//!
//! ```text
//!   netlink events ──┐                        ┌─► netlink: link, address, routes, rules
//!   DHCP, ARP ───────┼─► agent ─ plan ─ apply ├─► /proc/sys
//!   IMDS (once) ─────┘     │                  └─► nft -f -
//!                          └─► /var/lib/hybridge/lni: lease, MAC address, status
//! ```
//!
//! One thread. Nothing runs while nothing happens, but the lease and a slow look at what the kernel does not tell about.

pub mod agent;
mod clock;
mod dhcp;
pub mod doctor;
mod duplicate;
pub mod error;
pub mod facts;
pub mod lease;
pub mod machine;
mod marks;
mod nft;
pub mod notify;
mod packet;
pub mod probe;
pub mod status;
pub mod store;
mod sysctl;
pub mod verify;
