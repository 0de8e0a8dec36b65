//! Test cases of the two nodeadms, and what depends on versions.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::containerd;

#[test]
fn ec2_configuration_is_that_of_the_cases() {
    let custom = "((default_enis -1) * (ips_per_eni - 1)) + 2";
    let user = json!({"logging": {"verbosity": 5}, "clusterDNS": ["0.0.0.0", "1.1.1.1"]});
    let mime = json!({"maxPods": 58, "clusterDNS": ["1.1.1.1"], "systemReserved": {"cpu": "150m"}});
    for (case, given, main, drop_in) in [
        ("kubelet-config-dir", Given::ec2(29).user(user), "expected-kubelet-config.json", Some("expected-kubelet-config-drop-in.json")),
        ("mime-userdata-merge", Given::ec2(35).user(mime), "expected-kubelet-config.json", Some("expected-kubelet-config-drop-in.json")),
        ("custom-max-pods-expression", Given::ec2(32).expression(custom), "expected-kubelet-config.json", None),
        ("custom-max-pods-expression/scenarios/custom-networking", Given::ec2(32).expression(custom), "expected.json", None),
        (
            "custom-max-pods-expression/scenarios/kubelet-config-max-pods",
            Given::ec2(32).expression("max_pods + 2").user(json!({"maxPods": 1})),
            "expected.json",
            Some("expected-dropin.json"),
        ),
    ] {
        assert_eq!(given.json(CONFIG), fixture_json(&format!("ec2/{case}/{main}")), "{case}");
        match drop_in {
            Some(expected) => assert_eq!(given.json(DROP_IN_EC2), fixture_json(&format!("ec2/{case}/{expected}")), "{case}"),
            None => assert_eq!(given.file(DROP_IN_EC2), None, "{case}"),
        }
    }
}

#[test]
fn hybrid_configuration_is_that_of_the_cases() {
    let user = json!({"logging": {"verbosity": 5}, "clusterDNS": ["0.0.0.0", "1.1.1.1"]});
    // A document without a `hybrid` block, in the hybrid shape.
    let mut given = Given::ec2(28).user(user);
    given.config.shape = Shape::Hybrid;
    assert_eq!(Kind::of(&given.node()), Kind::HybridOnEc2);
    assert_eq!(given.json(CONFIG), fixture_json("hybrid/kubelet-config/expected-kubelet-config.json"));
    assert_eq!(given.file(DROP_IN_HYBRID), None);
    assert_eq!(given.file(KUBECONFIG).unwrap(), fixture("hybrid/kubeconfig/expected-kubeconfig.yaml"));
    // From 1.29 on the same goes into a drop-in.
    given.kubelet = Version::new(1, 29);
    assert_eq!(given.json(DROP_IN_HYBRID)["logging"], json!({"verbosity": 5}));
    assert_eq!(given.json(CONFIG)["logging"], json!({"verbosity": 2}));

    for (minor, expected) in [(30, "initial"), (34, "upgraded")] {
        // The case has no name for the node, as its Systems Manager is a mock.
        let given = Given { name: String::new(), ..Given::hybrid(minor, ssm()) };
        let mut main = given.json(CONFIG);
        // What is reserved depends on the machine that runs the case, so the case leaves it out too.
        assert!(main.as_object_mut().unwrap().remove("kubeReserved").is_some());
        assert_eq!(main, fixture_json(&format!("hybrid/upgrade-with-ssm/expected-kubelet-config-{expected}")));
        assert_eq!(given.file(KUBECONFIG).unwrap(), fixture("hybrid/upgrade-with-ssm/expected-kubeconfig"));
        assert_eq!(given.file(CA).unwrap(), fixture("hybrid/upgrade-with-ssm/expected-ca-crt"));
        assert_eq!(given.json(PROVIDER_CONFIG), fixture_json("hybrid/upgrade-with-ssm/expected-image-credential-provider-config"));
    }
}

#[test]
fn ec2_kubeconfig_and_credential_providers_are_those_of_the_cases() {
    for minor in [29, 35] {
        assert_eq!(Given::ec2(minor).file(KUBECONFIG).unwrap(), fixture("ec2/kubeconfig/expected-kubeconfig.yaml"));
    }
    for (minor, expected) in [(31, "-1.31"), (36, "")] {
        let path = format!("ec2/image-credential-provider/expected-image-credential-provider-config{expected}.json");
        assert_eq!(Given::ec2(minor).json(PROVIDER_CONFIG), fixture_json(&path));
    }
}

#[test]
fn the_environment_ends_with_the_users_flags() {
    let mut given = Given::ec2(35).flags(&["--v=5", "--node-labels=foo=bar,foo2=baz", "--register-with-taints=foo=bar:NoSchedule"]);
    given.name = "i-1234567890abcdef0".to_owned();
    given.config.feature_gates.insert("InstanceIdNodeName".to_owned(), true);
    for vendors in [vec![], vec!["0x1d0f".to_owned(), "0x10de".to_owned()]] {
        given.facts.pci_vendors = vendors;
        let text = given.file(ENVIRONMENT).unwrap();
        assert!(text.ends_with(" --v=5 --node-labels=foo=bar,foo2=baz --register-with-taints=foo=bar:NoSchedule\n"), "{text}");
        assert!(text.contains("--hostname-override=i-1234567890abcdef0"), "{text}");
    }
    // The kubelet adds the labels of both flags up.
    assert!(given.args().contains(&"--node-labels=nvidia.com/gpu.present=true".to_owned()));
    let (labels, source) = given.setting("--node-labels");
    assert_eq!(labels, "nvidia.com/gpu.present=true,foo=bar,foo2=baz");
    assert_eq!(source, "kubelet ≥ 1.35, NVIDIA card; user: kubelet.flags");
    assert_eq!(given.setting("--hostname-override").1, "featureGates.InstanceIdNodeName");
}

#[test]
fn environments_of_all_kinds() {
    let user = json!({"maxPods": 20});
    let mut odd = Given::hybrid(34, roles_anywhere()).flags(&["--node-labels=a=b, c=d", "--v 4"]);
    odd.name = "mock-hybrid-node".to_owned();
    let mut outpost = Given::ec2(34);
    outpost.config.cluster.enable_outpost = Some(true);
    outpost.cluster.outpost_id = Some("0a1b".to_owned());
    let mut text = String::new();
    for (title, given) in [("EC2 1.29 with a drop-in", Given::ec2(29).user(user)), ("hybrid, Roles Anywhere", odd), ("Outpost", outpost)] {
        text.push_str(&format!("# {title}\n{}", given.file(ENVIRONMENT).unwrap()));
    }
    insta::assert_snapshot!(text);
}

/// What each version adds, told by what differs from the version before.
#[test]
fn gates_open_with_their_versions() {
    let user = || json!({"maxPods": 20});
    let facts = |given: &Given| {
        let mut found = BTreeSet::new();
        let main = given.json(CONFIG);
        for (gate, _) in main["featureGates"].as_object().unwrap() {
            found.insert(format!("gate {gate}"));
        }
        for key in ["shutdownGracePeriod", "shutdownGracePeriodCriticalPods"] {
            if let Some(value) = main[key].as_str() {
                found.insert(format!("{key} {value}"));
            }
        }
        if given.args().contains(&format!("--pod-infra-container-image={}", containerd::sandbox_image(&given.node()))) {
            found.insert("sandbox".to_owned());
        }
        if given.json(PROVIDER_CONFIG)["providers"][0]["matchImages"].as_array().unwrap().contains(&json!("ecr-public.aws.com")) {
            found.insert("ecr-public".to_owned());
        }
        for (found_in, what) in [("KUBELET_CONFIG_DROPIN_DIR_ALPHA=", "variable"), ("--config-dir=", "drop-in"), ("gpu.present", "label")] {
            if given.file(ENVIRONMENT).unwrap().contains(found_in) {
                found.insert(what.to_owned());
            }
        }
        found.into_iter().collect::<Vec<_>>().join(", ")
    };
    let (csi, dra, rotate) =
        ("gate MutableCSINodeAllocatableCount", "gate DynamicResourceAllocation", "gate RotateKubeletServerCertificate");
    let shutdown = "shutdownGracePeriod 2m30s, shutdownGracePeriodCriticalPods 30s";
    let hybrid = format!("drop-in, {rotate}, variable");
    for (minor, ec2, outside) in [
        (28, format!("drop-in, {rotate}, variable"), format!("{rotate}, sandbox")),
        (29, format!("drop-in, {rotate}, variable"), hybrid.clone()),
        (30, format!("drop-in, {rotate}"), hybrid.clone()),
        (31, format!("drop-in, {rotate}"), hybrid.clone()),
        (32, format!("drop-in, ecr-public, {rotate}"), hybrid.clone()),
        (33, format!("drop-in, ecr-public, {dra}, {rotate}"), hybrid.clone()),
        (34, format!("drop-in, ecr-public, {dra}, {csi}, {rotate}, {shutdown}"), hybrid.clone()),
        (35, format!("drop-in, ecr-public, {dra}, {csi}, {rotate}, label, {shutdown}"), hybrid.clone()),
        (36, format!("drop-in, ecr-public, {dra}, {csi}, {rotate}, label, {shutdown}"), hybrid),
    ] {
        for (mut given, expected) in [(Given::ec2(minor).user(user()), ec2), (Given::hybrid(minor, ssm()).user(user()), outside)] {
            given.facts.pci_vendors = vec!["0x10de".to_owned()];
            assert_eq!(facts(&given), expected, "1.{minor}, {:?}", Kind::of(&given.node()));
        }
    }
}
