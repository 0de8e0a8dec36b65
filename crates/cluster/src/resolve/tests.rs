use serde_json::json;

use super::*;
use crate::config::{Subnet, Subnets};

fn file(region: &str) -> ClusterConfig {
    let mut config = ClusterConfig::default();
    config.metadata.name = "shop".to_owned();
    config.metadata.region = region.to_owned();
    config
}

fn world(json: serde_json::Value) -> World {
    serde_json::from_value(json).unwrap()
}

fn resolved(config: &ClusterConfig, world: &World) -> Result<Cluster, Vec<&'static str>> {
    resolve(config, &Annotations::default(), world).map_err(|findings| findings.iter().map(|finding| finding.code).collect())
}

fn warnings(cluster: &Cluster) -> Vec<&'static str> {
    cluster.warnings.iter().map(|finding| finding.code).collect()
}

#[test]
fn zones_are_the_files_else_the_first_usable_ones_else_assumed() {
    let zone = |name: &str, id: &str| json!({"ZoneName": name, "ZoneId": id, "ZoneType": "availability-zone", "State": "available"});
    let mut local = zone("us-west-1a-x", "usw1-lax1-az1");
    local["ZoneType"] = json!("local-zone");
    let mut shut = zone("us-west-1a", "usw1-az9");
    shut["State"] = json!("impaired");
    let known = world(
        json!({"AvailabilityZones": [zone("us-west-1d", "usw1-az4"), zone("us-west-1b", "usw1-az2"), zone("us-west-1c", "usw1-az3"), local, shut]}),
    );
    let cluster = resolved(&file("us-west-1"), &known).unwrap();
    assert_eq!(cluster.zones, ["us-west-1c", "us-west-1d"]);
    assert_eq!(warnings(&cluster), [""; 0]);

    let mut named = file("us-west-1");
    named.availability_zones = vec!["us-west-1d".to_owned(), "us-west-1c".to_owned()];
    assert_eq!(resolved(&named, &known).unwrap().zones, ["us-west-1d", "us-west-1c"]);

    let assumed = resolved(&file("eu-central-1"), &World::default()).unwrap();
    assert_eq!(assumed.zones, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
    assert_eq!(warnings(&assumed), ["zones.assumed"]);
    assert_eq!(resolved(&file("us-east-1"), &World::default()).unwrap().zones, ["us-east-1a", "us-east-1b"]);

    let few = world(json!({"AvailabilityZones": [zone("us-west-1b", "usw1-az2"), zone("us-west-1c", "usw1-az3")]}));
    assert_eq!(resolved(&file("us-west-1"), &few), Err(vec!["zones.few"]));
}

#[test]
fn a_vpc_is_divided_as_eksctl_divides() {
    // pkg/vpc/vpc_test.go: zones, network; public subnets, private subnets.
    let cases: [(usize, &str, &[&str], &[&str]); 4] = [
        (1, "10.0.0.0/16", &["10.0.0.0/19"], &["10.0.32.0/19"]),
        (
            3,
            "192.168.0.0/16",
            &["192.168.0.0/19", "192.168.32.0/19", "192.168.64.0/19"],
            &["192.168.96.0/19", "192.168.128.0/19", "192.168.160.0/19"],
        ),
        (2, "10.10.0.0/24", &["10.10.0.0/27", "10.10.0.32/27"], &["10.10.0.64/27", "10.10.0.96/27"]),
        (
            5,
            "10.0.7.0/16",
            &["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20", "10.0.48.0/20", "10.0.64.0/20"],
            &["10.0.80.0/20", "10.0.96.0/20", "10.0.112.0/20", "10.0.128.0/20", "10.0.144.0/20"],
        ),
    ];
    for (zones, cidr, public, private) in cases {
        let mut config = file("us-west-2");
        config.vpc.cidr = cidr.to_owned();
        config.availability_zones = ["a", "b", "c", "d", "e"].iter().take(zones).map(|letter| format!("us-west-2{letter}")).collect();
        let vpc = resolved(&config, &World::default()).unwrap().vpc;
        let cidrs = |subnets: &[ClusterSubnet]| subnets.iter().map(|subnet| subnet.cidr.unwrap().to_string()).collect::<Vec<_>>();
        assert_eq!(cidrs(&vpc.public), public, "{cidr}");
        assert_eq!(cidrs(&vpc.private), private, "{cidr}");
    }
    let mut config = file("us-west-2");
    config.vpc.cidr = "10.0.0.0/8".to_owned();
    assert_eq!(resolved(&config, &World::default()), Err(vec!["vpc.size", "zones.assumed"]));
    config.vpc.cidr = String::new();
    config.availability_zones = (0..9).map(|number| format!("us-west-2{number}")).collect();
    assert_eq!(resolved(&config, &World::default()), Err(vec!["zones.many"]));
}

/// A VPC with two private subnets, one of which has a table of its own.
fn standing() -> World {
    world(json!({
        "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16"}, {"CidrBlock": "100.64.0.0/16"}]}],
        "Subnets": [
            {"SubnetId": "subnet-a", "VpcId": "vpc-1", "AvailabilityZone": "us-west-2a", "CidrBlock": "10.0.0.0/24"},
            {"SubnetId": "subnet-b", "VpcId": "vpc-1", "AvailabilityZone": "us-west-2b", "CidrBlock": "10.0.1.0/24"},
            {"SubnetId": "subnet-b2", "VpcId": "vpc-1", "AvailabilityZone": "us-west-2b", "CidrBlock": "10.0.2.0/24"},
            {"SubnetId": "subnet-x", "VpcId": "vpc-2", "AvailabilityZone": "us-west-2c", "CidrBlock": "10.0.1.0/24"}
        ],
        "RouteTables": [
            {"RouteTableId": "rtb-main", "VpcId": "vpc-1", "Associations": [{"Main": true}]},
            {"RouteTableId": "rtb-b", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-b"}]},
            {"RouteTableId": "rtb-other", "VpcId": "vpc-2", "Associations": [{"Main": true}]}
        ]
    }))
}

fn with_subnets(id: &str, private: &[(&str, &str, &str, &str)]) -> ClusterConfig {
    let subnet = |(name, id, az, cidr): &(&str, &str, &str, &str)| {
        ((*name).to_owned(), Subnet { id: (*id).to_owned(), az: (*az).to_owned(), cidr: (*cidr).to_owned() })
    };
    let mut config = file("us-west-2");
    config.vpc.id = id.to_owned();
    config.vpc.subnets = Subnets { private: private.iter().map(subnet).collect(), ..Subnets::default() };
    config
}

#[test]
fn given_subnets_are_looked_up_with_their_vpc_and_tables() {
    let found = |config: &ClusterConfig| {
        let cluster = resolved(config, &standing()).unwrap();
        assert_eq!(cluster.vpc.id.as_deref(), Some("vpc-1"));
        assert_eq!(cluster.vpc.cidrs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/16", "100.64.0.0/16"]);
        cluster
            .vpc
            .private
            .iter()
            .map(|subnet| (subnet.id.clone().unwrap(), subnet.zone.clone(), subnet.route_table.clone().unwrap()))
            .collect::<Vec<_>>()
    };
    let expected = [("subnet-a", "us-west-2a", "rtb-main"), ("subnet-b", "us-west-2b", "rtb-b")]
        .map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    let by_id = with_subnets("", &[("us-west-2b", "subnet-b", "", ""), ("first", "subnet-a", "", "")]);
    let by_network = with_subnets("vpc-1", &[("us-west-2a", "", "", ""), ("one", "", "us-west-2b", "10.0.1.0/24")]);
    assert_eq!(found(&by_id), expected);
    assert_eq!(found(&by_network), expected);
}

#[test]
fn subnets_that_are_not_found_or_not_clear_are_told() {
    let cases = [
        (with_subnets("vpc-1", &[("us-west-2a", "subnet-z", "", "")]), "subnet.unknown"),
        (with_subnets("vpc-1", &[("us-west-2b", "", "", "")]), "subnet.ambiguous"),
        (with_subnets("vpc-1", &[("us-west-2a", "", "us-west-2a", "10.9.0.0/24")]), "subnet.unknown"),
        (with_subnets("", &[("us-west-2a", "subnet-a", "", ""), ("us-west-2c", "subnet-x", "", "")]), "vpc.several"),
        (with_subnets("vpc-2", &[("us-west-2a", "subnet-a", "", "")]), "vpc.other"),
        (with_subnets("vpc-1", &[]), "vpc.subnets"),
    ];
    for (config, code) in cases {
        let codes = resolved(&config, &standing()).unwrap_err();
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    // Nothing is known: the identifiers will do, if the VPC is named.
    let unseen = resolved(&with_subnets("vpc-1", &[("us-west-2a", "subnet-a", "", "")]), &World::default()).unwrap();
    assert_eq!(warnings(&unseen), ["subnet.unseen"]);
    assert!(resolved(&with_subnets("", &[("us-west-2a", "subnet-a", "", "")]), &World::default()).unwrap_err().contains(&"vpc.unknown"));
    // Asked, AWS has answered that there is nothing.
    let mut asked = World { caller: Some(crate::world::Caller::default()), ..World::default() };
    let nowhere = with_subnets("vpc-1", &[("us-west-2a", "subnet-a", "", ""), ("us-west-2b", "subnet-b", "", "")]);
    assert_eq!(resolved(&nowhere, &asked).unwrap_err(), ["subnet.unknown", "subnet.unknown", "vpc.unknown"]);
    asked.unanswered.insert("DescribeSubnets vpc-1".into(), "not allowed".into());
    assert_eq!(resolved(&nowhere, &asked).unwrap_err(), ["vpc.unknown", "subnet.unseen", "subnet.unseen"]);
}

#[test]
fn versions_follow_the_file_then_the_cluster_then_eks() {
    let versions = json!([{"clusterVersion": "1.33", "defaultVersion": true}, {"clusterVersion": "1.35"}, {"clusterVersion": "1.9"}]);
    let of = |said: &str, world: &World| {
        let mut config = file("us-west-2");
        config.metadata.version = said.to_owned();
        resolved(&config, world).map(|cluster| cluster.version)
    };
    let known = world(json!({ "ClusterVersions": versions }));
    let running = world(json!({"ClusterVersions": versions, "Cluster": {"version": "1.32"}}));
    assert_eq!(of("", &World::default()).unwrap(), "1.34");
    assert_eq!(of("", &known).unwrap(), "1.33");
    assert_eq!(of("", &running).unwrap(), "1.32");
    assert_eq!(of("default", &running).unwrap(), "1.33");
    assert_eq!(of("latest", &known).unwrap(), "1.35");
    assert_eq!(of("1.31", &known).unwrap(), "1.31");
    assert_eq!(of("latest", &World::default()), Err(vec!["version.latest", "zones.assumed"]));
}

#[test]
fn partitions_without_hybrid_nodes_are_refused_by_name() {
    let networks = || Some(vec![RemoteNetwork { cidrs: vec!["10.80.0.0/16".to_owned()] }]);
    for (region, partition, refused) in [
        ("eu-central-1", "aws", false),
        ("us-gov-west-1", "aws-us-gov", false),
        ("cn-north-1", "aws-cn", true),
        ("us-iso-east-1", "aws-iso", true),
        ("us-isob-east-1", "aws-iso-b", true),
        ("eu-isoe-west-1", "aws-iso-e", true),
        ("us-isof-south-1", "aws-iso-f", true),
    ] {
        let mut config = file(region);
        assert_eq!(resolved(&config, &World::default()).unwrap().partition, partition);
        config.remote_network_config = Some(RemoteNetworkConfig { remote_node_networks: networks(), ..RemoteNetworkConfig::default() });
        assert_eq!(resolved(&config, &World::default()).is_err(), refused, "{region}");
    }
}

#[test]
fn a_cluster_made_by_others_is_taken_as_eks_has_it() {
    let mut world = standing();
    let live = json!({"name": "shop", "version": "1.33", "resourcesVpcConfig": {"vpcId": "vpc-1", "subnetIds": ["subnet-b", "subnet-a"]}});
    world.cluster = Some(serde_json::from_value(live).unwrap());
    let cluster = resolved(&file("us-west-2"), &world).unwrap();
    assert!(cluster.foreign);
    assert_eq!(cluster.vpc.id.as_deref(), Some("vpc-1"));
    let ids: Vec<_> = cluster.vpc.private.iter().map(|subnet| subnet.id.clone().unwrap()).collect();
    assert_eq!(ids, ["subnet-a", "subnet-b"]);

    world.stacks = vec![crate::world::Stack { stack_name: "eksctl-shop-cluster".to_owned(), ..Default::default() }];
    assert!(!resolved(&file("us-west-2"), &world).unwrap().foreign);
}
