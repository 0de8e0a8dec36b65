//! A cluster in which everything is well, to take things away from.

#![allow(clippy::unwrap_used, reason = "a fixture for tests")]

mod deployed;

use std::collections::BTreeMap;

use hybridge_model::Cidr4;
use serde_json::json;

use crate::config::{Annotations, ClusterConfig, Provider, RemoteNetwork, RemoteNetworkConfig};
use crate::resolve::{Cluster, ClusterSubnet, ClusterVpc, HybridRole, VpcGateway};
use crate::world::*;

pub(crate) use deployed::deployed;

pub(crate) const NODES: &str = "10.80.0.0/16";
pub(crate) const PODS: &str = "10.81.0.0/16";
pub(crate) const NODE: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 80, 146, 7);
pub(crate) const POD: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 81, 3, 9);
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/hybrid";
pub(crate) const TGW: &str = "tgw-1";
pub(crate) const VPC: &str = "vpc-1";
pub(crate) const MAIN_TABLE: &str = "rtb-main";
pub(crate) const TABLE_B: &str = "rtb-b";
pub(crate) const VPC_TGW_TABLE: &str = "tgw-rtb-vpcs";
pub(crate) const SITE_TGW_TABLE: &str = "tgw-rtb-site";
pub(crate) const SITE: &str = "vpn-1";

pub(crate) fn net(text: &str) -> Cidr4 {
    text.parse().unwrap()
}

/// Two subnets of a VPC that exists, a transit gateway, Systems Manager, a private endpoint.
pub(crate) fn cluster() -> Cluster {
    let mut config = ClusterConfig::default();
    config.metadata.name = "shop".into();
    config.metadata.region = "eu-central-1".into();
    config.metadata.version = "1.34".into();
    config.vpc.id = VPC.into();
    config.vpc.cluster_endpoints.private_access = Some(true);
    config.vpc.cluster_endpoints.public_access = Some(false);
    let list = |cidr: &str| Some(vec![RemoteNetwork { cidrs: vec![cidr.into()] }]);
    config.remote_network_config =
        Some(RemoteNetworkConfig { remote_node_networks: list(NODES), remote_pod_networks: list(PODS), ..RemoteNetworkConfig::default() });
    let subnet = |letter: &str, third: u8| ClusterSubnet {
        name: format!("eu-central-1{letter}"),
        id: Some(format!("subnet-{letter}")),
        route_table: None,
        zone: format!("eu-central-1{letter}"),
        cidr: Cidr4::containing(std::net::Ipv4Addr::new(10, 0, third, 0), 24),
    };
    Cluster {
        config,
        annotations: Annotations::default(),
        partition: "aws",
        version: "1.34".into(),
        zones: vec!["eu-central-1a".into(), "eu-central-1b".into()],
        vpc: ClusterVpc {
            id: Some(VPC.into()),
            cidrs: vec![net("10.0.0.0/16")],
            private: vec![subnet("a", 1), subnet("b", 2)],
            public: Vec::new(),
        },
        service_cidr: None,
        node_cidrs: vec![net(NODES)],
        pod_cidrs: vec![net(PODS)],
        gateway: Some(VpcGateway::Transit(TGW.into())),
        role: Some(HybridRole::Given { arn: ROLE.into(), provider: Provider::Ssm }),
        ca_bundle: None,
        foreign: false,
        warnings: Vec::new(),
    }
}

/// A cluster in a VPC that is to be made, with nothing there but a transit gateway, and its template.
pub(crate) fn new_cluster() -> (Cluster, World, serde_json::Value) {
    let mut config = cluster().config;
    config.vpc.id.clear();
    config.vpc.cidr = "10.0.0.0/16".into();
    config.availability_zones = vec!["eu-central-1a".into(), "eu-central-1b".into()];
    let remote = config.remote_network_config.as_mut().unwrap();
    remote.vpc_gateway_id = TGW.into();
    let good = world();
    let mut world = World {
        caller: good.caller,
        denied_actions: good.denied_actions,
        cluster_versions: good.cluster_versions,
        transit_gateways: good.transit_gateways,
        transit_gateway_attachments: good.transit_gateway_attachments[1..].to_vec(),
        transit_gateway_routes: good.transit_gateway_routes,
        availability_zones: [("a", 1), ("b", 2)]
            .map(|(letter, number)| Zone {
                zone_name: format!("eu-central-1{letter}"),
                zone_id: format!("euc1-az{number}"),
                zone_type: "availability-zone".into(),
                state: "available".into(),
            })
            .to_vec(),
        ..World::default()
    };
    world.transit_gateway_routes.insert(SITE_TGW_TABLE.into(), Vec::new());
    let cluster = crate::resolve::resolve(&config, &Annotations::default(), &world).unwrap();
    let template = crate::template::stacks(&cluster, &world)[0].template.to_json();
    (cluster, world, template)
}

/// The same with a virtual private gateway whose routes the tables learn.
pub(crate) fn with_vpn_gateway() -> (Cluster, World) {
    let mut cluster = cluster();
    cluster.gateway = Some(VpcGateway::VirtualPrivate("vgw-1".into()));
    let mut world = world();
    for route in world.route_tables.iter_mut().flat_map(|table| &mut table.routes).filter(|route| !route.transit_gateway_id.is_empty()) {
        route.transit_gateway_id.clear();
        route.gateway_id = "vgw-1".into();
        route.origin = "EnableVgwRoutePropagation".into();
    }
    world.vpn_gateways = vec![VpnGateway {
        vpn_gateway_id: "vgw-1".into(),
        state: "available".into(),
        amazon_side_asn: Some(64512),
        vpc_attachments: vec![VpcAttachment { vpc_id: VPC.into(), state: "attached".into() }],
    }];
    world.transit_gateways.clear();
    world.transit_gateway_attachments.clear();
    world.transit_gateway_routes.clear();
    (cluster, world)
}

/// What AWS answers where all is well.
pub(crate) fn world() -> World {
    let mut world = World {
        caller: Some(Caller { account: "111122223333".into(), arn: "arn:aws:iam::111122223333:user/ann".into() }),
        denied_actions: Some(Vec::new()),
        cluster: Some(live()),
        access_entries: vec![LiveEntry { principal_arn: ROLE.into(), kind: "HYBRID_LINUX".into(), ..LiveEntry::default() }],
        cluster_versions: vec![ClusterVersion {
            cluster_version: "1.34".into(),
            default_version: true,
            version_status: "STANDARD_SUPPORT".into(),
        }],
        roles: BTreeMap::from([(ROLE.to_owned(), role())]),
        nodes: Some(vec![KubeNode {
            name: "mi-1".into(),
            hybrid: true,
            ready: true,
            address: NODE.to_string(),
            pod_cidrs: vec!["10.81.3.0/24".into()],
        }]),
        managed_instances: vec![ManagedInstance {
            instance_id: "mi-1".into(),
            ping_status: "Online".into(),
            activation_id: "activation-1".into(),
            iam_role: "hybrid".into(),
            ip_address: NODE.to_string(),
            computer_name: "press-7".into(),
            tags: Vec::new(),
        }],
        activations: vec![Activation {
            activation_id: "activation-1".into(),
            registration_limit: 10,
            registrations_count: 1,
            ..Activation::default()
        }],
        ..World::default()
    };
    world.resolver_endpoints = vec![ResolverEndpoint {
        id: "rslvr-in-1".into(),
        direction: "INBOUND".into(),
        host_vpc_id: VPC.into(),
        status: "OPERATIONAL".into(),
        ..ResolverEndpoint::default()
    }];
    vpc(&mut world);
    gateway(&mut world);
    world
}

fn vpc(world: &mut World) {
    world.vpcs = vec![Vpc {
        vpc_id: VPC.into(),
        cidr_block: "10.0.0.0/16".into(),
        cidr_block_association_set: vec![CidrAssociation { cidr_block: "10.0.0.0/16".into() }],
        enable_dns_support: Some(true),
        enable_dns_hostnames: Some(true),
    }];
    let letters = [("a", 1u8), ("b", 2)];
    world.subnets = letters
        .map(|(letter, third)| Subnet {
            subnet_id: format!("subnet-{letter}"),
            vpc_id: VPC.into(),
            availability_zone: format!("eu-central-1{letter}"),
            availability_zone_id: format!("euc1-az{third}"),
            cidr_block: format!("10.0.{third}.0/24"),
            available_ip_address_count: Some(200),
            ..Subnet::default()
        })
        .to_vec();
    world.network_interfaces = letters
        .map(|(letter, third)| Interface {
            network_interface_id: format!("eni-{letter}"),
            description: "Amazon EKS shop".into(),
            private_ip_address: format!("10.0.{third}.20"),
            subnet_id: format!("subnet-{letter}"),
            vpc_id: VPC.into(),
            availability_zone: format!("eu-central-1{letter}"),
            groups: ["sg-control-plane", "sg-cluster"].map(|id| GroupId { group_id: id.into() }).to_vec(),
        })
        .to_vec();
    guards(world);
}

/// Route tables, groups and ACLs.
fn guards(world: &mut World) {
    // Subnet a uses the main table, subnet b one of its own.
    world.route_tables = vec![table(MAIN_TABLE, "", true), table(TABLE_B, "subnet-b", false)];
    world.security_groups = vec![
        SecurityGroup {
            group_id: "sg-control-plane".into(),
            vpc_id: VPC.into(),
            ip_permissions: vec![tcp(443, &[NODES, PODS])],
            ip_permissions_egress: vec![tcp(10250, &[NODES]), tcp(443, &[PODS]), tcp(9443, &[PODS])],
            ..SecurityGroup::default()
        },
        SecurityGroup {
            group_id: "sg-cluster".into(),
            vpc_id: VPC.into(),
            ip_permissions: vec![all_from("sg-cluster"), all_from("sg-nodes")],
            ip_permissions_egress: [4443, 8443, 10251].map(|port| tcp(port, &[PODS])).to_vec(),
            ..SecurityGroup::default()
        },
    ];
    world.security_groups.push(SecurityGroup {
        group_id: "sg-nodes".into(),
        vpc_id: VPC.into(),
        ip_permissions: vec![all_from("sg-nodes"), all_from("sg-cluster")],
        ..SecurityGroup::default()
    });
    world.network_acls = vec![NetworkAcl {
        network_acl_id: "acl-1".into(),
        vpc_id: VPC.into(),
        is_default: true,
        associations: Vec::new(),
        entries: [(100, "allow"), (32767, "deny")]
            .into_iter()
            .flat_map(|(number, action)| [false, true].map(|egress| acl_rule(number, action, egress, None)))
            .collect(),
    }];
}

fn all_from(group: &str) -> IpPermission {
    let peers = vec![GroupId { group_id: group.into() }];
    IpPermission { ip_protocol: "-1".into(), user_id_group_pairs: peers, ..IpPermission::default() }
}

pub(crate) fn acl_rule(rule_number: u32, rule_action: &str, egress: bool, ports: Option<(u16, u16)>) -> AclEntry {
    AclEntry {
        rule_number,
        protocol: if ports.is_some() { "6" } else { "-1" }.into(),
        rule_action: rule_action.into(),
        egress,
        cidr_block: "0.0.0.0/0".into(),
        port_range: ports.map(|(from, to)| PortRange { from, to }),
    }
}

pub(crate) fn tcp(port: i32, networks: &[&str]) -> IpPermission {
    IpPermission {
        ip_protocol: "tcp".into(),
        from_port: Some(port),
        to_port: Some(port),
        ip_ranges: networks.iter().map(|network| IpRange { cidr_ip: (*network).into(), description: String::new() }).collect(),
        ..IpPermission::default()
    }
}

fn table(id: &str, subnet_id: &str, main: bool) -> RouteTable {
    let to_site = |network: &str| Route {
        destination_cidr_block: network.into(),
        transit_gateway_id: TGW.into(),
        state: "active".into(),
        origin: "CreateRoute".into(),
        ..Route::default()
    };
    let local = Route {
        destination_cidr_block: "10.0.0.0/16".into(),
        gateway_id: "local".into(),
        state: "active".into(),
        origin: "CreateRouteTable".into(),
        ..Route::default()
    };
    RouteTable {
        route_table_id: id.into(),
        vpc_id: VPC.into(),
        associations: vec![RouteTableAssociation { subnet_id: subnet_id.into(), main }],
        routes: vec![local, to_site(NODES), to_site(PODS)],
        ..RouteTable::default()
    }
}

fn gateway(world: &mut World) {
    world.transit_gateways = vec![TransitGateway {
        transit_gateway_id: TGW.into(),
        owner_id: "111122223333".into(),
        state: "available".into(),
        options: TransitGatewayOptions {
            auto_accept_shared_attachments: "disable".into(),
            default_route_table_association: "enable".into(),
            association_default_route_table_id: VPC_TGW_TABLE.into(),
            default_route_table_propagation: "enable".into(),
            propagation_default_route_table_id: SITE_TGW_TABLE.into(),
            amazon_side_asn: Some(64512),
        },
    }];
    let attachment = |id: &str, kind: &str, resource: &str, table: &str| TransitGatewayAttachment {
        transit_gateway_attachment_id: id.into(),
        transit_gateway_id: TGW.into(),
        resource_type: kind.into(),
        resource_id: resource.into(),
        state: "available".into(),
        association: Some(AttachmentAssociation { transit_gateway_route_table_id: table.into(), state: "associated".into() }),
        subnet_ids: if kind == "vpc" { vec!["subnet-a".into(), "subnet-b".into()] } else { Vec::new() },
    };
    world.transit_gateway_attachments =
        vec![attachment("tgw-attach-vpc", "vpc", VPC, VPC_TGW_TABLE), attachment("tgw-attach-vpn", "vpn", SITE, SITE_TGW_TABLE)];
    let route = |network: &str, resource: &str, kind: &str| TransitGatewayRoute {
        destination_cidr_block: network.into(),
        state: "active".into(),
        kind: "propagated".into(),
        transit_gateway_attachments: vec![RouteAttachment { resource_id: resource.into(), resource_type: kind.into() }],
    };
    world.transit_gateway_routes = BTreeMap::from([
        (VPC_TGW_TABLE.to_owned(), vec![route(NODES, SITE, "vpn"), route(PODS, SITE, "vpn")]),
        (SITE_TGW_TABLE.to_owned(), vec![route("10.0.0.0/16", VPC, "vpc")]),
    ]);
}

fn live() -> LiveCluster {
    let cidrs = |cidr: &str| vec![LiveCidrs { cidrs: vec![cidr.into()] }];
    LiveCluster {
        name: "shop".into(),
        version: "1.34".into(),
        endpoint: "https://ABC.gr7.eu-central-1.eks.amazonaws.com".into(),
        status: "ACTIVE".into(),
        resources_vpc_config: ResourcesVpcConfig {
            subnet_ids: vec!["subnet-a".into(), "subnet-b".into()],
            security_group_ids: vec!["sg-control-plane".into()],
            cluster_security_group_id: "sg-cluster".into(),
            vpc_id: VPC.into(),
            endpoint_public_access: false,
            endpoint_private_access: true,
            public_access_cidrs: Vec::new(),
        },
        kubernetes_network_config: LiveNetworkConfig { service_ipv4_cidr: "172.20.0.0/16".into(), ip_family: "ipv4".into() },
        remote_network_config: Some(LiveRemoteNetworks { remote_node_networks: cidrs(NODES), remote_pod_networks: cidrs(PODS) }),
        access_config: LiveAccessConfig { authentication_mode: "API_AND_CONFIG_MAP".into() },
        ..LiveCluster::default()
    }
}

fn role() -> Role {
    Role {
        arn: ROLE.into(),
        assume_role_policy_document: json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        }),
        max_session_duration: Some(3600),
        ..Role::default()
    }
}

/// The fixture as a file of facts, for tests of the command line; HYBRIDGE_WRITE_FIXTURES=1 writes it anew.
#[test]
fn the_file_of_facts_is_this_world() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/cluster/facts.json");
    let world = World { deployed: Some(deployed()), ..world() };
    let text = serde_json::to_string_pretty(&world).unwrap() + "\n";
    if std::env::var_os("HYBRIDGE_WRITE_FIXTURES").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "write it anew with HYBRIDGE_WRITE_FIXTURES=1");
    assert_eq!(serde_json::from_str::<World>(&text).unwrap(), world, "nothing is lost on the way");
}

/// A hint may go on behind a command, but nothing of it comes between a command and its region.
#[track_caller]
pub(crate) fn assert_commands_are_whole(hint: &str) {
    for (at, _) in hint.match_indices(" --region") {
        let command = hint[..at].rfind("aws ").map_or(hint, |start| &hint[start..at]);
        assert!(![", then", ";", "("].iter().any(|end| command.contains(end)), "{hint}");
        let network = command.split("--destination-cidr-block ").nth(1).map_or("/", |rest| rest.split(' ').next().unwrap());
        assert!(network.contains('/'), "{hint}");
    }
}
