//! The ruleset of nftables: marks for replies, firewall, masquerading.

use crate::resolve::Lni;

/// The ruleset as text for `nft -f`: replaces our tables whole, in one transaction, and touches no other.
pub fn ruleset(_lni: &Lni) -> String {
    todo!()
}
