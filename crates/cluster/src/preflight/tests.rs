//! A good world passes every check; each thing that is wrong is found by its own check, with a way out.

mod faults;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::config::{Addon, ManagedNodeGroup, Provider};
use crate::fixture::{self, NODES, PODS, ROLE};
use crate::resolve::{HybridRole, VpcGateway};
use crate::world::*;

type Change = fn(&mut Cluster, &mut World);
/// What is changed, how, and what checks then say.
type Case = (&'static str, Change, &'static [(&'static str, State)]);

fn failing(outcomes: &[Outcome]) -> BTreeMap<&'static str, State> {
    outcomes.iter().filter(|it| !matches!(it.state, State::Pass | State::Idle)).map(|it| (it.code, it.state)).collect()
}

fn after(change: Change) -> (BTreeMap<&'static str, State>, Vec<Finding>) {
    let (mut cluster, mut world) = (fixture::cluster(), fixture::world());
    change(&mut cluster, &mut world);
    let outcomes = examine(&cluster, &world);
    let findings: Vec<Finding> = outcomes.iter().flat_map(|it| it.findings.clone()).collect();
    let failing = failing(&outcomes);
    (failing, findings)
}

#[test]
fn where_all_is_well_nothing_is_found() {
    let (failing, findings) = after(|_, _| {});
    assert_eq!(failing, BTreeMap::new(), "{findings:#?}");
    let (cluster, world) = fixture::with_vpn_gateway();
    let outcomes = examine(&cluster, &world);
    assert_eq!(super::tests::failing(&outcomes), BTreeMap::new(), "{outcomes:#?}");
}

fn check_cases(cases: &[Case]) {
    for (what, change, expected) in cases {
        let (failing, findings) = after(*change);
        assert_eq!(failing, expected.iter().copied().collect(), "{what}: {findings:#?}");
        let mended = |finding: &Finding| finding.severity == Severity::Warning || finding.fix.as_deref().is_some_and(|fix| !fix.is_empty());
        assert!(findings.iter().all(mended), "{what}: an error says what to do: {findings:#?}");
        findings.iter().filter_map(|finding| finding.fix.as_deref()).for_each(fixture::assert_commands_are_whole);
    }
}

#[test]
fn a_plan_is_checked_as_if_it_were_deployed() {
    let (cluster, world, template) = fixture::new_cluster();
    let wanted = Wanted { template: &template, bytes: template.to_string().len(), by_s3: false };
    let told = outcomes(&cluster, &world, Some(wanted), &Skips::default());
    assert_eq!(failing(&told).into_keys().collect::<Vec<_>>(), ["dns.private"], "{told:#?}");
    let mut lacking = template.clone();
    let route = lacking["Resources"].as_object().unwrap().keys().find(|id| id.starts_with("TGW")).unwrap().clone();
    lacking["Resources"].as_object_mut().unwrap().remove(&route);
    let without = outcomes(&cluster, &world, Some(Wanted { template: &lacking, ..wanted }), &Skips::default());
    assert_eq!(failing(&without).get("routes.remote"), Some(&State::Fail), "without {route}");
}

#[test]
fn a_vpc_that_overlaps_is_told_with_a_network_that_is_free() {
    let other = |network: &str| Vpc { vpc_id: format!("vpc-of-{network}"), cidr_block: network.into(), ..Vpc::default() };
    for (vpc, remote, others, proposed) in [
        ("10.0.0.0/16", &["10.0.0.0/20"][..], &[][..], "10.1.0.0/16"),
        ("10.0.0.0/16", &["10.0.0.0/20"], &["10.1.0.0/16", "10.2.128.0/20"], "10.3.0.0/16"),
        ("10.100.0.0/16", &["10.100.0.0/16", "10.0.0.0/10", "10.64.0.0/11", "10.96.0.0/14"], &[], "10.101.0.0/16"),
        ("192.168.0.0/16", &["10.0.0.0/8", "192.168.0.0/16"], &[], "172.16.0.0/16"),
        ("192.168.0.0/16", &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/18"], &[], "192.168.128.0/17"),
    ] {
        let (mut cluster, mut world, _) = fixture::new_cluster();
        cluster.vpc.cidrs = vec![fixture::net(vpc)];
        cluster.node_cidrs = remote.iter().map(|network| fixture::net(network)).collect();
        world.vpcs = others.iter().map(|network| other(network)).collect();
        let told = check(&cluster, &world, None);
        let overlaps: Vec<_> = told.iter().filter(|it| it.code == "vpc.overlap").collect();
        let with_vpc: Vec<_> = overlaps.iter().filter(|it| it.what.contains("the VPC's network")).collect();
        let fix = format!("set vpc.cidr to {proposed}, which nothing here overlaps");
        assert!(!with_vpc.is_empty() && with_vpc.iter().all(|it| it.fix.as_deref() == Some(&fix)), "{vpc} {remote:?}: {overlaps:#?}");
    }
}

#[test]
fn what_a_gateway_will_do_with_the_attachment_is_told_before() {
    use State::Fail;
    type GatewayChange = fn(&mut TransitGateway);
    let changes: [(&str, GatewayChange, &str); 3] = [
        ("another account", |gateway| gateway.owner_id = "999988887777".into(), "gateway.attached"),
        ("no association", |gateway| gateway.options.default_route_table_association = "disable".into(), "gateway.association"),
        ("no propagation", |gateway| gateway.options.default_route_table_propagation = "disable".into(), "gateway.association"),
    ];
    for (what, change, code) in changes {
        let (cluster, mut world, template) = fixture::new_cluster();
        change(&mut world.transit_gateways[0]);
        let wanted = Wanted { template: &template, bytes: 0, by_s3: false };
        assert_eq!(failing(&outcomes(&cluster, &world, Some(wanted), &Skips::default())).get(code), Some(&Fail), "{what}");
    }
}

#[test]
fn a_table_is_full_with_five_hundred_routes_and_propagated_ones_are_not_counted() {
    for (made, propagated, expected) in [(500, 0, None), (500, 100, None), (501, 0, Some(&State::Warn))] {
        let (cluster, mut world) = (fixture::cluster(), fixture::world());
        let routes = &mut world.route_tables[1].routes;
        let route = |origin: &str, i: usize| Route {
            destination_cidr_block: format!("172.16.{}.{}/32", i / 256, i % 256),
            origin: origin.into(),
            ..routes[1].clone()
        };
        let missing = made - routes.len();
        let more: Vec<Route> = (0..missing)
            .map(|i| route("CreateRoute", i))
            .chain((0..propagated).map(|i| route("EnableVgwRoutePropagation", 1000 + i)))
            .collect();
        routes.extend(more);
        let outcomes = examine(&cluster, &world);
        assert_eq!(failing(&outcomes).get("routes.quota"), expected, "{made} and {propagated}");
        let fix = outcomes.iter().flat_map(|it| &it.findings).find(|finding| finding.code == "routes.quota").and_then(|it| it.fix.clone());
        let ask = "aws service-quotas request-service-quota-increase --service-code vpc --quota-code L-93826ACB --desired-value 501";
        assert_eq!(fix, expected.map(|_| format!("{ask} --region eu-central-1")));
    }
}

#[test]
fn templates_have_limits() {
    let (cluster, world, template) = fixture::new_cluster();
    for (bytes, by_s3, expected) in
        [(51_200, false, None), (51_201, false, Some(State::Fail)), (51_201, true, None), (1_000_001, true, Some(State::Fail))]
    {
        let told = outcomes(&cluster, &world, Some(Wanted { template: &template, bytes, by_s3 }), &Skips::default());
        assert_eq!(failing(&told).get("template.size").copied(), expected, "{bytes} {by_s3}");
    }
}

#[test]
fn what_was_not_answered_is_told_by_every_check_that_needs_it() {
    let (mut cluster, mut world) = (fixture::cluster(), fixture::world());
    faults::anywhere(&mut cluster, &mut world);
    for check in checks() {
        for operation in check.needs {
            let mut world = world.clone();
            world.unanswered.insert(format!("ec2:{operation}"), "AccessDenied".into());
            let told = run(&View::new(&cluster, &world, None), |it| it.code == check.code);
            let idle = told[0].state == State::Idle;
            assert!(idle || told[0].findings.iter().any(|it| it.what.contains("AccessDenied")), "{}: {operation}: {told:#?}", check.code);
        }
    }
    // An empty world is nowhere taken for a good one: nothing passes that looks at AWS.
    let told = run(&View::new(&fixture::cluster(), &World::default(), None), |check| !check.needs.is_empty());
    let passing: Vec<_> = told.iter().filter(|it| it.state == State::Pass).map(|it| it.code).collect();
    assert_eq!(passing, Vec::<&str>::new());
}

#[test]
fn checks_are_left_out_by_their_codes() {
    let (cluster, mut world) = (fixture::cluster(), fixture::world());
    world.security_groups[0].ip_permissions.clear();
    let skip = Skips::new(&["groups.api"]).unwrap();
    assert!(outcomes(&cluster, &world, None, &skip).iter().all(|it| it.code != "groups.api"));
    let refused = Skips::new(&["groups.ap", "role.trust", "x"]).unwrap_err();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0].fix.as_deref(), Some("perhaps `groups.api`"));
}

#[test]
fn codes_are_stable_words_and_each_is_there_once() {
    let catalogue = catalogue();
    let codes: BTreeSet<&str> = catalogue.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes.len(), catalogue.len());
    assert!(codes.len() > 40, "{codes:?}");
    for (code, about) in catalogue {
        let (head, tail) = code.split_once('.').unwrap();
        assert!([head, tail].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')), "{code}");
        assert!(!about.ends_with('.') && !about.is_empty(), "{code}");
    }
}

/// What we make passes our own checks: nothing that a plan holds is told as wrong, whatever the VPC's gateway and way to the internet.
#[test]
fn plans_of_ours_have_no_errors() {
    type PlanChange = fn(&mut crate::config::ClusterConfig, &mut World);
    let changes: [(&str, PlanChange); 5] = [
        ("a transit gateway", |_, _| {}),
        ("a virtual private gateway", |config, world| {
            config.remote_network_config.as_mut().unwrap().vpc_gateway_id = "vgw-1".into();
            world.vpn_gateways = vec![VpnGateway { vpn_gateway_id: "vgw-1".into(), state: "available".into(), ..VpnGateway::default() }];
        }),
        ("no gateway", |config, _| config.remote_network_config.as_mut().unwrap().vpc_gateway_id.clear()),
        ("a private cluster", |config, _| config.private_cluster.enabled = true),
        ("a public endpoint", |config, _| config.vpc.cluster_endpoints = crate::config::ClusterEndpoints::default()),
    ];
    for (what, change) in changes {
        let (cluster, mut world, _) = fixture::new_cluster();
        let mut config = cluster.config;
        change(&mut config, &mut world);
        let cluster = crate::resolve::resolve(&config, &crate::config::Annotations::default(), &world).unwrap();
        let template = crate::template::stacks(&cluster, &world)[0].template.to_json();
        let told = outcomes(&cluster, &world, Some(Wanted { template: &template, bytes: 0, by_s3: false }), &Skips::default());
        let wrong: Vec<_> = told.iter().filter(|it| matches!(it.state, State::Fail | State::Unknown)).collect();
        assert!(wrong.is_empty(), "{what}: {wrong:#?}");
    }
}
