//! Value types of hybridge, parsed once at the edge and trusted from there on.
//!
//! Nothing here reads a clock, a file or a socket. Every other crate may depend on this one; it depends on none of them.

mod cidr;
mod ids;
pub mod kernel;
mod mac;
pub mod routing;

pub use cidr::{Cidr4, CidrError, first_overlap};
pub use ids::{IdError, InstanceId, InterfaceId, NodeName, RouteTableId, VpcId};
pub use mac::{MacAddr, MacError};
