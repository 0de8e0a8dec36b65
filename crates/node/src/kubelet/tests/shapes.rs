//! What ours does besides.

use serde_json::json;

use super::*;

#[test]
fn our_own_plugins_take_the_place_of_others() {
    let kubeconfig = |given: &Given| given.file(KUBECONFIG).or(given.file(BOOTSTRAP_KUBECONFIG)).unwrap();
    let own = |given: Given| Given { plugins: Plugins::Builtin, ..given };
    let command = "        command: \"/usr/local/bin/hybridge\"\n";
    let args = |id: &str| format!("        args:\n          - \"get-token\"\n{id}          - \"--region\"\n          - \"us-west-2\"\n");
    let name = args("          - \"--cluster-name\"\n          - \"my-cluster\"\n");
    for given in [own(Given::ec2(34)), own(Given::hybrid(34, ssm()))] {
        assert!(kubeconfig(&given).ends_with(&format!("{command}{name}")), "{}", kubeconfig(&given));
        assert!(
            given.file(ENVIRONMENT).unwrap().contains("--image-credential-provider-bin-dir=/usr/local/bin "),
            "an AMI's own stays where it is"
        );
    }

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
    assert_eq!((&provider["name"], &provider["args"]), (&json!("hybridge"), &json!(["ecr-credential-provider"])));
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
fn others_provider_for_ecr_is_where_the_environment_says_and_must_be_there() {
    let elsewhere = "/opt/bin/my-provider";
    let codes = |given: &Given| findings(&given.node()).iter().map(|finding| finding.code).collect::<Vec<_>>();
    for (place, programs, plugins, found) in [
        (None, vec![ECR_PROVIDER], Plugins::External, vec![]),
        (None, vec![], Plugins::External, vec!["kubelet.ecr-provider"]),
        (None, vec![], Plugins::Builtin, vec![]),
        (Some(elsewhere), vec![elsewhere], Plugins::External, vec![]),
        (Some(elsewhere), vec![ECR_PROVIDER], Plugins::External, vec!["kubelet.ecr-provider"]),
        (Some(elsewhere), vec![], Plugins::Builtin, vec![]),
    ] {
        let mut given = Given { plugins, ..Given::ec2(34) };
        given.facts.ecr_provider = place.map(str::to_owned);
        given.facts.programs = programs.into_iter().map(str::to_owned).collect();
        assert_eq!(codes(&given), found, "{place:?} {plugins:?}");
        if !found.is_empty() {
            assert_eq!(files(&given.node()).unwrap_err()[0].code, "kubelet.ecr-provider");
            continue;
        }
        let path = if plugins == Plugins::External { place.unwrap_or(ECR_PROVIDER) } else { "/usr/local/bin/hybridge" };
        let (directory, name) = path.rsplit_once('/').unwrap();
        assert!(given.args().contains(&format!("--image-credential-provider-bin-dir={directory}")), "{:?}", given.args());
        assert_eq!(given.json(PROVIDER_CONFIG)["providers"][0]["name"], name);
    }
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
    let found = files(&given.node()).unwrap_err();
    assert_eq!(found.iter().filter(|finding| finding.code == "kubelet.instance-unknown").count(), 1, "{found:?}");
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
    // Nothing that is written goes unexplained, and nothing else is explained.
    let mut written = Vec::new();
    let plain = Given::ec2(34);
    leaf_paths("", &plain.json(CONFIG), &mut written);
    written.extend(plain.args().iter().filter_map(|flag| flag.split('=').next().map(str::to_owned)));
    let mut explained: Vec<String> = explain(&plain.node()).into_iter().map(|setting| setting.path).collect();
    written.sort();
    explained.sort();
    assert_eq!(explained, written);
}

fn leaf_paths(at: &str, value: &Value, paths: &mut Vec<String>) {
    match value.as_object() {
        Some(map) => map.iter().for_each(|(key, value)| leaf_paths(&format!("{at}.{key}"), value, paths)),
        None => paths.push(at.trim_start_matches('.').to_owned()),
    }
}

#[test]
fn an_lni_takes_an_interface_from_pods_and_wants_an_index_that_the_cni_never_comes_to() {
    // m4.xlarge has 4 interfaces, so the CNI comes to indexes 0 to 2.
    for (index, low) in [(2, true), (3, false), (14, false)] {
        let mut given = Given::ec2(34);
        given.config.lni = serde_json::from_value(json!({
            "match": {"deviceIndex": index}, "address": {"mode": "static", "cidr": "192.168.2.10/24"}, "lan": {"cidrs": ["192.168.2.0/24"]},
        }))
        .unwrap();
        assert_eq!(given.setting("maxPods"), (json!(44), "instance type m4.xlarge, without the LNI".to_owned()), "{index}");
        let finding = crate::max_pods::lni(&given.node()).map(|finding| finding.code);
        assert_eq!(finding, low.then_some("lni.low-index"), "{index}");
    }
    assert_eq!(crate::max_pods::lni(&Given::ec2(34).node()), None);
}
