//! Profile and facts together: which interface it is, and whether the profile fits this machine.

use hybridge_model::MacAddr;
use hybridge_report::Finding;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::profile::Profile;

/// An LNI on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lni {
    /// What was asked.
    pub profile: Profile,
    /// Kernel index of the interface (of the VLAN's, where there is one).
    pub link: u32,
    /// Its name now.
    pub name: String,
    /// Its MAC address.
    pub mac: MacAddr,
}

/// Finds the interface and checks the profile against the machine. Errors stop everything; warnings come with the result.
pub fn resolve(_profile: &Profile, _facts: &Facts) -> Result<(Lni, Vec<Finding>), Vec<Finding>> {
    todo!()
}
