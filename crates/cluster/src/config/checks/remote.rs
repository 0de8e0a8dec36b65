//! `remoteNetworkConfig`, in the order of eksctl's `validateRemoteNetworkingConfig`, and the annotations that add to it.

use super::{Arn, Checks, ROLE};
use crate::config::{Provider, RemoteNetwork, RemoteNetworkConfig, region};

const NODES: &str = "remoteNetworkConfig.remoteNodeNetworks";
const PODS: &str = "remoteNetworkConfig.remotePodNetworks";
const PROVIDER: &str = "remoteNetworkConfig.iam.provider";

pub(super) fn check(checks: &mut Checks<'_>) {
    let Some(remote) = &checks.config.remote_network_config else {
        annotations_without(checks);
        return;
    };
    cluster(checks);
    networks(checks, remote);
    gateway(checks, remote);
    credentials(checks, remote);
    anchors(checks, remote);
    roles(checks, remote);
}

/// What the rest of the cluster must be like.
fn cluster(checks: &mut Checks<'_>) {
    if checks.config.kubernetes_network_config.ip_family == "IPv6" {
        let what = "remoteNetworkConfig is not supported on EKS cluster configured with IPv6 address family";
        checks
            .error("family.ipv6", "kubernetesNetworkConfig.ipFamily", what)
            .fix("write IPv4, or leave kubernetesNetworkConfig.ipFamily out");
    }
    if checks.config.access_config.authentication_mode == "CONFIG_MAP" {
        let what = "remoteNetworkConfig requires authenticationMode to be either \"API_AND_CONFIG_MAP\" or \"API\"";
        checks.error("access.mode", "accessConfig.authenticationMode", what).fix("write API, or leave it out");
    }
}

fn networks(checks: &mut Checks<'_>, remote: &RemoteNetworkConfig) {
    let count = |networks: &Option<Vec<RemoteNetwork>>| networks.as_ref().map(Vec::len);
    let (nodes, pods) = (count(&remote.remote_node_networks), count(&remote.remote_pod_networks));
    if nodes.is_some_and(|count| count > 1) {
        let what = "only one remoteNodeNetwork is allowed in remoteNetworkConfig.remoteNodeNetworks";
        checks.error("remote.many", &format!("{NODES}[1]"), what).fix("put all networks into cidrs of the first");
    }
    if pods.is_some_and(|count| count > 1) {
        let what = "only one remotePodNetwork is allowed in remoteNetworkConfig.remotePodNetworks";
        checks.error("remote.many", &format!("{PODS}[1]"), what).fix("put all networks into cidrs of the first");
    }
    if nodes.unwrap_or(0) > 0 || !checks.sound(NODES) {
        return;
    }
    if pods == Some(0) {
        let what = "remoteNetworkConfig has empty remoteNodeNetworks and remotePodNetworks: an update takes hybrid nodes away, a new \
                    cluster has none";
        checks.warning("remote.empty", "remoteNetworkConfig", "", what);
    } else {
        let what = format!("{NODES} must be set and non-empty");
        checks
            .error("remote.missing", NODES, what)
            .fix("write the networks that hybrid nodes have their addresses in: `- cidrs: [10.80.0.0/16]`");
    }
}

fn gateway(checks: &mut Checks<'_>, remote: &RemoteNetworkConfig) {
    let (path, id) = ("remoteNetworkConfig.vpcGatewayID", remote.vpc_gateway_id.as_str());
    if id.is_empty() {
        if checks.hybrid() && checks.sound(path) && checks.makes_vpc() {
            let what = "is not set: neither gateway nor routes to the remote networks will be made";
            checks
                .warning("gateway.none", path, "", what)
                .fix("write a transit gateway or virtual private gateway, or make the routes yourself");
        }
        return;
    }
    if !checks.config.vpc.id.is_empty() {
        let what = "remoteNetworkConfig.vpcGatewayID is not supported when using pre-existing VPC";
        checks
            .error("gateway.given-vpc", path, what)
            .fix("leave it out, attach the gateway yourself and make the routes: the plan lists them");
    }
    let rest = id.strip_prefix("tgw-").or_else(|| id.strip_prefix("vgw-"));
    if !rest.is_some_and(|rest| (1..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        let what = format!(
            "invalid value {id:?} provided for remoteNetworkConfig.vpcGatewayID; only transit gateway (tgw-*) or virtual private gateway \
             (vgw-*) IDs are supported"
        );
        checks.error("gateway.id", path, what).fix("write it as `aws ec2 describe-transit-gateways` or `describe-vpn-gateways` tells it");
    }
}

fn credentials(checks: &mut Checks<'_>, remote: &RemoteNetworkConfig) {
    if !checks.sound(PROVIDER) {
        return;
    }
    let path = "remoteNetworkConfig.iam.caBundleCert";
    let (given, anchor) = (!remote.iam.ca_bundle_cert.trim().is_empty(), checks.annotations.trust_anchor_arn.is_some());
    match remote.iam.provider {
        Provider::Ssm if checks.places.has(path) => {
            let what = "remoteNetworkConfig.iam.caBundleCert is not supported when using SSM credentials provider";
            checks.error("ca.provider", path, what).fix("leave it out, or write provider: ira");
        }
        Provider::Ira if !given && !anchor && checks.sound(path) => {
            let what = "remoteNetworkConfig.iam.caBundleCert is required when using IAMRolesAnywhere credentials provider";
            checks.error("ca.missing", path, what).fix("write the PEM certificate of the authority that signs the nodes' certificates");
        }
        Provider::Ira if given && anchor => {
            let what = "stands beside annotation hybridge/trust-anchor-arn: one of them says whom to trust";
            checks.error("anchor.both", path, what).fix("keep one of them");
        }
        Provider::Ssm | Provider::Ira => {}
    }
}

/// Annotations for Roles Anywhere.
fn anchors(checks: &mut Checks<'_>, remote: &RemoteNetworkConfig) {
    let annotations = checks.annotations;
    let said = [
        ("trust-anchor-arn", annotations.trust_anchor_arn.is_some()),
        ("profile-arn", annotations.profile_arn.is_some()),
        ("session-name", annotations.any_session_name),
        ("session-seconds", annotations.session_seconds.is_some()),
    ];
    if remote.iam.provider == Provider::Ssm && checks.sound(PROVIDER) {
        for (name, _) in said.into_iter().filter(|(_, said)| *said) {
            let what = "is about Roles Anywhere, and remoteNetworkConfig.iam.provider is ssm";
            checks.error("annotation.provider", &annotation(name), what).fix("leave it out, or write provider: ira");
        }
        return;
    }
    for (name, arn) in [("trust-anchor-arn", &annotations.trust_anchor_arn), ("profile-arn", &annotations.profile_arn)] {
        if let Some(arn) = arn {
            of_cluster(checks, &annotation(name), arn);
        }
    }
    if annotations.profile_arn.is_some() && remote.iam.role_arn.is_empty() && annotations.role_arns.is_empty() {
        let what = "is a profile that exists, and the role will be made: the profile has to list the role before a node can join";
        let fix = "write remoteNetworkConfig.iam.roleARN, or add the role to the profile when it is there";
        checks.warning("annotation.profile", &annotation("profile-arn"), "", what).fix(fix);
    }
    if annotations.profile_arn.is_some() && annotations.session_seconds.is_some() {
        let what = "has no effect on a profile that exists";
        checks.warning("annotation.profile", &annotation("session-seconds"), "", what).fix("set durationSeconds of the profile");
    }
}

/// An ARN of Roles Anywhere has to be in the cluster's region.
fn of_cluster(checks: &mut Checks<'_>, path: &str, text: &str) {
    let own = checks.config.metadata.region.as_str();
    let Some(arn) = Arn::parse(text).filter(|_| region::is_region(own)) else { return };
    if arn.partition != region::partition(own) {
        let what = format!("is in partition {}, the cluster in {}", arn.partition, region::partition(own));
        checks.wrong("arn.partition", path, text, what).fix(format!("write arn:{}:…", region::partition(own)));
    } else if arn.region != own {
        let what = format!("is of region {:?}; nodes ask Roles Anywhere of the cluster's region, {own}", arn.region);
        checks.wrong("arn.region", path, text, what).fix(format!("write one of {own}"));
    }
}

fn roles(checks: &mut Checks<'_>, remote: &RemoteNetworkConfig) {
    let path = "remoteNetworkConfig.iam.roleARN";
    checks.arn(path, &remote.iam.role_arn, &ROLE);
    for arn in &checks.annotations.role_arns {
        checks.arn(&annotation("role-arns"), arn, &ROLE);
    }
    let list: Vec<&str> =
        std::iter::once(remote.iam.role_arn.as_str()).chain(checks.annotations.role_arns.iter().map(String::as_str)).collect();
    if let Some((_, again)) = list.iter().enumerate().find(|(index, arn)| !arn.is_empty() && list[..*index].contains(arn)) {
        checks.wrong("annotation.role", &annotation("role-arns"), again, "is named twice").fix("name each role once");
    }
    let account = |text: &str| Arn::parse(text).map(|arn| arn.account.to_owned());
    let control = account(&checks.config.iam.service_role_arn);
    if let (Some(nodes), Some(control)) = (account(&remote.iam.role_arn), control)
        && nodes != control
    {
        let what =
            format!("is of account {nodes}, iam.serviceRoleARN of account {control}: nodes join with a role of the cluster's account");
        checks.wrong("arn.account", path, &remote.iam.role_arn, what).fix("write a role of the cluster's account");
    }
}

/// Without hybrid nodes, annotations about them have nothing to act on.
fn annotations_without(checks: &mut Checks<'_>) {
    let ours: Vec<&String> = checks.config.metadata.annotations.keys().filter(|key| key.starts_with("hybridge/")).collect();
    for key in ours {
        let elsewhere = matches!(key.as_str(), "hybridge/own-cni" | "hybridge/gateway-subnets" | "hybridge/outposts-servers");
        if !elsewhere && crate::config::annotations::is_known(key) {
            let what = "has no effect: there is no remoteNetworkConfig";
            checks
                .warning("annotation.unused", &format!("metadata.annotations.{key}"), "", what)
                .fix("leave it out, or write remoteNetworkConfig");
        }
    }
}

fn annotation(name: &str) -> String {
    format!("metadata.annotations.hybridge/{name}")
}
