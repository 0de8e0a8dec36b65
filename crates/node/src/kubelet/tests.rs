use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use super::*;
use crate::config::{Hybrid, NodeConfig, RolesAnywhere, Ssm};
use crate::facts::{Facts, Os};
use crate::node::Cluster;
use crate::version::Version;

/// A node of the test cases; the machine is that of `ec2/imds.json`, with two processors.
#[derive(Clone)]
struct Given {
    config: NodeConfig,
    facts: Facts,
    cluster: Cluster,
    name: String,
    kubelet: Version,
    plugins: Plugins,
}

impl Given {
    fn ec2(minor: u16) -> Self {
        let instance = InstanceFacts {
            id: "i-1234567890abcdef0".to_owned(),
            region: "us-west-2".to_owned(),
            instance_type: "m4.xlarge".to_owned(),
            availability_zone: "us-west-2f".to_owned(),
            mac: "0e:49:61:0f:c3:11".to_owned(),
            local_ipv4: Some("172.16.34.43".parse().unwrap()),
            ..InstanceFacts::default()
        };
        Self {
            config: NodeConfig::default(),
            facts: Facts { instance: Some(instance), cpus: 2, memory: 16 << 30, ..Facts::default() },
            cluster: Cluster {
                name: "my-cluster".to_owned(),
                outpost_id: None,
                endpoint: "https://example.com".to_owned(),
                host: "example.com".to_owned(),
                certificate_authority: "certificateAuthority".to_owned(),
                service_cidr: "10.100.0.0/16".parse().unwrap(),
            },
            name: "ip-172-16-34-43.us-west-2.compute.internal".to_owned(),
            kubelet: Version::new(1, minor),
            plugins: Plugins::External,
        }
    }

    fn hybrid(minor: u16, hybrid: Hybrid) -> Self {
        let mut given = Self::ec2(minor);
        given.config.shape = Shape::Hybrid;
        given.config.hybrid = Some(hybrid);
        given.facts.instance = None;
        given.name = "mi-0123456789abcdef0".to_owned();
        given
    }

    fn user(mut self, config: serde_json::Value) -> Self {
        self.config.kubelet.config = serde_json::from_value(config).unwrap();
        self
    }

    fn flags(mut self, flags: &[&str]) -> Self {
        self.config.kubelet.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self
    }

    fn expression(mut self, text: &str) -> Self {
        self.config.kubelet.max_pods_expression = text.to_owned();
        self
    }

    fn node(&self) -> Node<'_> {
        Node {
            config: &self.config,
            facts: &self.facts,
            cluster: &self.cluster,
            name: &self.name,
            region: "us-west-2",
            kubelet: self.kubelet,
            containerd: Version::new(2, 0),
            plugins: self.plugins,
            executable: "/usr/local/bin/hybridge",
        }
    }

    fn file(&self, path: &str) -> Option<String> {
        files(&self.node()).unwrap().into_iter().find(|file| file.path == path).map(|file| file.content)
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.file(path).unwrap_or_else(|| panic!("{path} is not written"))).unwrap()
    }

    fn args(&self) -> Vec<String> {
        let read = systemd::tests::read(&self.file(ENVIRONMENT).unwrap());
        let (_, value) = read.into_iter().find(|(name, _)| name == "NODEADM_KUBELET_ARGS").unwrap();
        systemd::words(&value).unwrap()
    }

    fn setting(&self, path: &str) -> (Value, String) {
        let setting = explain(&self.node()).into_iter().find(|setting| setting.path == path);
        setting.map_or_else(|| panic!("{path} is not explained"), |setting| (setting.value, setting.source))
    }
}

fn ssm() -> Hybrid {
    Hybrid { ssm: Some(Ssm::default()), ..Hybrid::default() }
}

fn roles_anywhere() -> Hybrid {
    let anywhere =
        RolesAnywhere { node_name: "mock-hybrid-node".to_owned(), aws_config_path: "/.aws/config".to_owned(), ..Default::default() };
    Hybrid { iam_roles_anywhere: Some(anywhere), ..Hybrid::default() }
}

fn fixture(path: &str) -> String {
    let path = format!("{}/../../tests/fixtures/nodeadm/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn fixture_json(path: &str) -> Value {
    serde_json::from_str(&fixture(path)).unwrap()
}

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
        (28, format!("drop-in, {rotate}, variable"), rotate.to_owned()),
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

#[test]
fn our_own_plugins_take_the_place_of_others() {
    let kubeconfig = |given: &Given| given.file(KUBECONFIG).or(given.file(BOOTSTRAP_KUBECONFIG)).unwrap();
    let own = |given: Given| Given { plugins: Plugins::Builtin, ..given };
    let command = "        command: \"/usr/local/bin/hybridge\"\n";
    let args = |id: &str| format!("        args:\n          - \"get-token\"\n{id}          - \"--region\"\n          - \"us-west-2\"\n");
    let name = args("          - \"--cluster-name\"\n          - \"my-cluster\"\n");
    for given in [own(Given::ec2(34)), own(Given::hybrid(34, ssm()))] {
        assert!(kubeconfig(&given).ends_with(&format!("{command}{name}")), "{}", kubeconfig(&given));
        assert_eq!(links(&given.node()), [(ECR_PROVIDER.to_owned(), "/usr/local/bin/hybridge".to_owned())]);
    }
    assert_eq!(links(&Given::ec2(34).node()), []);

    let mut outpost = own(Given::ec2(34));
    outpost.config.cluster.enable_outpost = Some(true);
    outpost.cluster.outpost_id = Some("0a1b".to_owned());
    assert_eq!(outpost.file(KUBECONFIG), None);
    let id = args("          - \"--cluster-id\"\n          - \"0a1b\"\n");
    assert!(kubeconfig(&outpost).ends_with(&format!("{command}{id}")));
    outpost.plugins = Plugins::External;
    assert!(kubeconfig(&outpost).contains("- \"--cluster-name\"\n          - \"0a1b\"\n"));

    let env = "        env:\n          - name: \"AWS_PROFILE\"\n            value: \"default\"\n          - name: \"AWS_CONFIG_FILE\"\n            value: \"/.aws/config\"\n";
    let anywhere = own(Given::hybrid(34, roles_anywhere()));
    assert!(kubeconfig(&anywhere).ends_with(&format!("{command}{env}{name}")));
    let provider = &anywhere.json(PROVIDER_CONFIG)["providers"][0];
    assert_eq!(provider["name"], "ecr-credential-provider");
    assert_eq!(
        provider["env"],
        json!([
            {"name": "AWS_CONFIG_FILE", "value": "/.aws/config"},
            {"name": "AWS_PROFILE", "value": "default"},
            {"name": "AWS_SHARED_CREDENTIALS_FILE", "value": "/eks-hybrid/.aws/credentials"}
        ])
    );
}

#[test]
fn memory_is_reserved_for_the_pods_that_the_kubelet_will_take() {
    for (given, max_pods, upstream, ours) in [
        (Given::ec2(34), 58, "893Mi", "893Mi"),
        (Given::ec2(34).expression("max_pods * 2"), 116, "1531Mi", "1531Mi"),
        (Given::ec2(34).user(json!({"maxPods": 20})), 58, "893Mi", "475Mi"),
        (Given::ec2(34).expression("30").user(json!({"maxPods": 20})), 30, "585Mi", "475Mi"),
        (Given::ec2(34).user(json!({"maxPods": 20})).flags(&["--max-pods=40"]), 58, "893Mi", "695Mi"),
        (Given::ec2(34).flags(&["--max-pods", "40", "--max-pods=10"]), 58, "893Mi", "365Mi"),
        (Given::ec2(34).user(json!({"maxPods": null})), 58, "893Mi", "893Mi"),
    ] {
        assert_eq!(given.json(CONFIG)["maxPods"], max_pods);
        assert_eq!(given.json(CONFIG)["kubeReserved"]["memory"], upstream);
        let own = Given { plugins: Plugins::Builtin, ..given };
        assert_eq!(own.json(CONFIG)["maxPods"], max_pods);
        assert_eq!(own.json(CONFIG)["kubeReserved"]["memory"], ours);
    }
}

#[test]
fn a_hybrid_node_has_its_own_shape() {
    let mut given = Given::hybrid(34, ssm());
    given.facts.os = Os { id: "ubuntu".to_owned(), ..Os::default() };
    let main = given.json(CONFIG);
    assert_eq!(main["providerID"], "eks-hybrid:///us-west-2/my-cluster/mi-0123456789abcdef0");
    assert_eq!(main["resolvConf"], "/run/systemd/resolve/resolv.conf");
    assert_eq!(main["kubeReserved"], json!({"cpu": "70m", "ephemeral-storage": "1Gi", "memory": "2662Mi"}));
    assert_eq!(main.get("maxPods"), None);
    assert_eq!(
        given.args()[..3],
        [
            "--cloud-provider=",
            "--hostname-override=mi-0123456789abcdef0",
            "--node-labels=eks.amazonaws.com/compute-type=hybrid,eks.amazonaws.com/hybrid-credential-provider=ssm"
        ]
    );
    assert!(Given::hybrid(34, roles_anywhere()).args()[2].ends_with("hybrid-credential-provider=iam-ra"));
    assert_eq!(Given::hybrid(34, ssm()).json(CONFIG).get("resolvConf"), None);
}

#[test]
fn an_ipv6_cluster_gets_one_address() {
    let mut given = Given::ec2(34);
    given.cluster.service_cidr = "fd30:1c53:5f8a::/108".parse().unwrap();
    let addresses = ["2600:1f14::1", "2600:1f14::2"].map(|address| address.parse().unwrap());
    given.facts.instance.as_mut().unwrap().ipv6s = addresses.to_vec();
    assert_eq!(given.args()[0], "--node-ip=2600:1f14::1");
    assert_eq!(given.json(CONFIG)["clusterDNS"], json!(["fd30:1c53:5f8a::a"]));
    given.facts.instance.as_mut().unwrap().ipv6s.clear();
    assert_eq!(files(&given.node()).unwrap_err()[0].code, "kubelet.node-ip");
}

#[test]
fn soci_serves_images_where_it_pays() {
    for (gate, cpus, gib, soci) in [(true, 4, 8, true), (true, 2, 8, false), (true, 4, 6, false), (false, 4, 8, false)] {
        let mut given = Given::ec2(34);
        given.config.feature_gates.insert("FastImagePull".to_owned(), gate);
        (given.facts.cpus, given.facts.memory) = (cpus, gib << 30);
        assert_eq!(given.json(CONFIG).get("imageServiceEndpoint").is_some(), soci, "{gate} {cpus} {gib}");
    }
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let mut given = Given::ec2(34).expression("max_pods +").flags(&["--x=\"y", "--v=5", "--z=a\nb"]);
    given.cluster.service_cidr = "10.0.0.0/30".parse().unwrap();
    given.facts.cpus = 0;
    let codes: Vec<&str> = files(&given.node()).unwrap_err().iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["kubelet.cluster-dns", "kubelet.max-pods-expression", "kubelet.cpus-unknown", "kubelet.flag", "kubelet.flag"]);
    given.facts.instance = None;
    assert!(files(&given.node()).unwrap_err().iter().any(|finding| finding.code == "kubelet.instance-unknown"));
    for (user, flag) in [(json!({"maxPods": "58"}), "--v=1"), (json!({"maxPods": -1}), "--v=1"), (json!({}), "--max-pods=many")] {
        assert_eq!(files(&Given::ec2(34).user(user).flags(&[flag]).node()).unwrap_err()[0].code, "kubelet.max-pods");
    }
    let mut given = Given::hybrid(34, ssm());
    given.facts.memory = 0;
    assert_eq!(files(&given.node()).unwrap_err()[0].code, "kubelet.memory-unknown");
}

#[test]
fn an_unknown_instance_type_is_a_warning() {
    let mut given = Given::ec2(34).expression("default_enis * 10");
    given.facts.instance.as_mut().unwrap().instance_type = "z99.large".to_owned();
    assert_eq!(given.json(CONFIG)["maxPods"], 110);
    let found = findings(&given.node());
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().contains("maxPodsExpression is not computed; 110 pods are assumed"), "{}", found[0]);
    // What EC2 or the user's table says of it is used.
    let limits = crate::facts::InstanceTypeFacts { default_enis: 5, ipv4_per_eni: 30, ..Default::default() };
    given.facts.instance_type = Some(limits);
    assert_eq!(given.json(CONFIG)["maxPods"], 50);
    assert_eq!(findings(&given.node()), []);
}

#[test]
fn every_leaf_and_flag_is_explained() {
    let user = json!({"logging": {"verbosity": 5}, "evictionHard": null, "featureGates": {}, "containerLogMaxFiles": 3});
    let given = Given::ec2(34).user(user).flags(&["--v=5", "--cloud-provider=none"]);
    for (path, value, source) in [
        ("maxPods", json!(58), "instance type m4.xlarge"),
        ("clusterDNS", json!(["10.100.0.10"]), "cluster.cidr"),
        ("featureGates.DynamicResourceAllocation", json!(true), "kubelet ≥ 1.33"),
        ("shutdownGracePeriod", json!("2m30s"), "kubelet ≥ 1.34"),
        ("kubeReserved.memory", json!("893Mi"), "58 pods"),
        ("kubeReserved.cpu", json!("70m"), "2 processors"),
        ("logging.verbosity", json!(5), "user: kubelet.config"),
        ("evictionHard", Value::Null, "user: kubelet.config"),
        ("containerLogMaxFiles", json!(3), "user: kubelet.config"),
        ("authentication.webhook.cacheTTL", json!("2m0s"), "hybridge default"),
        ("--node-ip", json!("172.16.34.43"), "instance metadata"),
        ("--cloud-provider", json!("none"), "user: kubelet.flags"),
        ("--config-dir", json!(CONFIG_DIR), "kubelet.config"),
        ("--v", json!("5"), "user: kubelet.flags"),
    ] {
        assert_eq!(given.setting(path), (value, source.to_owned()), "{path}");
    }
    let all = explain(&given.node());
    assert!(all.iter().all(|setting| !setting.path.starts_with("evictionHard.")), "the user has cleared it");
    assert_eq!(all.iter().filter(|setting| setting.path == "--cloud-provider").count(), 1);
    // Nothing that is written goes unexplained.
    let paths: BTreeSet<&str> = all.iter().map(|setting| setting.path.as_str()).collect();
    let plain = Given::ec2(34);
    for (key, value) in plain.json(CONFIG).as_object().unwrap() {
        let leaf = match value {
            Value::Object(_) => format!("{key}."),
            _ => key.clone(),
        };
        assert!(key == "evictionHard" || paths.iter().any(|path| path.starts_with(&leaf)), "{key}");
    }
}

#[test]
fn drop_ins_of_another_life_are_stale() {
    assert_eq!(stale(&Given::ec2(34).node()), [DROP_IN_EC2, DROP_IN_HYBRID]);
    assert_eq!(stale(&Given::ec2(34).user(json!({"maxPods": 1})).node()), [DROP_IN_HYBRID]);
    assert_eq!(stale(&Given::hybrid(34, ssm()).user(json!({"maxPods": 1})).node()), [DROP_IN_EC2]);
    assert_eq!(stale(&Given::hybrid(28, ssm()).user(json!({"maxPods": 1})).node()), [DROP_IN_EC2, DROP_IN_HYBRID]);
}
