//! Commands that mend what is broken, and sentences about transit gateways.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use super::Verdict;
use super::gateway::Obstacle;
use crate::resolve::{Cluster, VpcGateway};
use crate::world::NetworkAcl;

/// A command of the AWS CLI, in the cluster's region. What stands behind it in parentheses is no part of it and stays behind.
pub(crate) fn aws(cluster: &Cluster, rest: &str) -> String {
    let region = &cluster.config.metadata.region;
    let (command, note) = rest.split_once(" (").map_or((rest, String::new()), |(command, note)| (command, format!(" ({note}")));
    format!("aws {command} --region {region}{note}")
}

/// The command that asks for a higher quota of VPCs.
pub(crate) fn more(cluster: &Cluster, code: &str, wanted: usize) -> String {
    aws(cluster, &format!("service-quotas request-service-quota-increase --service-code vpc --quota-code {code} --desired-value {wanted}"))
}

/// The command that makes a route to a remote network, without its `aws`.
pub(crate) fn create_route(cluster: &Cluster, table: &str, network: Cidr4) -> String {
    let target = match &cluster.gateway {
        Some(VpcGateway::Transit(id)) => format!("--transit-gateway-id {id}"),
        Some(VpcGateway::VirtualPrivate(id)) => format!("--gateway-id {id}"),
        None => "--transit-gateway-id tgw-…".into(),
    };
    format!("ec2 create-route --route-table-id {table} --destination-cidr-block {network} {target}")
}

/// The arguments of a rule that lets TCP at a port pass.
pub(crate) fn permission(verb: &str, port: u16, network: Cidr4) -> String {
    if verb == "ingress" {
        format!("--protocol tcp --port {port} --cidr {network}")
    } else {
        format!("--ip-permissions IpProtocol=tcp,FromPort={port},ToPort={port},IpRanges='[{{CidrIp={network}}}]'")
    }
}

/// Why a transit gateway does not lead packets of or to a VPC on.
pub(crate) fn explain(cluster: &Cluster, id: &str, vpc: &str, obstacle: &Obstacle, to: &str) -> (Verdict, String, Option<String>) {
    let broken = |sentence: String, fix: String| (Verdict::Broken, sentence, Some(fix));
    match obstacle {
        Obstacle::NotAttached => broken(
            format!("{vpc} is not attached to {id}"),
            aws(cluster, &format!("ec2 create-transit-gateway-vpc-attachment --transit-gateway-id {id} --vpc-id {vpc} --subnet-ids …")),
        ),
        Obstacle::State(state) if state == "pendingAcceptance" => broken(
            format!("the attachment of {vpc} at {id} waits for the consent of the gateway's owner"),
            "aws ec2 accept-transit-gateway-vpc-attachment --transit-gateway-attachment-id tgw-attach-…, in the owner's account".into(),
        ),
        Obstacle::State(state) => {
            broken(format!("the attachment at {id} is {state}"), "wait until it is available, or make it anew".into())
        }
        Obstacle::NotAssociated(attachment) => broken(
            format!("{attachment} at {id} uses no route table, so its packets are dropped"),
            aws(
                cluster,
                &format!(
                    "ec2 associate-transit-gateway-route-table --transit-gateway-route-table-id tgw-rtb-… --transit-gateway-attachment-id {attachment}"
                ),
            ),
        ),
        Obstacle::NoRoute(table) => broken(
            format!("{table} of {id} has no route to {to}"),
            aws(
                cluster,
                &format!(
                    "ec2 create-transit-gateway-route --transit-gateway-route-table-id {table} --destination-cidr-block {} --transit-gateway-attachment-id tgw-attach-… (or propagate it: enable-transit-gateway-route-table-propagation)",
                    network(cluster, to)
                ),
            ),
        ),
        Obstacle::Blackhole(table) => broken(
            format!("{table} of {id} drops packets to {to}: its route is a blackhole"),
            aws(
                cluster,
                &format!(
                    "ec2 search-transit-gateway-routes --transit-gateway-route-table-id {table} --filters Name=state,Values=blackhole"
                ),
            ),
        ),
        Obstacle::Unknown(what) => {
            (Verdict::Unknown, format!("what {id} does with packets to {to} is not known: {what} could not be read"), None)
        }
    }
}

/// What a route is made for: of an address, the remote network that it is in.
fn network(cluster: &Cluster, to: &str) -> String {
    let Ok(address) = to.parse::<Ipv4Addr>() else { return to.to_owned() };
    cluster.remote_cidrs().into_iter().find(|network| network.contains(address)).unwrap_or(Cidr4::host(address)).to_string()
}

/// A rule number before the refusing one that is free.
pub(crate) fn free_number(acl: &NetworkAcl, egress: bool, before: u32) -> u32 {
    let taken = |number: u32| acl.entries.iter().any(|entry| entry.egress == egress && entry.rule_number == number);
    (1..before.min(32767)).rev().find(|number| !taken(*number)).unwrap_or(1)
}
