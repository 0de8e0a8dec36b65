//! Clusters without a way to the internet.

use super::{Check, Told, View, When};
use crate::config::Provider;
use crate::path::group::{self, Admission, Side};
use crate::path::{API_PORT, remedy};
use crate::resolve::HybridRole;
use crate::world::Endpoint;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "private.endpoints",
        about: "a private cluster has endpoints of the services that hybrid nodes need",
        when: When::Always,
        needs: &["DescribeVpcEndpoints"],
        run: endpoints,
    },
    Check {
        code: "private.groups",
        about: "security groups of those endpoints let remote networks in",
        when: When::Always,
        needs: &["DescribeVpcEndpoints", "DescribeSecurityGroups"],
        run: groups,
    },
];

/// Services that hybrid nodes call, by the last part of their names (user guide, networking of hybrid nodes).
fn needed(view: &View<'_>) -> Vec<&'static str> {
    let provider = match &view.cluster.role {
        Some(HybridRole::Made(provider) | HybridRole::Given { provider, .. }) => *provider,
        None => return Vec::new(),
    };
    let mut services = vec!["eks", "ecr.api", "ecr.dkr", "s3", "sts"];
    match provider {
        Provider::Ssm => services.extend(["ssm", "ssmmessages", "ec2messages"]),
        Provider::Ira => services.push("rolesanywhere"),
    }
    if view.cluster.annotations.pod_identity {
        services.push("eks-auth");
    }
    services
}

/// Endpoints of the VPC for a service: `ecr.api` of `com.amazonaws.eu-central-1.ecr.api`, not `api`.
fn of<'a>(view: &'a View<'_>, vpc: &str, service: &str) -> Vec<&'a Endpoint> {
    let here = view.world.vpc_endpoints.iter().filter(|endpoint| endpoint.vpc_id == vpc && endpoint.is_there());
    here.filter(|endpoint| service_of(endpoint, &view.cluster.config.metadata.region) == service).collect()
}

fn service_of<'a>(endpoint: &'a Endpoint, region: &str) -> &'a str {
    let name = &endpoint.service_name;
    let marked = name.split_once(&format!(".{region}.")).map(|(_, service)| service);
    marked
        .or_else(|| name.rsplit_once("${AWS::Region}.").map(|(_, service)| service))
        .or_else(|| name.rsplit_once("AWS::Region.").map(|(_, service)| service))
        .unwrap_or(name)
}

/// P18: a gateway endpoint is for subnets of the VPC alone; packets of a site do not go through it.
fn endpoints(view: &View<'_>, told: &mut Told) {
    if !view.cluster.config.private_cluster.enabled || view.without_remote() {
        return told.idle();
    }
    let vpc = view.vpc();
    let mut lacking = Vec::new();
    for service in needed(view) {
        let there = of(view, &vpc, service);
        if there.is_empty() {
            lacking.push(service);
        } else if there.iter().all(|endpoint| endpoint.vpc_endpoint_type == "Gateway") {
            told.warning(
                "privateCluster",
                format!("{service} has a gateway endpoint only, which serves subnets of the VPC and not the site"),
                format!("make an interface endpoint for {service}, or let the site reach it over the internet or a proxy"),
            );
        }
    }
    if !lacking.is_empty() {
        let region = &view.cluster.config.metadata.region;
        told.error(
            "privateCluster",
            format!("the VPC has no endpoint of {}, which hybrid nodes call", lacking.join(", ")),
            remedy::aws(
                view.cluster,
                &format!(
                    "ec2 create-vpc-endpoint --vpc-id {vpc} --vpc-endpoint-type Interface --service-name com.amazonaws.{region}.{} --subnet-ids … (each of them; --skip private.endpoints if the site reaches them over the internet)",
                    lacking[0]
                ),
            ),
        );
    }
}

/// P18.
fn groups(view: &View<'_>, told: &mut Told) {
    if !view.cluster.config.private_cluster.enabled || view.without_remote() {
        return told.idle();
    }
    let vpc = view.vpc();
    let mut judged: Vec<Vec<&str>> = Vec::new();
    for endpoint in needed(view).into_iter().flat_map(|service| of(view, &vpc, service)).filter(|it| it.vpc_endpoint_type != "Gateway") {
        let ids: Vec<&str> = endpoint.groups.iter().map(|group| group.group_id.as_str()).collect();
        if judged.contains(&ids) {
            continue;
        }
        let known: Vec<_> = ids.iter().filter_map(|id| view.network().group(id)).collect();
        for network in &view.cluster.node_cidrs {
            match group::admits(&known, Side::In, *network, ("tcp", API_PORT)) {
                Admission::Yes | Admission::Perhaps(_) => {}
                Admission::No if known.len() < ids.len() || known.is_empty() => {
                    told.unknown(&endpoint.vpc_endpoint_id, format!("whether its security groups let {network} in is not known"));
                }
                Admission::No => told.error(
                    ids.join(", "),
                    format!("no rule lets TCP 443 from {network} pass to the endpoints of AWS's services"),
                    remedy::aws(
                        view.cluster,
                        &format!(
                            "ec2 authorize-security-group-ingress --group-id {} {}",
                            ids[0],
                            remedy::permission("ingress", API_PORT, *network)
                        ),
                    ),
                ),
            }
        }
        judged.push(ids);
    }
}
