//! The gateways' half in the VPC goes before the cluster.

use hybridge_lab::isolate::isolated;
use hybridge_lab::real::EMULATED_REGION;
use serde_json::{Value, json};

use crate::emulated::{Gateway, NAME, Provider, Site, Wanted};

const STACKS: [&str; 2] = ["hybridge-shop-gateway", "eksctl-shop-cluster"];
const DELETE: [&str; 5] = ["delete", "--name", NAME, "--region", EMULATED_REGION];

/// Which of the two stacks are there.
fn there(site: &Site) -> [bool; 2] {
    let left = site.emulator.left().unwrap();
    STACKS.map(|stack| left.contains(&format!("{EMULATED_REGION} stack {stack}")))
}

/// Makes the gateways' stack, as the handover tells how to.
fn hand_over(site: &Site, config: &Value) {
    let directory = site.path("handover");
    let said = site.with_config("handover", config, &["--dir", directory.to_str().unwrap(), "--only", "gateway-cloud", "--force"]).ended(0);
    let told = said.out + &said.err;
    let deploy = told.lines().find(|line| line.contains("cloudformation deploy")).unwrap();
    let after = |flag: &str| deploy.split_once(flag).unwrap().1.split_whitespace().next().unwrap();
    let (key, value) = after("--tags ").split_once('=').unwrap();
    assert_eq!(after("--stack-name "), STACKS[0]);
    let template = std::fs::read_to_string(directory.join(after("--template-file "))).unwrap();
    let tags = json!([{"Key": key, "Value": value}]);
    let stack = json!({"StackName": STACKS[0], "TemplateBody": template, "Capabilities": [after("--capabilities ")], "Tags": tags});
    site.aws("cloudformation", "create_stack", stack);
    site.wait_for(STACKS[0], "CREATE_COMPLETE");
}

/// Whatever fails, and wherever the command is killed.
fn before_the_cluster(site: &Site) {
    let before = site.emulator.left().unwrap();
    let mut config = site.config(&Wanted::hybrid(Provider::Ssm, Gateway::Transit));
    config["metadata"]["annotations"] =
        json!({"hybridge/gateway-subnets": "10.20.240.0/28, 10.20.240.16/28", "hybridge/pod-routes": "hybridge-gateway"});
    site.with_config("create", &config, &[]).ended(0);
    hand_over(site, &config);
    let made = site.emulator.left().unwrap();
    assert_eq!(there(site), [true, true]);

    let said = site.run(&[&DELETE[..], &["--dry-run"]].concat()).ended(0);
    let place = |stack: &str| said.out.find(stack).unwrap_or_else(|| panic!("{stack} is not in {}", said.out));
    assert!(place(STACKS[0]) < place(STACKS[1]), "{}", said.out);
    assert_eq!(site.emulator.left().unwrap(), made);

    // What gateways live in cannot go: the cluster is not begun with.
    let failure = json!({"logicalId": "GatewaySecurityGroup", "on": "delete", "reason": "somebody still needs it"});
    site.emulator.fail_resource(&failure).unwrap();
    site.delete().ended(3).told("stack hybridge-shop-gateway").told("somebody still needs it");
    assert_eq!((there(site), &site.cluster()["status"]), ([true, true], &json!("ACTIVE")));

    // Killed when the first is being deleted, then between the two, then when the second is.
    assert!(site.killed_by(&DELETE, json!({"action": "DeleteStack", "when": "after"})));
    assert!(site.killed_by(&DELETE, json!({"action": "DeleteStack", "when": "before", "contains": STACKS[1]})));
    assert_eq!(there(site), [false, true]);
    assert!(site.killed_by(&DELETE, json!({"action": "DeleteStack", "when": "after"})));
    site.delete().ended(0);
    assert_eq!(site.emulator.left().unwrap(), before);
}

/// A cluster that others made stays.
fn without_the_cluster(site: &Site) {
    let given = site.given();
    site.cluster_of_others(&given);
    site.change_cluster(json!({"accessConfig": {"authenticationMode": "API"}}));
    let before = site.emulator.left().unwrap();
    let wanted = Wanted { vpc: Some(given), ..Wanted::hybrid(Provider::Ssm, Gateway::None) };
    let mut config = site.config(&wanted);
    config["metadata"]["annotations"] = json!({"hybridge/pod-routes": "hybridge-gateway"});
    site.with_config("update", &config, &["--import"]).ended(0);
    hand_over(site, &config);
    let ours = ["hybridge-shop-hybrid", STACKS[0]].map(|stack| format!("{EMULATED_REGION} stack {stack}"));
    let left = site.emulator.left().unwrap();
    assert!(ours.iter().all(|stack| left.contains(stack)), "{left:#?}");
    site.delete().ended(0);
    assert_eq!(site.emulator.left().unwrap(), before);
}

#[test]
fn gateways_go_before_the_cluster_or_without_it() {
    isolated(|| {
        let site = Site::start();
        before_the_cluster(&site);
        without_the_cluster(&site);
    });
}
