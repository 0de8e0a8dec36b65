//! Outposts servers against what there is: given subnets, and groups of nodes that stand on made ones.

use hybridge_report::Finding;
use serde_json::Value as Json;

use super::{Cluster, stack_name};
use crate::config::outposts::{OutpostSubnet, OutpostsServer, PATH};
use crate::world::{Subnet, World};

pub(super) fn check(cluster: &Cluster, world: &World, findings: &mut Vec<Finding>) {
    let servers = &cluster.annotations.outposts_servers;
    if cluster.foreign && !servers.is_empty() {
        let what = "needs a cluster that eksctl or hybridge made: nodes take its endpoint and security group from its stack";
        findings.push(Finding::error("outposts.foreign", PATH, what).fix("make these nodes as the others of the cluster were made"));
        return;
    }
    for (index, server) in servers.iter().enumerate() {
        let OutpostSubnet::Given(id) = &server.subnet else { continue };
        if let Some(subnet) = world.subnets.iter().find(|subnet| subnet.subnet_id == *id) {
            given(cluster, (index, server), subnet, findings);
        }
    }
    stands(cluster, world, findings);
    if !servers.is_empty() {
        disconnects(cluster, findings);
    }
}

/// When the region cannot be reached, Kubernetes takes the pods of a node away after five minutes: the node hears of that when the link
/// is back, and stops what ran all the time.
fn disconnects(cluster: &Cluster, findings: &mut Vec<Finding>) {
    const KEY: &str = "node.kubernetes.io/unreachable";
    let coredns = cluster.config.addons.iter().find(|addon| addon.name == "coredns");
    if coredns.is_some_and(|addon| addon.configuration_values.contains(KEY)) {
        return;
    }
    let what = "the add-on coredns leaves nodes that the region cannot reach after 300 seconds, and stops on them when the link is back";
    let fix = format!("give it a toleration of {KEY} with tolerationSeconds, such as docs/cluster.md has it, and your own pods the same");
    findings.push(Finding::warning("outposts.tolerations", "addons", what).fix(fix));
}

/// A subnet that somebody made, as far as it is known.
fn given(cluster: &Cluster, (index, server): (usize, &OutpostsServer), subnet: &Subnet, findings: &mut Vec<Finding>) {
    let id = &subnet.subnet_id;
    let what = if cluster.vpc.id.as_ref().is_some_and(|vpc| *vpc != subnet.vpc_id) {
        format!("{id} is in {}, another VPC than the cluster's", subnet.vpc_id)
    } else if subnet.outpost_arn.is_empty() {
        format!("{id} is in the region, on no Outpost")
    } else if subnet.outpost_arn != server.outpost_arn {
        format!("{id} is on another Outpost: {}", subnet.outpost_arn)
    } else if subnet.availability_zone != server.zone {
        format!("{id} is in {}, not in {}", subnet.availability_zone, server.zone)
    } else if let Some(other) = subnet.enable_lni_at_device_index.filter(|other| *other != server.lni_device_index) {
        let what = format!(
            "{id} has its LNIs at device index {other}, and other instances may stand by that; {} asks for {}",
            server.name, server.lni_device_index
        );
        let fix = format!("write lniDeviceIndex: {other}, or take another subnet");
        findings.push(Finding::error("outposts.device-index-conflict", OutpostsServer::path(index, "lniDeviceIndex"), what).fix(fix));
        return;
    } else {
        return;
    };
    let fix = "write a subnet that was made with the Outpost's ARN, in the cluster's VPC";
    findings.push(Finding::error("outposts.subnet-given", OutpostsServer::path(index, "subnet"), what).fix(fix));
}

/// CloudFormation takes no subnet away, and replaces none, on which another stack stands.
fn stands(cluster: &Cluster, world: &World, findings: &mut Vec<Finding>) {
    let name = &cluster.config.metadata.name;
    let resources = world.deployed.as_ref().and_then(|deployed| deployed.template_body.get("Resources")?.as_object());
    for (id, resource) in resources.into_iter().flatten() {
        let Some(part) = id.strip_prefix("SubnetOutpost") else { continue };
        let prefix = format!("{}-nodegroup-", stack_name(name).trim_end_matches("-cluster"));
        let of_part = |stack: &str| stack.strip_prefix(&prefix).is_some_and(|group| is_part(group, part));
        let Some(stack) = world.stacks.iter().find(|stack| of_part(&stack.stack_name)) else { continue };
        let wanted = cluster.annotations.outposts_servers.iter().find(|server| is_part(&server.name, part));
        if wanted.is_some_and(|server| is_same(server, resource)) {
            continue;
        }
        let what = format!("the subnet of {} would go or be made anew, and stack {} stands on it", part.to_lowercase(), stack.stack_name);
        let fix = format!(
            "drain its nodes, run `aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {0}` and \
             `aws cloudformation delete-stack --stack-name {0}`, then the same command again",
            stack.stack_name
        );
        findings.push(Finding::error("outposts.in-use", PATH, what).fix(fix));
    }
}

/// Whether a name became this part of an identifier.
fn is_part(name: &str, part: &str) -> bool {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).eq(part.chars())
}

/// Whether a deployed subnet can stay the one that it is.
fn is_same(server: &OutpostsServer, resource: &Json) -> bool {
    let has = |key: &str, value: &str| resource.pointer(&format!("/Properties/{key}")).and_then(Json::as_str) == Some(value);
    match &server.subnet {
        OutpostSubnet::Given(_) => false,
        OutpostSubnet::Made(cidr) => {
            has("CidrBlock", &cidr.to_string()) && has("OutpostArn", &server.outpost_arn) && has("AvailabilityZone", &server.zone)
        }
    }
}
