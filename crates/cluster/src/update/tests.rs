//! The transitions that eksctl gets wrong, on its own templates: what it deployed, and what the file says now.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::config::{Annotations, ClusterConfig, Provider, RemoteNetwork, RemoteNetworkConfig};
use crate::resolve::resolve;
use crate::template::stacks;
use crate::world::{Deployed, KubeNode, LiveCidrs, LiveCluster, LiveRemoteNetworks, ManagedInstance};

const TGW: &str = "tgw-0123456789abcdef0";
const VGW: &str = "vgw-0123456789abcdef0";
const NODES: &str = "10.80.146.0/24";
const PODS: &str = "10.86.30.0/23";

/// eksctl's own template.
fn golden(name: &str) -> Json {
    let file = format!("{}/../../tests/fixtures/eksctl/templates/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The same cluster's file.
fn file(name: &str, gateway: &str, nodes: &[&str], pods: &[&str]) -> ClusterConfig {
    let networks = |cidrs: &[&str]| {
        if cidrs.is_empty() {
            Some(Vec::new())
        } else {
            Some(vec![RemoteNetwork { cidrs: cidrs.iter().map(|cidr| (*cidr).to_owned()).collect() }])
        }
    };
    let mut config = ClusterConfig::default();
    config.metadata.name = name.to_owned();
    config.metadata.region = "us-west-2".to_owned();
    config.metadata.version = "1.33".to_owned();
    config.availability_zones = vec!["us-west-2a".to_owned(), "us-west-2b".to_owned()];
    config.remote_network_config = Some(RemoteNetworkConfig {
        vpc_gateway_id: gateway.to_owned(),
        remote_node_networks: networks(nodes),
        remote_pod_networks: networks(pods),
        ..RemoteNetworkConfig::default()
    });
    config
}

/// EKS as the template has it.
fn world(deployed: Json) -> World {
    let list = |key: &str| {
        let cidrs = deployed.pointer(&format!("/Resources/ControlPlane/Properties/RemoteNetworkConfig/{key}/0/Cidrs"));
        let cidrs: Vec<String> =
            cidrs.and_then(Json::as_array).into_iter().flatten().map(|cidr| cidr.as_str().unwrap().to_owned()).collect();
        if cidrs.is_empty() { Vec::new() } else { vec![LiveCidrs { cidrs }] }
    };
    let mut cluster = LiveCluster { version: "1.33".to_owned(), ..LiveCluster::default() };
    cluster.resources_vpc_config.endpoint_public_access = true;
    cluster.access_config.authentication_mode = "API_AND_CONFIG_MAP".to_owned();
    cluster.remote_network_config =
        Some(LiveRemoteNetworks { remote_node_networks: list("RemoteNodeNetworks"), remote_pod_networks: list("RemotePodNetworks") });
    World {
        cluster: Some(cluster),
        deployed: Some(Deployed { template_body: deployed, stack_resources: Vec::new() }),
        nodes: Some(Vec::new()),
        ..World::default()
    }
}

fn planned(config: &ClusterConfig, world: &World) -> UpdatePlan {
    let cluster = resolve(config, &Annotations::default(), world).unwrap();
    let plan = plan_update(&cluster, world, false);
    for phase in &plan.phases {
        assert_eq!(phase.template.check(), []);
    }
    plan
}

/// What a phase does, without what every takeover of eksctl's stack does: the role's policies and the public table's routes.
fn does(phase: &Phase) -> BTreeMap<String, &'static str> {
    phase.changes.resources.iter().map(|change| (change.id.clone(), change.action.name())).collect()
}

fn expected(changes: &[(&str, &'static str)]) -> BTreeMap<String, &'static str> {
    changes.iter().map(|(id, action)| ((*id).to_owned(), *action)).collect()
}

#[test]
fn a_stack_of_eksctls_is_taken_over_with_the_listed_differences_only() {
    let plan = planned(&file("h02", TGW, &[NODES], &[PODS]), &world(golden("02-ssm-tgw")));
    assert_eq!(plan.findings, []);
    assert_eq!(plan.live, []);
    let changes = [("HybridNodesSSMRole", "change"), ("TGWPublicSubnetRoute0", "add"), ("TGWPublicSubnetRoute1", "add")];
    assert_eq!(plan.phases.len(), 1);
    assert_eq!(does(&plan.phases[0]), expected(&changes));
    assert_eq!(plan.phases[0].capabilities, ["CAPABILITY_IAM"]);

    let mut after = world(plan.phases[0].template.to_json());
    after.nodes = None;
    assert!(planned(&file("h02", TGW, &[NODES], &[PODS]), &after).is_nothing());
}

#[test]
fn a_stack_that_is_taken_over_keeps_eksctls_words() {
    let deployed = golden("02-ssm-tgw");
    let plan = planned(&file("h02", TGW, &[NODES], &[PODS]), &world(deployed.clone()));
    let ours = plan.phases[0].template.to_json();
    let changed: Vec<&String> = plan.phases[0].changes.resources.iter().map(|change| &change.id).collect();
    for (id, resource) in deployed["Resources"].as_object().unwrap() {
        if !changed.contains(&id) {
            assert_eq!(ours["Resources"][id], *resource, "{id}");
        }
    }
    // A template is asked for the same thing as before where only one property of many is another.
    assert_eq!(
        ours["Resources"]["HybridNodesSSMRole"]["Properties"]["ManagedPolicyArns"],
        deployed["Resources"]["HybridNodesSSMRole"]["Properties"]["ManagedPolicyArns"]
    );
}

#[test]
fn hybrid_nodes_come_to_a_cluster_without_them() {
    let plan = planned(&file("h20", TGW, &[NODES], &[PODS]), &world(golden("20-no-hybrid-baseline")));
    assert_eq!(plan.findings, []);
    let changes = [
        ("ControlPlane", "change"),
        ("HybridNodesSSMRole", "add"),
        ("IngressControlPlaneRemoteNetworks0", "add"),
        ("IngressControlPlaneRemoteNetworks1", "add"),
        ("RemoteNodesAccessEntry", "add"),
        ("TGWPrivateSubnetRoute0USWEST2A", "add"),
        ("TGWPrivateSubnetRoute0USWEST2B", "add"),
        ("TGWPrivateSubnetRoute1USWEST2A", "add"),
        ("TGWPrivateSubnetRoute1USWEST2B", "add"),
        ("TGWPublicSubnetRoute0", "add"),
        ("TGWPublicSubnetRoute1", "add"),
        ("TransitGatewayAttachment", "add"),
    ];
    assert_eq!(plan.phases.len(), 1);
    assert_eq!(does(&plan.phases[0]), expected(&changes));
    let control_plane = plan.phases[0].changes.resources.iter().find(|change| change.id == "ControlPlane").unwrap();
    let paths: Vec<&str> = control_plane.properties.iter().map(|property| property.path.as_str()).collect();
    assert_eq!(paths, ["RemoteNetworkConfig"]);
}

#[test]
fn networks_change_and_nothing_of_the_others_does() {
    let plan = planned(&file("h02", TGW, &["10.81.0.0/24", NODES], &["10.90.0.0/16"]), &world(golden("02-ssm-tgw")));
    let changes = [
        ("ControlPlane", "change"),
        ("HybridNodesSSMRole", "change"),
        // 10.80.146.0/24 keeps the number 0; 10.86.30.0/23 had 1.
        ("IngressControlPlaneRemoteNetworks1", "remove"),
        ("IngressControlPlaneRemoteNetworks2", "add"),
        ("IngressControlPlaneRemoteNetworks3", "add"),
        ("TGWPrivateSubnetRoute1USWEST2A", "remove"),
        ("TGWPrivateSubnetRoute1USWEST2B", "remove"),
        ("TGWPrivateSubnetRoute2USWEST2A", "add"),
        ("TGWPrivateSubnetRoute2USWEST2B", "add"),
        ("TGWPrivateSubnetRoute3USWEST2A", "add"),
        ("TGWPrivateSubnetRoute3USWEST2B", "add"),
        ("TGWPublicSubnetRoute0", "add"),
        ("TGWPublicSubnetRoute2", "add"),
        ("TGWPublicSubnetRoute3", "add"),
    ];
    assert_eq!(plan.phases.len(), 1);
    assert_eq!(does(&plan.phases[0]), expected(&changes));
}

#[test]
fn another_kind_of_gateway_takes_two_phases_with_the_downtime_told() {
    let plan = planned(&file("h02", VGW, &[NODES], &[PODS]), &world(golden("02-ssm-tgw")));
    assert_eq!(plan.findings, []);
    let [first, second] = plan.phases.as_slice() else { panic!("{} phases", plan.phases.len()) };
    let gone = [
        "TGWPrivateSubnetRoute0USWEST2A",
        "TGWPrivateSubnetRoute0USWEST2B",
        "TGWPrivateSubnetRoute1USWEST2A",
        "TGWPrivateSubnetRoute1USWEST2B",
    ];
    for id in gone {
        assert_eq!(does(first)[id], "remove");
        assert_eq!(does(second)[&id.replace("TGW", "VGW")], "add");
    }
    assert_eq!(does(first)["VirtualPrivateGatewayAttachment"], "add");
    assert_eq!(does(first)["TransitGatewayAttachment"], "remove");
    let downtime = first.downtime.as_deref().unwrap();
    assert!(downtime.contains(&format!("no route to {NODES}; no route to {PODS}")), "{downtime}");
    assert_eq!(second.downtime, None);
}

#[test]
fn another_transit_gateway_takes_one_phase_and_another_virtual_private_one_two() {
    let plan = planned(&file("h02", "tgw-0fedcba9876543210", &[NODES], &[PODS]), &world(golden("02-ssm-tgw")));
    assert_eq!(plan.phases.len(), 1);
    assert_eq!(does(&plan.phases[0])["TransitGatewayAttachment"], "replace");
    assert_eq!(does(&plan.phases[0])["TGWPrivateSubnetRoute0USWEST2A"], "change");

    let plan = planned(&file("h03", "vgw-0fedcba9876543210", &[NODES], &[PODS]), &world(golden("03-ssm-vgw")));
    let [first, second] = plan.phases.as_slice() else { panic!("{} phases", plan.phases.len()) };
    assert_eq!(does(first)["VirtualPrivateGatewayAttachment"], "remove");
    assert_eq!(does(second)["VirtualPrivateGatewayAttachment"], "add");
    assert_eq!(does(second)["VGWPrivateSubnetRoute0USWEST2A"], "add");
}

#[test]
fn another_provider_moves_the_access_entry_to_the_new_role() {
    let mut config = file("h02", TGW, &[NODES], &[PODS]);
    let remote = config.remote_network_config.as_mut().unwrap();
    remote.iam.provider = Provider::Ira;
    remote.iam.ca_bundle_cert = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let plan = planned(&config, &world(golden("02-ssm-tgw")));
    assert_eq!(plan.phases.len(), 1);
    let does = does(&plan.phases[0]);
    assert_eq!(does["HybridNodesSSMRole"], "remove");
    assert_eq!(does["RemoteNodesAccessEntry"], "replace");
    for id in ["HybridNodesIRARole", "TrustAnchor", "AnywhereProfile"] {
        assert_eq!(does[id], "add", "{id}");
    }
    let outputs: BTreeMap<&str, &str> =
        plan.phases[0].changes.outputs.iter().map(|change| (change.key.as_str(), change.action.name())).collect();
    assert_eq!(outputs["RemoteNodesRoleARN"], "change");

    let mut lived_in = world(golden("02-ssm-tgw"));
    lived_in.managed_instances = vec![ManagedInstance { instance_id: "mi-1".to_owned(), ..ManagedInstance::default() }];
    assert!(planned(&config, &lived_in).findings.iter().any(|finding| finding.code == "role.in-use"));
}

#[test]
fn hybrid_nodes_go_with_all_that_was_theirs() {
    let deployed = golden("02-ssm-tgw");
    let plan = planned(&file("h02", "", &[], &[]), &world(deployed.clone()));
    assert_eq!(plan.findings, []);
    assert_eq!(plan.phases.len(), 1);
    let after = plan.phases[0].template.to_json();
    let baseline = golden("20-no-hybrid-baseline");
    let ids = |template: &Json| template["Resources"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&baseline));
    let outputs = |template: &Json| template["Outputs"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(outputs(&after), outputs(&baseline));
    // EKS takes an absent list for "as before".
    let networks = &after["Resources"]["ControlPlane"]["Properties"]["RemoteNetworkConfig"];
    assert_eq!(*networks, json!({"RemoteNodeNetworks": [], "RemotePodNetworks": []}));
}

#[test]
fn what_others_put_into_the_stack_stays() {
    let mut deployed = golden("02-ssm-tgw");
    let role = json!({"Type": "AWS::IAM::Role", "Condition": "IsAWSPartition", "Metadata": {"a": 1}, "Properties": {"ManagedPolicyArns": [{"Fn::If": ["IsAWSPartition", "a", {"Ref": "AWS::NoValue"}]}]}});
    deployed["Resources"]["FargatePodExecutionRole"] = role.clone();
    deployed["Conditions"] = json!({"IsAWSPartition": {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws"]}});
    deployed["Outputs"]["FargatePodExecutionRoleARN"] =
        json!({"Value": {"Fn::GetAtt": "FargatePodExecutionRole.Arn"}, "Export": {"Name": "x"}});
    let plan = planned(&file("h02", TGW, &[NODES], &[PODS]), &world(deployed.clone()));
    let after = plan.phases[0].template.to_json();
    assert_eq!(after["Resources"]["FargatePodExecutionRole"], role);
    assert_eq!(after["Conditions"], deployed["Conditions"]);
    assert_eq!(after["Outputs"]["FargatePodExecutionRoleARN"]["Export"], json!({"Name": "x"}));
    assert!(plan.findings.iter().any(|finding| finding.code == "stack.others"), "{:?}", plan.findings);
}

#[test]
fn what_nobody_survives_is_refused() {
    let base = file("h02", TGW, &[NODES], &[PODS]);
    let refused = |edit: &dyn Fn(&mut ClusterConfig), code: &str, id: &str| {
        let mut config = base.clone();
        edit(&mut config);
        let plan = planned(&config, &world(golden("02-ssm-tgw")));
        assert!(plan.is_refused());
        let found: Vec<_> = plan.findings.iter().map(|finding| (finding.code, finding.place.as_str())).collect();
        assert!(found.contains(&(code, id)), "{found:?}");
    };
    refused(&|config| config.vpc.cidr = "10.9.0.0/16".to_owned(), "update.replaces", "VPC");
    refused(&|config| config.availability_zones.push("us-west-2c".to_owned()), "update.replaces", "SubnetPrivateUSWEST2A");
    refused(&|config| config.availability_zones.reverse(), "update.replaces", "SubnetPublicUSWEST2A");
    refused(&|config| config.private_cluster.enabled = true, "update.removes", "SubnetPublicUSWEST2A");
    refused(&|config| config.vpc.security_group = "sg-1".to_owned(), "update.removes", "ControlPlaneSecurityGroup");
    refused(&|config| config.kubernetes_network_config.service_ipv4_cidr = "10.200.0.0/16".to_owned(), "update.replaces", "ControlPlane");
    refused(&|config| config.iam.service_role_arn = "arn:aws:iam::000011112222:role/Mine".to_owned(), "update.replaces", "ControlPlane");
    refused(&|config| config.metadata.version = "1.32".to_owned(), "version.older", "metadata.version");
}

#[test]
fn networks_with_nodes_in_them_stay_unless_forced() {
    let mut world = world(golden("02-ssm-tgw"));
    let node = |name: &str, address: &str, pods: &str| KubeNode {
        name: name.to_owned(),
        hybrid: true,
        ready: true,
        address: address.to_owned(),
        pod_cidrs: vec![pods.to_owned()],
    };
    world.nodes = Some(vec![node("mi-1", "10.80.146.7", "10.86.30.0/25"), KubeNode { hybrid: false, ..node("ec2", "10.80.146.8", "") }]);
    let codes = |config: &ClusterConfig, force: bool| {
        let cluster = resolve(config, &Annotations::default(), &world).unwrap();
        let plan = plan_update(&cluster, &world, force);
        (plan.is_refused(), plan.findings.into_iter().map(|finding| finding.place).collect::<Vec<_>>())
    };
    let places = |nodes: bool, pods: bool| -> Vec<String> {
        let all = [(nodes, "remoteNetworkConfig.remoteNodeNetworks"), (pods, "remoteNetworkConfig.remotePodNetworks")];
        all.into_iter().filter(|(there, _)| *there).map(|(_, place)| place.to_owned()).collect()
    };
    assert_eq!(codes(&file("h02", TGW, &["10.99.0.0/24"], &["10.98.0.0/24"]), false), (true, places(true, true)));
    assert_eq!(codes(&file("h02", TGW, &["10.99.0.0/24"], &["10.98.0.0/24"]), true), (false, places(true, true)));
    assert_eq!(codes(&file("h02", TGW, &["10.80.146.0/25"], &["10.86.0.0/16"]), false), (false, places(false, false)));
    assert_eq!(codes(&file("h02", TGW, &[NODES], &["10.86.31.0/24"]), false), (true, places(false, true)));
}

#[test]
fn what_eksctl_changed_in_eks_alone_is_known() {
    // eksctl's own upgrade: EKS has other networks and a newer version than the stack says.
    let mut world = world(golden("02-ssm-tgw"));
    let live = world.cluster.as_mut().unwrap();
    live.version = "1.34".to_owned();
    live.remote_network_config.as_mut().unwrap().remote_node_networks = vec![LiveCidrs { cidrs: vec!["10.99.0.0/24".to_owned()] }];
    live.resources_vpc_config.endpoint_private_access = true;
    let states = |config: &ClusterConfig| -> BTreeMap<&'static str, LiveState> {
        planned(config, &world).live.into_iter().map(|change| (change.path, change.state)).collect()
    };
    let mut config = file("h02", TGW, &["10.99.0.0/24"], &[PODS]);
    config.metadata.version = String::new();
    let found = states(&config);
    assert_eq!(found["Version"], LiveState::Already);
    assert_eq!(found["RemoteNetworkConfig/RemoteNodeNetworks"], LiveState::Already);
    assert_eq!(found["ResourcesVpcConfig/EndpointPrivateAccess"], LiveState::ByEks);

    config.remote_network_config = file("h02", TGW, &["10.77.0.0/24"], &[PODS]).remote_network_config;
    assert_eq!(states(&config)["RemoteNetworkConfig/RemoteNodeNetworks"], LiveState::ByStack);
    // Not said: as EKS has it now, not as the stack once had it.
    config.remote_network_config = None;
    assert_eq!(states(&config)["RemoteNetworkConfig/RemoteNodeNetworks"], LiveState::Already);
}

#[test]
fn a_rule_that_moves_to_another_name_goes_first() {
    let mut deployed = golden("20-no-hybrid-baseline");
    let rule =
        json!({"GroupId": {"Ref": "ControlPlaneSecurityGroup"}, "CidrIp": NODES, "IpProtocol": "tcp", "FromPort": "443", "ToPort": "443"});
    deployed["Resources"]["IngressControlPlaneExtraCIDR0"] = json!({"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule});
    let plan = planned(&file("h20", "", &[NODES], &[]), &world(deployed));
    let [first, second] = plan.phases.as_slice() else { panic!("{} phases", plan.phases.len()) };
    assert_eq!(does(first)["IngressControlPlaneExtraCIDR0"], "remove");
    assert_eq!(does(second), expected(&[("IngressControlPlaneRemoteNetworks0", "add")]));
    assert!(first.downtime.as_deref().unwrap().contains(NODES));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Reordering, adding and removing networks on eksctl's stack replaces nothing, and leaves what stays alone.
    #[test]
    fn networks_come_and_go_without_touching_the_others(
        before in prop::collection::btree_set(0u8..12, 1..6),
        after in prop::collection::vec(0u8..12, 1..6).prop_shuffle(),
        later in prop::collection::vec(0u8..12, 1..6).prop_shuffle(),
    ) {
        let texts = |numbers: &[u8]| -> Vec<String> {
            let mut texts = Vec::new();
            for number in numbers {
                let text = format!("10.{number}.0.0/16");
                if !texts.contains(&text) { texts.push(text); }
            }
            texts
        };
        let config = |cidrs: &[String]| file("h02", TGW, &cidrs.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        let before: Vec<u8> = before.into_iter().collect();
        let (before, after, later) = (texts(&before), texts(&after), texts(&later));
        // A new stack counts in the file's order, as eksctl does.
        let new = resolve(&config(&before), &Annotations::default(), &World::default()).unwrap();
        let mut standing = stacks(&new, &World::default())[0].template.to_json();
        for (index, cidr) in before.iter().enumerate() {
            prop_assert_eq!(&standing["Resources"][format!("IngressControlPlaneRemoteNetworks{index}")]["Properties"]["CidrIp"], cidr);
        }
        let mut had = before;
        for cidrs in [after, later] {
            let world = world(standing.clone());
            let plan = planned(&config(&cidrs), &world);
            prop_assert!(plan.phases.len() <= 1);
            if let Some(phase) = plan.phases.first() {
                for change in &phase.changes.resources {
                    prop_assert_ne!(change.action, Action::Replace);
                    let template = if change.action == Action::Remove { &standing } else { &phase.template.to_json() };
                    let properties = &template["Resources"][&change.id]["Properties"];
                    if let Some(cidr) = properties.get("CidrIp").or(properties.get("DestinationCidrBlock")) {
                        let cidr = cidr.as_str().unwrap().to_owned();
                        prop_assert!(had.contains(&cidr) != cidrs.contains(&cidr), "{} of {}", change.id, cidr);
                    } else {
                        prop_assert_eq!(change.id.as_str(), "ControlPlane");
                    }
                }
                standing = phase.template.to_json();
            }
            had = cidrs;
        }
    }
}
