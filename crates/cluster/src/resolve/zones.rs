//! Zones of subnets that are made.

use hybridge_report::Finding;

use super::deployed;
use crate::config::ClusterConfig;
use crate::world::World;

/// Zones in which EKS cannot put a control plane (EKS user guide, "VPC and subnet requirements"; eksctl `pkg/az`).
const AVOIDED: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// The file's; else those of the deployed stack; else the region's first, in the order of their names.
///
/// eksctl draws three at random; ours are the same for everybody who runs the same file with the same facts.
pub(super) fn zones(config: &ClusterConfig, world: &World, findings: &mut Vec<Finding>) -> Vec<String> {
    if !config.availability_zones.is_empty() {
        return config.availability_zones.clone();
    }
    if !config.vpc.id.is_empty() || config.vpc.subnets != crate::config::Subnets::default() {
        return Vec::new();
    }
    let standing = world.deployed.as_ref().map(deployed::zones).unwrap_or_default();
    if !standing.is_empty() {
        return standing;
    }
    let region = config.metadata.region.as_str();
    let wanted = if region == "us-east-1" { 2 } else { 3 };
    if world.availability_zones.is_empty() {
        return assumed(region, wanted, findings);
    }
    let usable = |zone: &&crate::world::Zone| {
        let standard = zone.zone_type.is_empty() || zone.zone_type == "availability-zone";
        let open = zone.state.is_empty() || zone.state == "available";
        standard && open && zone.zone_name.starts_with(region) && !AVOIDED.contains(&zone.zone_id.as_str())
    };
    let mut zones: Vec<String> = world.availability_zones.iter().filter(usable).map(|zone| zone.zone_name.clone()).collect();
    zones.sort();
    zones.dedup();
    if zones.len() < 2 {
        let what = format!("{region} has {} zone(s) that can be used, and EKS needs two", zones.len());
        findings.push(Finding::error("zones.few", "availabilityZones", what).fix("name two zones, or take another region"));
    }
    zones.truncate(wanted);
    zones
}

fn assumed(region: &str, wanted: usize, findings: &mut Vec<Finding>) -> Vec<String> {
    let zones: Vec<String> = ["a", "b", "c"].iter().take(wanted).map(|letter| format!("{region}{letter}")).collect();
    let what = format!("which zones {region} has is not known, so {} are assumed", zones.join(", "));
    let fix = "name them in availabilityZones, or plan with --facts or without --offline";
    findings.push(Finding::warning("zones.assumed", "availabilityZones", what).fix(fix));
    zones
}
