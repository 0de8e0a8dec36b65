//! Nothing is told where nothing has drifted; each thing that has is told once, by its own code.

use super::*;
use crate::fixture::{self, NODES, PODS};
use crate::preflight::State;
use crate::world::{LiveEntry, LiveLogging, LogSetup, Route};

type Change = fn(&mut Cluster, &mut World);
/// What is changed, how, and what is then told.
type Case = (&'static str, Change, &'static [(&'static str, &'static str)]);

fn after(change: Change) -> Vec<(&'static str, String)> {
    let (mut cluster, mut world) = (fixture::cluster(), fixture::world());
    world.deployed = Some(fixture::deployed());
    change(&mut cluster, &mut world);
    let outcomes = compare(&cluster, &world, None);
    outcomes.iter().flat_map(|outcome| &outcome.findings).filter_map(|it| it.fix.as_deref()).for_each(fixture::assert_commands_are_whole);
    outcomes
        .iter()
        .flat_map(|outcome| {
            outcome.findings.iter().map(|finding| (finding.code, finding.what.split([':', ';']).next().unwrap().to_owned()))
        })
        .collect()
}

#[test]
fn without_drift_nothing_is_told() {
    assert_eq!(after(|_, _| {}), []);
}

const CASES: &[Case] = &[
    (
        "a network lacks",
        |_, world| world.cluster.as_mut().unwrap().remote_network_config.as_mut().unwrap().remote_pod_networks.clear(),
        &[("drift.networks", "missing")],
    ),
    (
        "the file has another network",
        |cluster, _| cluster.node_cidrs = vec![fixture::net("10.90.0.0/16")],
        &[("drift.networks", "missing"), ("drift.networks", "extra")],
    ),
    (
        "a public endpoint",
        |_, world| world.cluster.as_mut().unwrap().resources_vpc_config.endpoint_public_access = true,
        &[("drift.endpoints", "changed")],
    ),
    (
        "another mode",
        |_, world| world.cluster.as_mut().unwrap().access_config.authentication_mode = "API".into(),
        &[("drift.access-mode", "changed")],
    ),
    ("another version", |_, world| world.cluster.as_mut().unwrap().version = "1.33".into(), &[("drift.version", "changed")]),
    (
        "more logs",
        |_, world| {
            let setup = LogSetup { types: vec!["audit".into()], enabled: true };
            world.cluster.as_mut().unwrap().logging = Some(LiveLogging { cluster_logging: vec![setup] });
        },
        &[("drift.logging", "changed")],
    ),
    ("a route lacks", |_, world| world.route_tables[1].routes.truncate(2), &[("drift.routes", "missing")]),
    (
        "a route leads elsewhere",
        |_, world| world.route_tables[0].routes[1].transit_gateway_id = "tgw-9".into(),
        &[("drift.routes", "changed")],
    ),
    ("a blackhole", |_, world| world.route_tables[0].routes[1].state = "blackhole".into(), &[("drift.routes", "changed")]),
    (
        "a route was left behind",
        |_, world| {
            let route = Route { destination_cidr_block: "10.70.0.0/16".into(), ..world.route_tables[0].routes[1].clone() };
            world.route_tables[0].routes.push(route);
        },
        &[("drift.routes", "extra")],
    ),
    ("a rule lacks", |_, world| world.security_groups[0].ip_permissions = vec![fixture::tcp(443, &[NODES])], &[("drift.rules", "missing")]),
    (
        "a rule was left behind",
        |_, world| world.security_groups[0].ip_permissions.push(fixture::tcp(443, &["10.70.0.0/16"])),
        &[("drift.rules", "extra")],
    ),
    (
        "another port",
        |_, world| world.security_groups[0].ip_permissions = vec![fixture::tcp(443, &[NODES]), fixture::tcp(444, &[PODS])],
        &[("drift.rules", "missing"), ("drift.rules", "extra")],
    ),
    ("a rule between groups lacks", |_, world| drop(world.security_groups[1].ip_permissions.pop()), &[("drift.rules", "missing")]),
    ("an entry of another type", |_, world| world.access_entries[0].kind = "STANDARD".into(), &[("drift.entries", "changed")]),
    ("no entry", |_, world| world.access_entries.clear(), &[("drift.entries", "missing")]),
    (
        "a role of an earlier file",
        |_, world| {
            let entry = LiveEntry {
                principal_arn: "arn:aws:iam::111122223333:role/old".into(),
                kind: "HYBRID_LINUX".into(),
                ..LiveEntry::default()
            };
            world.access_entries.push(entry);
        },
        &[("drift.entries", "extra")],
    ),
    (
        "gateways own pod routes",
        |cluster, world| {
            cluster.annotations.pod_routes_by_gateway = true;
            world.route_tables[1].routes[2].transit_gateway_id.clear();
            world.route_tables[1].routes[2].network_interface_id = "eni-gateway".into();
        },
        &[],
    ),
];

#[test]
fn each_drift_is_told_by_its_code() {
    for (what, change, expected) in CASES {
        let expected: Vec<(&str, String)> = expected.iter().map(|(code, kind)| (*code, (*kind).to_owned())).collect();
        assert_eq!(after(*change), expected, "{what}");
    }
}

/// A cluster that others made, with nothing in the file of what it is itself.
fn of_others(cluster: &mut Cluster, world: &mut World) {
    cluster.foreign = true;
    cluster.config.private_cluster.enabled = false;
    cluster.config.vpc.cluster_endpoints = Default::default();
    cluster.config.metadata.version.clear();
    let live = world.cluster.as_mut().unwrap();
    live.resources_vpc_config.endpoint_public_access = true;
    live.access_config.authentication_mode = "API".into();
    let setup = LogSetup { types: vec!["audit".into()], enabled: true };
    live.logging = Some(LiveLogging { cluster_logging: vec![setup] });
}

#[test]
fn a_cluster_of_others_is_compared_with_what_the_file_says_and_not_with_what_a_new_one_would_be() {
    assert_eq!(after(of_others), []);
    let said: Change = |cluster, world| {
        of_others(cluster, world);
        cluster.config.access_config.authentication_mode = "API_AND_CONFIG_MAP".into();
    };
    assert_eq!(after(said), [("drift.access-mode", "changed".to_owned())]);
    let (mut cluster, mut world) = (fixture::cluster(), fixture::world());
    world.deployed = Some(fixture::deployed());
    said(&mut cluster, &mut world);
    let fixes: Vec<_> = compare(&cluster, &world, None).into_iter().flat_map(|it| it.findings).filter_map(|it| it.fix).collect();
    assert!(fixes.len() == 1 && fixes[0].contains("others made the cluster"), "`update` would not change it: {fixes:?}");
}

#[test]
fn networks_of_a_cluster_that_others_made_are_theirs_where_no_stack_of_ours_is() {
    let (mut cluster, mut world) = (fixture::cluster(), fixture::world());
    of_others(&mut cluster, &mut world);
    cluster.node_cidrs.clear();
    cluster.pod_cidrs.clear();
    cluster.role = None;
    cluster.config.remote_network_config = Some(crate::config::RemoteNetworkConfig {
        remote_node_networks: Some(Vec::new()),
        remote_pod_networks: Some(Vec::new()),
        ..Default::default()
    });
    world.deployed = None;
    let of_networks = |cluster: &Cluster, world: &World| {
        compare(cluster, world, None).into_iter().filter(|it| it.code == "drift.networks").flat_map(|it| it.findings).count()
    };
    assert_eq!(of_networks(&cluster, &world), 0);
    cluster.foreign = false;
    world.deployed = Some(fixture::deployed());
    assert_ne!(of_networks(&cluster, &world), 0);
}

#[test]
fn who_moved_is_told() {
    let (mut cluster, mut world) = (fixture::cluster(), fixture::world());
    world.deployed = Some(fixture::deployed());
    let text = |cluster: &Cluster, world: &World| {
        compare(cluster, world, None).into_iter().flat_map(|it| it.findings).map(|it| it.what).collect::<String>()
    };
    cluster.node_cidrs.push(fixture::net("10.90.0.0/16"));
    assert!(text(&cluster, &world).contains("the file was changed since the stack was"));
    cluster.node_cidrs.pop();
    world.cluster.as_mut().unwrap().remote_network_config.as_mut().unwrap().remote_node_networks[0].cidrs.push("10.91.0.0/16".into());
    assert!(text(&cluster, &world).contains("it was changed outside the stack"));
}

#[test]
fn the_files_own_template_comes_before_the_deployed_one() {
    let (cluster, mut world) = (fixture::cluster(), fixture::world());
    let mut wanted = fixture::deployed().template_body;
    world.deployed = Some(fixture::deployed());
    wanted["Resources"]["IngressControlPlaneRemoteNetworks1"]["Properties"]["CidrIp"] = "10.91.0.0/16".into();
    let told: Vec<_> = compare(&cluster, &world, Some(&wanted)).into_iter().flat_map(|it| it.findings).map(|it| it.what).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("missing: the rule for tcp 443 from 10.91.0.0/16"), "{told:#?}");
}

#[test]
fn what_cannot_be_compared_is_told() {
    let (cluster, mut world) = (fixture::cluster(), fixture::world());
    let states = |world: &World| compare(&cluster, world, None).into_iter().map(|it| (it.code, it.state)).collect::<Vec<_>>();
    assert!(states(&world).contains(&("drift.routes", State::Unknown)), "there is no template");
    world.deployed = Some(fixture::deployed());
    world.route_tables.clear();
    world.unanswered.insert("ec2:DescribeRouteTables".into(), "AccessDenied".into());
    assert!(states(&world).contains(&("drift.routes", State::Unknown)));
    world.cluster = None;
    assert!(states(&world).iter().all(|(_, state)| matches!(state, State::Fail)), "no cluster is no drift of nothing");
}
