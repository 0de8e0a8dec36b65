//! The VPC: endpoints, subnets, security groups, private clusters.

use std::collections::BTreeSet;

use super::Checks;
use crate::config::{NatMode, Subnet, Subnets, space};

/// Endpoints that can be had beside those that a private cluster needs (`endpoint_service.go`).
const MORE_ENDPOINTS: [&str; 3] = ["autoscaling", "cloudformation", "logs"];

pub(super) fn check(checks: &mut Checks<'_>) {
    family(checks);
    given(checks);
    unused(checks);
    endpoints(checks);
    public_access(checks);
    private_cluster(checks);
    security_groups(checks);
    control_plane_subnets(checks);
}

fn family(checks: &mut Checks<'_>) {
    if checks.config.kubernetes_network_config.ip_family == "IPv6" && checks.config.remote_network_config.is_none() {
        let what = "IPv6 is eksctl's, and not handled by hybridge: hybrid nodes have IPv4 only";
        checks.error("family.ipv6", "kubernetesNetworkConfig.ipFamily", what).fix("write IPv4, or use eksctl for this cluster");
    }
}

/// A VPC and subnets that exist.
fn given(checks: &mut Checks<'_>) {
    let vpc = &checks.config.vpc;
    checks.id("vpc.id", &vpc.id, "vpc-");
    let (private, public) = (&vpc.subnets.private, &vpc.subnets.public);
    if !vpc.id.is_empty() && vpc.subnets == Subnets::default() && checks.sound("vpc.subnets") {
        let what = "needs vpc.subnets: which of its subnets the cluster is to have";
        checks.error("subnets.missing", "vpc.id", what).fix("write vpc.subnets.private with two subnets at least, in two zones");
        return;
    }
    let mut seen = BTreeSet::new();
    let mut zones = BTreeSet::new();
    for (kind, name, subnet) in
        private.iter().map(|(name, subnet)| ("private", name, subnet)).chain(public.iter().map(|(name, subnet)| ("public", name, subnet)))
    {
        one_subnet(checks, &format!("vpc.subnets.{kind}.{name}"), name, subnet);
        zones.insert(zone_of(name, subnet));
        if !subnet.id.is_empty() && !seen.insert(subnet.id.as_str()) {
            checks
                .wrong("subnets.duplicate", &format!("vpc.subnets.{kind}.{name}.id"), &subnet.id, "comes twice")
                .fix("name each subnet once");
        }
    }
    let count = private.len() + public.len();
    if count > 0 && (count < 2 || zones.len() < 2) {
        let what = format!("has {count} subnets in {} zones; EKS needs two subnets at least, in two zones", zones.len());
        checks.error("subnets.few", "vpc.subnets", what).fix("add a subnet in another zone");
    }
}

/// The zone as far as the file tells.
fn zone_of<'t>(name: &'t str, subnet: &'t Subnet) -> &'t str {
    if subnet.az.is_empty() { name } else { &subnet.az }
}

fn one_subnet(checks: &mut Checks<'_>, path: &str, name: &str, subnet: &Subnet) {
    checks.id(&format!("{path}.id"), &subnet.id, "subnet-");
    let region = &checks.config.metadata.region;
    let named = !region.is_empty() && name.starts_with(region.as_str());
    if !subnet.az.is_empty() {
        super::head::zone(checks, &format!("{path}.az"), &subnet.az);
    } else if named {
        super::head::zone(checks, path, name);
    } else if subnet.id.is_empty() && subnet.cidr.is_empty() && checks.sound(path) {
        let what = "names no subnet: neither an identifier, nor a network, nor a zone";
        checks.error("subnets.unnamed", path, what).fix("write id: subnet-…, or take the zone as its name");
    }
}

/// What is about a VPC that is made.
fn unused(checks: &mut Checks<'_>) {
    if checks.makes_vpc() {
        return;
    }
    let vpc = &checks.config.vpc;
    if !vpc.hostname_type.is_empty() {
        let what = "vpc.hostnameType is not supported with a pre-existing VPC";
        checks.error("vpc.hostname-type", "vpc.hostnameType", what).fix("leave it out; the subnets have that setting");
    }
    if vpc.nat.gateway != NatMode::default() {
        checks.warning("vpc.unused", "vpc.nat.gateway", "", "has no effect on a VPC that exists").fix("leave vpc.nat out");
    }
}

/// AWS: hybrid nodes need public or private access, not both: with both, the name leads to public addresses on the site.
fn endpoints(checks: &mut Checks<'_>) {
    let config = checks.config;
    let (path, endpoints) = ("vpc.clusterEndpoints", &config.vpc.cluster_endpoints);
    let given = *endpoints != crate::config::ClusterEndpoints::default();
    if config.private_cluster.enabled {
        if given {
            let what = "vpc.clusterEndpoints cannot be set with privateCluster.enabled: its endpoint is private";
            checks.error("endpoint.private-cluster", path, what).fix("leave vpc.clusterEndpoints out");
        }
        if checks.hybrid() {
            private_endpoint(checks, "privateCluster.enabled");
        }
        return;
    }
    let (public, private) = (endpoints.public_access.unwrap_or(true), endpoints.private_access.unwrap_or(false));
    let sound = checks.sound("vpc.clusterEndpoints.publicAccess") && checks.sound("vpc.clusterEndpoints.privateAccess");
    match (public, private) {
        _ if !sound => {}
        (false, false) => {
            let what = "Kubernetes API access must have one of public or private clusterEndpoints enabled";
            checks.error("endpoint.none", path, what).fix("write privateAccess: true, or publicAccess: true");
        }
        (true, true) if checks.hybrid() => {
            let what = "are public and private both: on the site the cluster's name leads to public addresses then, and nodes fail to join";
            checks
                .warning("endpoint.both", path, "", what)
                .fix("write publicAccess: false with privateAccess: true, or leave privateAccess out");
        }
        (false, true) if checks.hybrid() => private_endpoint(checks, path),
        (true, true) | (true, false) | (false, true) => {}
    }
}

fn private_endpoint(checks: &mut Checks<'_>, path: &str) {
    let what = "makes the cluster's endpoint private: on the site its name must lead to the control plane's addresses in the VPC";
    let fix = "forward the name to an inbound endpoint of Route 53 Resolver, or write the addresses into the site's DNS; they change with \
               updates of the version";
    checks.warning("endpoint.private", path, "", what).fix(fix);
}

fn public_access(checks: &mut Checks<'_>) {
    let config = checks.config;
    let (path, cidrs) = ("vpc.publicAccessCIDRs", &config.vpc.public_access_cidrs);
    if cidrs.is_empty() {
        return;
    }
    checks.twice("cidr.duplicate", path, cidrs.iter().map(String::as_str));
    if config.private_cluster.enabled || config.vpc.cluster_endpoints.public_access == Some(false) {
        checks.warning("endpoint.public-unused", path, "", "has no effect: the public endpoint is off").fix("leave it out");
        return;
    }
    for (index, text) in cidrs.iter().enumerate() {
        if text.parse().is_ok_and(space::is_private) {
            let what = "is private: nobody comes to the public endpoint from there";
            checks
                .warning("endpoint.public-cidr", &format!("{path}[{index}]"), text, what)
                .fix("write the addresses by which the site goes to the internet");
        }
    }
    if checks.hybrid() && config.vpc.cluster_endpoints.private_access != Some(true) {
        let what = "limits who reaches the endpoint: hybrid nodes come from the addresses by which their site goes to the internet";
        checks.warning("endpoint.public-cidrs", path, "", what).fix("see that those addresses are among these networks");
    }
}

fn private_cluster(checks: &mut Checks<'_>) {
    let private = &checks.config.private_cluster;
    if !private.enabled {
        return;
    }
    let vpc = &checks.config.vpc;
    if !checks.makes_vpc() && vpc.subnets.private.is_empty() && checks.sound("vpc.subnets.private") {
        let what = "vpc.subnets.private must be specified in a fully-private cluster when a pre-existing VPC is supplied";
        checks.error("subnets.private", "privateCluster.enabled", what).fix("write two private subnets at least");
    }
    let path = "privateCluster.additionalEndpointServices";
    if private.skip_endpoint_creation && !private.additional_endpoint_services.is_empty() {
        let what = "privateCluster.additionalEndpointServices cannot be set when privateCluster.skipEndpointCreation is true";
        checks.error("private.endpoints", path, what).fix("leave one of them out");
    }
    for (index, service) in private.additional_endpoint_services.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !MORE_ENDPOINTS.contains(&service.as_str()) && checks.sound(&path) {
            let fix = format!("write one of {}; what hybrid nodes need is made anyway", MORE_ENDPOINTS.join(", "));
            checks.wrong("private.endpoints", &path, service, "is no service that an endpoint can be asked for").fix(fix);
        }
    }
    checks.twice("private.endpoints", path, private.additional_endpoint_services.iter().map(String::as_str));
}

fn security_groups(checks: &mut Checks<'_>) {
    let vpc = &checks.config.vpc;
    checks.id("vpc.securityGroup", &vpc.security_group, "sg-");
    checks.id("vpc.sharedNodeSecurityGroup", &vpc.shared_node_security_group, "sg-");
    for (index, id) in vpc.control_plane_security_group_ids.iter().enumerate() {
        checks.id(&format!("vpc.controlPlaneSecurityGroupIDs[{index}]"), id, "sg-");
    }
    checks.twice(
        "security-group.duplicate",
        "vpc.controlPlaneSecurityGroupIDs",
        vpc.control_plane_security_group_ids.iter().map(String::as_str),
    );
    if !vpc.security_group.is_empty() && !vpc.control_plane_security_group_ids.is_empty() {
        let what = "only one of vpc.securityGroup and vpc.controlPlaneSecurityGroupIDs can be specified";
        checks.error("security-group.both", "vpc.controlPlaneSecurityGroupIDs", what).fix("keep one of them");
    }
    if vpc.shared_node_security_group.is_empty() && vpc.manage_shared_node_security_group_rules == Some(false) {
        let what = "vpc.manageSharedNodeSecurityGroupRules must be enabled when using eksctl-managed security groups";
        checks
            .error("security-group.rules", "vpc.manageSharedNodeSecurityGroupRules", what)
            .fix("leave it out, or write sharedNodeSecurityGroup");
    }
    let own = [
        ("vpc.securityGroup", !vpc.security_group.is_empty()),
        ("vpc.controlPlaneSecurityGroupIDs", !vpc.control_plane_security_group_ids.is_empty()),
    ];
    let Some((path, _)) = own.into_iter().find(|(_, said)| *said) else { return };
    if checks.makes_vpc() {
        let what = "names a group that exists, and the VPC will be made: a group is of one VPC";
        checks.warning("security-group.vpc", path, "", what).fix("leave it out, or write vpc.id and vpc.subnets");
    }
    if checks.hybrid() {
        let what = "names groups of yours: rules for hybrid nodes are not made in them";
        checks
            .warning("security-group.given", path, "", what)
            .fix("allow TCP 443 in from each remote network, and TCP 10250 out to those of nodes");
    }
}

fn control_plane_subnets(checks: &mut Checks<'_>) {
    let vpc = &checks.config.vpc;
    let path = "vpc.controlPlaneSubnetIDs";
    for (index, id) in vpc.control_plane_subnet_ids.iter().enumerate() {
        checks.id(&format!("{path}[{index}]"), id, "subnet-");
    }
    checks.twice("subnets.duplicate", path, vpc.control_plane_subnet_ids.iter().map(String::as_str));
    if vpc.control_plane_subnet_ids.len() == 1 {
        checks.error("subnets.few", path, "has one subnet; EKS needs two at least, in two zones").fix("add a subnet in another zone");
    }
    if !vpc.control_plane_subnet_ids.is_empty() && checks.makes_vpc() {
        let what = "names subnets that exist, and the VPC will be made: a subnet is of one VPC";
        checks.warning("subnets.control-plane", path, "", what).fix("leave it out, or write vpc.id and vpc.subnets");
    }
    if vpc.control_plane_on_private_subnets != Some(true) {
        return;
    }
    let path = "vpc.controlPlaneOnPrivateSubnets";
    if !vpc.control_plane_subnet_ids.is_empty() {
        let what = "only one of vpc.controlPlaneSubnetIDs and vpc.controlPlaneOnPrivateSubnets can be specified";
        checks.error("subnets.both", path, what).fix("keep one of them");
        return;
    }
    if vpc.subnets == Subnets::default() {
        return;
    }
    let count = vpc.subnets.private.len();
    let zones: BTreeSet<&str> = vpc.subnets.private.iter().map(|(name, subnet)| zone_of(name, subnet)).collect();
    if count < 2 {
        let what = format!("vpc.controlPlaneOnPrivateSubnets requires at least 2 private subnets, got {count}");
        checks.error("subnets.private", path, what).fix("write two private subnets at least");
    } else if zones.len() < 2 {
        let what = format!(
            "vpc.controlPlaneOnPrivateSubnets requires private subnets in at least 2 availability zones, got {} ({zones:?})",
            zones.len()
        );
        checks.error("subnets.private", path, what).fix("add a private subnet in another zone");
    }
}
