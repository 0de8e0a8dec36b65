//! What keeps the LAN from Services, or soon will: every part of the machine and of the cluster that an LNI depends on, looked at one by
//! one.
//!
//! What is known comes in as a [`Known`], which can be saved and judged again elsewhere. A check that cannot be made says so: what is not
//! known is never taken for well. The nine causes are those of [`crate::causes`]; here a packet's way is followed without a probe.

mod chains;
mod cluster;
mod link;
mod system;
#[cfg(test)]
mod tests;
mod way;

pub use chains::{Chain, chains};
pub use cluster::{Objects, Wanted};
pub use system::System;

use hybridge_model::MacAddr;
use hybridge_report::Finding;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::lease::Lease;
use crate::profile::Profile;
use crate::resolve::{self, Lni};
use crate::verdict::{Check, Verdict};

/// Everything that is known of the machine and of its cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Known {
    /// When it was gathered.
    pub time: Option<Timestamp>,
    /// The machine, as other commands know it.
    pub machine: Facts,
    /// What only doctors ask of it.
    pub system: System,
    /// Our tables of nftables as `nft` lists them; empty where one is missing.
    pub ruleset: String,
    /// Chains of all tables that packets pass; none where `nft` could not tell.
    pub chains: Option<Vec<Chain>>,
    /// The lease that the agent has saved.
    pub lease: Option<Lease>,
    /// Who else has the LNI's address: nobody, a machine of the LAN; none where it was not tried.
    pub duplicate: Option<Answered>,
    /// Objects of the cluster; none where the API server was not asked.
    pub cluster: Option<Objects>,
}

/// What an ARP probe for the LNI's own address came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answered {
    /// Nobody answered.
    Nobody,
    /// This one did.
    By(MacAddr),
}

/// What checks look at.
struct View<'a> {
    known: &'a Known,
    profile: &'a Profile,
    lni: &'a Lni,
}

/// The interface is there.
const INTERFACE: Check = Check::new("lni.interface", "the LNI is on this machine");

/// The findings of [`resolve::resolve`], by what they are about. What stands in none of these is about the interface.
const FITS: [(Check, &[&str]); 4] = [
    (
        Check::new("lni.networks", "the LAN's networks are nobody else's"),
        &["lni.vpc-overlap", "lni.lan-elsewhere", "lni.ec2-address", "lni.default-route"],
    ),
    (Check::new("lni.mark", "the bit of packet marks is free"), &["lni.mark-taken"]),
    (Check::new("lni.numbers", "table and priorities are free"), &["lni.priority-taken", "lni.table-shared", "lni.table-taken"]),
    (Check::new("lni.nft", "nftables is there"), &["lni.nft"]),
];

/// Makes all checks; those of the cluster with what is `wanted` of it.
pub fn examine(profile: &Profile, known: &Known, wanted: &Wanted) -> Vec<Verdict> {
    let (lni, findings) = match resolve::resolve(profile, &known.machine) {
        Ok((lni, warnings)) => (Some(lni), warnings),
        // The rest can be looked at all the same.
        Err(findings) => (resolve::locate(profile, &known.machine).ok(), findings),
    };
    let mut verdicts = fits(profile, known, lni.as_ref(), findings);
    match &lni {
        Some(lni) => {
            let view = View { known, profile, lni };
            verdicts.extend(link::checks(&view));
            verdicts.extend(way::checks(&view));
            verdicts.extend(chains::checks(&view));
        }
        None => {
            let without = "there is no LNI to look at";
            let all = link::CHECKS.iter().chain(&way::CHECKS).chain(&chains::CHECKS);
            verdicts.extend(all.map(|check| check.skip(without)));
        }
    }
    verdicts.extend(system::checks(known, lni.as_ref()));
    verdicts.extend(cluster::checks(profile, known, lni.as_ref(), wanted));
    verdicts
}

/// Whether the profile fits this machine.
fn fits(profile: &Profile, known: &Known, lni: Option<&Lni>, findings: Vec<Finding>) -> Vec<Verdict> {
    let belongs = |finding: &Finding, codes: &[&str]| codes.contains(&finding.code);
    let (others, own): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| FITS.iter().any(|(_, codes)| belongs(finding, codes)));
    let evidence = lni.map_or_else(|| "not found".to_owned(), |lni| format!("{} ({})", lni.name, lni.mac));
    let mut verdicts = vec![INTERFACE.of(evidence, own)];
    for (check, codes) in FITS {
        let those: Vec<_> = others.iter().filter(|finding| belongs(finding, codes)).cloned().collect();
        let missing = known.machine.missing.get("marks").filter(|_| check.code == "lni.mark");
        verdicts.push(match missing {
            Some(why) => check.skip(format!("rules of others could not be read: {why}")),
            None => check.of(fitting(profile, known, check.code), those),
        });
    }
    verdicts
}

/// What was compared.
fn fitting(profile: &Profile, known: &Known, code: &str) -> String {
    let (routing, machine) = (profile.routing, &known.machine);
    let listed = |cidrs: &[hybridge_model::Cidr4]| cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match code {
        "lni.networks" if machine.vpc_cidrs.is_empty() => format!("{}; the VPC's networks are not known", listed(&profile.lan.cidrs)),
        "lni.networks" => format!("LAN {}; VPC {}", listed(&profile.lan.cidrs), listed(&machine.vpc_cidrs)),
        "lni.mark" => format!("{:#x}; others use {:#x}", routing.mark, machine.marks.values().fold(0, |all, bits| all | bits)),
        "lni.numbers" => format!("table {}, priorities {} and {}", routing.table, routing.rule_priority, routing.rule_priority + 1),
        _ => if machine.nft { "found" } else { "not found" }.to_owned(),
    }
}
