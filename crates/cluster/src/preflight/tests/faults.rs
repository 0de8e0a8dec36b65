//! What is taken away or changed, and the check that finds it.

use super::*;
use State::{Fail, Unknown, Warn};

fn remove(world: &mut World, table: usize, network: &str) {
    world.route_tables[table].routes.retain(|route| route.destination_cidr_block != network);
}

pub(super) fn anywhere(cluster: &mut Cluster, world: &mut World) {
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

const NETWORK: &[Case] = &[
    ("a route lacks", |_, world| remove(world, 1, NODES), &[("routes.remote", Fail)]),
    ("half a route", |_, world| world.route_tables[1].routes[1].destination_cidr_block = "10.80.0.0/17".into(), &[("routes.remote", Fail)]),
    ("a blackhole in the main table", |_, world| world.route_tables[0].routes[2].state = "blackhole".into(), &[("routes.remote", Fail)]),
    (
        "pod routes belong to gateways",
        |cluster, world| {
            cluster.annotations.pod_routes_by_gateway = true;
            remove(world, 0, PODS);
        },
        &[],
    ),
    (
        "gateway subnets without pod routes",
        |cluster, _| cluster.annotations.gateway_subnets = vec!["10.0.9.0/28".into()],
        &[("routes.pods", Fail)],
    ),
    ("443 is closed", |_, world| world.security_groups[0].ip_permissions.clear(), &[("groups.api", Fail)]),
    (
        "443 for half a network",
        |_, world| world.security_groups[0].ip_permissions = vec![fixture::tcp(443, &["10.80.0.0/17", PODS])],
        &[("groups.api", Fail)],
    ),
    ("10250 is closed", |_, world| world.security_groups[0].ip_permissions_egress.remove(0).ip_ranges.clear(), &[("groups.kubelet", Fail)]),
    ("a webhook port is closed", |_, world| world.security_groups[1].ip_permissions_egress.truncate(2), &[("groups.webhooks", Warn)]),
    (
        "sixty rules are too few",
        |_, world| {
            let many: Vec<String> = (0..61).map(|i| format!("10.90.{i}.0/24")).collect();
            world.security_groups[1].ip_permissions = vec![fixture::tcp(443, &many.iter().map(String::as_str).collect::<Vec<_>>())];
        },
        &[("groups.quota", Fail)],
    ),
    (
        "an ACL refuses answers",
        |_, world| world.network_acls[0].entries.push(fixture::acl_rule(9, "deny", true, Some((40000, 40010)))),
        &[("acls.remote", Warn)],
    ),
    ("no DNS", |_, world| world.vpcs[0].enable_dns_hostnames = Some(false), &[("dns.attributes", Fail)]),
    ("DNS was not asked", |_, world| world.vpcs[0].enable_dns_support = None, &[("dns.attributes", Unknown)]),
    ("little room", |_, world| world.subnets[0].available_ip_address_count = Some(9), &[("subnets.addresses", Warn)]),
    ("a private name and nobody to ask", |_, world| world.resolver_endpoints[0].direction = "OUTBOUND".into(), &[("dns.private", Warn)]),
    ("one zone", |_, world| world.subnets[1].availability_zone = "eu-central-1a".into(), &[("subnets.zones", Fail)]),
    ("a zone that EKS refuses", |_, world| world.subnets[1].availability_zone_id = "use1-az3".into(), &[("subnets.zones", Fail)]),
    (
        "a further network of the VPC",
        |_, world| {
            world.vpcs[0].cidr_block_association_set.push(CidrAssociation { cidr_block: "10.81.128.0/17".into() });
        },
        &[("vpc.overlap", Fail)],
    ),
    (
        "services in the pods' network",
        |_, world| {
            world.cluster.as_mut().unwrap().kubernetes_network_config.service_ipv4_cidr = "10.81.0.0/20".into();
        },
        &[("vpc.overlap", Fail)],
    ),
    (
        "both endpoints",
        |_, world| world.cluster.as_mut().unwrap().resources_vpc_config.endpoint_public_access = true,
        &[("endpoint.mode", Warn)],
    ),
    (
        "old authentication",
        |_, world| world.cluster.as_mut().unwrap().access_config.authentication_mode = "CONFIG_MAP".into(),
        &[("access.mode", Fail)],
    ),
    ("China", |cluster, _| cluster.partition = "aws-cn", &[("region.hybrid", Fail)]),
    ("GovCloud", |cluster, _| cluster.partition = "aws-us-gov", &[("region.hybrid", Warn)]),
];

#[test]
fn each_fault_of_the_network_is_found_by_its_check() {
    check_cases(NETWORK);
}

const GATEWAY: &[Case] = &[
    ("no such gateway", |_, world| world.transit_gateways.clear(), &[("gateway.exists", Fail)]),
    ("it is being deleted", |_, world| world.transit_gateways[0].state = "deleting".into(), &[("gateway.exists", Fail)]),
    ("not attached", |_, world| drop(world.transit_gateway_attachments.remove(0)), &[("gateway.attached", Fail)]),
    (
        "waits for consent",
        |_, world| world.transit_gateway_attachments[0].state = "pendingAcceptance".into(),
        &[("gateway.attached", Fail)],
    ),
    ("no table", |_, world| world.transit_gateway_attachments[0].association = None, &[("gateway.association", Fail)]),
    (
        "no way to the site",
        |_, world| {
            world.transit_gateway_routes.get_mut(fixture::VPC_TGW_TABLE).unwrap().truncate(1);
        },
        &[("gateway.routes", Warn)],
    ),
    (
        "no way back to the VPC",
        |_, world| {
            world.transit_gateway_routes.get_mut(fixture::SITE_TGW_TABLE).unwrap().clear();
        },
        &[("gateway.routes", Warn)],
    ),
    (
        "the file names another gateway",
        |cluster, world| {
            cluster.gateway = Some(VpcGateway::Transit("tgw-2".into()));
            let other = TransitGateway { transit_gateway_id: "tgw-2".into(), ..world.transit_gateways[0].clone() };
            world.transit_gateways.push(other);
        },
        &[("gateway.attached", Fail), ("routes.remote", Warn)],
    ),
];

#[test]
fn each_fault_of_the_gateway_is_found_by_its_check() {
    check_cases(GATEWAY);
    let (cluster, mut world) = fixture::with_vpn_gateway();
    world.vpn_gateways[0].vpc_attachments[0].vpc_id = "vpc-other".into();
    assert_eq!(failing(&examine(&cluster, &world)).get("gateway.attached"), Some(&Fail));
    world.vpn_gateways.clear();
    assert_eq!(failing(&examine(&cluster, &world)).get("gateway.exists"), Some(&Fail));
}

const ROLES: &[Case] = &[
    ("no such role", |_, world| world.roles.clear(), &[("role.exists", Fail)]),
    (
        "trust of another service",
        |_, world| {
            world.roles.get_mut(ROLE).unwrap().assume_role_policy_document["Statement"][0]["Principal"]["Service"] =
                "ec2.amazonaws.com".into();
        },
        &[("role.trust", Fail)],
    ),
    (
        "it may too little",
        |_, world| world.roles.get_mut(ROLE).unwrap().denied_actions = vec!["eks:ListAccessEntries".into()],
        &[("role.actions", Fail)],
    ),
    (
        "a second role lacks",
        |cluster, _| cluster.annotations.role_arns = vec!["arn:aws:iam::111122223333:role/b".into()],
        &[("role.exists", Fail), ("entry.type", Fail)],
    ),
    ("anywhere, all well", |cluster, world| anywhere(cluster, world), &[]),
    (
        "no session tags",
        |cluster, world| {
            anywhere(cluster, world);
            world.roles.get_mut(ROLE).unwrap().assume_role_policy_document["Statement"]["Action"] = "sts:AssumeRole".into();
        },
        &[("role.trust", Fail)],
    ),
    (
        "trust of another anchor",
        |cluster, world| {
            anywhere(cluster, world);
            world.roles.get_mut(ROLE).unwrap().assume_role_policy_document["Statement"]["Condition"]["ArnEquals"]["aws:SourceArn"] =
                "arn:other".into();
        },
        &[("role.trust", Fail)],
    ),
    (
        "the profile lists others",
        |cluster, world| {
            anywhere(cluster, world);
            profile(world).role_arns.clear();
        },
        &[("role.profile", Fail)],
    ),
    (
        "no session names",
        |cluster, world| {
            anywhere(cluster, world);
            profile(world).accept_role_session_name = false;
        },
        &[("role.profile", Fail)],
    ),
    (
        "a profile that is off",
        |cluster, world| {
            anywhere(cluster, world);
            profile(world).enabled = false;
        },
        &[("role.profile", Fail), ("anchor.enabled", Fail)],
    ),
    (
        "an anchor that is off",
        |cluster, world| {
            anywhere(cluster, world);
            world.trust_anchors.values_mut().next().unwrap().enabled = false;
        },
        &[("role.anchor", Fail), ("anchor.enabled", Fail)],
    ),
    (
        "an anchor that is not",
        |cluster, world| {
            anywhere(cluster, world);
            world.trust_anchors.clear();
        },
        &[("role.anchor", Fail)],
    ),
    (
        "sessions too long",
        |cluster, world| {
            anywhere(cluster, world);
            profile(world).duration_seconds = Some(43200);
        },
        &[("role.session", Fail)],
    ),
    (
        "IAM was not to be asked",
        |_, world| {
            world.roles.clear();
            world.unanswered.insert("iam:GetRole".into(), "AccessDenied".into());
        },
        &[("role.exists", Unknown), ("role.trust", Unknown), ("role.actions", Unknown), ("role.session", Unknown)],
    ),
];

#[test]
fn each_fault_of_a_given_role_is_found_by_its_check() {
    check_cases(ROLES);
}

const THERE: &[Case] = &[
    ("a cluster being made", |_, world| world.cluster.as_mut().unwrap().status = "CREATING".into(), &[("cluster.status", Warn)]),
    ("a failed cluster", |_, world| world.cluster.as_mut().unwrap().status = "FAILED".into(), &[("cluster.status", Fail)]),
    ("EKS knows other networks", |_, world| world.cluster.as_mut().unwrap().remote_network_config = None, &[("cluster.remote", Fail)]),
    (
        "a failed stack",
        |_, world| {
            world.stacks =
                vec![Stack { stack_name: "eksctl-shop-cluster".into(), stack_status: "UPDATE_ROLLBACK_FAILED".into(), ..Stack::default() }];
        },
        &[("stack.status", Fail)],
    ),
    ("an entry of another type", |_, world| world.access_entries[0].kind = "STANDARD".into(), &[("entry.type", Fail)]),
    ("no entry", |_, world| world.access_entries.clear(), &[("entry.type", Fail)]),
    ("an activation used up", |_, world| world.activations[0].registrations_count = 10, &[("activations.open", Warn)]),
    ("an activation over", |_, world| world.activations[0].expired = true, &[("activations.open", Warn)]),
    ("a node elsewhere", |_, world| world.nodes.as_mut().unwrap()[0].address = "10.99.0.1".into(), &[("nodes.address", Fail)]),
    ("pods elsewhere", |_, world| world.nodes.as_mut().unwrap()[0].pod_cidrs = vec!["10.85.0.0/24".into()], &[("nodes.pods", Fail)]),
    ("a connection lost", |_, world| world.managed_instances[0].ping_status = "ConnectionLost".into(), &[("nodes.connection", Fail)]),
    ("a machine that has not joined", |_, world| world.nodes = Some(Vec::new()), &[("nodes.connection", Warn)]),
    ("a node not ready", |_, world| world.nodes.as_mut().unwrap()[0].ready = false, &[("nodes.ready", Fail)]),
    ("Kubernetes was not asked", |_, world| world.nodes = None, &[("nodes.ready", Unknown)]),
];

#[test]
fn each_trouble_of_what_is_there_is_found_by_its_check() {
    check_cases(THERE);
}

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
const MIXED: &[Case] = &[
    ("none", |cluster, _| mixed(cluster), &[("mixed.pods", Warn)]),
    (
        "without webhooks",
        |cluster, world| {
            mixed(cluster);
            open(world, &[("tcp", 53), ("udp", 53)]);
        },
        &[("mixed.pods", Warn)],
    ),
    (
        "all",
        |cluster, world| {
            mixed(cluster);
            open(world, &[("tcp", 53), ("udp", 53), ("tcp", 9443)]);
        },
        &[],
    ),
    (
        "an old CNI",
        |_, world| {
            world.addons =
                vec![LiveAddon { addon_name: "vpc-cni".into(), addon_version: "v1.18.6-eksbuild.1".into(), ..LiveAddon::default() }]
        },
        &[("mixed.cni", Warn)],
    ),
    (
        "a new CNI",
        |_, world| {
            world.addons =
                vec![LiveAddon { addon_name: "vpc-cni".into(), addon_version: "v1.20.0-eksbuild.1".into(), ..LiveAddon::default() }]
        },
        &[],
    ),
    (
        "DNS on one side",
        |cluster, world| {
            mixed(cluster);
            cluster.config.addons.clear();
            open(world, &[("tcp", 53), ("udp", 53), ("tcp", 9443)]);
        },
        &[("mixed.dns", Warn)],
    ),
];

#[test]
fn nodes_in_the_cloud_need_rules_for_pods_outside() {
    check_cases(MIXED);
}

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
const PRIVATE: &[Case] = &[
    ("all", |cluster, world| endpoints(cluster, world), &[]),
    (
        "one lacks",
        |cluster, world| {
            endpoints(cluster, world);
            world.vpc_endpoints.pop();
        },
        &[("private.endpoints", Fail)],
    ),
    (
        "a gateway endpoint",
        |cluster, world| {
            endpoints(cluster, world);
            world.vpc_endpoints[3].vpc_endpoint_type = "Gateway".into();
        },
        &[("private.endpoints", Warn)],
    ),
    (
        "their group is closed",
        |cluster, world| {
            endpoints(cluster, world);
            world.vpc_endpoints[5].groups = vec![GroupId { group_id: "sg-cluster".into() }];
        },
        &[("private.groups", Fail)],
    ),
];

#[test]
fn a_private_cluster_needs_endpoints_that_the_site_may_use() {
    check_cases(PRIVATE);
}
