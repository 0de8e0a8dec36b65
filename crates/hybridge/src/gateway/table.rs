//! The view as text for people.

use hybridge_gateway::detail::{NodeState, Whose};
use hybridge_model::Cidr4;

use super::unanswered::seconds;
use super::view::{Gateway, Leader, Node, Source, View};
use crate::table::{line, list, or_dash, section, yes};

/// With more hybrid nodes than this, those that are fine are counted only.
const MANY: usize = 20;

/// A few lines in sum, tables, then what is wrong. `all`: every hybrid node.
pub(crate) fn text(view: &View, all: bool) -> String {
    let mut text = String::new();
    summary(&mut text, view);
    section(&mut text, "GATEWAYS", &["NAME", "NODE", "ADDRESS", "POD", "READY", "LEADS", "VERSION", "ASKED"], gateways(view));
    let (shown, left) = choose(&view.hybrid_nodes, all);
    section(&mut text, "HYBRID NODES", &["NAME", "NODE IP", "POD CIDRS", "STATE", "PROGRAMMED BY", "WHY"], nodes(&shown, view));
    if left > 0 {
        let fine = if view.source == Source::Gateways { "are programmed" } else { "have a CiliumNode that is in order" };
        let more = if shown.is_empty() { format!("\nHYBRID NODES\n{left} that") } else { format!("and {left} more that") };
        line(&mut text, format_args!("{more} {fine} (--all shows them)"));
    }
    section(&mut text, "VPC ROUTES", &["TABLE", "POD CIDR", "DESIRED", "OBSERVED", "LEADS TO", "WHY"], routes(view));
    section(&mut text, "CILIUMVTEPCONFIG", &["VPC CIDR", "DESIRED", "OBSERVED", "LEADS TO", "WHY"], endpoints(view));
    if !view.known_interfaces.is_empty() {
        line(&mut text, format_args!("\ninterfaces that gateways have or had: {}", list(&view.known_interfaces)));
    }
    if !view.unknown.is_empty() {
        line(&mut text, format_args!("\nNOT KNOWN, since no gateway answers"));
        view.unknown.iter().for_each(|unknown| line(&mut text, format_args!("- {unknown}")));
    }
    if !view.problems.is_empty() {
        line(&mut text, format_args!("\nPROBLEMS"));
    }
    for problem in &view.problems {
        line(&mut text, format_args!("{}: {}: {}", problem.code, problem.place, problem.what));
        if let Some(hint) = &problem.hint {
            line(&mut text, format_args!("  hint: {hint}"));
        }
    }
    text
}

fn summary(text: &mut String, view: &View) {
    let ready = view.gateways.iter().filter(|gateway| gateway.ready == Some(true)).count();
    let programmed = view.hybrid_nodes.iter().filter(|node| node.state == NodeState::Programmed).count();
    let silent = view.gateways.iter().all(|gateway| gateway.answered.is_none());
    let state = match (view.source, view.problems.len()) {
        (Source::Gateways, _) if silent => "no gateway answers".to_owned(),
        (Source::Cluster, _) => "no gateway answers; this is what the cluster's objects say".to_owned(),
        (Source::Gateways, 0) if view.ok => "all is well".to_owned(),
        (Source::Gateways, 1) => "1 problem, see below".to_owned(),
        (Source::Gateways, count) => format!("{count} problems, see below"),
    };
    line(text, format_args!("state:     {state}"));
    if let Some(namespace) = &view.namespace {
        line(text, format_args!("namespace: {namespace}"));
    }
    line(text, format_args!("leader:    {}", view.leader.as_ref().map_or_else(|| "none".to_owned(), leader)));
    if view.source == Source::Gateways {
        line(text, format_args!("gateways:  {ready} of {} ready", view.gateways.len()));
        line(text, format_args!("nodes:     {programmed} of {} programmed", view.hybrid_nodes.len()));
    } else {
        line(text, format_args!("gateways:  {} pods, none answers", view.gateways.len()));
        line(text, format_args!("nodes:     {}", view.hybrid_nodes.len()));
    }
}

fn leader(leader: &Leader) -> String {
    let mut parts = vec![leader.gateway.clone().unwrap_or_else(|| leader.holder.clone())];
    parts.extend(leader.since.map(|since| format!("since {}", seconds(since))));
    parts.extend(leader.epoch.map(|epoch| format!("epoch {epoch}")));
    parts.extend(leader.renewed.map(|renewed| format!("renewed {}", seconds(renewed))));
    parts.extend(leader.expired.filter(|expired| *expired).map(|_| "expired".to_owned()));
    parts.join(", ")
}

fn gateways(view: &View) -> Vec<[String; 8]> {
    let row = |gateway: &Gateway| {
        let asked = gateway.answered.map_or("no answer", super::view::Way::words).to_owned();
        let (node, address) = (or_dash(gateway.node.as_ref()), or_dash(gateway.address));
        let phase = gateway.phase.clone().unwrap_or_default();
        [gateway.name.clone(), node, address, phase, yes(gateway.ready), yes(gateway.leads), or_dash(gateway.version.as_ref()), asked]
    };
    view.gateways.iter().map(row).collect()
}

/// The nodes to be shown, and how many are left out.
fn choose(nodes: &[Node], all: bool) -> (Vec<&Node>, usize) {
    let keep = |node: &&Node| all || nodes.len() <= MANY || !matches!(node.state, NodeState::Programmed | NodeState::Unknown);
    let shown: Vec<_> = nodes.iter().filter(keep).collect();
    let left = nodes.len() - shown.len();
    (shown, left)
}

fn nodes(shown: &[&Node], view: &View) -> Vec<[String; 6]> {
    let answered = view.gateways.iter().filter(|gateway| gateway.answered.is_some()).count();
    let row = |node: &&Node| {
        let whole = |has: &[Cidr4]| !has.is_empty() && has.len() == node.pod_cidrs.len();
        let programmed = node.gateways.iter().filter(|gateway| whole(&gateway.pod_cidrs)).count();
        let programmed = if answered == 0 { String::new() } else { format!("{programmed} of {answered}") };
        let why = node.why.clone().unwrap_or_default();
        [node.name.clone(), or_dash(node.node_ip), list(&node.pod_cidrs), node.state.word().to_owned(), programmed, why]
    };
    shown.iter().map(row).collect()
}

fn routes(view: &View) -> Vec<[String; 6]> {
    let row = |route: &hybridge_gateway::detail::Route| {
        let (table, cidr) = (route.table.to_string(), route.destination.to_string());
        let (desired, observed) = (or_dash(route.desired.as_ref()), or_dash(route.observed.as_ref()));
        [table, cidr, desired, observed, whose(route.whose, route.desired.is_some()).to_owned(), route.why.clone().unwrap_or_default()]
    };
    view.vpc_routes.iter().map(row).collect()
}

fn endpoints(view: &View) -> Vec<[String; 5]> {
    let row = |endpoint: &hybridge_gateway::detail::Endpoint| {
        let observed = if endpoint.observed.is_empty() { "-".to_owned() } else { list(&endpoint.observed) };
        let leads = whose(endpoint.whose, endpoint.desired.is_some()).to_owned();
        [endpoint.vpc_cidr.to_string(), or_dash(endpoint.desired), observed, leads, endpoint.why.clone().unwrap_or_default()]
    };
    view.vtep_endpoints.iter().map(row).collect()
}

fn whose(whose: Whose, by_leader: bool) -> &'static str {
    match whose {
        Whose::Here if by_leader => "the leader",
        Whose::Here => "a standby",
        Whose::Gateway if by_leader => "another gateway",
        Whose::Gateway => "a gateway",
        Whose::Foreign => "somebody else",
        Whose::Missing => "nothing",
        Whose::Blackhole => "a blackhole",
        Whose::NoTable => "no such table",
        Whose::Unknown => "unknown",
    }
}
