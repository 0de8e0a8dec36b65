//! Profile and facts together: which interface it is, and whether the profile fits this machine.

use hybridge_model::MacAddr;
use hybridge_model::routing::TableRoute;
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
    /// The interface below, where `link` is a VLAN's.
    #[serde(default)]
    pub parent: Option<Parent>,
    /// Where the LNI is to be the way to everywhere: the routes of the main table that keep VPC and instance metadata at the first
    /// interface.
    #[serde(default)]
    pub vpc_routes: Vec<TableRoute>,
}

/// The interface below a VLAN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Kernel index.
    pub link: u32,
    /// Its name now.
    pub name: String,
}

/// Finds the interface and checks the profile against the machine. Errors stop everything; warnings come with the result.
pub fn resolve(_profile: &Profile, _facts: &Facts) -> Result<(Lni, Vec<Finding>), Vec<Finding>> {
    todo!()
}
