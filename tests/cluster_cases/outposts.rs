//! Nodes on Outposts servers.

use hybridge_lab::isolate::isolated;
use hybridge_lab::real::EMULATED_REGION;
use serde_json::{Value, json};

use crate::emulated::{Gateway, NAME, Provider, Site, Wanted};

const SERVERS: &str = "hybridge/outposts-servers";

fn outpost() -> String {
    format!("arn:aws:outposts:{EMULATED_REGION}:111122223333:outpost/op-0123456789abcdef0")
}

/// A file with one server.
fn config(site: &Site, wanted: &Wanted, server: Value) -> Value {
    let mut config = site.config(wanted);
    let mut whole =
        json!({"name": "press", "outpostArn": outpost(), "zone": format!("{EMULATED_REGION}a"), "instanceType": "c6id.8xlarge"});
    for (key, value) in server.as_object().unwrap() {
        whole[key] = value.clone();
    }
    config["metadata"]["annotations"] = json!({SERVERS: json!([whole]).to_string()});
    config["kubernetesNetworkConfig"] = json!({"serviceIPv4CIDR": "10.100.0.0/16"});
    config
}

#[test]
fn an_extended_cluster_goes_from_create_to_delete_and_nothing_is_left() {
    isolated(|| {
        let site = Site::start();
        let before = site.emulator.left().unwrap();
        let wanted = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
        let first = config(&site, &wanted, json!({"subnet": "10.20.200.0/26"}));
        // AWS is asked for nothing before somebody answers for it.
        let (_, calls) = site.counted(|| site.with_config("create", &first, &[]).ended(1).told("outposts.unsupported"));
        assert_eq!(calls, 0);
        let yes = &["--unsupported-servers"][..];
        site.with_config("create", &first, yes).ended(0);
        let subnets = site.aws("ec2", "describe_subnets", json!({"Filters": [{"Name": "cidr-block", "Values": ["10.20.200.0/26"]}]}));
        let subnet = &subnets["Subnets"][0];
        assert_eq!((&subnet["OutpostArn"], &subnet["EnableLniAtDeviceIndex"]), (&json!(outpost()), &json!(7)));
        let said = site.run(&["get", "--name", NAME, "--region", EMULATED_REGION, "-o", "json"]).ended(0);
        assert!(said.out.contains("eksctl-shop-nodegroup-press") && said.out.contains("EC2_LINUX"), "{}", said.out);
        site.with_config("drift", &first, &[]).ended(0);
        site.with_config("doctor", &first, &[]).ended(0);
        let left = site.emulator.left().unwrap();
        site.with_config("update", &first, yes).ended(0);
        assert_eq!(site.emulator.left().unwrap(), left);

        // Another subnet would be made while nodes stand on the first: refused, with the way out.
        let moved = config(&site, &wanted, json!({"subnet": "10.20.201.0/26"}));
        site.with_config("update", &moved, yes).ended(1).told("outposts.in-use");
        let more =
            config(&site, &wanted, json!({"subnet": "10.20.200.0/26", "maxSize": 3, "instanceType": "c6id.16xlarge", "lniDeviceIndex": 7}));
        site.with_config("update", &more, yes).ended(0);
        let stack = site.emulator.aws("cloudformation", "get_template", &json!({"StackName": "eksctl-shop-nodegroup-press"})).unwrap();
        assert!(stack["TemplateBody"].to_string().contains("c6id.16xlarge"), "{stack}");
        site.with_config("drift", &more, &[]).ended(0);
        site.delete().ended(0);
        assert_eq!(site.emulator.left().unwrap(), before);
    });
}

#[test]
fn a_given_subnet_is_told_its_device_index_once() {
    isolated(|| {
        let site = Site::start();
        let given = site.given();
        let wish = json!({"VpcId": given.vpc, "CidrBlock": "10.30.200.0/26", "AvailabilityZone": format!("{EMULATED_REGION}a"), "OutpostArn": outpost()});
        let subnet = site.aws("ec2", "create_subnet", wish)["Subnet"]["SubnetId"].clone();
        let wanted = Wanted { vpc: Some(given), ..Wanted::hybrid(Provider::Ssm, Gateway::None) };
        let file = config(&site, &wanted, json!({"subnet": subnet}));
        let yes = &["--unsupported-servers"][..];
        let index = || {
            let all = site.aws("ec2", "describe_subnets", json!({"SubnetIds": [subnet]}));
            all["Subnets"][0]["EnableLniAtDeviceIndex"].clone()
        };
        site.with_config("create", &file, yes).ended(0);
        assert_eq!(index(), json!(7));
        site.emulator.clear_log().unwrap();
        site.with_config("update", &file, yes).ended(0);
        let log = site.emulator.log().unwrap();
        assert_eq!(log.iter().filter(|call| call["action"] == "ModifySubnetAttribute").count(), 0);
        // Somebody else has come to stand by another one.
        site.aws("ec2", "modify_subnet_attribute", json!({"SubnetId": subnet, "EnableLniAtDeviceIndex": 5}));
        site.with_config("update", &file, yes).ended(1).told("outposts.device-index-conflict");
        assert_eq!(index(), json!(5));
        site.delete().ended(0);
    });
}
