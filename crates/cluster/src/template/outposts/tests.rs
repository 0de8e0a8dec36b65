use serde_json::{Value as Json, json};

use super::super::stacks;
use crate::config::{Parsed, parse};
use crate::resolve::resolve;
use crate::world::{Deployed, Stack, Subnet, World};

fn parsed(subnet: &str, vpc: &str) -> Parsed {
    let text = format!(
        "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata:\n  name: shop\n  region: us-west-2\n  version: \"1.34\"\n  annotations:\n    \
         hybridge/outposts-servers: |\n      - name: press\n        outpostArn: \
         arn:aws:outposts:us-west-2:111122223333:outpost/op-0123456789abcdef0\n        zone: us-west-2b\n        subnet: {subnet}\n        \
         instanceType: c6id.16xlarge\n        minSize: 1\n        maxSize: 2\n        taints: [{{key: site, value: press, effect: NoSchedule}}]\n\
         kubernetesNetworkConfig: {{serviceIPv4CIDR: 10.100.0.0/16}}\n{vpc}"
    );
    parse("cluster.yaml", &text, &[], "2026-11-21T12:00:00Z".parse().unwrap())
}

const OWN: &str = "availabilityZones: [us-west-2a, us-west-2b]\nvpc: {cidr: 10.20.0.0/16}\n";

fn templates(parsed: &Parsed, world: &World) -> Vec<(String, Json)> {
    let config = parsed.config.as_ref().unwrap_or_else(|| panic!("{:?}", parsed.problems));
    let cluster = resolve(config, &parsed.annotations, world).unwrap();
    stacks(&cluster, world)
        .into_iter()
        .map(|stack| {
            assert_eq!(stack.template.check(), [], "{}", stack.name);
            (stack.name, stack.template.to_json())
        })
        .collect()
}

#[test]
fn a_server_has_a_stack_whose_launch_template_carries_the_lni() {
    let all = templates(&parsed("10.20.200.0/26", OWN), &World::default());
    let subnet = &all[0].1["Resources"]["SubnetOutpostPRESS"]["Properties"];
    assert_eq!((&subnet["EnableLniAtDeviceIndex"], &subnet["AvailabilityZone"]), (&json!(14), &json!("us-west-2b")));
    let association = &all[0].1["Resources"]["RouteTableAssociationOutpostPRESS"]["Properties"];
    assert_eq!(association["RouteTableId"], json!({"Ref": "PrivateRouteTableUSWEST2B"}));
    let (name, template) = &all[1];
    let imports = template.to_string();
    let imports: Vec<&str> = imports.split("eksctl-shop-cluster::").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let exported = |key: &&str| all[0].1["Outputs"][*key]["Export"].is_object();
    assert!(imports.len() > 4 && imports.iter().all(exported), "{imports:?}");
    assert_eq!(name, "eksctl-shop-nodegroup-press");
    insta::assert_snapshot!("server", serde_json::to_string_pretty(template).unwrap());
}

#[test]
fn a_given_subnet_is_named_as_it_is_and_nothing_is_made_for_it() {
    let vpc = "vpc: {id: vpc-1, subnets: {private: {us-west-2a: {id: subnet-1}, us-west-2b: {id: subnet-2}}}}\n";
    let parsed = parsed("subnet-0123456789abcdef0", vpc);
    let known = |on: &str, index: Option<u32>| Subnet {
        subnet_id: "subnet-0123456789abcdef0".into(),
        vpc_id: "vpc-1".into(),
        availability_zone: "us-west-2b".into(),
        cidr_block: "10.20.200.0/26".into(),
        outpost_arn: on.into(),
        enable_lni_at_device_index: index,
        ..Subnet::default()
    };
    let others = ["a", "b"].map(|zone| Subnet {
        subnet_id: if zone == "a" { "subnet-1" } else { "subnet-2" }.into(),
        vpc_id: "vpc-1".into(),
        availability_zone: format!("us-west-2{zone}"),
        cidr_block: if zone == "a" { "10.20.0.0/24" } else { "10.20.1.0/24" }.into(),
        ..Subnet::default()
    });
    let vpcs: World = serde_json::from_value(json!({"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.20.0.0/16"}]})).unwrap();
    let world = |subnet: Subnet| World { subnets: others.iter().cloned().chain([subnet]).collect(), ..vpcs.clone() };
    let arn = "arn:aws:outposts:us-west-2:111122223333:outpost/op-0123456789abcdef0";
    let all = templates(&parsed, &world(known(arn, None)));
    assert!(!all[0].1.to_string().contains("SubnetOutpost"), "{}", all[0].1);
    let group = &all[1].1["Resources"]["NodeGroup"]["Properties"];
    assert_eq!(group["VPCZoneIdentifier"], json!(["subnet-0123456789abcdef0"]));
    for (subnet, code, part) in [
        (known("", None), "outposts.subnet-given", "on no Outpost"),
        (known("arn:other", None), "outposts.subnet-given", "another Outpost"),
        (known(arn, Some(1)), "outposts.device-index-conflict", "device index 1"),
    ] {
        let findings = resolve(parsed.config.as_ref().unwrap(), &parsed.annotations, &world(subnet)).unwrap_err();
        assert!(findings[0].code == code && findings[0].to_string().contains(part), "{findings:?}");
    }
}

#[test]
fn pods_that_leave_when_the_region_is_away_are_warned_of() {
    let codes = |parsed: &Parsed| -> Vec<&'static str> {
        let cluster = resolve(parsed.config.as_ref().unwrap(), &parsed.annotations, &World::default()).unwrap();
        cluster.warnings.iter().map(|finding| finding.code).collect()
    };
    assert_eq!(codes(&parsed("10.20.200.0/26", OWN)), ["outposts.tolerations"]);
    let stays =
        "{\"tolerations\": [{\"key\": \"node.kubernetes.io/unreachable\", \"operator\": \"Exists\", \"tolerationSeconds\": 86400}]}";
    let addons = format!("addons: [{{name: vpc-cni}}, {{name: kube-proxy}}, {{name: coredns, configurationValues: '{stays}'}}]\n");
    assert_eq!(codes(&parsed("10.20.200.0/26", &format!("{OWN}{addons}"))), [] as [&str; 0]);
}

/// CloudFormation would find out in the middle of the update.
#[test]
fn a_subnet_on_which_nodes_stand_is_not_taken_away() {
    let before = parsed("10.20.200.0/26", OWN);
    let body = templates(&before, &World::default()).swap_remove(0).1;
    let there = |name: &str| Stack { stack_name: name.to_owned(), ..Stack::default() };
    let world = World {
        deployed: Some(Deployed { template_body: body, ..Deployed::default() }),
        stacks: vec![there("eksctl-shop-cluster"), there("eksctl-shop-nodegroup-press")],
        ..World::default()
    };
    let codes = |parsed: &Parsed| -> Vec<&'static str> {
        let resolved = resolve(parsed.config.as_ref().unwrap(), &parsed.annotations, &world);
        let findings = resolved.err().unwrap_or_default();
        findings.iter().filter(|finding| finding.severity == hybridge_report::Severity::Error).map(|finding| finding.code).collect()
    };
    assert_eq!(codes(&before), [] as [&str; 0]);
    assert_eq!(codes(&parsed("10.20.201.0/26", OWN)), ["outposts.in-use"]);
    let mut gone = before;
    gone.annotations.outposts_servers.clear();
    assert_eq!(codes(&gone), ["outposts.in-use"]);
}
