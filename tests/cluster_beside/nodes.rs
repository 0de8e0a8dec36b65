//! Node groups, roles of service accounts, add-ons and Auto Mode: made, changed, taken away.

use hybridge_lab::isolate::isolated;
use hybridge_lab::real::EMULATED_REGION;
use serde_json::{Value, json};

use crate::emulated::{Gateway, NAME, Provider, Said, Site, Wanted};

const READ: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const WRITE: &str = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
const ISSUER: &str = "https://oidc.eks.us-west-2.amazonaws.com/id/";

/// Sections of a file, as they are first.
fn sections() -> Value {
    json!({
        "iam": {
            "withOIDC": true,
            "serviceAccounts": [
                {"metadata": {"name": "reader", "namespace": "shop"}, "attachPolicyARNs": [READ], "roleOnly": true},
                {"metadata": {"name": "clerk"}, "roleOnly": true, "attachPolicy": {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"},
                ]}},
            ],
            "podIdentityAssociations": [
                {"namespace": "shop", "serviceAccountName": "till", "permissionPolicyARNs": [READ]},
            ],
        },
        "addons": [{"name": "vpc-cni", "version": "v1.19.6"}, {"name": "coredns"}, {"name": "eks-pod-identity-agent"}],
        "managedNodeGroups": [web(), {"name": "spare", "spot": true, "instanceTypes": ["m6i.large", "m5.large"],
            "availabilityZones": [format!("{EMULATED_REGION}a")]}],
    })
}

fn web() -> Value {
    json!({
        "name": "web", "instanceType": "m7g.large", "minSize": 1, "maxSize": 3, "desiredCapacity": 2, "privateNetworking": true,
        "labels": {"shop/part": "web"}, "taints": [{"key": "shop/web", "value": "yes", "effect": "NoSchedule"}],
        "volumeSize": 50, "updateConfig": {"maxUnavailable": 2}, "tags": {"team": "till"},
    })
}

fn wanted(more: Value) -> Wanted {
    Wanted { more, ..Wanted::hybrid(Provider::Ssm, Gateway::Transit) }
}

/// Asks the emulated AWS, not hybridge.
impl Site {
    fn group(&self, name: &str) -> Value {
        self.aws("eks", "describe_nodegroup", json!({"clusterName": NAME, "nodegroupName": name}))["nodegroup"].clone()
    }

    fn groups(&self) -> Value {
        self.aws("eks", "list_nodegroups", json!({"clusterName": NAME}))["nodegroups"].clone()
    }

    fn stack_of(&self, name: &str) -> Value {
        self.aws("cloudformation", "describe_stacks", json!({"StackName": format!("eksctl-{NAME}-{name}")}))["Stacks"][0].clone()
    }

    /// The role that a stack has made, with its policies.
    fn role_of(&self, stack: &str) -> (Value, Vec<String>) {
        let arn = self.stack_of(stack)["Outputs"][0]["OutputValue"].as_str().unwrap().to_owned();
        let name = arn.rsplit('/').next().unwrap();
        let role = self.aws("iam", "get_role", json!({"RoleName": name}))["Role"].clone();
        let attached = self.aws("iam", "list_attached_role_policies", json!({"RoleName": name}))["AttachedPolicies"].clone();
        let attached = attached.as_array().unwrap().iter().map(|policy| policy["PolicyArn"].as_str().unwrap().to_owned());
        (role, attached.collect())
    }

    fn addon(&self, name: &str) -> Value {
        self.aws("eks", "describe_addon", json!({"clusterName": NAME, "addonName": name}))["addon"].clone()
    }

    fn associations(&self) -> Vec<Value> {
        let listed = self.aws("eks", "list_pod_identity_associations", json!({"clusterName": NAME}))["associations"].clone();
        let each = listed.as_array().unwrap().iter().map(|one| {
            let asked = json!({"clusterName": NAME, "associationId": one["associationId"]});
            self.aws("eks", "describe_pod_identity_association", asked)["association"].clone()
        });
        each.collect()
    }

    /// Everything of [`sections`] is there, in stacks that are protected.
    #[track_caller]
    fn has_sections(&self) {
        let cluster = self.aws("eks", "describe_cluster", json!({"name": NAME}))["cluster"].clone();
        let zone = |subnet: &Value| {
            let found = self.aws("ec2", "describe_subnets", json!({"SubnetIds": [subnet]}))["Subnets"][0].clone();
            (found["AvailabilityZone"].as_str().unwrap().to_owned(), found["MapPublicIpOnLaunch"].as_bool().unwrap())
        };
        let zones = |group: &Value| -> Vec<_> {
            let mut zones: Vec<_> = group["subnets"].as_array().unwrap().iter().map(zone).collect();
            zones.sort();
            zones
        };
        let at = |letter: &str, public: bool| (format!("{EMULATED_REGION}{letter}"), public);
        let web = self.group("web");
        assert_eq!(web["status"], "ACTIVE");
        assert_eq!(web["scalingConfig"], json!({"minSize": 1, "maxSize": 3, "desiredSize": 2}));
        assert_eq!((&web["labels"]["shop/part"], &web["amiType"]), (&json!("web"), &json!("AL2023_ARM_64_STANDARD")));
        assert_eq!(web["taints"], json!([{"key": "shop/web", "value": "yes", "effect": "NO_SCHEDULE"}]));
        assert_eq!((&web["updateConfig"]["maxUnavailable"], &web["tags"]["team"]), (&json!(2), &json!("till")));
        assert_eq!(zones(&web), [at("a", false), at("b", false)]);
        let spare = self.group("spare");
        assert_eq!((&spare["capacityType"], &spare["instanceTypes"]), (&json!("SPOT"), &json!(["m6i.large", "m5.large"])));
        assert_eq!(zones(&spare), [at("a", true)]);

        let issuer = cluster["identity"]["oidc"]["issuer"].as_str().unwrap();
        assert!(issuer.starts_with(ISSUER), "{issuer}");
        let issuer = issuer.trim_start_matches("https://");
        let provider = format!("oidc-provider arn:aws:iam::123456789012:oidc-provider/{issuer}");
        assert!(self.emulator.left().unwrap().contains(&provider));
        let (reader, policies) = self.role_of("addon-iamserviceaccount-shop-reader");
        let condition = &reader["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"];
        assert_eq!(condition[format!("{issuer}:sub")], "system:serviceaccount:shop:reader");
        assert_eq!(policies, [READ]);
        self.role_of("addon-iamserviceaccount-default-clerk");
        let (till, _) = self.role_of("podidentityrole-shop-till");
        let associations = self.associations();
        assert_eq!((associations.len(), &associations[0]["roleArn"]), (1, &till["Arn"]), "{associations:?}");
        assert_eq!(self.addon("vpc-cni")["addonVersion"], "v1.19.6-eksbuild.7");
        for name in ["vpc-cni", "coredns", "kube-proxy", "metrics-server", "eks-pod-identity-agent"] {
            assert_eq!(self.addon(name)["status"], "ACTIVE", "{name}");
        }
        self.stacks_are_protected();
    }

    #[track_caller]
    fn stacks_are_protected(&self) {
        let stacks = self.aws("cloudformation", "describe_stacks", json!({}))["Stacks"].clone();
        for stack in stacks.as_array().unwrap() {
            assert_eq!(stack["EnableTerminationProtection"], true, "{stack:#}");
            assert!(stack["StackStatus"].as_str().unwrap().ends_with("E_COMPLETE"), "{stack:#}");
        }
    }

    /// Takes a stack away as the command does that is told for one that the file does not name.
    fn take_away(&self, said: &Said, name: &str) {
        let stack = format!("eksctl-{NAME}-{name}");
        let line = said.err.lines().find(|line| line.contains("stack.unlisted") && line.contains(&stack));
        assert!(line.is_some(), "{}", said.err);
        let unprotect = json!({"StackName": stack, "EnableTerminationProtection": false});
        self.aws("cloudformation", "update_termination_protection", unprotect);
        self.aws("cloudformation", "delete_stack", json!({"StackName": stack}));
    }
}

/// Takes item number `index` out of a list of the file.
fn without(sections: &Value, list: &str, index: usize) -> Value {
    let mut sections = sections.clone();
    sections.pointer_mut(list).unwrap().as_array_mut().unwrap().remove(index);
    sections
}

#[test]
fn node_groups_roles_and_addons_come_change_and_go() {
    isolated(|| {
        let site = Site::start();
        let before = site.emulator.left().unwrap();
        let first = wanted(sections());
        site.with_file("create", &first, &[]).ended(0);
        site.is_as(&first);
        site.has_sections();
        let told = site.run(&["get", "--name", NAME, "--region", EMULATED_REGION, "-o", "json"]).ended(0);
        let told: Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!((told["nodeGroups"].as_array().unwrap().len(), told["podIdentities"].as_array().unwrap().len()), (2, 1), "{told:#}");
        let left = site.emulator.left().unwrap();
        for command in ["create", "update"] {
            site.with_file(command, &first, &[]).ended(0);
            assert_eq!(site.emulator.left().unwrap(), left, "a second {command} changes something");
        }
        changed(&site, &first);
        removed(&site, &first);
        site.delete().ended(0);
        assert_eq!(site.emulator.left().unwrap(), before);
        auto_mode(&site);
    });
}

/// What can be changed in place is, and what cannot is refused and left.
fn changed(site: &Site, first: &Wanted) {
    let mut more = first.more.clone();
    let web = &mut more["managedNodeGroups"][0];
    web["maxSize"] = json!(5);
    web["labels"] = json!({"shop/shelf": "3"});
    web["taints"] = json!([{"key": "shop/night", "effect": "NoExecute"}]);
    web["volumeSize"] = json!(90);
    more["managedNodeGroups"].as_array_mut().unwrap().push(json!({"name": "batch", "desiredCapacity": 1}));
    more["iam"]["serviceAccounts"][0]["attachPolicyARNs"] = json!([WRITE]);
    more["iam"]["serviceAccounts"]
        .as_array_mut()
        .unwrap()
        .push(json!({"metadata": {"name": "porter"}, "attachPolicyARNs": [READ], "roleOnly": true}));
    let given = site.role_of("addon-iamserviceaccount-shop-reader").0["Arn"].clone();
    more["iam"]["podIdentityAssociations"]
        .as_array_mut()
        .unwrap()
        .push(json!({"namespace": "shop", "serviceAccountName": "guard", "roleARN": given}));
    more["addons"][0]["version"] = json!("latest");
    more["addons"][1]["configurationValues"] = json!("{\"replicaCount\": 3}");
    let second = Wanted { more, ..first.clone() };
    site.with_file("update", &second, &[]).ended(0);
    site.is_as(&second);
    let web = site.group("web");
    assert_eq!(web["scalingConfig"]["maxSize"], 5);
    assert_eq!((&web["labels"]["shop/shelf"], &web["labels"]["shop/part"]), (&json!("3"), &Value::Null));
    assert_eq!(web["taints"], json!([{"key": "shop/night", "value": "", "effect": "NO_EXECUTE"}]));
    let launch = json!({"LaunchTemplateId": web["launchTemplate"]["id"], "Versions": [web["launchTemplate"]["version"]]});
    let launch = site.aws("ec2", "describe_launch_template_versions", launch)["LaunchTemplateVersions"][0].clone();
    let disk = &launch["LaunchTemplateData"]["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"];
    assert_eq!(disk, &json!(90), "nodes are still made by the old launch template");
    assert_eq!(site.groups(), json!(["batch", "spare", "web"]));
    assert_eq!(site.role_of("addon-iamserviceaccount-shop-reader").1, [WRITE]);
    assert_eq!(site.role_of("addon-iamserviceaccount-default-porter").1, [READ]);
    assert_eq!(site.associations().len(), 2);
    assert_eq!(site.addon("vpc-cni")["addonVersion"], "v1.20.4-eksbuild.2");
    assert_eq!(site.addon("coredns")["configurationValues"], "{\"replicaCount\": 3}");
    site.stacks_are_protected();
    let left = site.emulator.left().unwrap();
    site.with_file("update", &second, &[]).ended(0);
    assert_eq!(site.emulator.left().unwrap(), left);

    let mut other = second.more.clone();
    other["managedNodeGroups"][0]["instanceType"] = json!("m6i.large");
    let refused = site.with_file("update", &Wanted { more: other, ..second.clone() }, &[]);
    assert_ne!(refused.code, Some(0));
    refused.told("change.replaces").told("web");
    assert_eq!(site.emulator.left().unwrap(), left);
    assert_eq!(site.group("web")["instanceTypes"], json!(["m7g.large"]));

    let mut other = second.more.clone();
    other["iam"]["podIdentityAssociations"][1]["roleARN"] = site.role_of("addon-iamserviceaccount-default-clerk").0["Arn"].clone();
    let wish = other["iam"]["podIdentityAssociations"][1]["roleARN"].clone();
    site.with_file("update", &Wanted { more: other, ..second.clone() }, &[]).ended(0);
    let guard = site.associations().into_iter().find(|one| one["serviceAccount"] == "guard").unwrap();
    assert_eq!(guard["roleArn"], wish);
}

/// What the file no longer names stays and is told with the command that takes it away; then it is told no more.
fn removed(site: &Site, first: &Wanted) {
    let fewer = without(&without(&first.more, "/managedNodeGroups", 1), "/iam/serviceAccounts", 1);
    let fewer = Wanted { more: without(&fewer, "/iam/podIdentityAssociations", 0), ..first.clone() };
    let said = site.with_file("update", &fewer, &[]).ended(0);
    assert_eq!(site.groups(), json!(["batch", "spare", "web"]));
    for name in ["nodegroup-spare", "nodegroup-batch", "addon-iamserviceaccount-default-clerk", "podidentityrole-shop-till"] {
        site.take_away(&said, name);
    }
    for place in ["shop/till", "shop/guard"] {
        let association = site.associations().into_iter().find(|one| place.ends_with(one["serviceAccount"].as_str().unwrap())).unwrap();
        let id = association["associationId"].as_str().unwrap();
        assert!(said.err.contains(place) && said.err.contains(&format!("--association-id {id}")), "{}", said.err);
        site.aws("eks", "delete_pod_identity_association", json!({"clusterName": NAME, "associationId": id}));
    }
    let said = site.with_file("update", &fewer, &[]).ended(0);
    assert_eq!(site.groups(), json!(["web"]));
    let told: Vec<_> = said.err.lines().filter(|line| line.contains("unlisted") && !line.contains("porter")).collect();
    assert_eq!(told, [] as [&str; 0]);
}

/// Kills the command at these calls, one after the other, each time on top of what the earlier runs have left.
#[track_caller]
fn killed(site: &Site, arguments: &[&str], orders: &[(&str, &str, &str)]) {
    for (action, contains, when) in orders {
        let reached = site.killed_by(arguments, json!({"action": action, "contains": contains, "when": when}));
        assert!(reached, "the run ended before {action} {contains}");
    }
}

#[test]
fn what_is_killed_between_the_stacks_is_finished_by_the_next_run() {
    isolated(|| {
        let site = Site::start();
        let before = site.emulator.left().unwrap();
        let first = wanted(sections());
        let path = site.file(&first);
        let path = path.to_str().unwrap();
        let create = ["create", "-f", path];
        killed(
            &site,
            &create,
            &[
                ("UpdateTerminationProtection", "shop-cluster", "before"),
                ("CreateAddon", "coredns", "after"),
                ("CreateOpenIDConnectProvider", "", "after"),
                ("CreateChangeSet", "shop-reader", "after"),
                ("ExecuteChangeSet", "", "after"),
                ("CreateChangeSet", "nodegroup-web", "after"),
                ("ExecuteChangeSet", "", "before"),
                ("UpdateTerminationProtection", "nodegroup-web", "before"),
                ("CreatePodIdentityAssociation", "", "after"),
            ],
        );
        site.with_file("create", &first, &[]).ended(0);
        site.is_as(&first);
        site.has_sections();

        let mut more = first.more.clone();
        more["managedNodeGroups"].as_array_mut().unwrap().push(json!({"name": "batch"}));
        more["managedNodeGroups"][0]["maxSize"] = json!(4);
        let second = Wanted { more, ..first.clone() };
        let path = site.file(&second);
        let update = ["update", "-f", path.to_str().unwrap()];
        killed(
            &site,
            &update,
            &[
                ("CreateChangeSet", "nodegroup-batch", "after"),
                ("ExecuteChangeSet", "", "after"),
                ("UpdateTerminationProtection", "nodegroup-batch", "before"),
            ],
        );
        site.with_file("update", &second, &[]).ended(0);
        site.is_as(&second);
        assert_eq!(site.groups(), json!(["batch", "spare", "web"]));
        assert_eq!(site.group("web")["scalingConfig"]["maxSize"], 4);
        site.stacks_are_protected();

        let delete = ["delete", "--name", NAME, "--region", EMULATED_REGION];
        killed(
            &site,
            &delete,
            &[
                ("UpdateTerminationProtection", "nodegroup-web", "after"),
                ("DeleteStack", "", "before"),
                ("DeleteStack", "", "after"),
                ("DeleteOpenIDConnectProvider", "", "after"),
                ("DeleteStack", "shop-cluster", "after"),
            ],
        );
        let said = site.delete();
        assert!(said.code == Some(0) || said.err.contains("cluster.missing"), "{}{}", said.out, said.err);
        assert_eq!(site.emulator.left().unwrap(), before);
    });
}

/// Auto Mode and logs are switched on, changed, and off.
fn auto_mode(site: &Site) {
    let before = site.emulator.left().unwrap();
    let plain = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
    let auto = |more: Value| Wanted { more: json!({"autoModeConfig": more}), ..plain.clone() };
    let is = |enabled: bool, pools: Value| {
        let cluster = site.aws("eks", "describe_cluster", json!({"name": NAME}))["cluster"].clone();
        let compute = &cluster["computeConfig"];
        assert_eq!(compute["enabled"].as_bool().unwrap_or_default(), enabled, "{compute}");
        assert_eq!(cluster["storageConfig"]["blockStorage"]["enabled"].as_bool().unwrap_or_default(), enabled, "{cluster:#}");
        assert_eq!(cluster["kubernetesNetworkConfig"]["elasticLoadBalancing"]["enabled"], enabled, "{cluster:#}");
        assert_eq!(compute.get("nodePools").filter(|_| enabled).cloned().unwrap_or_default(), pools, "{compute}");
        let role = compute["nodeRoleArn"].as_str().filter(|_| enabled);
        assert_eq!(role.is_some_and(|arn| arn.contains("AutoModeNodeRole")), enabled && !pools.is_null(), "{compute}");
        let left = site.emulator.left().unwrap();
        assert_eq!(left.iter().any(|line| line.contains("AutoModeNodeRole")), enabled && !pools.is_null(), "{left:#?}");
    };
    let logs = |wanted: Wanted| {
        let mut more = wanted.more;
        more["cloudWatch"] = json!({"clusterLogging": {"enableTypes": ["audit"]}});
        Wanted { more, ..plain.clone() }
    };
    let course = [
        (logs(auto(json!({"enabled": true}))), true, json!(["general-purpose", "system"])),
        (logs(auto(json!({"enabled": true, "nodePools": []}))), true, Value::Null),
        (plain.clone(), false, Value::Null),
        (auto(json!({"enabled": true, "nodePools": ["system"]})), true, json!(["system"])),
    ];
    for (step, (wanted, enabled, pools)) in course.into_iter().enumerate() {
        let command = if step == 0 { "create" } else { "update" };
        site.with_file(command, &wanted, &[]).ended(0);
        site.is_as(&wanted);
        is(enabled, pools);
        let cluster = site.aws("eks", "describe_cluster", json!({"name": NAME}))["cluster"].clone();
        let logged = cluster["logging"]["clusterLogging"].as_array().unwrap().iter().any(|setup| setup["enabled"] == true);
        assert_eq!(logged, wanted.more.get("cloudWatch").is_some(), "step {step}: {}", cluster["logging"]);
    }
    let left = site.emulator.left().unwrap();
    let last = auto(json!({"enabled": true, "nodePools": ["system"]}));
    site.with_file("update", &last, &[]).ended(0);
    site.with_file("drift", &last, &[]).ended(0);
    assert_eq!(site.emulator.left().unwrap(), left);
    site.delete().ended(0);
    assert_eq!(site.emulator.left().unwrap(), before);
}
