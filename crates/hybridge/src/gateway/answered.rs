//! What follows from the answers of gateways.

use std::collections::BTreeMap;

use hybridge_gateway::detail::{NodeState, Report, Whose};
use hybridge_kube_io::Pod;

use super::ask::Answer;
use super::view::{Gateway, Leader, Node, Problem, Programmed, Source, View, Way};

/// The view, from the answers of all gateways and what went wrong before they were asked.
pub(crate) fn view(namespace: Option<String>, answers: &[Answer], mut problems: Vec<Problem>) -> View {
    let told: Vec<(&str, &Report)> =
        answers.iter().filter_map(|answer| Some((answer.name.as_str(), &*answer.report.as_ref().ok()?.0))).collect();
    // The leader knows most; without its answer, any other.
    let (_, best) = told.iter().copied().find(|(_, report)| report.status.leader.leading).or(told.first().copied()).unzip();
    let leader = best.and_then(|report| leader(report, answers));
    problems.extend(gateway_problems(answers, &told, leader.as_ref()));
    let hybrid_nodes = hybrid_nodes(&told);
    problems.extend(node_problems(&hybrid_nodes));
    problems.extend(best.into_iter().flat_map(target_problems));
    View {
        source: Source::Gateways,
        ok: problems.is_empty() && !told.is_empty(),
        namespace,
        leader,
        gateways: answers.iter().map(gateway).collect(),
        hybrid_nodes,
        vpc_routes: best.map(|report| report.vpc_routes.clone()).unwrap_or_default(),
        vtep_endpoints: best.map(|report| report.vtep_endpoints.clone()).unwrap_or_default(),
        known_interfaces: Vec::new(),
        problems,
        unknown: Vec::new(),
    }
}

fn leader(report: &Report, answers: &[Answer]) -> Option<Leader> {
    let seen = &report.status.leader;
    let holder = seen.holder.clone()?;
    let has = |answer: &&Answer| match &answer.report {
        Ok((report, _)) => report.gateway.identity == holder,
        Err(_) => answer.pod.as_ref().is_some_and(|pod| may_be(pod, &holder)),
    };
    let gateway = answers.iter().find(has).map(|answer| answer.name.clone());
    Some(Leader { holder, gateway, since: seen.since, epoch: seen.transitions, renewed: None, expired: None })
}

/// Whether a pod may be the holder of a Lease, as far as its host tells: an identity is `HOST_` and a random number, and on the host's
/// network the host is the node.
pub(crate) fn may_be(pod: &Pod, holder: &str) -> bool {
    let host = holder.rsplit_once('_').map_or(holder, |(host, _)| host);
    pod.node == host || pod.name == host
}

/// A row for a gateway, whether it has answered or not.
pub(crate) fn gateway(answer: &Answer) -> Gateway {
    let pod = answer.pod.as_ref();
    let mut row = Gateway {
        name: answer.name.clone(),
        node: pod.map(|pod| pod.node.clone()).filter(|node| !node.is_empty()),
        address: pod.and_then(|pod| pod.ip),
        phase: pod.map(|pod| if pod.ending { "Terminating".to_owned() } else { pod.phase.clone() }),
        ..Gateway::default()
    };
    match &answer.report {
        Ok((report, way)) => {
            row.answered = Some(*way);
            row.node = row.node.or_else(|| Some(report.gateway.node_name.clone()).filter(|node| !node.is_empty()));
            row.address = row.address.or(report.gateway.node_ip.map(Into::into));
            row.version = Some(report.gateway.version.clone());
            row.leads = Some(report.status.leader.leading);
            row.ready = Some(report.ready);
            row.reasons.clone_from(&report.reasons);
        }
        Err(error) => row.silent = Some(error.clone()),
    }
    row
}

/// Gateways that do not answer or are not ready. What several say in the same words is one problem.
fn gateway_problems(answers: &[Answer], told: &[(&str, &Report)], leader: Option<&Leader>) -> Vec<Problem> {
    let mut problems = silent(answers);
    let answers = |leader: &&Leader| told.iter().any(|(_, report)| report.gateway.identity == leader.holder);
    if let Some(leader) = leader.filter(|leader| !answers(leader)) {
        problems.push(Problem::new("leader.silent", &leader.holder, "holds the Lease, but is none of the gateways that answer"));
    }
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (name, report) in told {
        for reason in &report.reasons {
            reasons.entry((&reason.code, &reason.what)).or_default().push(name);
        }
    }
    problems.extend(reasons.into_iter().map(|((code, what), names)| Problem::new(code, names.join(", "), what)));
    problems
}

/// Gateways that do not answer; where it is for want of a right, with the one to grant.
pub(crate) fn silent(answers: &[Answer]) -> Vec<Problem> {
    let silent = answers.iter().filter_map(|answer| Some((answer, answer.report.as_ref().err()?)));
    let problem = |(answer, error): (&Answer, &String)| {
        let problem = Problem::new("gateway.silent", &answer.name, error);
        match &answer.pod {
            Some(pod) if answer.forbidden => problem.hint(format!("grant `get` on `pods/proxy` in namespace `{}`", pod.namespace)),
            Some(pod) => {
                problem.hint(format!("see `kubectl describe pod -n {} {1}` and `kubectl logs -n {0} {1}`", pod.namespace, pod.name))
            }
            None => problem.hint("see that a gateway serves its admin port there (`--health-probe-bind-address`)"),
        }
    };
    silent.map(problem).collect()
}

fn hybrid_nodes(told: &[(&str, &Report)]) -> Vec<Node> {
    let mut nodes: BTreeMap<&str, Node> = BTreeMap::new();
    for (gateway, report) in told {
        for seen in &report.hybrid_nodes {
            let node = nodes.entry(&seen.name).or_insert_with(|| Node {
                name: seen.name.clone(),
                node_ip: seen.node_ip,
                pod_cidrs: seen.pod_cidrs.clone(),
                state: NodeState::Programmed,
                why: None,
                gateways: Vec::new(),
            });
            if seen.state > node.state {
                (node.state, node.why) = (seen.state, seen.why.clone());
            }
            let (state, why) = (seen.state, seen.why.clone());
            node.gateways.push(Programmed { gateway: (*gateway).to_owned(), state, pod_cidrs: seen.programmed.clone(), why });
        }
    }
    nodes.into_values().collect()
}

/// One problem for each state, with the first node's reason: thousands of nodes mostly have one cause.
pub(crate) fn node_problems(nodes: &[Node]) -> Vec<Problem> {
    let mut states: BTreeMap<NodeState, Vec<&Node>> = BTreeMap::new();
    for node in nodes {
        states.entry(node.state).or_default().push(node);
    }
    let problem = |(state, nodes): (NodeState, Vec<&Node>)| {
        // Held nodes are a reason of their own, for all of them.
        let wrong = matches!(state, NodeState::Pending | NodeState::Conflict | NodeState::LeftOut);
        let first = nodes.first().filter(|_| wrong)?;
        let place = match nodes.len() {
            1 => format!("hybrid node {}", first.name),
            others => format!("hybrid node {} and {} more", first.name, others - 1),
        };
        Some(Problem::new(format!("node.{}", state.word()), place, first.why.clone().unwrap_or_default()))
    };
    states.into_iter().rev().filter_map(problem).collect()
}

/// Routes and endpoints, unless the gateway has named the cause among its reasons already.
fn target_problems(report: &Report) -> Vec<Problem> {
    let named = |start: &str| report.reasons.iter().any(|reason| reason.code.starts_with(start));
    let word = |whose: Whose| match whose {
        Whose::Here | Whose::Gateway => "pending",
        Whose::Foreign => "foreign",
        Whose::Missing => "missing",
        Whose::Blackhole => "blackhole",
        Whose::NoTable => "no-table",
        Whose::Unknown => "unknown",
    };
    let routes = report.vpc_routes.iter().filter(|_| !named("route")).filter_map(|route| {
        let place = format!("VPC route {} in {}", route.destination, route.table);
        Some(Problem::new(format!("route.{}", word(route.whose)), place, route.why.clone()?))
    });
    let endpoints = report.vtep_endpoints.iter().filter(|_| !named("vtep")).filter_map(|endpoint| {
        let place = format!("CiliumVTEPConfig, {}", endpoint.vpc_cidr);
        Some(Problem::new(format!("vtep.{}", word(endpoint.whose)), place, endpoint.why.clone()?))
    });
    routes.chain(endpoints).collect()
}

impl Way {
    /// In a table.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::ApiServer => "through the API server",
            Self::Direct => "directly",
        }
    }
}
