//! Templates of generated clusters before cfn-lint, which knows CloudFormation's own resource schemas.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]
#![allow(clippy::print_stdout, reason = "libtest keeps it: how many there were")]

mod with_real_parts {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use hybridge_cluster::config::outposts::{InstanceType, OutpostSubnet, OutpostsServer};
    use hybridge_cluster::config::{Annotations, ClusterConfig};
    use hybridge_cluster::difference::CREATE_ONLY;
    use hybridge_cluster::resolve::resolve;
    use hybridge_cluster::template::{cfn, stacks};
    use hybridge_cluster::world::World;
    use serde_json::{Map, Value, json};

    /// Built by `cargo xtask real`.
    fn program(name: &str) -> PathBuf {
        let named = std::env::var_os("HYBRIDGE_REAL_DIR").map(PathBuf::from);
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("target/real"));
        let found = named.into_iter().chain(folders).map(|folder| folder.join("cfnlint-venv/bin").join(name)).find(|path| path.is_file());
        found.expect("cfn-lint is not in target/real: run `cargo xtask test` or `cargo xtask real`")
    }

    /// The same choices each time (xorshift, Marsaglia 2003).
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 16).unwrap() % sides
        }

        fn one<T: Clone>(&mut self, of: &[T]) -> T {
            of[self.roll(of.len())].clone()
        }

        fn sometimes(&mut self, config: &mut Map<String, Value>, key: &str, values: &[Value]) {
            if self.roll(2) == 0 {
                config.insert(key.to_owned(), self.one(values));
            }
        }
    }

    const VPC: &str = "vpc-0123456789abcdef0";
    const ROLE: &str = "arn:aws:iam::000011112222:role/Given";

    fn remote(dice: &mut Dice, given: bool) -> Value {
        let networks =
            |second: u8, count: usize| json!([{"cidrs": (0..count).map(|third| format!("10.{second}.{third}.0/24")).collect::<Vec<_>>()}]);
        let mut remote = Map::new();
        let (nodes, pods) = (1 + dice.roll(5), dice.roll(5));
        remote.insert("remoteNodeNetworks".to_owned(), networks(80, nodes));
        if pods > 0 {
            remote.insert("remotePodNetworks".to_owned(), networks(86, pods));
        }
        let gateway = dice.one(&["", "tgw-0123456789abcdef0", "vgw-0123456789abcdef0"]);
        if !gateway.is_empty() && !given {
            remote.insert("vpcGatewayID".to_owned(), json!(gateway));
        }
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let iam = [json!({}), json!({"provider": "ira", "caBundleCert": certificate}), json!({"roleARN": ROLE})];
        remote.insert("iam".to_owned(), dice.one(&iam));
        Value::Object(remote)
    }

    fn vpc(dice: &mut Dice, given: bool) -> Value {
        let mut vpc = Map::new();
        if given {
            vpc.insert("id".to_owned(), json!(VPC));
            let subnet = |letter: &str, id: &str| (format!("us-west-2{letter}"), json!({"id": format!("subnet-0123456789abcde{id}")}));
            let private: Map<String, Value> = [subnet("a", "a0"), subnet("b", "b0")].into_iter().collect();
            let public: Map<String, Value> = [subnet("a", "a1")].into_iter().collect();
            let both = json!({"private": private, "public": public});
            vpc.insert("subnets".to_owned(), dice.one(&[json!({ "private": private }), both]));
            dice.sometimes(&mut vpc, "sharedNodeSecurityGroup", &[json!("sg-0123456789abcdef0")]);
        } else {
            dice.sometimes(&mut vpc, "cidr", &[json!("10.10.0.0/16"), json!("172.16.0.0/20"), json!("10.9.8.0/24")]);
            let nat = ["Single", "HighlyAvailable", "Disable"].map(|mode| json!({ "gateway": mode }));
            dice.sometimes(&mut vpc, "nat", &nat);
            dice.sometimes(&mut vpc, "hostnameType", &[json!("ip-name"), json!("resource-name")]);
        }
        let endpoints = [json!({"publicAccess": false, "privateAccess": true}), json!({"publicAccess": true})];
        dice.sometimes(&mut vpc, "clusterEndpoints", &endpoints);
        dice.sometimes(&mut vpc, "publicAccessCIDRs", &[json!(["203.0.113.0/24"])]);
        dice.sometimes(&mut vpc, "extraCIDRs", &[json!(["10.200.0.0/16"]), json!(["10.80.0.0/24", "10.201.0.0/16"])]);
        dice.sometimes(&mut vpc, "controlPlaneSecurityGroupIDs", &[json!(["sg-0123456789abcdef1", "sg-0123456789abcdef2"]), json!([])]);
        dice.sometimes(&mut vpc, "controlPlaneOnPrivateSubnets", &[json!(true)]);
        dice.sometimes(&mut vpc, "manageSharedNodeSecurityGroupRules", &[json!(false), json!(true)]);
        Value::Object(vpc)
    }

    fn others(dice: &mut Dice, config: &mut Map<String, Value>) {
        let mode = [json!("API"), json!("API_AND_CONFIG_MAP")];
        let viewer = json!({"principalARN": ROLE, "accessPolicies": [{"policyARN": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "accessScope": {"type": "namespace", "namespaces": ["shop"]}}]});
        let access = json!({"authenticationMode": dice.one(&mode), "accessEntries": [viewer]});
        dice.sometimes(config, "accessConfig", &[access]);
        let private = [
            json!({"enabled": true}),
            json!({"enabled": true, "additionalEndpointServices": ["logs"]}),
            json!({"enabled": true, "skipEndpointCreation": true}),
        ];
        if dice.roll(2) == 0 {
            dice.sometimes(config, "privateCluster", &private);
        }
        let account = json!({"metadata": {"name": "reader", "namespace": "shop"}, "attachPolicyARNs": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]});
        let statement = json!({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        let identity = json!({"namespace": "shop", "serviceAccountName": "till", "permissionPolicy": policy});
        let iam = [
            json!({"serviceRoleARN": ROLE}),
            json!({"withOIDC": true, "serviceAccounts": [account], "vpcResourceControllerPolicy": false}),
            json!({"podIdentityAssociations": [identity], "serviceRolePermissionsBoundary": "arn:aws:iam::000011112222:policy/Boundary"}),
        ];
        dice.sometimes(config, "iam", &iam);
        dice.sometimes(
            config,
            "cloudWatch",
            &[json!({"clusterLogging": {"enableTypes": ["*"]}}), json!({"clusterLogging": {"enableTypes": ["api"]}})],
        );
        dice.sometimes(
            config,
            "secretsEncryption",
            &[json!({"keyARN": "arn:aws:kms:us-west-2:000011112222:key/11111111-2222-3333-4444-555555555555"})],
        );
        dice.sometimes(config, "upgradePolicy", &[json!({"supportType": "STANDARD"}), json!({"supportType": "EXTENDED"})]);
        dice.sometimes(config, "zonalShiftConfig", &[json!({"enabled": true})]);
        dice.sometimes(config, "kubernetesNetworkConfig", &[json!({"serviceIPv4CIDR": "10.100.0.0/16"}), json!({"ipFamily": "IPv4"})]);
        let groups = [
            json!([{"name": "cloud", "instanceType": "m7g.large", "privateNetworking": true, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}]),
            json!([{"name": "spot", "instanceTypes": ["m5.large", "m5a.large"], "spot": true, "availabilityZones": ["us-west-2b"], "updateConfig": {"maxUnavailable": 2}}]),
            json!([{"name": "rocket", "amiFamily": "Bottlerocket", "minSize": 1, "maxSize": 4, "desiredCapacity": 2, "iam": {"instanceRoleARN": ROLE}}]),
        ];
        if dice.roll(2) == 0 {
            dice.sometimes(config, "managedNodeGroups", &groups);
        } else {
            dice.sometimes(config, "autoModeConfig", &[json!({"enabled": true}), json!({"enabled": true, "nodePools": []})]);
        }
    }

    fn cluster(dice: &mut Dice, number: usize) -> ClusterConfig {
        let given = dice.roll(4) == 0;
        let mut config = Map::new();
        config
            .insert("metadata".to_owned(), json!({"name": format!("generated-{number}"), "region": "us-west-2", "tags": {"team": "shop"}}));
        config.insert("vpc".to_owned(), vpc(dice, given));
        if !given {
            let zones = ["a", "b", "c", "d"].map(|letter| format!("us-west-2{letter}"));
            config.insert("availabilityZones".to_owned(), json!(zones[..2 + dice.roll(3)]));
        }
        if dice.roll(8) > 0 {
            config.insert("remoteNetworkConfig".to_owned(), remote(dice, given));
        }
        others(dice, &mut config);
        serde_json::from_value(Value::Object(config)).unwrap()
    }

    fn annotations(dice: &mut Dice) -> Annotations {
        let given = dice.roll(4) == 0;
        Annotations {
            trust_anchor_arn: given
                .then(|| "arn:aws:rolesanywhere:us-west-2:000011112222:trust-anchor/11111111-2222-3333-4444-555555555555".to_owned()),
            profile_arn: given
                .then(|| "arn:aws:rolesanywhere:us-west-2:000011112222:profile/11111111-2222-3333-4444-555555555555".to_owned()),
            role_arns: if dice.roll(4) == 0 { vec!["arn:aws:iam::000011112222:role/North".to_owned()] } else { Vec::new() },
            any_session_name: dice.roll(4) == 0,
            pod_routes_by_gateway: dice.roll(4) == 0,
            pod_identity: dice.roll(2) == 0,
            session_seconds: (dice.roll(3) == 0).then_some(7200),
            ..Annotations::default()
        }
    }

    /// On every sixth cluster with room for them, of both kinds of subnets and processors.
    fn servers(number: usize, config: &ClusterConfig) -> Vec<OutpostsServer> {
        let vpc = match config.vpc.cidr.as_str() {
            "" => "192.168",
            "10.10.0.0/16" => "10.10",
            _ => return Vec::new(),
        };
        if !number.is_multiple_of(6) || config.availability_zones.len() > 3 {
            return Vec::new();
        }
        let server = |(index, instance): (usize, &'static InstanceType)| OutpostsServer {
            name: format!("press-{index}"),
            outpost_arn: OUTPOST.to_owned(),
            zone: "us-west-2a".to_owned(),
            subnet: if config.vpc.id.is_empty() {
                OutpostSubnet::Made(format!("{vpc}.25{index}.0/26").parse().unwrap())
            } else {
                OutpostSubnet::Given("subnet-0123456789abcde0f".to_owned())
            },
            instance_type: instance,
            lni_device_index: instance.last_index(),
            lan_cidrs: Vec::new(),
            min_size: 1,
            max_size: 2,
            desired_capacity: 1,
            ami: number.is_multiple_of(12).then(|| "ami-0123456789abcdef0".to_owned()),
            labels: BTreeMap::from([("site".to_owned(), "north".to_owned())]),
            taints: Vec::new(),
        };
        let types = ["c6id.8xlarge", "c6gd.16xlarge"].map(|name| InstanceType::named(name).unwrap());
        types.into_iter().enumerate().map(server).collect()
    }

    const OUTPOST: &str = "arn:aws:outposts:us-west-2:000011112222:outpost/op-0123456789abcdef0";

    fn world() -> World {
        let subnet = |letter: &str, id: &str, third: u8| json!({"SubnetId": format!("subnet-0123456789abcde{id}"), "VpcId": VPC, "AvailabilityZone": format!("us-west-2{letter}"), "CidrBlock": format!("192.168.{third}.0/24")});
        serde_json::from_value(json!({
            "Vpcs": [{"VpcId": VPC, "CidrBlock": "192.168.0.0/16"}],
            "Subnets": [subnet("a", "a0", 0), subnet("b", "b0", 1), subnet("a", "a1", 2)],
            "RouteTables": [{"RouteTableId": "rtb-0123456789abcdef0", "VpcId": VPC, "Associations": [{"Main": true}]}]
        }))
        .unwrap()
    }

    /// A world in which the roles of service accounts are known, too; the cluster's own template must not know of it.
    fn with_issuer(cluster: &hybridge_cluster::resolve::Cluster) -> World {
        let name = &cluster.config.metadata.name;
        let issuer = json!({"oidc": {"issuer": "https://oidc.eks.us-west-2.amazonaws.com/id/ABCDEF"}});
        let live = json!({"name": name, "arn": format!("arn:aws:eks:us-west-2:000011112222:cluster/{name}"), "identity": issuer});
        World { cluster: Some(serde_json::from_value(live).unwrap()), ..world() }
    }

    /// What cfn-lint calls an error, by file.
    fn lint(folder: &Path) -> BTreeMap<String, Vec<String>> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let output = Command::new(program("cfn-lint"))
            .args(["--regions", "us-west-2", "--ignore-checks", "W", "I", "--format", "json", "--"])
            .args(files)
            .output()
            .unwrap();
        let found: Vec<Value> =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in found {
            let file = Path::new(one["Filename"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
            errors.entry(file).or_default().push(format!("{} {} {}", one["Rule"]["Id"], one["Location"]["Path"], one["Message"]));
        }
        errors
    }

    #[test]
    fn no_template_has_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..220 {
            let config = cluster(&mut dice, number);
            let annotations = Annotations { outposts_servers: servers(number, &config), ..annotations(&mut dice) };
            let cluster = resolve(&config, &annotations, &world()).unwrap();
            for stack in stacks(&cluster, &world()).into_iter().take(1).chain(stacks(&cluster, &with_issuer(&cluster)).into_iter().skip(1))
            {
                assert_eq!(stack.template.check(), [], "{}", stack.name);
                let text = stack.template.render();
                assert!(text.len() <= cfn::MAX_BODY, "{} {}", stack.name, text.len());
                // Stacks beside the cluster's are alike but for names.
                if seen.insert(text.replace(&config.metadata.name, "name")) {
                    std::fs::write(folder.path().join(format!("{}.json", stack.name)), text).unwrap();
                }
            }
        }
        println!("{} templates", seen.len());
        assert!(seen.len() > 200);
        assert_eq!(lint(folder.path()), BTreeMap::new());
    }

    /// What cfn-lint is for: the template that eksctl makes for a role that exists.
    #[test]
    fn a_template_with_a_name_that_leads_nowhere_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let eksctl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/eksctl/templates/08-role-arn-preexisting.json");
        std::fs::copy(eksctl, folder.path().join("it.json")).unwrap();
        assert!(lint(folder.path())["it.json"][0].contains("E1010"));
    }

    #[test]
    fn properties_that_replace_are_those_of_the_schemas() {
        let script = "import json,sys\nfrom cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as M\n\
            print(json.dumps({t: [p.replace('/properties/', '') for p in M.get_resource_schema('us-west-2', t).schema.get('createOnlyProperties', [])] for t in sys.argv[1:]}))";
        let types = CREATE_ONLY.iter().map(|(kind, _)| *kind);
        let others = [
            "AWS::AutoScaling::AutoScalingGroup",
            "AWS::EC2::EIP",
            "AWS::EC2::InternetGateway",
            "AWS::IAM::Policy",
            "AWS::RolesAnywhere::Profile",
            "AWS::RolesAnywhere::TrustAnchor",
        ];
        let output = Command::new(program("python")).args(["-c", script]).args(types).args(others).output().unwrap();
        let schemas: BTreeMap<String, Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
        // Those that we never write.
        const UNUSED: [&str; 28] = [
            "Address",
            "AutoScalingGroupName",
            "AvailabilityMode",
            "AvailabilityZoneId",
            "CidrIpv6",
            "ConnectivityType",
            "DestinationIpv6CidrBlock",
            "DestinationPrefixListId",
            "DnsOptions/PrivateDnsPreference",
            "DnsOptions/PrivateDnsSpecifiedDomains",
            "InstanceId",
            "IpamPoolId",
            "Ipv4IpamPoolId",
            "Ipv4NetmaskLength",
            "Ipv6IpamPoolId",
            "Ipv6Native",
            "Ipv6NetmaskLength",
            "NetworkBorderGroup",
            "PrivateIpAddress",
            "RequireInstanceProperties",
            "ResourceConfigurationArn",
            "ServiceNetworkArn",
            "ServiceRegion",
            "SourcePrefixListId",
            "SourceSecurityGroupName",
            "SourceSecurityGroupOwnerId",
            "TransferAddress",
            "VpcEncryptionControl",
        ];
        for (kind, schema) in schemas {
            let ours = CREATE_ONLY.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, properties)| properties);
            let missing: Vec<_> =
                schema.iter().filter(|property| !ours.contains(&property.as_str()) && !UNUSED.contains(&property.as_str())).collect();
            // A rule's group by name, and a NAT gateway's VPC, are for networks of another kind.
            let missing: Vec<_> = missing.into_iter().filter(|property| !["GroupName", "VpcId"].contains(&property.as_str())).collect();
            let more: Vec<_> = ours.iter().filter(|property| !schema.iter().any(|known| known == **property)).collect();
            assert!(missing.is_empty() && more.is_empty(), "{kind}: missing {missing:?}, too many {more:?}");
        }
    }
}
