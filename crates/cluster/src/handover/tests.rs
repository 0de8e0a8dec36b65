//! Documents of a cluster that is there, and of one that is not.

use super::*;
use crate::config::{Annotations, ClusterConfig, Provider};
use crate::resolve::{ClusterSubnet, ClusterVpc, HybridRole, VpcGateway};
use crate::world::*;

pub(super) const ARN: &str = "arn:aws:eks:eu-central-1:111122223333:cluster/shop";

/// A cluster with a VPC made for it, in two zones.
pub(super) fn cluster(provider: Provider) -> Cluster {
    let mut config = ClusterConfig::default();
    config.metadata.name = "shop".to_owned();
    config.metadata.region = "eu-central-1".to_owned();
    let subnet = |zone: &str, cidr: &str| ClusterSubnet {
        name: zone.to_owned(),
        zone: zone.to_owned(),
        cidr: Some(cidr.parse().unwrap()),
        ..ClusterSubnet::default()
    };
    Cluster {
        config,
        annotations: Annotations { pod_routes_by_gateway: true, ..Annotations::default() },
        partition: "aws",
        version: "1.34".to_owned(),
        zones: ["eu-central-1a", "eu-central-1b"].map(str::to_owned).into(),
        vpc: ClusterVpc {
            id: None,
            cidrs: vec!["10.0.0.0/16".parse().unwrap()],
            private: vec![subnet("eu-central-1a", "10.0.64.0/19"), subnet("eu-central-1b", "10.0.96.0/19")],
            public: vec![subnet("eu-central-1a", "10.0.0.0/19"), subnet("eu-central-1b", "10.0.32.0/19")],
        },
        service_cidr: None,
        node_cidrs: vec!["10.80.0.0/16".parse().unwrap()],
        pod_cidrs: vec!["10.85.0.0/16".parse().unwrap()],
        gateway: Some(VpcGateway::Transit("tgw-0a1b2c3d4e5f60001".to_owned())),
        role: Some(HybridRole::Made(provider)),
        ca_bundle: None,
        foreign: false,
        warnings: Vec::new(),
    }
}

/// What AWS says of it once it is made.
pub(super) fn world() -> World {
    let output = |key: &str, value: &str| Output { output_key: key.to_owned(), output_value: value.to_owned(), ..Output::default() };
    let anywhere = |kind: &str| format!("arn:aws:rolesanywhere:eu-central-1:111122223333:{kind}/2c1b2d6e-0d54-4ff2-9c8c-4f2c0e7c7a10");
    let stack = Stack {
        stack_name: "eksctl-shop-cluster".to_owned(),
        outputs: vec![
            output("RemoteNodesRoleARN", "arn:aws:iam::111122223333:role/eksctl-shop-cluster-HybridNodesRole-1A2B3C"),
            output("RemoteNodesTrustAnchorARN", &anywhere("trust-anchor")),
            output("RemoteNodesAnywhereProfileARN", &anywhere("profile")),
            output("SubnetsPrivate", "subnet-0a00000000000000a,subnet-0a00000000000000b"),
            output("SubnetsPublic", "subnet-0b00000000000000a,subnet-0b00000000000000b"),
        ],
        ..Stack::default()
    };
    let live = LiveCluster {
        name: "shop".to_owned(),
        arn: ARN.to_owned(),
        version: "1.34".to_owned(),
        endpoint: "https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com".to_owned(),
        status: "ACTIVE".to_owned(),
        certificate_authority: CertificateAuthority { data: "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==".to_owned() },
        resources_vpc_config: ResourcesVpcConfig {
            subnet_ids: ["subnet-0a00000000000000a", "subnet-0a00000000000000b"].map(str::to_owned).into(),
            cluster_security_group_id: "sg-0c1057e2000000001".to_owned(),
            vpc_id: "vpc-0a1b2c3d4e5f60001".to_owned(),
            endpoint_public_access: true,
            ..ResourcesVpcConfig::default()
        },
        kubernetes_network_config: LiveNetworkConfig { service_ipv4_cidr: "172.20.0.0/16".to_owned(), ip_family: "ipv4".to_owned() },
        ..LiveCluster::default()
    };
    let interface = |id: &str, address: &str, zone: &str, subnet: &str, description: &str| Interface {
        network_interface_id: id.to_owned(),
        description: description.to_owned(),
        private_ip_address: address.to_owned(),
        subnet_id: subnet.to_owned(),
        availability_zone: zone.to_owned(),
        ..Interface::default()
    };
    let table = |id: &str, subnet: &str| RouteTable {
        route_table_id: id.to_owned(),
        vpc_id: "vpc-0a1b2c3d4e5f60001".to_owned(),
        associations: vec![RouteTableAssociation { subnet_id: subnet.to_owned(), main: false }],
        ..RouteTable::default()
    };
    let subnet = |id: &str, zone: &str, cidr: &str| Subnet {
        subnet_id: id.to_owned(),
        vpc_id: "vpc-0a1b2c3d4e5f60001".to_owned(),
        availability_zone: zone.to_owned(),
        cidr_block: cidr.to_owned(),
        ..Subnet::default()
    };
    World {
        cluster: Some(live),
        stacks: vec![stack],
        vpcs: vec![Vpc { vpc_id: "vpc-0a1b2c3d4e5f60001".to_owned(), cidr_block: "10.0.0.0/16".to_owned(), ..Vpc::default() }],
        subnets: vec![
            subnet("subnet-0a00000000000000a", "eu-central-1a", "10.0.64.0/19"),
            subnet("subnet-0a00000000000000b", "eu-central-1b", "10.0.96.0/19"),
        ],
        network_interfaces: vec![
            interface("eni-0e00000000000000b", "10.0.98.7", "eu-central-1b", "subnet-0a00000000000000b", "Amazon EKS shop"),
            interface("eni-0e00000000000000a", "10.0.66.9", "eu-central-1a", "subnet-0a00000000000000a", "Amazon EKS shop"),
            interface("eni-0e00000000000000c", "10.0.66.10", "eu-central-1a", "subnet-0a00000000000000a", "Amazon EKS shopping"),
        ],
        route_tables: vec![
            table("rtb-0a00000000000000a", "subnet-0a00000000000000a"),
            table("rtb-0a00000000000000b", "subnet-0a00000000000000b"),
            table("rtb-0b000000000000001", "subnet-0b00000000000000a"),
            table("rtb-0f000000000000001", "subnet-0f00000000000000f"),
        ],
        addons: vec![LiveAddon { addon_name: "vpc-cni".to_owned(), ..LiveAddon::default() }],
        ..World::default()
    }
}

fn named<'a>(handover: &'a Handover, name: &str) -> &'a str {
    let found = handover.documents.iter().find(|document| document.name == name);
    &found.unwrap_or_else(|| panic!("no {name}: {:#?}", handover.findings)).content
}

fn codes(handover: &Handover) -> Vec<&'static str> {
    handover.findings.iter().map(|finding| finding.code).collect()
}

const ACTIVATION: Credentials<'static> =
    Credentials::Activation { id: "57be8cce-1137-32d4-ce32-ba044ea5df48", code: Some("s3cret-activation-code-0001") };

const ALL: [Kind; 6] = [Kind::Node, Kind::Cilium, Kind::Gateway, Kind::GatewayCloud, Kind::Firewall, Kind::Terraform];

#[test]
fn documents_of_a_cluster_that_is_there() {
    let all = hand_over(&cluster(Provider::Ssm), &world(), &ALL.into(), &ACTIVATION);
    assert_eq!(codes(&all), [] as [&str; 0]);
    for document in &all.documents {
        insta::assert_snapshot!(format!("ssm-{}", document.name), document.content);
    }
    let steps: String = all.steps.iter().map(|step| format!("{}\n  {}\n", step.what, step.commands.join("\n  "))).collect();
    insta::assert_snapshot!("ssm-steps", steps);
}

#[test]
fn every_certificate_has_a_nodeconfig_and_a_template_stands_for_those_to_come() {
    let (cluster, world) = (cluster(Provider::Ira), world());
    let names = ["press-7".to_owned(), "press-8".to_owned()];
    let of = |credentials| hand_over(&cluster, &world, &[Kind::Node].into(), &credentials);
    let two = of(Credentials::Certificates(&names));
    assert_eq!(two.documents.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["nodeconfig-press-7.yaml", "nodeconfig-press-8.yaml"]);
    assert!(two.documents.iter().all(|document| !document.private), "no NodeConfig of Roles Anywhere holds a secret");
    insta::assert_snapshot!("ira-nodeconfig-press-8.yaml", named(&two, "nodeconfig-press-8.yaml"));
    assert!(named(&of(Credentials::None), "nodeconfig.yaml").contains("nodeName: my-node\n"));
}

#[test]
fn an_activations_code_stands_in_a_private_document_and_nowhere_else() {
    let all = hand_over(&cluster(Provider::Ssm), &world(), &ALL.into(), &ACTIVATION);
    let code = "s3cret-activation-code-0001";
    let with: Vec<_> =
        all.documents.iter().filter(|document| document.content.contains(code)).map(|it| (it.name.as_str(), it.private)).collect();
    assert_eq!(with, [("nodeconfig.yaml", true)]);
    assert!(!format!("{all:?}").contains(code), "Debug shows it");
    let known_elsewhere = Credentials::Activation { id: "57be8cce-1137-32d4-ce32-ba044ea5df48", code: None };
    let without = hand_over(&cluster(Provider::Ssm), &world(), &[Kind::Node].into(), &known_elsewhere);
    assert!(!without.documents[0].private && !without.documents[0].content.contains("activationCode: "), "{without:?}");
}

#[test]
fn a_cluster_that_is_not_there_yet_gets_what_is_known_and_is_told_what_is_not() {
    let (ssm, ira) = (cluster(Provider::Ssm), cluster(Provider::Ira));
    let all = hand_over(&ssm, &World::default(), &ALL.into(), &Credentials::None);
    let names: Vec<_> = all.documents.iter().map(|document| document.name.as_str()).collect();
    assert_eq!(names, ["firewall.md", "firewall.csv", "cilium-values.yaml", "hybridge.auto.tfvars.json"]);
    assert_eq!(codes(&all), ["firewall.no-interfaces", "node.no-activation", "gateway.unknown", "gateway.route-tables"]);
    let none = hand_over(&ira, &World::default(), &[Kind::Node].into(), &Credentials::None);
    assert_eq!((codes(&none), none.documents.len()), (vec!["node.roles-anywhere"], 0));
}

#[test]
fn without_remote_networks_nothing_is_made_up() {
    let mut bare = cluster(Provider::Ssm);
    (bare.node_cidrs, bare.pod_cidrs, bare.role) = (Vec::new(), Vec::new(), None);
    let all = hand_over(&bare, &world(), &BTreeSet::new(), &Credentials::None);
    assert_eq!(all.documents, []);
    assert_eq!(codes(&all), ["firewall.remote-networks", "node.remote-networks", "cilium.pod-networks", "gateway.pod-networks"]);
}

#[test]
fn given_arns_are_taken_before_those_of_stacks() {
    let mut given = cluster(Provider::Ira);
    let arn = |what: &str| format!("arn:aws:{what}");
    given.role = Some(HybridRole::Given { arn: arn("iam::111122223333:role/mine"), provider: Provider::Ira });
    given.annotations.trust_anchor_arn = Some(arn("rolesanywhere:eu-central-1:111122223333:trust-anchor/mine"));
    given.annotations.profile_arn = Some(arn("rolesanywhere:eu-central-1:111122223333:profile/mine"));
    for world in [world(), World::default()] {
        let all = hand_over(&given, &world, &[Kind::Node].into(), &Credentials::None);
        let text = named(&all, "nodeconfig.yaml");
        assert_eq!(text.matches("/mine\n").count(), 3, "{text}");
    }
}

#[test]
fn nodes_of_a_private_cluster_are_told_what_others_ask_of_eks() {
    let mut private = cluster(Provider::Ssm);
    let has = |cluster: &Cluster, key: &str| {
        named(&hand_over(cluster, &world(), &[Kind::Node].into(), &ACTIVATION), "nodeconfig.yaml").contains(key)
    };
    for key in ["apiServerEndpoint", "certificateAuthority", "cidr: 172.20.0.0/16"] {
        private.config.private_cluster.enabled = false;
        assert!(!has(&private, key), "{key}");
        private.config.private_cluster.enabled = true;
        assert!(has(&private, key), "{key}");
    }
}

#[test]
fn pools_are_cut_for_a_kubelets_pods_as_long_as_there_is_room_for_nodes() {
    for (cidrs, mask, nodes, pods) in [
        (&["10.85.0.0/16"][..], 25, 512, 124),
        (&["10.85.0.0/22"], 25, 8, 124),
        (&["10.85.0.0/23"], 26, 8, 60),
        (&["10.85.0.0/24", "10.86.0.0/24"], 26, 8, 60),
        (&["10.85.0.0/24"], 27, 8, 28),
        (&["10.85.0.0/26"], 28, 4, 12),
        (&["10.85.0.0/16", "10.86.0.0/30"], 30, 16385, 0),
        (&["10.85.0.0/32"], 32, 1, 0),
    ] {
        let mut cluster = cluster(Provider::Ssm);
        cluster.pod_cidrs = cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect();
        let pool = cilium::Pool::of(&Known::new(&cluster, &World::default())).unwrap();
        assert_eq!((pool.mask, pool.nodes(), pool.pods()), (mask, nodes, pods), "{cidrs:?}");
        let limit = named(&hand_over(&cluster, &world(), &[Kind::Node].into(), &ACTIVATION), "nodeconfig.yaml").contains("maxPods");
        assert_eq!(limit, pods < 110, "{cidrs:?}");
    }
}

#[test]
fn the_mask_of_nodes_that_are_there_is_kept() {
    let mut world = world();
    let node = |hybrid: bool, cidr: &str| KubeNode { hybrid, pod_cidrs: vec![cidr.to_owned()], ..KubeNode::default() };
    let cluster = cluster(Provider::Ssm);
    world.nodes = Some(vec![node(false, "10.85.1.0/26"), node(true, "10.99.1.0/26"), node(true, "10.85.1.0/24")]);
    assert_eq!(cilium::Pool::of(&Known::new(&cluster, &world)).unwrap().mask, 24);
}

#[test]
fn routes_to_pods_that_lead_elsewhere_are_told() {
    let told = |change: &dyn Fn(&mut Cluster, &mut World)| {
        let (mut cluster, mut world) = (cluster(Provider::Ssm), world());
        change(&mut cluster, &mut world);
        codes(&hand_over(&cluster, &world, &[Kind::Gateway].into(), &Credentials::None))
    };
    let route = |cidr: &str| Route { destination_cidr_block: cidr.to_owned(), transit_gateway_id: "tgw-1".to_owned(), ..Route::default() };
    assert_eq!(told(&|_, world| world.route_tables[0].routes.push(route("10.80.0.0/16"))), [] as [&str; 0]);
    assert_eq!(told(&|_, world| world.route_tables[0].routes.push(route("10.85.0.0/16"))), ["gateway.pod-routes"]);
    assert_eq!(
        told(&|_, world| world.route_tables[3].routes.push(route("10.85.0.0/16"))),
        [] as [&str; 0],
        "it is no table of the cluster"
    );
    assert_eq!(told(&|cluster, _| cluster.annotations.pod_routes_by_gateway = false), ["gateway.pod-routes"]);
}

#[test]
fn gateways_get_subnets_of_their_own_where_the_file_asks_for_them() {
    let mut asked = cluster(Provider::Ssm);
    asked.annotations.gateway_subnets = ["10.0.255.0/28", "10.0.255.16/28"].map(str::to_owned).into();
    let (template, findings) = cloud::template(&Known::new(&asked, &world())).unwrap();
    assert_eq!((findings, template.check()), (vec![], vec![]));
    let subnets: std::collections::BTreeMap<_, _> = template.resources.iter().filter(|(id, _)| id.starts_with("GatewaySubnet")).collect();
    insta::assert_snapshot!("gateway-subnets", serde_json::to_string_pretty(&subnets).unwrap());

    let mut there = world();
    there.subnets.push(Subnet {
        subnet_id: "subnet-there".into(),
        vpc_id: "vpc-0a1b2c3d4e5f60001".into(),
        cidr_block: "10.0.255.0/28".into(),
        ..Subnet::default()
    });
    let resources = |world: &World| cloud::template(&Known::new(&asked, world)).unwrap().0.resources;
    assert!(!resources(&there).contains_key("GatewaySubnetEUCENTRAL1A"), "somebody else has made it");
    there.subnets[2].tags.push(Tag { key: "aws:cloudformation:stack-name".into(), value: "hybridge-shop-gateway".into() });
    assert!(resources(&there).contains_key("GatewaySubnetEUCENTRAL1A"), "our own stack has made it, so it stays in the template");

    asked.annotations.gateway_subnets.push("10.0.255.32/28".to_owned());
    assert_eq!(cloud::template(&Known::new(&asked, &world())).unwrap_err().code, "gateway.subnets");
    asked.annotations.gateway_subnets = vec!["10.0.255.1/28".to_owned()];
    assert_eq!(cloud::template(&Known::new(&asked, &world())).unwrap_err().code, "gateway.subnets");
}

#[test]
fn auto_mode_makes_nodes_by_manifests_and_not_by_the_stack() {
    let mut auto = cluster(Provider::Ssm);
    auto.config.auto_mode_config.enabled = Some(true);
    auto.config.auto_mode_config.node_role_arn = "arn:aws:iam::111122223333:role/auto-nodes".to_owned();
    let all = hand_over(&auto, &world(), &[Kind::Gateway, Kind::GatewayCloud].into(), &Credentials::None);
    assert_eq!(codes(&all), [] as [&str; 0]);
    insta::assert_snapshot!("gateway-nodes.yaml", named(&all, "gateway-nodes.yaml"));
    let template: serde_json::Value = serde_json::from_str(named(&all, "gateway-cloud.json")).unwrap();
    let resources: Vec<_> = template["Resources"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(resources, ["GatewayPodIdentity", "GatewayRole", "GatewaySecurityGroup", "IngressBetweenGateways", "IngressHybridPods0"]);
    assert!(named(&all, "gateway-values.yaml").contains("enabled: true\n"));
    auto.config.auto_mode_config.node_role_arn.clear();
    assert_eq!(codes(&hand_over(&auto, &world(), &[Kind::GatewayCloud].into(), &Credentials::None)), ["gateway.node-role"]);
}

#[test]
fn a_private_endpoint_is_reached_at_the_interfaces() {
    let (cluster, mut world) = (cluster(Provider::Ssm), world());
    let api = |world: &World| firewall::rules(&Known::new(&cluster, world))[0].to.clone();
    assert_eq!(api(&world), ["0123456789ABCDEF0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com"]);
    let config = &mut world.cluster.as_mut().unwrap().resources_vpc_config;
    (config.endpoint_public_access, config.endpoint_private_access) = (false, true);
    assert_eq!(api(&world), ["10.0.66.9/32", "10.0.98.7/32"]);
}

#[test]
fn the_same_input_makes_the_same_bytes() {
    let of = || hand_over(&cluster(Provider::Ssm), &world(), &ALL.into(), &ACTIVATION);
    let first = of();
    for _ in 0..20 {
        assert_eq!(of(), first);
    }
}
