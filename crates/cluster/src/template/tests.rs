use serde_json::{Value as Json, json};

use super::*;
use crate::config::{AccessEntry, Annotations, ClusterConfig, ManagedNodeGroup, Provider, RemoteNetwork, RemoteNetworkConfig, Subnet};
use crate::difference::Action;
use crate::resolve::resolve;
use crate::update::plan_update;
use crate::world::Deployed;

fn hybrid(gateway: &str) -> ClusterConfig {
    let networks = |cidr: &str| Some(vec![RemoteNetwork { cidrs: vec![cidr.to_owned()] }]);
    let mut config = ClusterConfig::default();
    config.metadata.name = "shop".to_owned();
    config.metadata.region = "us-west-2".to_owned();
    config.availability_zones = vec!["us-west-2a".to_owned(), "us-west-2b".to_owned()];
    config.remote_network_config = Some(RemoteNetworkConfig {
        vpc_gateway_id: gateway.to_owned(),
        remote_node_networks: networks("10.80.146.0/24"),
        remote_pod_networks: networks("10.86.30.0/23"),
        ..RemoteNetworkConfig::default()
    });
    config
}

fn remote(config: &mut ClusterConfig) -> &mut RemoteNetworkConfig {
    config.remote_network_config.as_mut().unwrap()
}

fn ira(config: &mut ClusterConfig) {
    remote(config).iam.provider = Provider::Ira;
    remote(config).iam.ca_bundle_cert = "-----BEGIN CERTIFICATE-----\n".to_owned();
}

/// The first stack, and what it leaves out.
fn made(config: &ClusterConfig, annotations: &Annotations, world: &World) -> (Json, Vec<&'static str>) {
    let cluster = resolve(config, annotations, world).unwrap();
    let stack = stacks(&cluster, world).swap_remove(0);
    assert_eq!(stack.template.check(), []);
    (stack.template.to_json(), stack.findings.iter().map(|finding| finding.code).collect())
}

fn template(config: &ClusterConfig, annotations: &Annotations) -> Json {
    made(config, annotations, &World::default()).0
}

fn ids<'a>(template: &'a Json, prefix: &str) -> Vec<&'a str> {
    template["Resources"].as_object().unwrap().keys().map(String::as_str).filter(|id| id.starts_with(prefix)).collect()
}

fn property<'a>(template: &'a Json, id: &str, pointer: &str) -> &'a Json {
    template.pointer(&format!("/Resources/{id}/Properties{pointer}")).unwrap_or(&Json::Null)
}

#[test]
fn roles_have_what_nodes_need_and_no_more() {
    let ssm = template(&hybrid(""), &Annotations::default());
    let cluster = json!({"Fn::Sub": "arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:cluster/shop"});
    let policies = property(&ssm, "HybridNodesSSMRole", "/Policies");
    assert_eq!(policies[0]["PolicyDocument"]["Statement"][1]["Condition"]["StringEquals"]["ssm:resourceTag/EKSClusterARN"], cluster);
    assert_eq!(policies[0]["PolicyDocument"]["Statement"][1]["Action"], json!(["ssm:DeregisterManagedInstance"]));
    assert_eq!(policies[1]["PolicyDocument"]["Statement"][0]["Action"], json!(["eks:DescribeCluster", "eks:ListAccessEntries"]));
    assert_eq!(policies[1]["PolicyDocument"]["Statement"][0]["Resource"], cluster);
    let condition = property(&ssm, "HybridNodesSSMRole", "/AssumeRolePolicyDocument/Statement/0/Condition");
    assert_eq!(condition["StringEquals"]["aws:SourceAccount"], json!({"Ref": "AWS::AccountId"}));
    assert!(condition["ArnEquals"]["aws:SourceArn"]["Fn::Sub"].as_str().unwrap().starts_with("arn:${AWS::Partition}:ssm:"));

    let mut config = hybrid("");
    ira(&mut config);
    let anywhere = template(&config, &Annotations::default());
    let assume = property(&anywhere, "HybridNodesIRARole", "/AssumeRolePolicyDocument/Statement/1");
    assert_eq!(assume["Action"], json!(["sts:AssumeRole"]));
    assert_eq!(assume["Condition"]["StringEquals"], json!({"sts:RoleSessionName": "${aws:PrincipalTag/x509Subject/CN}"}));
    let managed = property(&anywhere, "HybridNodesIRARole", "/ManagedPolicyArns").to_string();
    assert!(managed.contains("AmazonEC2ContainerRegistryPullOnly") && !managed.contains("SSM"), "{managed}");

    let annotations = Annotations { any_session_name: true, pod_identity: true, session_seconds: Some(7200), ..Annotations::default() };
    let any = template(&config, &annotations);
    assert_eq!(property(&any, "HybridNodesIRARole", "/AssumeRolePolicyDocument/Statement").as_array().unwrap().len(), 1);
    assert_eq!(property(&any, "HybridNodesIRARole", "/MaxSessionDuration"), &json!(7200));
    assert_eq!(property(&any, "AnywhereProfile", "/DurationSeconds"), &json!(7200));
    assert_eq!(
        property(&any, "HybridNodesIRARole", "/Policies/1/PolicyDocument/Statement/0/Action"),
        &json!(["eks-auth:AssumeRoleForPodIdentity"])
    );
}

#[test]
fn anchors_profiles_and_roles_that_exist_are_used() {
    let mut config = hybrid("");
    ira(&mut config);
    let annotations = Annotations {
        trust_anchor_arn: Some("arn:anchor".to_owned()),
        profile_arn: Some("arn:profile".to_owned()),
        role_arns: vec!["arn:aws:iam::000011112222:role/North".to_owned(), "arn:aws:iam::000011112222:role/South".to_owned()],
        ..Annotations::default()
    };
    let given = template(&config, &annotations);
    assert!(ids(&given, "TrustAnchor").is_empty() && ids(&given, "AnywhereProfile").is_empty());
    assert_eq!(given["Outputs"]["RemoteNodesTrustAnchorARN"]["Value"], "arn:anchor");
    assert_eq!(given["Outputs"]["RemoteNodesAnywhereProfileARN"]["Value"], "arn:profile");
    assert_eq!(
        property(&given, "HybridNodesIRARole", "/AssumeRolePolicyDocument/Statement/0/Condition/ArnEquals/aws:SourceArn"),
        &json!("arn:anchor")
    );
    let entries = ids(&given, "RemoteNodesAccessEntry");
    assert_eq!(entries.len(), 3);

    // An entry does not depend on its neighbours.
    let one = Annotations { role_arns: annotations.role_arns[1..].to_vec(), ..annotations.clone() };
    let fewer = template(&config, &one);
    assert!(ids(&fewer, "RemoteNodesAccessEntry").iter().all(|id| entries.contains(id)));

    remote(&mut config).iam.role_arn = "arn:aws:iam::000011112222:role/sites/Hybrid".to_owned();
    let role = template(&config, &annotations);
    assert!(ids(&role, "HybridNodes").is_empty());
    assert_eq!(property(&role, "RemoteNodesAccessEntry", "/PrincipalArn"), "arn:aws:iam::000011112222:role/sites/Hybrid");
    assert_eq!(role["Outputs"]["RemoteNodesRoleARN"]["Value"], "arn:aws:iam::000011112222:role/sites/Hybrid");
    assert_eq!(role["Outputs"]["RemoteNodesTrustAnchorARN"]["Value"], "arn:anchor");
}

#[test]
fn an_entry_that_exists_is_used_if_it_is_of_the_right_type() {
    let arn = "arn:aws:iam::000011112222:role/Hybrid";
    let mut config = hybrid("");
    remote(&mut config).iam.role_arn = arn.to_owned();
    for (kind, code) in [("HYBRID_LINUX", "entry.adopted"), ("STANDARD", "entry.type")] {
        let entry = crate::world::LiveEntry { principal_arn: arn.to_owned(), kind: kind.to_owned(), ..Default::default() };
        let world = World { access_entries: vec![entry], ..World::default() };
        let (template, findings) = made(&config, &Annotations::default(), &world);
        assert!(ids(&template, "RemoteNodesAccessEntry").is_empty());
        assert_eq!(findings, [code]);
    }
}

#[test]
fn gateways_route_where_control_plane_and_nodes_are() {
    let routes = |config: &ClusterConfig, annotations: &Annotations| {
        let template = template(config, annotations);
        ids(&template, "TGWP").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let private = [
        "TGWPrivateSubnetRoute0USWEST2A",
        "TGWPrivateSubnetRoute0USWEST2B",
        "TGWPrivateSubnetRoute1USWEST2A",
        "TGWPrivateSubnetRoute1USWEST2B",
    ];
    let public = ["TGWPublicSubnetRoute0", "TGWPublicSubnetRoute1"];
    let everywhere: Vec<&str> = private.into_iter().chain(public).collect();
    let mut config = hybrid("tgw-1");
    assert_eq!(routes(&config, &Annotations::default()), everywhere);
    config.vpc.control_plane_on_private_subnets = Some(true);
    assert_eq!(routes(&config, &Annotations::default()), private);
    config.managed_node_groups = vec![ManagedNodeGroup { name: "cloud".to_owned(), ..ManagedNodeGroup::default() }];
    assert_eq!(routes(&config, &Annotations::default()), everywhere);
    let by_gateway = Annotations { pod_routes_by_gateway: true, ..Annotations::default() };
    assert_eq!(routes(&config, &by_gateway), [private[0], private[1], public[0]]);

    let mut config = hybrid("tgw-1");
    config.private_cluster.enabled = true;
    assert_eq!(routes(&config, &Annotations::default()), private);
    assert_eq!(ids(&template(&config, &Annotations::default()), "TransitGatewayAttachment").len(), 1);
}

/// A VPC with two private subnets that share a table, and a public one.
fn standing() -> (ClusterConfig, World) {
    let world = json!({
        "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [
            {"SubnetId": "subnet-a", "VpcId": "vpc-1", "AvailabilityZone": "us-west-2a", "CidrBlock": "10.0.0.0/24"},
            {"SubnetId": "subnet-b", "VpcId": "vpc-1", "AvailabilityZone": "us-west-2b", "CidrBlock": "10.0.1.0/24"},
            {"SubnetId": "subnet-p", "VpcId": "vpc-1", "AvailabilityZone": "us-west-2a", "CidrBlock": "10.0.2.0/24"}
        ],
        "RouteTables": [
            {"RouteTableId": "rtb-0main", "VpcId": "vpc-1", "Associations": [{"Main": true}]},
            {"RouteTableId": "rtb-0pub", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-p"}]}
        ]
    });
    let mut config = hybrid("tgw-1");
    config.availability_zones.clear();
    let subnet = |id: &str| Subnet { id: id.to_owned(), ..Subnet::default() };
    config.vpc.subnets.private = [("us-west-2a".to_owned(), subnet("subnet-a")), ("us-west-2b".to_owned(), subnet("subnet-b"))].into();
    config.vpc.subnets.public = [("us-west-2a".to_owned(), subnet("subnet-p"))].into();
    (config, serde_json::from_value(world).unwrap())
}

#[test]
fn given_subnets_get_routes_in_their_real_tables() {
    let (config, mut world) = standing();
    let (template, findings) = made(&config, &Annotations::default(), &world);
    assert_eq!(
        ids(&template, "TGW"),
        ["TGWSubnetRoute0RTB0MAIN", "TGWSubnetRoute0RTB0PUB", "TGWSubnetRoute1RTB0MAIN", "TGWSubnetRoute1RTB0PUB"]
    );
    assert_eq!(property(&template, "TGWSubnetRoute0RTB0PUB", "/RouteTableId"), "rtb-0pub");
    assert_eq!(property(&template, "TransitGatewayAttachment", "/SubnetIds"), &json!(["subnet-a", "subnet-b"]));
    assert_eq!(findings, [""; 0]);

    // What is there is left alone, and not made twice.
    world.route_tables[0].routes =
        vec![serde_json::from_value(json!({"DestinationCidrBlock": "10.80.146.0/24", "TransitGatewayId": "tgw-1"})).unwrap()];
    world.transit_gateway_attachments =
        vec![serde_json::from_value(json!({"TransitGatewayId": "tgw-1", "ResourceId": "vpc-1", "State": "available"})).unwrap()];
    let (template, _) = made(&config, &Annotations::default(), &world);
    assert_eq!(ids(&template, "TGW"), ["TGWSubnetRoute0RTB0PUB", "TGWSubnetRoute1RTB0MAIN", "TGWSubnetRoute1RTB0PUB"]);
    assert!(ids(&template, "TransitGatewayAttachment").is_empty());

    world.route_tables.clear();
    let (template, findings) = made(&config, &Annotations::default(), &world);
    assert!(ids(&template, "TGW").is_empty());
    assert_eq!(findings, ["routes.unknown-table"]);
}

#[test]
fn private_clusters_offer_what_hybrid_nodes_need_and_let_them_in() {
    let mut config = hybrid("");
    config.private_cluster.enabled = true;
    let endpoints = |template: &Json| {
        ids(template, "VPCEndpoint").into_iter().map(|id| id.trim_start_matches("VPCEndpoint").to_owned()).collect::<Vec<_>>()
    };
    let ssm = template(&config, &Annotations::default());
    assert_eq!(endpoints(&ssm), ["EC2", "EC2MESSAGES", "ECRAPI", "ECRDKR", "EKS", "EKSAUTH", "S3", "SSM", "SSMMESSAGES", "STS"]);
    assert_eq!(property(&ssm, "IngressEndpointsRemoteNetworks0", "/CidrIp"), "10.80.146.0/24");
    assert_eq!(property(&ssm, "IngressEndpointsRemoteNetworks1", "/GroupId"), &json!({"Ref": "ClusterSharedNodeSecurityGroup"}));
    assert_eq!(property(&ssm, "VPCEndpointS3", "/RouteTableIds").as_array().unwrap().len(), 2);
    let network = property(&ssm, "ControlPlane", "/ResourcesVpcConfig");
    assert_eq!((&network["EndpointPublicAccess"], &network["EndpointPrivateAccess"]), (&json!(false), &json!(true)));

    ira(&mut config);
    config.cloud_watch.cluster_logging.enable_types = vec!["*".to_owned()];
    config.private_cluster.additional_endpoint_services = vec!["autoscaling".to_owned()];
    let service = json!({"ServiceName": "com.amazonaws.us-west-2.sts", "ServiceType": [{"ServiceType": "Interface"}], "AvailabilityZones": ["us-west-2b"]});
    let world = World { service_details: vec![serde_json::from_value(service).unwrap()], ..World::default() };
    let (anywhere, _) = made(&config, &Annotations::default(), &world);
    assert_eq!(endpoints(&anywhere), ["AUTOSCALING", "EC2", "ECRAPI", "ECRDKR", "EKS", "EKSAUTH", "LOGS", "ROLESANYWHERE", "S3", "STS"]);
    assert_eq!(property(&anywhere, "VPCEndpointSTS", "/SubnetIds"), &json!([{"Ref": "SubnetPrivateUSWEST2B"}]));

    config.remote_network_config = None;
    assert_eq!(endpoints(&template(&config, &Annotations::default())), ["AUTOSCALING", "EC2", "ECRAPI", "ECRDKR", "LOGS", "S3", "STS"]);
}

#[test]
fn other_stacks_are_eksctls() {
    let mut config = hybrid("");
    config.access_config.access_entries =
        vec![AccessEntry { principal_arn: "arn:aws:iam::000011112222:role/Viewer".to_owned(), ..AccessEntry::default() }];
    config.managed_node_groups = vec![ManagedNodeGroup {
        name: "cloud".to_owned(),
        availability_zones: vec!["us-west-2b".to_owned()],
        ..ManagedNodeGroup::default()
    }];
    let account = json!({"metadata": {"name": "reader"}, "attachPolicyARNs": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]});
    config.iam.service_accounts = vec![serde_json::from_value(account).unwrap()];
    let association = json!({"namespace": "shop", "serviceAccountName": "till", "permissionPolicy": {"Version": "2012-10-17", "Statement": []}, "roleName": "till"});
    config.iam.pod_identity_associations = vec![serde_json::from_value(association).unwrap()];

    let cluster = resolve(&config, &Annotations::default(), &World::default()).unwrap();
    let names = |world: &World| stacks(&cluster, world).into_iter().map(|stack| stack.name).collect::<Vec<_>>();
    let entry = "eksctl-shop-accessentry-QOOS7GRWK5NPREZFOIXBKYH236WPNSIN";
    let account = "eksctl-shop-addon-iamserviceaccount-default-reader";
    assert_eq!(
        names(&World::default()),
        ["eksctl-shop-cluster", entry, "eksctl-shop-nodegroup-cloud", "eksctl-shop-podidentityrole-shop-till"]
    );
    assert_eq!(later(&cluster, &World::default()), [account]);

    let live = json!({"arn": "arn:aws:eks:us-west-2:000011112222:cluster/shop", "identity": {"oidc": {"issuer": "https://oidc.eks.us-west-2.amazonaws.com/id/ABC"}}});
    let world = World { cluster: Some(serde_json::from_value(live).unwrap()), ..World::default() };
    assert!(names(&world).contains(&account.to_owned()));
    assert!(later(&cluster, &world).is_empty());
    let all = stacks(&cluster, &world);
    let by_name = |name: &str| all.iter().find(|stack| stack.name.contains(name)).unwrap();
    assert!(all[1..].iter().all(|stack| stack.depends_on == ["eksctl-shop-cluster"] && stack.template.check().is_empty()));
    let trust = by_name("reader").template.to_json();
    let trust = property(&trust, "Role1", "/AssumeRolePolicyDocument/Statement/0");
    assert_eq!(trust["Principal"]["Federated"], "arn:aws:iam::000011112222:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/ABC");
    assert_eq!(trust["Condition"]["StringEquals"]["oidc.eks.us-west-2.amazonaws.com/id/ABC:sub"], "system:serviceaccount:default:reader");
    assert_eq!(by_name("till").capabilities, ["CAPABILITY_NAMED_IAM"]);
    assert_eq!(by_name("till").tags["alpha.eksctl.io/podidentityassociation-name"], "shop/till");
    let group = by_name("nodegroup").template.to_json();
    let subnets = json!([{"Fn::Select": [1, {"Fn::Split": [",", {"Fn::ImportValue": "eksctl-shop-cluster::SubnetsPublic"}]}]}]);
    assert_eq!(property(&group, "ManagedNodeGroup", "/Subnets"), &subnets);
}

#[test]
fn a_cluster_made_by_others_gets_a_stack_beside_it_only() {
    let (mut config, mut world) = standing();
    remote(&mut config).vpc_gateway_id.clear();
    let network = json!({"vpcId": "vpc-1", "subnetIds": ["subnet-a", "subnet-b"], "clusterSecurityGroupId": "sg-eks"});
    world.cluster = Some(serde_json::from_value(json!({"name": "shop", "version": "1.33", "resourcesVpcConfig": network})).unwrap());
    let rule = json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.86.30.0/23"}]});
    world.security_groups = vec![serde_json::from_value(json!({"GroupId": "sg-eks", "IpPermissions": [rule]})).unwrap()];
    let cluster = resolve(&config, &Annotations::default(), &world).unwrap();
    let all = stacks(&cluster, &world);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].name, "hybridge-shop-hybrid");
    assert!(!all[0].tags.keys().any(|key| key.contains("eksctl")), "{:?}", all[0].tags);
    let template = all[0].template.to_json();
    assert_eq!(ids(&template, ""), ["HybridNodesSSMRole", "IngressControlPlaneRemoteNetworks0", "RemoteNodesAccessEntry"]);
    assert_eq!(property(&template, "IngressControlPlaneRemoteNetworks0", "/GroupId"), "sg-eks");

    remote(&mut config).vpc_gateway_id = "tgw-1".to_owned();
    let (template, _) = made(&config, &Annotations::default(), &world);
    assert_eq!(ids(&template, "TGW").len(), 4);
}

fn many(networks: usize) -> ClusterConfig {
    let mut config = hybrid("tgw-0123456789abcdef0");
    let list =
        |second: u8| Some(vec![RemoteNetwork { cidrs: (0..networks).map(|third| format!("10.1{second}.1{third:02}.128/25")).collect() }]);
    config.availability_zones.push("us-west-2c".to_owned());
    remote(&mut config).remote_node_networks = list(10);
    remote(&mut config).remote_pod_networks = list(11);
    config
}

#[test]
fn fifteen_and_fifteen_networks_over_three_zones_fit_into_a_request() {
    let cluster = resolve(&many(15), &Annotations::default(), &World::default()).unwrap();
    let stack = &stacks(&cluster, &World::default())[0];
    let (bytes, resources) = (stack.template.render().len(), stack.template.resources.len());
    assert!(bytes <= cfn::MAX_BODY && resources <= cfn::MAX_RESOURCES, "{bytes} bytes, {resources} resources");
    assert_eq!((stack.template.check(), stack.findings.as_slice()), (vec![], [].as_slice()));
    // Each route still waits for the attachment, by its table if not itself.
    let template = stack.template.to_json();
    for id in ids(&template, "TGW") {
        let table = property(&template, id, "/RouteTableId")["Ref"].as_str().unwrap();
        let waits = [id, table].map(|id| {
            template
                .pointer(&format!("/Resources/{id}/DependsOn"))
                .is_some_and(|needs| needs.to_string().contains("TransitGatewayAttachment"))
        });
        assert!(waits.contains(&true), "{id}");
    }
}

/// The stack that is there was small enough for each route to wait by itself.
#[test]
fn the_fifteenth_networks_fit_into_a_request_when_they_come_later() {
    let stack = |config: &ClusterConfig| {
        stacks(&resolve(config, &Annotations::default(), &World::default()).unwrap(), &World::default()).swap_remove(0)
    };
    let before = stack(&many(14)).template;
    assert!(before.resources.iter().any(|(id, route)| id.starts_with("TGWPrivate") && !route.depends_on.is_empty()), "each waits");
    let world = World { deployed: Some(Deployed { template_body: before.to_json(), stack_resources: Vec::new() }), ..World::default() };
    let update = plan_update(&resolve(&many(15), &Annotations::default(), &world).unwrap(), &world, false);
    let [phase] = update.phases.as_slice() else { panic!("{:?}", update.phases) };
    assert_eq!(phase.template.check(), []);
    let bytes = phase.template.render().len();
    assert!(bytes <= cfn::MAX_BODY, "{bytes} bytes");
    let others: Vec<_> = phase.changes.resources.iter().filter(|change| change.action != Action::Add).map(|change| &change.id).collect();
    assert_eq!(others, ["ControlPlane"], "that others wait is no change of theirs");
}

#[test]
fn a_template_is_the_same_bytes_every_time() {
    let (config, world) = standing();
    let render = || {
        let cluster = resolve(&config, &Annotations::default(), &world).unwrap();
        stacks(&cluster, &world).iter().map(|stack| stack.template.render()).collect::<String>()
    };
    let first = render();
    assert!((0..100).all(|_| render() == first));
}

/// EKS takes what is absent for "as before", so what a stack has switched on stays in it, as off.
#[test]
fn what_is_no_longer_wanted_is_switched_off_in_so_many_words() {
    let mut config = hybrid("");
    config.auto_mode_config.enabled = Some(true);
    config.zonal_shift_config.enabled = Some(true);
    config.cloud_watch.cluster_logging.enable_types = vec!["audit".to_owned()];
    let on = template(&config, &Annotations::default());
    assert_eq!(property(&on, "ControlPlane", "/ComputeConfig/Enabled"), true);
    let world = World { deployed: Some(crate::world::Deployed { template_body: on, ..Default::default() }), ..World::default() };
    let (off, _) = made(&hybrid(""), &Annotations::default(), &world);
    let never = template(&hybrid(""), &Annotations::default());
    for (pointer, expected) in [
        ("/ComputeConfig", json!({"Enabled": false})),
        ("/StorageConfig", json!({"BlockStorage": {"Enabled": false}})),
        ("/KubernetesNetworkConfig", json!({"ElasticLoadBalancing": {"Enabled": false}})),
        ("/ZonalShiftConfig", json!({"Enabled": false})),
        ("/Logging/ClusterLogging/EnabledTypes", json!([])),
    ] {
        assert_eq!(property(&off, "ControlPlane", pointer), &expected, "{pointer}");
        assert!(property(&never, "ControlPlane", pointer).as_object().is_none_or(serde_json::Map::is_empty), "{pointer}");
    }
    let policies = property(&off, "ServiceRole", "/ManagedPolicyArns").to_string();
    assert!(policies.contains("AmazonEKSComputePolicy"), "EKS has to take its nodes away: {policies}");
    assert_eq!(off["Resources"].get("AutoModeNodeRole"), None);
}

#[test]
fn a_group_names_the_version_of_its_launch_template_as_soon_as_there_is_another() {
    let mut config = hybrid("");
    config.managed_node_groups = vec![ManagedNodeGroup { name: "cloud".to_owned(), ..ManagedNodeGroup::default() }];
    let plan = |config: &ClusterConfig| {
        let cluster = resolve(config, &Annotations::default(), &World::default()).unwrap();
        stacks(&cluster, &World::default()).swap_remove(1)
    };
    let first = plan(&config).template.to_json();
    config.managed_node_groups[0].desired_capacity = Some(5);
    let version = |config: &ClusterConfig, deployed: &Json| {
        let template = plan(config).over(deployed);
        assert_eq!(template.check(), []);
        let template = template.to_json();
        (template.pointer("/Resources/ManagedNodeGroup/Properties/LaunchTemplate/Version").cloned(), template)
    };
    assert_eq!(version(&config, &first).0, None, "its nodes stay what they are");
    config.managed_node_groups[0].volume_size = Some(200);
    let latest = Some(json!({"Fn::GetAtt": ["LaunchTemplate", "LatestVersionNumber"]}));
    let (said, second) = version(&config, &first);
    assert_eq!(said, latest);
    assert_eq!(version(&config, &second).0, latest, "and it stays said");
}
