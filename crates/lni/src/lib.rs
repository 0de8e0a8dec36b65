//! The local network interface (LNI) of an EKS node on an Outposts server, as functions of data.
//!
//! ```text
//! profile (YAML) ── profile ──► Profile ─┐
//!                                        ├─ resolve ─► Lni ─┬─ render ─► files of networkd, NetworkManager, netplan
//! links, IMDS, rules ─────────► Facts ───┘                  ├─ desired (+ Lease) ─► State ─┐
//!                                                           │                              ├─ plan ─► Changes ─► contest
//!                                 kernel ────────────────────────── observed ─► State ─────┘
//!                                                           └─ doctor, causes
//! ```
//!
//! An LNI is an ordinary network interface of EC2 whose device index is the one that its subnet names. Its private address in EC2 cannot
//! be used; the real one is set inside the machine. No security group applies to it, so the firewall of the machine is the only one.
//! Nothing here reads a clock, a file or a socket.

pub mod ami;
pub mod arp;
pub mod causes;
pub mod contest;
pub mod desired;
pub mod dhcp;
pub mod doctor;
pub mod facts;
pub mod lease;
pub mod lifecycle;
pub mod nft;
pub mod plan;
pub mod probe;
pub mod profile;
pub mod render;
pub mod resolve;
pub mod state;
pub mod verdict;
pub mod verify;
