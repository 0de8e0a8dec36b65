//! What follows from the cluster's objects alone, where no gateway answers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hybridge_gateway::Moment;
use hybridge_gateway::detail::{self, Endpoint, Kernel, Known, Role, SeenConfig, Whose};
use hybridge_gateway::hold::Roster;
use hybridge_gateway::nodes::{HybridNode, Undecodable};
use hybridge_kube_io::Pod;
use hybridge_model::{Cidr4, NodeName, RouteTableId};
use hybridge_report::chain;
use jiff::Timestamp;
use serde_json::Value;

use super::answered::{gateway, may_be, node_problems, silent};
use super::ask::Answer;
use super::evidence::{Evidence, setting};
use super::view::{Leader, Node, Problem, Source, View};

const NO_ANSWER: &str = "no gateway answers";

/// What only a gateway can tell.
const UNKNOWN: [&str; 3] = [
    "what each gateway's kernel holds: device, routes, neighbours and forwarding entries of hybrid nodes",
    "where the VPC routes lead: `aws ec2 describe-route-tables` shows it",
    "whether EC2 and the API server answer the gateways, and what they refuse",
];

/// The view at `now`.
pub(crate) fn view(namespace: &str, answers: &[Answer], evidence: Evidence, (mut problems, now): (Vec<Problem>, Timestamp)) -> View {
    let pods: Vec<Pod> = answers.iter().filter_map(|answer| answer.pod.clone()).collect();
    let leader = leader(&evidence, &pods, now);
    if pods.is_empty() {
        problems.push(Problem::new("gateway.none", format!("namespace {namespace}"), "there are no pods of gateways"));
    }
    problems.extend(silent(answers));
    // Without gateways a missing Lease is no wonder.
    if !pods.is_empty() || evidence.lease.is_some() {
        problems.extend(lease_problem(namespace, leader.as_ref(), &evidence));
    }
    let hybrid_nodes = hybrid_nodes(evidence.nodes.unwrap_or_default(), &cidrs(&pods, "VPC_CIDR"));
    problems.extend(node_problems(&hybrid_nodes));
    let config = evidence.config.map(|(schema, object)| SeenConfig { schema, object });
    let (vtep_endpoints, wrong) = endpoints(config.as_ref(), leader.as_ref(), &pods);
    problems.extend(wrong);
    problems.extend(evidence.gaps);
    View {
        source: Source::Cluster,
        ok: false,
        namespace: Some(namespace.to_owned()),
        leader,
        gateways: answers.iter().map(gateway).collect(),
        hybrid_nodes,
        vpc_routes: detail::routes(&tables(&pods), &cidrs(&pods, "POD_CIDRS"), None, Role { leading: false, error: Some(NO_ANSWER) }),
        vtep_endpoints,
        known_interfaces: evidence.interfaces,
        problems,
        unknown: UNKNOWN.map(str::to_owned).to_vec(),
    }
}

fn leader(evidence: &Evidence, pods: &[Pod], now: Timestamp) -> Option<Leader> {
    let lease = evidence.lease.as_ref().filter(|lease| !lease.holder.is_empty())?;
    let gateway = pods.iter().find(|pod| may_be(pod, &lease.holder)).map(|pod| pod.name.clone());
    let lasts = Duration::from_secs(lease.duration_seconds.into());
    Some(Leader {
        holder: lease.holder.clone(),
        gateway,
        since: lease.acquired,
        epoch: Some(lease.transitions),
        renewed: lease.renewed,
        expired: lease.renewed.map(|renewed| renewed.checked_add(lasts).is_ok_and(|end| end < now)),
    })
}

fn lease_problem(namespace: &str, leader: Option<&Leader>, evidence: &Evidence) -> Option<Problem> {
    let place = format!("Lease in namespace {namespace}");
    match (leader, &evidence.lease) {
        (Some(leader), _) if leader.expired == Some(true) => {
            let renewed = leader.renewed.map(|renewed| format!(", which renewed it last at {}", seconds(renewed)));
            Some(Problem::new(
                "lease.expired",
                place,
                format!("is held by {}{} and has expired", leader.holder, renewed.unwrap_or_default()),
            ))
        }
        (Some(_), _) => None,
        (None, Some(_)) => Some(Problem::new("lease.vacant", place, "is held by nobody")),
        (None, None) if evidence.gaps.iter().any(|gap| gap.place.starts_with("Lease ")) => None,
        (None, None) => Some(Problem::new("lease.vacant", place, "there is none, so no gateway has ever led")),
    }
}

/// To the second.
pub(crate) fn seconds(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// A list in the gateways' settings; what is no network has kept them from starting, and they say so.
fn cidrs(pods: &[Pod], name: &str) -> Vec<Cidr4> {
    setting(pods, name).into_iter().flat_map(|list| list.split(',')).filter_map(|text| text.parse().ok()).collect()
}

fn tables(pods: &[Pod]) -> std::collections::BTreeSet<RouteTableId> {
    setting(pods, "ROUTE_TABLE_IDS").into_iter().flat_map(|list| list.split(',')).filter_map(|text| text.trim().parse().ok()).collect()
}

fn hybrid_nodes(read: BTreeMap<NodeName, Result<HybridNode, Undecodable>>, vpc_cidrs: &[Cidr4]) -> Vec<Node> {
    let (mut live, mut undecodable) = (BTreeMap::new(), BTreeMap::new());
    for (name, node) in read {
        match node.and_then(|node| node.outside(vpc_cidrs)) {
            Ok(node) => drop(live.insert(name, node)),
            Err(error) => drop(undecodable.insert(name.as_str().to_owned(), chain(&error))),
        }
    }
    let mut roster = Roster::new(Duration::ZERO);
    roster.update(Moment::default(), live);
    let known = Known { roster: &roster, listed: true, undecodable: &undecodable };
    let shown = |node: detail::Node| Node {
        name: node.name,
        node_ip: node.node_ip,
        pod_cidrs: node.pod_cidrs,
        state: node.state,
        why: node.why,
        gateways: Vec::new(),
    };
    detail::nodes(known, Kernel::Unseen(NO_ANSWER)).into_iter().map(shown).collect()
}

/// The networks of the VPC, by the gateways' settings, else those that the object leads somewhere.
fn endpoints(seen: Option<&SeenConfig>, leader: Option<&Leader>, pods: &[Pod]) -> (Vec<Endpoint>, Vec<Problem>) {
    let configured = cidrs(pods, "VPC_CIDR");
    let vpc_cidrs = if configured.is_empty() { led(seen) } else { configured };
    let leading = leader.and_then(|leader| pods.iter().find(|pod| Some(&pod.name) == leader.gateway.as_ref()));
    let node_ip = leading.and_then(|pod| match pod.ip {
        Some(IpAddr::V4(address)) => Some(address),
        Some(IpAddr::V6(_)) | None => None,
    });
    let role = Role { leading: node_ip.is_some(), error: seen.is_none().then_some("the CiliumVTEPConfig cannot be read") };
    let endpoints = detail::endpoints(node_ip, &vpc_cidrs, seen, role);
    let ends: Vec<Ipv4Addr> = pods.iter().filter_map(|pod| pod.ip).filter_map(|ip| ip.to_string().parse().ok()).collect();
    let problem = |endpoint: &Endpoint| {
        let place = format!("CiliumVTEPConfig, {}", endpoint.vpc_cidr);
        let stray = endpoint.whose == Whose::Gateway && !ends.is_empty() && endpoint.observed.iter().any(|end| !ends.contains(end));
        let stray = || stray.then(|| "leads to an address that is no gateway's any more".to_owned());
        Some(Problem::new("vtep.pending", place, endpoint.why.clone().or_else(stray)?))
    };
    let problems = endpoints.iter().filter_map(problem).collect();
    (endpoints, problems)
}

fn led(seen: Option<&SeenConfig>) -> Vec<Cidr4> {
    let listed = seen.and_then(|seen| seen.object.as_ref()).and_then(|object| object.pointer("/spec/endpoints")).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|endpoint| endpoint.get("cidr")?.as_str()?.parse().ok()).collect()
}
