use hybridge_aws::eks::{NodeGroup, Scaling};
use hybridge_cluster::config::AccessScope;
use hybridge_cluster::world::{Interface, KubeNode, LiveAddon, LivePolicy, LiveRemoteNetworks, ManagedInstance, ResourcesVpcConfig, Stack};

use super::*;

fn cidrs(cidr: &str) -> Vec<LiveCidrs> {
    vec![LiveCidrs { cidrs: vec![cidr.into()] }]
}

fn live() -> LiveCluster {
    LiveCluster {
        name: "shop".into(),
        status: "ACTIVE".into(),
        version: "1.34".into(),
        endpoint: "https://ABC.gr7.eu-central-1.eks.amazonaws.com".into(),
        resources_vpc_config: ResourcesVpcConfig {
            subnet_ids: vec!["subnet-1".into(), "subnet-2".into()],
            cluster_security_group_id: "sg-1".into(),
            vpc_id: "vpc-1".into(),
            endpoint_public_access: true,
            public_access_cidrs: vec!["203.0.113.0/24".into()],
            ..ResourcesVpcConfig::default()
        },
        remote_network_config: Some(LiveRemoteNetworks {
            remote_node_networks: cidrs("10.80.0.0/16"),
            remote_pod_networks: cidrs("10.85.0.0/16"),
        }),
        ..LiveCluster::default()
    }
}

fn found() -> Found {
    let scope = AccessScope { kind: "namespace".into(), namespaces: vec!["web".into()] };
    let policy = LivePolicy { policy_arn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy".into(), access_scope: scope };
    let entry = |principal: &str, kind: &str| LiveEntry { principal_arn: principal.into(), kind: kind.into(), ..LiveEntry::default() };
    let machine = |id: &str, host: &str| ManagedInstance {
        instance_id: id.into(),
        ping_status: "Online".into(),
        ip_address: "10.80.0.8".into(),
        computer_name: host.into(),
        ..ManagedInstance::default()
    };
    let node =
        KubeNode { name: "mi-1".into(), hybrid: true, ready: true, address: "10.80.0.7".into(), pod_cidrs: vec!["10.85.1.0/25".into()] };
    Found {
        region: "eu-central-1".into(),
        hybrid: true,
        cluster: live(),
        stacks: vec![Stack { stack_name: "eksctl-shop-cluster".into(), stack_status: "CREATE_COMPLETE".into(), ..Stack::default() }],
        access_entries: vec![
            entry("arn:aws:iam::123456789012:role/Hybrid", "HYBRID_LINUX"),
            LiveEntry { policies: vec![policy], ..entry("arn:aws:iam::123456789012:role/View", "STANDARD") },
        ],
        addons: vec![LiveAddon {
            addon_name: "coredns".into(),
            addon_version: "v1.12".into(),
            status: "ACTIVE".into(),
            ..LiveAddon::default()
        }],
        node_groups: vec![NodeGroup {
            nodegroup_name: "gw".into(),
            status: "ACTIVE".into(),
            version: "1.34".into(),
            scaling_config: Scaling { min_size: 2, max_size: 4, desired_size: 3 },
            instance_types: vec!["m7g.large".into()],
            ..NodeGroup::default()
        }],
        control_plane_interfaces: vec![Interface {
            network_interface_id: "eni-1".into(),
            private_ip_address: "10.0.0.7".into(),
            subnet_id: "subnet-1".into(),
            availability_zone: "eu-central-1a".into(),
            ..Interface::default()
        }],
        hybrid_nodes: vec![
            HybridNode { name: "mi-1".into(), node: Some(node), managed_instance: Some(machine("mi-1", "press-7")) },
            HybridNode { name: "mi-2".into(), node: None, managed_instance: Some(machine("mi-2", "press-8")) },
        ],
        activations: vec![Activation {
            activation_id: "0a1b".into(),
            iam_role: "Hybrid".into(),
            registration_limit: 20,
            registrations_count: 2,
            expiration_date: Some(1_767_323_045.5),
            ..Activation::default()
        }],
        unanswered: [("ListPodIdentityAssociations shop".to_owned(), "ListPodIdentityAssociations shop: AccessDenied: no".to_owned())]
            .into(),
        ..Found::default()
    }
}

#[test]
fn a_cluster_is_shown_with_all_that_belongs_to_it() {
    insta::assert_snapshot!(one(&found()));
}

#[test]
fn a_list_says_which_clusters_take_hybrid_nodes() {
    let row = |name: &str, hybrid| Row { name: name.into(), status: "ACTIVE".into(), version: "1.34".into(), hybrid, ..Row::default() };
    let clusters = vec![
        Row { remote_node_cidrs: vec!["10.80.0.0/16".into()], stack: Some("eksctl-shop-cluster".into()), ..row("shop", Some(true)) },
        row("web", Some(false)),
        Row { status: String::new(), version: String::new(), ..row("secret", None) },
    ];
    let list = Clusters { region: "eu-central-1".into(), clusters, unanswered: Open::new() };
    assert_eq!(
        all(&list),
        "NAME    STATUS  VERSION  HYBRID  NODE CIDRS    STACK\n\
         shop    ACTIVE  1.34     yes     10.80.0.0/16  eksctl-shop-cluster\n\
         web     ACTIVE  1.34     no\n\
         secret  -       -        -\n"
    );
    let none = Clusters { region: "eu-central-1".into(), clusters: Vec::new(), unanswered: Open::new() };
    assert_eq!(all(&none), "there are no clusters in eu-central-1\n");
}

#[test]
fn ways_to_the_api_are_told_apart() {
    let with = |public, private| {
        let mut live = live();
        (live.resources_vpc_config.endpoint_public_access, live.resources_vpc_config.endpoint_private_access) = (public, private);
        access(&live)
    };
    assert_eq!(with(true, true), "public (from 203.0.113.0/24) and private");
    assert_eq!(with(true, false), "public (from 203.0.113.0/24)");
    assert_eq!(with(false, true), "private");
    assert_eq!(with(false, false), "neither public nor private");
}
