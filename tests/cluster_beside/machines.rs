//! Machines outside, the activations that they came with, and access entries: ours go with the cluster, others' stay.

use std::collections::BTreeSet;

use hybridge_lab::isolate::isolated;
use hybridge_lab::real::EMULATED_REGION;
use serde_json::{Value, json};

use crate::emulated::{Gateway, NAME, Provider, Said, Site, Wanted};

const ARN: &str = "arn:aws:eks:us-west-2:123456789012:cluster/shop";

impl Site {
    /// A role for machines that the user has made, with a path.
    pub(crate) fn role(&self, name: &str) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]});
        let role = json!({"RoleName": name, "Path": "/site/", "AssumeRolePolicyDocument": trust.to_string()});
        let arn = self.aws("iam", "create_role", role)["Role"]["Arn"].as_str().unwrap().to_owned();
        for policy in ["AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryPullOnly"] {
            let policy = json!({"RoleName": name, "PolicyArn": format!("arn:aws:iam::aws:policy/{policy}")});
            self.aws("iam", "attach_role_policy", policy);
        }
        let eks = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["eks:DescribeCluster", "eks:ListAccessEntries"], "Resource": "*",
        }]});
        self.aws("iam", "put_role_policy", json!({"RoleName": name, "PolicyName": "eks", "PolicyDocument": eks.to_string()}));
        arn
    }

    /// An activation of ours.
    pub(crate) fn handed_over(&self, wanted: &Wanted, directory: &str) -> String {
        let path = self.path(directory);
        let more = ["--dir", path.to_str().unwrap(), "--activation", "9", "--only", "node", "-o", "json"];
        let said = self.with_file("handover", wanted, &more).ended(0);
        let told: Value = serde_json::from_str(&said.out).unwrap();
        told["activation"]["id"].as_str().unwrap().to_owned()
    }

    /// Somebody else's activation.
    pub(crate) fn activation(&self, role: &str, tags: &Value) -> String {
        let made = self.aws("ssm", "create_activation", json!({"IamRole": role, "RegistrationLimit": 9, "Tags": tags}));
        made["ActivationId"].as_str().unwrap().to_owned()
    }

    pub(crate) fn come(&self, activation: &str, ids: &[&str]) {
        for id in ids {
            self.emulator.put_instance(&json!({"InstanceId": id, "ActivationId": activation, "PingStatus": "ConnectionLost"})).unwrap();
        }
    }

    /// What is left of one kind.
    pub(crate) fn left_of(&self, kind: &str) -> BTreeSet<String> {
        let left = self.emulator.left().unwrap();
        left.iter().filter_map(|line| line.strip_prefix(&format!("{EMULATED_REGION} {kind} "))).map(str::to_owned).collect()
    }

    pub(crate) fn with_named(&self, command: &str, more: &[&str]) -> Said {
        self.run(&[&[command, "--name", NAME, "--region", EMULATED_REGION], more].concat())
    }
}

fn set<'a>(ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    ids.into_iter().map(str::to_owned).collect()
}

fn given(role: &str) -> Wanted {
    let remote = json!({
        "iam": {"provider": "ssm", "roleARN": role},
        "remoteNodeNetworks": [{"cidrs": ["10.80.0.0/16"]}], "remotePodNetworks": [{"cidrs": ["10.85.0.0/16"]}],
    });
    Wanted { more: json!({"remoteNetworkConfig": remote}), ..Wanted::hybrid(Provider::Ssm, Gateway::None) }
}

#[test]
fn only_what_came_by_us_goes_with_the_cluster_and_the_rest_is_told() {
    isolated(|| {
        let site = Site::start();
        site.emulator.set_page_size(2).unwrap();
        with_a_given_role(&site);
        beside_a_cluster_of_others(&site);
    });
}

/// A role that the user has given may serve other clusters: what merely carries it is not this one's.
fn with_a_given_role(site: &Site) {
    let role = site.role("nodes");
    let other = site.role("others");
    let wanted = given(&role);
    site.with_file("create", &wanted, &[]).ended(0);
    let ours = site.handed_over(&wanted, "handover");
    let gone = site.activation(
        "site/nodes",
        &json!([
            {"Key": "EKSClusterARN", "Value": ARN}, {"Key": "hybridge/made-by", "Value": "cluster-handover"},
        ]),
    );
    let theirs = site.activation("site/nodes", &json!([]));
    // AWS's own guide has people tag theirs so.
    let guides = site.activation("site/nodes", &json!([{"Key": "EKSClusterARN", "Value": ARN}]));
    let elsewhere = site.activation("site/others", &json!([]));
    site.come(
        &ours,
        &["mi-000000000000000a1", "mi-000000000000000a2", "mi-000000000000000a3", "mi-000000000000000a4", "mi-000000000000000a5"],
    );
    site.come(&gone, &["mi-000000000000000b1", "mi-000000000000000b2", "mi-000000000000000b3"]);
    site.come(&theirs, &["mi-000000000000000c1", "mi-000000000000000c2", "mi-000000000000000c3"]);
    site.come(&guides, &["mi-000000000000000d1"]);
    site.come(&elsewhere, &["mi-000000000000000e1", "mi-000000000000000e2", "mi-000000000000000e3"]);
    site.aws("ssm", "delete_activation", json!({"ActivationId": gone}));

    let told = site.with_named("get", &["-o", "json"]).ended(0);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((told["hybridNodes"].as_array().unwrap().len(), told["activations"].as_array().unwrap().len()), (12, 3), "{told:#}");
    let dry = site.with_named("delete", &["--dry-run"]).ended(0);
    assert!(
        dry.out.contains("machine mi-000000000000000b3") && dry.out.contains(&format!("would leave:\n  activation {theirs}")),
        "{}",
        dry.out
    );
    assert_eq!(site.left_of("managed-instance").len(), 15);

    // Killed while machines go, when the activation is gone already.
    let delete = ["delete", "--name", NAME, "--region", EMULATED_REGION];
    assert!(site.killed_by(&delete, json!({"action": "DeregisterManagedInstance", "nth": 3, "when": "after"})));
    assert!(!site.left_of("activation").contains(&ours));
    let said = site.delete().ended(0);
    let stay = ["mi-000000000000000c1", "mi-000000000000000c2", "mi-000000000000000c3", "mi-000000000000000d1"];
    assert_eq!(
        site.left_of("managed-instance"),
        set(stay.into_iter().chain(["mi-000000000000000e1", "mi-000000000000000e2", "mi-000000000000000e3"]))
    );
    assert_eq!(site.left_of("activation"), set([theirs.as_str(), &guides, &elsewhere]));
    for id in stay.into_iter().chain([theirs.as_str(), &guides]) {
        let told = said.err.lines().any(|line| line.starts_with("warning[left.") && line.contains(id));
        assert!(told, "{id} is not told: {}", said.err);
    }
    assert!(!said.err.contains("mi-000000000000000e") && !said.err.contains(&elsewhere), "{}", said.err);
    assert!(site.aws("iam", "get_role", json!({"RoleName": "nodes"}))["Role"].is_object() && !other.is_empty());
    assert_eq!(site.left_of("eks-cluster"), set([]));
}

/// A cluster of others keeps its own entries and the networks that it had; what `update --import` put beside it goes.
fn beside_a_cluster_of_others(site: &Site) {
    let given = site.given();
    let trust = |service: &str| {
        let statement = json!([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]);
        json!({"Version": "2012-10-17", "Statement": statement}).to_string()
    };
    let role = json!({"RoleName": "control", "AssumeRolePolicyDocument": trust("eks.amazonaws.com")});
    let role = site.aws("iam", "create_role", role)["Role"]["Arn"].clone();
    site.aws(
        "eks",
        "create_cluster",
        json!({
            "name": NAME, "roleArn": role, "version": "1.34", "resourcesVpcConfig": {"subnetIds": given.subnets},
            "accessConfig": {"authenticationMode": "API"},
        }),
    );
    let mut theirs = BTreeSet::new();
    for number in 0..3 {
        let role = site.role(&format!("site-{number}"));
        site.aws("eks", "create_access_entry", json!({"clusterName": NAME, "principalArn": role, "type": "HYBRID_LINUX"}));
        theirs.insert(role);
    }
    let foreign = site.activation("site/site-0", &json!([]));
    site.come(&foreign, &["mi-000000000000000f1", "mi-000000000000000f2", "mi-000000000000000f3"]);
    let before = site.emulator.left().unwrap();
    let networks = || site.aws("eks", "describe_cluster", json!({"name": NAME}))["cluster"]["remoteNetworkConfig"].clone();

    let wanted = Wanted { vpc: Some(given), ..Wanted::hybrid(Provider::Ssm, Gateway::None) };
    site.with_file("update", &wanted, &[]).ended(1).told("cluster.foreign");
    site.with_file("update", &wanted, &["--import"]).ended(0);
    assert_eq!(networks()["remoteNodeNetworks"][0]["cidrs"], json!(["10.80.0.0/16"]));
    let ours = site.handed_over(&wanted, "handover");
    site.come(&ours, &["mi-000000000000000a1", "mi-000000000000000a2", "mi-000000000000000a3"]);
    let made: Vec<_> = site.emulator.left().unwrap().into_iter().filter(|line| !before.contains(line)).collect();
    assert!(made.iter().any(|line| line.contains("entry") && line.contains("HybridNodesSSMRole")), "{made:#?}");

    let said = site.delete().ended(0);
    assert_eq!(site.emulator.left().unwrap(), before);
    assert_eq!(networks(), Value::Null);
    for id in ["mi-000000000000000f1", "mi-000000000000000f2", "mi-000000000000000f3", foreign.as_str()] {
        assert!(said.err.lines().any(|line| line.starts_with("warning[left.") && line.contains(id)), "{id}: {}", said.err);
    }
}
