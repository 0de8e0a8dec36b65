//! Profile and facts together: which interface it is, and whether the profile fits this machine.

mod conflicts;
mod interface;
#[cfg(test)]
mod tests;

use hybridge_model::MacAddr;
use hybridge_model::routing::TableRoute;
use hybridge_report::{Finding, Severity};
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
///
/// # Errors
/// Everything that is in the way, warnings too.
pub fn resolve(profile: &Profile, facts: &Facts) -> Result<(Lni, Vec<Finding>), Vec<Finding>> {
    let mut findings = Vec::new();
    let found = match interface::find(profile, facts) {
        Ok(found) => Some(found),
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    let own = found.as_ref().map(|found| found.link.index);
    conflicts::networks(profile, facts, own, &mut findings);
    conflicts::numbers(profile, facts, own, &mut findings);
    if !facts.nft {
        let what =
            "`nft` is not on this machine: without it the LAN reaches everything of the node, as no security group applies to an LNI";
        findings.push(Finding::error("lni.nft", "nft", what).fix("install nftables"));
    }
    let vpc_routes = conflicts::vpc_routes(profile, facts, own, &mut findings);
    match found {
        Some(found) if findings.iter().all(|finding| finding.severity == Severity::Warning) => {
            let (profile, mac) = (profile.clone(), found.mac);
            let (link, name, parent) = (found.link.index, found.link.name.clone(), found.parent);
            Ok((Lni { profile, link, name, mac, parent, vpc_routes }, findings))
        }
        _ => Err(findings),
    }
}

/// The interface alone, whatever else is in the way: for those who look at a machine and change nothing.
///
/// # Errors
/// There is no such interface, or it cannot be an LNI.
pub fn locate(profile: &Profile, facts: &Facts) -> Result<Lni, Finding> {
    let found = interface::find(profile, facts)?;
    let (link, name, parent) = (found.link.index, found.link.name.clone(), found.parent);
    Ok(Lni { profile: profile.clone(), link, name, mac: found.mac, parent, vpc_routes: Vec::new() })
}
