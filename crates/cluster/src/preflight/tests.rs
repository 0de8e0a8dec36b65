//! A good world passes every check; each thing that is wrong is found by its own check, with a way out.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::config::{Addon, ManagedNodeGroup, Provider};
use crate::fixture::{self, NODES, PODS, ROLE};
use crate::resolve::{HybridRole, VpcGateway};
use crate::world::*;

type Change = fn(&mut Cluster, &mut World);
/// What is changed, how, and what checks then say.
type Case = (&'static str, Change, Vec<(&'static str, State)>);

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

fn remove(world: &mut World, table: usize, network: &str) {
    world.route_tables[table].routes.retain(|route| route.destination_cidr_block != network);
}

fn anywhere(cluster: &mut Cluster, world: &mut World) {
    let (anchor, profile) =
        ("arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/t", "arn:aws:rolesanywhere:eu-central-1:111122223333:profile/p");
    cluster.role = Some(HybridRole::Given { arn: ROLE.into(), provider: Provider::Ira });
    cluster.annotations.trust_anchor_arn = Some(anchor.into());
    cluster.annotations.profile_arn = Some(profile.into());
    world.trust_anchors.insert(anchor.into(), TrustAnchor { trust_anchor_arn: anchor.into(), name: String::new(), enabled: true });
    let good = AnywhereProfile {
        profile_arn: profile.into(),
        enabled: true,
        role_arns: vec![ROLE.into()],
        accept_role_session_name: true,
        duration_seconds: Some(3600),
        ..AnywhereProfile::default()
    };
    world.profiles.insert(profile.into(), good);
    world.roles.get_mut(ROLE).unwrap().assume_role_policy_document = serde_json::json!({"Statement": {
        "Effect": "Allow",
        "Principal": {"Service": ["rolesanywhere.amazonaws.com"]},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": {"ArnEquals": {"aws:SourceArn": anchor}},
    }});
}

fn profile(world: &mut World) -> &mut AnywhereProfile {
    world.profiles.values_mut().next().unwrap()
}

#[test]
fn each_fault_of_the_network_is_found_by_its_check() {
    use State::{Fail, Unknown, Warn};
    let cases: Vec<Case> = vec![
        ("a route lacks", |_, world| remove(world, 1, NODES), vec![("routes.remote", Fail)]),
        (
            "half a route",
            |_, world| world.route_tables[1].routes[1].destination_cidr_block = "10.80.0.0/17".into(),
            vec![("routes.remote", Fail)],
        ),
        (
            "a blackhole in the main table",
            |_, world| world.route_tables[0].routes[2].state = "blackhole".into(),
            vec![("routes.remote", Fail)],
        ),
        (
            "pod routes belong to gateways",
            |cluster, world| {
                cluster.annotations.pod_routes_by_gateway = true;
                remove(world, 0, PODS);
            },
            vec![],
        ),
        (
            "gateway subnets without pod routes",
            |cluster, _| cluster.annotations.gateway_subnets = vec!["10.0.9.0/28".into()],
            vec![("routes.pods", Fail)],
        ),
        ("443 is closed", |_, world| world.security_groups[0].ip_permissions.clear(), vec![("groups.api", Fail)]),
        (
            "443 for half a network",
            |_, world| world.security_groups[0].ip_permissions = vec![fixture::tcp(443, &["10.80.0.0/17", PODS])],
            vec![("groups.api", Fail)],
        ),
        (
            "10250 is closed",
            |_, world| world.security_groups[0].ip_permissions_egress.remove(0).ip_ranges.clear(),
            vec![("groups.kubelet", Fail)],
        ),
        (
            "a webhook port is closed",
            |_, world| world.security_groups[1].ip_permissions_egress.truncate(2),
            vec![("groups.webhooks", Warn)],
        ),
        (
            "sixty rules are too few",
            |_, world| {
                let many: Vec<String> = (0..61).map(|i| format!("10.90.{i}.0/24")).collect();
                world.security_groups[1].ip_permissions = vec![fixture::tcp(443, &many.iter().map(String::as_str).collect::<Vec<_>>())];
            },
            vec![("groups.quota", Fail)],
        ),
        (
            "an ACL refuses answers",
            |_, world| world.network_acls[0].entries.push(fixture::acl_rule(9, "deny", true, Some((40000, 40010)))),
            vec![("acls.remote", Warn)],
        ),
        ("no DNS", |_, world| world.vpcs[0].enable_dns_hostnames = Some(false), vec![("dns.attributes", Fail)]),
        ("DNS was not asked", |_, world| world.vpcs[0].enable_dns_support = None, vec![("dns.attributes", Unknown)]),
        ("little room", |_, world| world.subnets[0].available_ip_address_count = Some(9), vec![("subnets.addresses", Warn)]),
        (
            "a private name and nobody to ask",
            |_, world| world.resolver_endpoints[0].direction = "OUTBOUND".into(),
            vec![("dns.private", Warn)],
        ),
        ("one zone", |_, world| world.subnets[1].availability_zone = "eu-central-1a".into(), vec![("subnets.zones", Fail)]),
        ("a zone that EKS refuses", |_, world| world.subnets[1].availability_zone_id = "use1-az3".into(), vec![("subnets.zones", Fail)]),
        (
            "a further network of the VPC",
            |_, world| {
                world.vpcs[0].cidr_block_association_set.push(CidrAssociation { cidr_block: "10.81.128.0/17".into() });
            },
            vec![("vpc.overlap", Fail)],
        ),
        (
            "services in the pods' network",
            |_, world| {
                world.cluster.as_mut().unwrap().kubernetes_network_config.service_ipv4_cidr = "10.81.0.0/20".into();
            },
            vec![("vpc.overlap", Fail)],
        ),
        (
            "both endpoints",
            |_, world| world.cluster.as_mut().unwrap().resources_vpc_config.endpoint_public_access = true,
            vec![("endpoint.mode", Warn)],
        ),
        (
            "old authentication",
            |_, world| world.cluster.as_mut().unwrap().access_config.authentication_mode = "CONFIG_MAP".into(),
            vec![("access.mode", Fail)],
        ),
        ("China", |cluster, _| cluster.partition = "aws-cn", vec![("region.hybrid", Fail)]),
    ];
    check_cases(cases);
}

#[test]
fn each_fault_of_the_gateway_is_found_by_its_check() {
    use State::{Fail, Warn};
    let cases: Vec<Case> = vec![
        ("no such gateway", |_, world| world.transit_gateways.clear(), vec![("gateway.exists", Fail)]),
        ("it is being deleted", |_, world| world.transit_gateways[0].state = "deleting".into(), vec![("gateway.exists", Fail)]),
        ("not attached", |_, world| drop(world.transit_gateway_attachments.remove(0)), vec![("gateway.attached", Fail)]),
        (
            "waits for consent",
            |_, world| world.transit_gateway_attachments[0].state = "pendingAcceptance".into(),
            vec![("gateway.attached", Fail)],
        ),
        ("no table", |_, world| world.transit_gateway_attachments[0].association = None, vec![("gateway.association", Fail)]),
        (
            "no way to the site",
            |_, world| {
                world.transit_gateway_routes.get_mut(fixture::VPC_TGW_TABLE).unwrap().truncate(1);
            },
            vec![("gateway.routes", Warn)],
        ),
        (
            "no way back to the VPC",
            |_, world| {
                world.transit_gateway_routes.get_mut(fixture::SITE_TGW_TABLE).unwrap().clear();
            },
            vec![("gateway.routes", Warn)],
        ),
        (
            "the file names another gateway",
            |cluster, world| {
                cluster.gateway = Some(VpcGateway::Transit("tgw-2".into()));
                let other = TransitGateway { transit_gateway_id: "tgw-2".into(), ..world.transit_gateways[0].clone() };
                world.transit_gateways.push(other);
            },
            vec![("gateway.attached", Fail), ("routes.remote", Warn)],
        ),
    ];
    check_cases(cases);
    let (cluster, mut world) = fixture::with_vpn_gateway();
    world.vpn_gateways[0].vpc_attachments[0].vpc_id = "vpc-other".into();
    assert_eq!(failing(&examine(&cluster, &world)).get("gateway.attached"), Some(&Fail));
    world.vpn_gateways.clear();
    assert_eq!(failing(&examine(&cluster, &world)).get("gateway.exists"), Some(&Fail));
}

#[test]
fn each_fault_of_a_given_role_is_found_by_its_check() {
    use State::{Fail, Unknown};
    let cases: Vec<Case> = vec![
        ("no such role", |_, world| world.roles.clear(), vec![("role.exists", Fail)]),
        (
            "trust of another service",
            |_, world| {
                world.roles.get_mut(ROLE).unwrap().assume_role_policy_document["Statement"][0]["Principal"]["Service"] =
                    "ec2.amazonaws.com".into();
            },
            vec![("role.trust", Fail)],
        ),
        (
            "it may too little",
            |_, world| world.roles.get_mut(ROLE).unwrap().denied_actions = vec!["eks:ListAccessEntries".into()],
            vec![("role.actions", Fail)],
        ),
        (
            "a second role lacks",
            |cluster, _| cluster.annotations.role_arns = vec!["arn:aws:iam::111122223333:role/b".into()],
            vec![("role.exists", Fail), ("entry.type", Fail)],
        ),
        ("anywhere, all well", |cluster, world| anywhere(cluster, world), vec![]),
        (
            "no session tags",
            |cluster, world| {
                anywhere(cluster, world);
                world.roles.get_mut(ROLE).unwrap().assume_role_policy_document["Statement"]["Action"] = "sts:AssumeRole".into();
            },
            vec![("role.trust", Fail)],
        ),
        (
            "trust of another anchor",
            |cluster, world| {
                anywhere(cluster, world);
                world.roles.get_mut(ROLE).unwrap().assume_role_policy_document["Statement"]["Condition"]["ArnEquals"]["aws:SourceArn"] =
                    "arn:other".into();
            },
            vec![("role.trust", Fail)],
        ),
        (
            "the profile lists others",
            |cluster, world| {
                anywhere(cluster, world);
                profile(world).role_arns.clear();
            },
            vec![("role.profile", Fail)],
        ),
        (
            "no session names",
            |cluster, world| {
                anywhere(cluster, world);
                profile(world).accept_role_session_name = false;
            },
            vec![("role.profile", Fail)],
        ),
        (
            "a profile that is off",
            |cluster, world| {
                anywhere(cluster, world);
                profile(world).enabled = false;
            },
            vec![("role.profile", Fail), ("anchor.enabled", Fail)],
        ),
        (
            "an anchor that is off",
            |cluster, world| {
                anywhere(cluster, world);
                world.trust_anchors.values_mut().next().unwrap().enabled = false;
            },
            vec![("role.anchor", Fail), ("anchor.enabled", Fail)],
        ),
        (
            "an anchor that is not",
            |cluster, world| {
                anywhere(cluster, world);
                world.trust_anchors.clear();
            },
            vec![("role.anchor", Fail)],
        ),
        (
            "sessions too long",
            |cluster, world| {
                anywhere(cluster, world);
                profile(world).duration_seconds = Some(43200);
            },
            vec![("role.session", Fail)],
        ),
        (
            "IAM was not to be asked",
            |_, world| {
                world.roles.clear();
                world.unanswered.insert("iam:GetRole".into(), "AccessDenied".into());
            },
            vec![("role.exists", Unknown), ("role.trust", Unknown), ("role.actions", Unknown), ("role.session", Unknown)],
        ),
    ];
    check_cases(cases);
}

#[test]
fn each_trouble_of_what_is_there_is_found_by_its_check() {
    use State::{Fail, Unknown, Warn};
    let cases: Vec<Case> = vec![
        ("a cluster being made", |_, world| world.cluster.as_mut().unwrap().status = "CREATING".into(), vec![("cluster.status", Warn)]),
        ("a failed cluster", |_, world| world.cluster.as_mut().unwrap().status = "FAILED".into(), vec![("cluster.status", Fail)]),
        (
            "EKS knows other networks",
            |_, world| world.cluster.as_mut().unwrap().remote_network_config = None,
            vec![("cluster.remote", Fail)],
        ),
        (
            "a failed stack",
            |_, world| {
                world.stacks = vec![Stack {
                    stack_name: "eksctl-shop-cluster".into(),
                    stack_status: "UPDATE_ROLLBACK_FAILED".into(),
                    ..Stack::default()
                }];
            },
            vec![("stack.status", Fail)],
        ),
        ("an entry of another type", |_, world| world.access_entries[0].kind = "STANDARD".into(), vec![("entry.type", Fail)]),
        ("no entry", |_, world| world.access_entries.clear(), vec![("entry.type", Fail)]),
        ("an activation used up", |_, world| world.activations[0].registrations_count = 10, vec![("activations.open", Warn)]),
        ("an activation over", |_, world| world.activations[0].expired = true, vec![("activations.open", Warn)]),
        ("a node elsewhere", |_, world| world.nodes.as_mut().unwrap()[0].address = "10.99.0.1".into(), vec![("nodes.address", Fail)]),
        ("pods elsewhere", |_, world| world.nodes.as_mut().unwrap()[0].pod_cidrs = vec!["10.85.0.0/24".into()], vec![("nodes.pods", Fail)]),
        (
            "a connection lost",
            |_, world| world.managed_instances[0].ping_status = "ConnectionLost".into(),
            vec![("nodes.connection", Fail)],
        ),
        ("a machine that has not joined", |_, world| world.nodes = Some(Vec::new()), vec![("nodes.connection", Warn)]),
        ("a node not ready", |_, world| world.nodes.as_mut().unwrap()[0].ready = false, vec![("nodes.ready", Fail)]),
        ("Kubernetes was not asked", |_, world| world.nodes = None, vec![("nodes.ready", Unknown)]),
    ];
    check_cases(cases);
}

#[test]
fn nodes_in_the_cloud_need_rules_for_pods_outside() {
    use State::Warn;
    fn mixed(cluster: &mut Cluster) {
        cluster.config.managed_node_groups = vec![ManagedNodeGroup::default()];
        let values = "topologySpreadConstraints: []".into();
        cluster.config.addons = vec![Addon { name: "coredns".into(), configuration_values: values, ..Addon::default() }];
    }
    fn open(world: &mut World, ports: &[(&str, i32)]) {
        world.security_groups[1]
            .ip_permissions
            .extend(ports.iter().map(|(protocol, port)| IpPermission { ip_protocol: (*protocol).into(), ..fixture::tcp(*port, &[PODS]) }));
    }
    let cases: Vec<Case> = vec![
        ("none", |cluster, _| mixed(cluster), vec![("mixed.pods", Warn)]),
        (
            "without webhooks",
            |cluster, world| {
                mixed(cluster);
                open(world, &[("tcp", 53), ("udp", 53)]);
            },
            vec![("mixed.pods", Warn)],
        ),
        (
            "all",
            |cluster, world| {
                mixed(cluster);
                open(world, &[("tcp", 53), ("udp", 53), ("tcp", 9443)]);
            },
            vec![],
        ),
        (
            "an old CNI",
            |_, world| {
                world.addons =
                    vec![LiveAddon { addon_name: "vpc-cni".into(), addon_version: "v1.18.6-eksbuild.1".into(), ..LiveAddon::default() }]
            },
            vec![("mixed.cni", Warn)],
        ),
        (
            "a new CNI",
            |_, world| {
                world.addons =
                    vec![LiveAddon { addon_name: "vpc-cni".into(), addon_version: "v1.20.0-eksbuild.1".into(), ..LiveAddon::default() }]
            },
            vec![],
        ),
        (
            "DNS on one side",
            |cluster, world| {
                mixed(cluster);
                cluster.config.addons.clear();
                open(world, &[("tcp", 53), ("udp", 53), ("tcp", 9443)]);
            },
            vec![("mixed.dns", Warn)],
        ),
    ];
    check_cases(cases);
}

#[test]
fn a_private_cluster_needs_endpoints_that_the_site_may_use() {
    use State::{Fail, Warn};
    fn endpoints(cluster: &mut Cluster, world: &mut World) {
        cluster.config.private_cluster.enabled = true;
        world.vpc_endpoints = ["eks", "ecr.api", "ecr.dkr", "s3", "sts", "ssm", "ssmmessages", "ec2messages"]
            .map(|service| Endpoint {
                vpc_endpoint_id: format!("vpce-{service}"),
                vpc_endpoint_type: "Interface".into(),
                vpc_id: fixture::VPC.into(),
                service_name: format!("com.amazonaws.eu-central-1.{service}"),
                state: "available".into(),
                groups: vec![GroupId { group_id: "sg-control-plane".into() }],
            })
            .to_vec();
    }
    let cases: Vec<Case> = vec![
        ("all", |cluster, world| endpoints(cluster, world), vec![]),
        (
            "one lacks",
            |cluster, world| {
                endpoints(cluster, world);
                world.vpc_endpoints.pop();
            },
            vec![("private.endpoints", Fail)],
        ),
        (
            "a gateway endpoint",
            |cluster, world| {
                endpoints(cluster, world);
                world.vpc_endpoints[3].vpc_endpoint_type = "Gateway".into();
            },
            vec![("private.endpoints", Warn)],
        ),
        (
            "their group is closed",
            |cluster, world| {
                endpoints(cluster, world);
                world.vpc_endpoints[5].groups = vec![GroupId { group_id: "sg-cluster".into() }];
            },
            vec![("private.groups", Fail)],
        ),
    ];
    check_cases(cases);
}

fn check_cases(cases: Vec<Case>) {
    for (what, change, expected) in cases {
        let (failing, findings) = after(change);
        assert_eq!(failing, expected.into_iter().collect(), "{what}: {findings:#?}");
        let mended = |finding: &Finding| finding.severity == Severity::Warning || finding.fix.as_deref().is_some_and(|fix| !fix.is_empty());
        assert!(findings.iter().all(mended), "{what}: an error says what to do: {findings:#?}");
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
    anywhere(&mut cluster, &mut world);
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
