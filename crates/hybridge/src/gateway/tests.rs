//! What is shown for the states that people meet: as tables and as JSON.

use std::collections::BTreeMap;

use hybridge_gateway::detail::{Endpoint, Gateway, Node, NodeState, Report, Route, Whose};
use hybridge_gateway::nodes::decode;
use hybridge_gateway::status::Status;
use hybridge_gateway::vtep::{self, Plan, Schema, Wanted};
use hybridge_model::NodeName;
use serde_json::json;

use super::ask::Answer;
use super::evidence::{Evidence, Lease};
use super::view::Way;
use super::*;

const HOLDER: &str = "ip-10-0-1-10.us-west-2.compute.internal_00000000000000a1";

fn pod(index: u8) -> Pod {
    let settings = [("VPC_CIDR", "10.0.0.0/16"), ("POD_CIDRS", "10.250.0.0/16"), ("ROUTE_TABLE_IDS", "rtb-a1,rtb-b1")];
    Pod {
        name: format!("hybridge-gateway-{index}"),
        namespace: "gateways".into(),
        node: format!("ip-10-0-{index}-10.us-west-2.compute.internal"),
        ip: Some(format!("10.0.{index}.10").parse().unwrap()),
        phase: "Running".into(),
        ready: true,
        port: Some(8088),
        environment: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Pod::default()
    }
}

fn node(index: usize) -> Node {
    let pod_cidrs = vec![format!("10.250.{index}.0/24").parse().unwrap()];
    Node {
        name: format!("hybrid-{index:02}"),
        node_ip: Some(format!("192.168.10.{}", 10 + index).parse().unwrap()),
        programmed: pod_cidrs.clone(),
        pod_cidrs,
        state: NodeState::Programmed,
        why: None,
    }
}

/// What the gateway of that number says when all is well; the first one leads.
fn report(index: u8, nodes: usize) -> Report {
    let leading = index == 1;
    let mut status = Status::default();
    status.leader.leading = leading;
    status.leader.holder = Some(HOLDER.into());
    status.leader.since = Some("2026-01-02T03:04:05.678901Z".parse().unwrap());
    status.leader.transitions = Some(7);
    (status.nodes.listed, status.nodes.live, status.kernel.in_step, status.routes.wanted) = (true, nodes, true, true);
    (status.routes.read, status.vtep.read, status.vtep.here) = (true, true, leading);
    let whose = if leading { Whose::Here } else { Whose::Gateway };
    let route = |table: &str| Route {
        table: table.parse().unwrap(),
        destination: "10.250.0.0/16".parse().unwrap(),
        desired: leading.then(|| "eni-a1".parse().unwrap()),
        observed: Some("eni-a1 of i-0a1".into()),
        whose,
        why: None,
    };
    let endpoint = Endpoint {
        vpc_cidr: "10.0.0.0/16".parse().unwrap(),
        desired: leading.then(|| "10.0.1.10".parse().unwrap()),
        observed: vec!["10.0.1.10".parse().unwrap()],
        whose,
        why: None,
    };
    Report {
        gateway: Gateway {
            identity: format!("ip-10-0-{index}-10.us-west-2.compute.internal_00000000000000a{index}"),
            node_name: format!("ip-10-0-{index}-10.us-west-2.compute.internal"),
            node_ip: Some(format!("10.0.{index}.10").parse().unwrap()),
            version: "0.1.0".into(),
        },
        ready: true,
        reasons: Vec::new(),
        status,
        hybrid_nodes: (1..=nodes).map(node).collect(),
        vpc_routes: vec![route("rtb-a1"), route("rtb-b1")],
        vtep_endpoints: vec![endpoint],
    }
}

fn answered(index: u8, report: Report) -> Answer {
    let pod = pod(index);
    Answer { name: pod.name.clone(), pod: Some(pod), report: Ok((Box::new(report), Way::ApiServer)), forbidden: false }
}

fn silent(index: u8, why: &str, forbidden: bool) -> Answer {
    let pod = pod(index);
    Answer { name: pod.name.clone(), pod: Some(pod), report: Err(why.into()), forbidden }
}

fn pending() -> Answer {
    let trouble = "0/3 nodes are available";
    let pod = Pod { node: String::new(), ip: None, phase: "Pending".into(), trouble: Some(trouble.into()), ready: false, ..pod(2) };
    Answer { pod: Some(pod), ..silent(2, &format!("Pending: {trouble}"), false) }
}

/// Whether readiness fails for what is in `status`; as the gateway works it out itself.
fn judged(mut report: Report) -> Report {
    report.reasons = report.status.reasons();
    report.ready = report.reasons.is_empty();
    report
}

fn gateways(answers: &[Answer]) -> View {
    super::answered::view(Some("gateways".into()), answers, Vec::new())
}

fn conflicting(index: u8) -> Report {
    let mut report = report(index, 3);
    let conflict =
        json!({"loser": "hybrid-03", "claim": {"Pods": "10.250.2.0/24"}, "owner": "hybrid-02", "owned": {"Pods": "10.250.2.0/24"}});
    report.status.nodes.conflicts.push(serde_json::from_value(conflict).unwrap());
    let node = &mut report.hybrid_nodes[2];
    (node.pod_cidrs, node.programmed, node.state) = (vec!["10.250.2.0/24".parse().unwrap()], Vec::new(), NodeState::Conflict);
    node.why = Some(report.status.nodes.conflicts[0].to_string());
    report
}

fn foreign(index: u8) -> Report {
    let mut report = report(index, 2);
    let (table, destination) = ("rtb-b1".parse().unwrap(), "10.250.0.0/16".parse().unwrap());
    report.status.routes.foreign.push(hybridge_gateway::routes::Foreign { table, destination, target: "tgw-0f".into() });
    let route = &mut report.vpc_routes[1];
    (route.observed, route.whose) = (Some("tgw-0f".into()), Whose::Foreign);
    route.why = Some("leads to tgw-0f, which is no gateway of this cluster".into());
    judged(report)
}

fn evidence() -> Evidence {
    let wanted = Wanted { node_ip: "10.0.1.10".parse().unwrap(), vpc_cidrs: vec!["10.0.0.0/16".parse().unwrap()], epoch: 7 };
    let Plan::Create(object) = vtep::plan(&Schema::LongestPrefix, None, &wanted) else { panic!("nothing to create") };
    let spec = |ip: &str, cidr: &str| json!({"addresses": [{"type": "InternalIP", "ip": ip}], "ipam": {"podCIDRs": [cidr]}});
    let nodes = [
        ("hybrid-01", decode("hybrid-01", 1, &spec("192.168.10.11", "10.250.1.0/24"))),
        ("hybrid-02", decode("hybrid-02", 2, &spec("192.168.10.12", "10.0.9.0/24"))),
        ("hybrid-03", decode("hybrid-03", 3, &json!({}))),
        ("hybrid-04", decode("hybrid-04", 4, &spec("192.168.10.14", "10.250.1.0/25"))),
    ];
    Evidence {
        lease: Some(Lease {
            holder: HOLDER.into(),
            duration_seconds: 3,
            transitions: 7,
            acquired: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            renewed: Some("2026-01-02T03:10:00.5Z".parse().unwrap()),
        }),
        config: Some((Some(Schema::LongestPrefix), Some(object))),
        interfaces: vec!["eni-a1".parse().unwrap(), "eni-b1".parse().unwrap()],
        nodes: Some(nodes.into_iter().map(|(name, node)| (NodeName::new(name), node)).collect()),
        gaps: Vec::new(),
    }
}

fn cluster(answers: &[Answer], evidence: Evidence) -> View {
    super::unanswered::view("gateways", answers, evidence, (Vec::new(), "2026-01-02T03:20:00Z".parse().unwrap()))
}

/// Each state with the name of its snapshots.
fn states() -> BTreeMap<&'static str, View> {
    let refused = "through the API server: error trying to reach service: connection refused; directly: cannot connect to 10.0.1.10:8088";
    BTreeMap::from([
        ("all_well", gateways(&[answered(1, report(1, 2)), answered(2, report(2, 2))])),
        ("standby_only", gateways(&[silent(1, refused, false), answered(2, report(2, 2))])),
        ("conflict", gateways(&[answered(1, conflicting(1)), answered(2, conflicting(2))])),
        ("foreign_route", gateways(&[answered(1, foreign(1)), answered(2, foreign(2))])),
        ("no_answer", cluster(&[silent(1, refused, false), pending()], evidence())),
        ("nothing_installed", cluster(&[], Evidence { config: Some((None, None)), nodes: Some(BTreeMap::new()), ..Evidence::default() })),
    ])
}

#[test]
fn the_states_that_people_meet_as_tables() {
    for (name, view) in states() {
        insta::assert_snapshot!(format!("table_{name}"), table::text(&view, false));
    }
}

#[test]
fn the_states_that_people_meet_as_json() {
    for (name, view) in states() {
        insta::assert_snapshot!(format!("json_{name}"), serde_json::to_string_pretty(&view).unwrap());
    }
}

#[test]
fn only_a_state_without_problems_is_well() {
    let well: Vec<_> = states().into_iter().filter(|(_, view)| view.ok).map(|(name, _)| name).collect();
    assert_eq!(well, ["all_well"]);
    assert!(!gateways(&[]).ok, "nobody has answered");
}

#[test]
fn many_nodes_are_counted_and_those_with_trouble_are_shown() {
    let mut report = report(1, 25);
    (report.hybrid_nodes[6].state, report.hybrid_nodes[6].why) = (NodeState::Pending, Some("10.250.7.0/24 not in the kernel yet".into()));
    let view = gateways(&[answered(1, report)]);
    let (short, long) = (table::text(&view, false), table::text(&view, true));
    assert!(
        short.contains("\nhybrid-07 ") && !short.contains("\nhybrid-08 ") && short.contains("and 24 more that are programmed"),
        "{short}"
    );
    assert!(long.contains("\nhybrid-08 ") && !long.contains("(--all"), "{long}");
    let fine = table::text(&gateways(&[answered(1, self::report(1, 25))]), false);
    assert!(fine.contains("\nHYBRID NODES\n25 that are programmed (--all shows them)\n"), "{fine}");
    assert!(short.contains("node.pending: hybrid node hybrid-07: 10.250.7.0/24 not in the kernel yet"), "{short}");
}

#[test]
fn the_worst_that_a_gateway_says_of_a_node_counts_and_each_is_told() {
    let mut late = report(2, 2);
    (late.hybrid_nodes[0].state, late.hybrid_nodes[0].programmed) = (NodeState::Pending, Vec::new());
    let view = gateways(&[answered(1, report(1, 2)), answered(2, late)]);
    assert_eq!(view.hybrid_nodes[0].state, NodeState::Pending);
    let told: Vec<_> = view.hybrid_nodes[0].gateways.iter().map(|seen| (seen.gateway.as_str(), seen.pod_cidrs.len())).collect();
    assert_eq!(told, [("hybridge-gateway-1", 1), ("hybridge-gateway-2", 0)]);
    assert!(table::text(&view, false).contains("pending     1 of 2"));
}

#[test]
fn what_several_gateways_say_in_the_same_words_is_one_problem() {
    let failing = |index| {
        let mut report = report(index, 1);
        report.status.routes.error = Some("EC2: no answer".into());
        judged(report)
    };
    let view = gateways(&[answered(1, failing(1)), answered(2, failing(2))]);
    let problems: Vec<_> = view.problems.iter().map(|problem| (problem.code.as_str(), problem.place.as_str())).collect();
    assert_eq!(problems, [("routes.error", "hybridge-gateway-1, hybridge-gateway-2")]);
}

#[test]
fn a_missing_right_is_named_with_verb_and_resource() {
    let view = gateways(&[silent(1, "forbidden", true), answered(2, report(2, 1))]);
    let hint = view.problems[0].hint.as_deref();
    assert_eq!(hint, Some("grant `get` on `pods/proxy` in namespace `gateways`"));
}

#[test]
fn gateways_in_two_namespaces_are_told() {
    let found = first_namespace(vec![Pod { namespace: "b".into(), ..pod(1) }, Pod { namespace: "a".into(), ..pod(2) }], String::new());
    assert_eq!((found.namespace.as_str(), found.pods.len(), found.problems[0].code.as_str()), ("a", 1, "gateway.namespaces"));
    assert_eq!(first_namespace(vec![pod(1), pod(2)], String::new()).problems, []);
    assert_eq!(first_namespace(Vec::new(), "x".into()).namespace, "x");
}

#[test]
fn an_evicted_pod_is_no_gateway_unless_there_is_no_other() {
    let evicted = || Pod { phase: "Failed".into(), ..pod(1) };
    let names = |pods| first_namespace(pods, String::new()).pods.into_iter().map(|pod| pod.name).collect::<Vec<_>>();
    assert_eq!(names(vec![evicted(), pod(2)]), ["hybridge-gateway-2"]);
    assert_eq!(names(vec![evicted()]), ["hybridge-gateway-1"]);
}
