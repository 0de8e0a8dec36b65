//! What should be in the kernel.

use crate::lease::Lease;
use crate::resolve::Lni;
use crate::state::State;

/// What should be in the kernel. Without an address (DHCP, no lease yet), rules, sysctls and the firewall are there, address and routes not.
pub fn desired(_lni: &Lni, _lease: Option<&Lease>) -> State {
    todo!()
}
