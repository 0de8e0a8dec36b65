//! nodeadm's table of merges (`internal/api/merge_test.go`) and what mergo does beyond it.

use serde_json::json;

use super::super::*;
use super::languages;

fn spec(value: Value) -> NodeConfig {
    let text = json!({ "apiVersion": API_VERSION, "kind": KIND, "spec": value }).to_string();
    let parsed = parse("f", text.as_bytes(), None, languages());
    parsed.config.unwrap_or_else(|| panic!("{:#?}", parsed.problems))
}

/// (what it is about, earlier, later, merged)
type Row = (&'static str, &'static str, &'static str, &'static str);

/// `spec` as JSON. Mostly nodeadm's own table.
const ROWS: &[Row] = &[
    ("empty text", r#"{}"#, r#"{"cluster": {"name": "a"}}"#, r#"{"cluster": {"name": "a"}}"#),
    ("text", r#"{"cluster": {"name": "a"}}"#, r#"{"cluster": {"name": "b"}}"#, r#"{"cluster": {"name": "b"}}"#),
    ("empty later", r#"{"cluster": {"name": "a"}}"#, r#"{"cluster": {"name": ""}}"#, r#"{"cluster": {"name": "a"}}"#),
    (
        "false over true",
        r#"{"cluster": {"enableOutpost": true}}"#,
        r#"{"cluster": {"enableOutpost": false}}"#,
        r#"{"cluster": {"enableOutpost": true}}"#,
    ),
    (
        "true over false",
        r#"{"cluster": {"enableOutpost": false}}"#,
        r#"{"cluster": {"enableOutpost": true}}"#,
        r#"{"cluster": {"enableOutpost": true}}"#,
    ),
    (
        "strategy",
        r#"{"instance": {"localStorage": {"strategy": "RAID0"}}}"#,
        r#"{"instance": {"localStorage": {"strategy": ""}}}"#,
        r#"{"instance": {"localStorage": {"strategy": "RAID0"}}}"#,
    ),
    (
        "expression",
        r#"{"kubelet": {"maxPodsExpression": "1"}}"#,
        r#"{"kubelet": {"maxPodsExpression": ""}}"#,
        r#"{"kubelet": {"maxPodsExpression": "1"}}"#,
    ),
    (
        "lists replaced",
        r#"{"instance": {"network": {"nameservers": ["1.1.1.1"], "domains": ["a"]}}}"#,
        r#"{"instance": {"network": {"nameservers": ["8.8.8.8"], "domains": []}}}"#,
        r#"{"instance": {"network": {"nameservers": ["8.8.8.8"], "domains": ["a"]}}}"#,
    ),
    (
        "mounts replaced",
        r#"{"instance": {"localStorage": {"disabledMounts": ["SOCI"]}}}"#,
        r#"{"instance": {"localStorage": {"disabledMounts": ["PodLogs"]}}}"#,
        r#"{"instance": {"localStorage": {"disabledMounts": ["PodLogs"]}}}"#,
    ),
    (
        "flags appended",
        r#"{"kubelet": {"flags": ["--node-labels=nodegroup=example", "--register-with-taints=the=taint:NoSchedule"]}}"#,
        r#"{"kubelet": {"flags": ["--node-labels=nodegroup=user-set"]}}"#,
        r#"{"kubelet": {"flags": ["--node-labels=nodegroup=example", "--register-with-taints=the=taint:NoSchedule", "--node-labels=nodegroup=user-set"]}}"#,
    ),
    (
        "environment",
        r#"{"instance": {"environment": {"default": {"A": "1", "B": "2"}}}}"#,
        r#"{"instance": {"environment": {"default": {"A": ""}, "kubelet": {"C": "3"}}}}"#,
        r#"{"instance": {"environment": {"default": {"A": "", "B": "2"}, "kubelet": {"C": "3"}}}}"#,
    ),
    (
        "gates",
        r#"{"featureGates": {"FastImagePull": true}}"#,
        r#"{"featureGates": {"FastImagePull": false, "InstanceIdNodeName": true}}"#,
        r#"{"featureGates": {"FastImagePull": false, "InstanceIdNodeName": true}}"#,
    ),
    (
        "kubelet configuration",
        r#"{"kubelet": {"config": {"logging": {"verbosity": 5}, "podsPerCore": 20, "systemReserved": {"cpu": "150m"}}}}"#,
        r#"{"kubelet": {"config": {"logging": {"verbosity": 2}, "maxPods": 150}}}"#,
        r#"{"kubelet": {"config": {"logging": {"verbosity": 2}, "maxPods": 150, "podsPerCore": 20, "systemReserved": {"cpu": "150m"}}}}"#,
    ),
    (
        "empty values override",
        r#"{"kubelet": {"config": {"a": true, "b": "x", "c": 1, "d": [1], "e": 1, "f": {"g": 1}}}}"#,
        r#"{"kubelet": {"config": {"a": false, "b": "", "c": 0, "d": [], "e": null, "f": {}}}}"#,
        r#"{"kubelet": {"config": {"a": false, "b": "", "c": 0, "d": [], "e": null, "f": {"g": 1}}}}"#,
    ),
    (
        "runtime spec",
        r#"{"containerd": {"baseRuntimeSpec": {"process": {"rlimits": {"type": "RLIMIT_NOFILE", "soft": 1024}}}}}"#,
        r#"{"containerd": {"baseRuntimeSpec": {"process": {"rlimits": {"type": "RLIMIT_NOFILE", "hard": 1024}}}}}"#,
        r#"{"containerd": {"baseRuntimeSpec": {"process": {"rlimits": {"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}}}}}"#,
    ),
    ("containerd, nothing before", r#"{}"#, r#"{"containerd": {"config": "a = 1"}}"#, r#"{"containerd": {"config": "a = 1"}}"#),
    ("containerd, nothing after", r#"{"containerd": {"config": "a = 1"}}"#, r#"{}"#, r#"{"containerd": {"config": "a = 1"}}"#),
    (
        "credentials file",
        r#"{"hybrid": {"enableCredentialsFile": true}}"#,
        r#"{"hybrid": {"enableCredentialsFile": false}}"#,
        r#"{"hybrid": {"enableCredentialsFile": true}}"#,
    ),
    (
        "paths",
        r#"{"hybrid": {"iamRolesAnywhere": {"certificatePath": "/a"}}}"#,
        r#"{"hybrid": {"iamRolesAnywhere": {"nodeName": "n"}}}"#,
        r#"{"hybrid": {"iamRolesAnywhere": {"certificatePath": "/a", "nodeName": "n"}}}"#,
    ),
    (
        "default path said",
        r#"{"hybrid": {"iamRolesAnywhere": {"certificatePath": "/a"}}}"#,
        r#"{"hybrid": {"iamRolesAnywhere": {"certificatePath": "/etc/iam/pki/server.pem"}}}"#,
        r#"{"hybrid": {"iamRolesAnywhere": {"certificatePath": "/etc/iam/pki/server.pem"}}}"#,
    ),
];

#[test]
fn later_documents_do_to_earlier_ones_what_nodeadm_has_them_do() {
    for (name, base, later, wanted) in ROWS {
        let [mut merged, later, wanted] = [base, later, wanted].map(|json| spec(serde_json::from_str(json).unwrap()));
        merge(&mut merged, later, languages()).unwrap();
        assert_eq!(merged, wanted, "{name}");
    }
}

#[test]
fn containerds_toml_is_merged_for_ec2_nodes_and_replaced_for_hybrid_ones() {
    let [one, two] = ["[a.b.c.d]\nf = 0", "[a.b.c.d]\ne = 0"].map(|toml| json!({"containerd": {"config": toml}}));
    let mut merged = spec(one.clone());
    merge(&mut merged, spec(two.clone()), languages()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&merged.containerd.config).unwrap(), json!({"a": {"b": {"c": {"d": {"e": 0, "f": 0}}}}}));

    let mut hybrid = NodeConfig { shape: Shape::Hybrid, ..spec(one.clone()) };
    merge(&mut hybrid, spec(two), languages()).unwrap();
    assert_eq!(hybrid.containerd.config, "[a.b.c.d]\ne = 0");

    let mut base = spec(one.clone());
    let mut broken = NodeConfig::default();
    broken.containerd.config = "[".to_owned();
    broken.cluster.name = "other".to_owned();
    assert_eq!(merge(&mut base, broken, languages()), Err(MergeError("not TOML".to_owned())));
    assert_eq!(base, spec(one), "a merge that fails changes nothing");
}

#[test]
fn parts_of_a_multipart_are_merged_in_order_with_lines_of_the_source() {
    let bytes = super::document("ec2/mime-userdata-merge/config.yaml");
    let config = parse("f", bytes, None, languages()).config.unwrap();
    assert_eq!(Value::Object(config.kubelet.config), json!({"maxPods": 58, "clusterDNS": ["1.1.1.1"], "systemReserved": {"cpu": "150m"}}));
    let wrong = std::str::from_utf8(bytes).unwrap().replace("systemReserved:", "on:").replace("cidr: 10.100.0.0", "cidr: 10.100.0.1");
    let parsed = parse("f", wrong.as_bytes(), None, languages());
    assert_eq!(super::codes(&parsed), ["ca.not-pem 14:27", "cidr.host-bits 15:11", "yaml.boolean-key 31:7"]);
}

#[test]
fn plain_scalars_of_free_forms_mean_what_yaml_1_1_has_them_mean() {
    let text = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster: {name: 1.30, id: on}\n  instance: {environment: {default: {A: yes, B: 0123, C: }}}\n  kubelet:\n    config:\n      base: &base {one: 1, two: 2}\n      list: [0x1F, 0o17, 017, 0b11, 1_000, -5, 1.5, .5, 1e3, ~, null, '1', \"yes\", TRUE, 1.2.3, 0x, 12:30, =]\n      merged: {<<: *base, two: 3}\n      1: key\n      old: [yes, Off]\n";
    let parsed = parse("f", text.as_bytes(), None, languages());
    assert_eq!(super::codes(&parsed), ["yaml.boolean 12:13", "yaml.boolean 12:18"]);
    let config = parsed.config.unwrap();
    assert_eq!((config.cluster.name.as_str(), config.cluster.id.as_str()), ("1.30", "on"));
    assert_eq!(json!(config.instance.environment), json!({"default": {"A": "yes", "B": "0123", "C": ""}}));
    assert_eq!(
        Value::Object(config.kubelet.config),
        json!({
            "base": {"one": 1, "two": 2},
            "list": [31, 15, 15, 3, 1000, -5, 1.5, 0.5, 1000, null, null, "1", "yes", true, "1.2.3", "0x", "12:30", "="],
            "merged": {"one": 1, "two": 3},
            "1": "key",
            "old": [true, false],
        })
    );
}

#[test]
fn json_and_line_ends_of_windows_are_read_with_their_places() {
    let json = "{\n\t\"apiVersion\": \"node.eks.aws/v1alpha1\",\n\t\"kind\": \"NodeConfig\",\n\t\"spec\": {\n\t\t\"cluster\": {\"nmae\": \"a\\u00e4\"},\n\t\t\"kubelet\": {\"config\": {\"on\": \"yes\", \"y\": true, \"on\": 1}}\n\t}\n}\n";
    assert_eq!(super::codes(&parse("f", json.as_bytes(), None, languages())), ["key.unknown 5:15", "yaml.duplicate-key 6:50"]);
    let yaml = "apiVersion: node.eks.aws/v1alpha1\r\nkind: NodeConfig\r\nspec:\r\n  cluster:\r\n    cidr: 1.2.3.4/8\r\n  containerd:\r\n    config: |\r\n      a = 1\r\n      b =\r\n";
    assert_eq!(super::codes(&parse("f", yaml.as_bytes(), None, languages())), ["cidr.host-bits 5:11", "toml.syntax 9:10"]);
}

#[test]
fn an_authority_of_pem_certificates_is_taken_without_a_word() {
    let document = |ca: &str| format!("apiVersion: {API_VERSION}\nkind: {KIND}\nspec: {{cluster: {{certificateAuthority: {ca}}}}}\n");
    let certificate = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJRRENCODZBREFnRUNBaFIvZGtjSUJzRXFObzhEVkhPWFBVUTV1QlBvTGpBRkJnTXJaWEF3RlRFVE1CRUcKQTFVRUF3d0thM1ZpWlhKdVpYUmxjekFnRncweU5qRXhNakV4TnpBNE1EWmFHQTh5TVRJMk1UQXlPREUzTURndwpObG93RlRFVE1CRUdBMVVFQXd3S2EzVmlaWEp1WlhSbGN6QXFNQVVHQXl0bGNBTWhBSlVhd0wzeVFrOE1IaU1JCkgzaklmM1BXU3V1NW5tWFhuaTNhdTkzUFlYMGFvMU13VVRBZEJnTlZIUTRFRmdRVTY2V0ViaXljYjFnaTBoM3MKcWprOVZ6NEZQcEl3SHdZRFZSMGpCQmd3Rm9BVTY2V0ViaXljYjFnaTBoM3Nxams5Vno0RlBwSXdEd1lEVlIwVApBUUgvQkFVd0F3RUIvekFGQmdNclpYQURRUUJ3a1YxZDJ2akx6bTAreHUra1ROMW9lcTJhVjdpT2I0dnFLTWFTCm9od0FoSHJOcGZ3WjJNaSsvZEQrZXJjZlJodVFxeitoeWZib2dhb0RJenNRSTVRTwotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg==";
    assert_eq!(parse("f", document(certificate).as_bytes(), None, languages()).problems, []);
    let key = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1DNENBUUF3QlFZREsyVndCQ0lFSUhqVjgvbXozZGpCZWNpRUJpNnoxODV3Qy9RTWhJSCtaRmcvVkJKbXN6eDUKLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo=";
    let parsed = parse("f", document(key).as_bytes(), None, languages());
    assert_eq!(super::codes(&parsed), ["ca.certificate 3:40"]);
    assert!(!format!("{:?}", parsed.problems).contains(&key[40..60]));
}

/// Merged from documents with these in `spec.lni`.
fn merged_lni(parts: &[&str]) -> (NodeConfig, Vec<Problem>) {
    let mut base = NodeConfig::default();
    for part in parts {
        let cluster = "{name: a, apiServerEndpoint: 'https://a', certificateAuthority: YWE=, cidr: 172.20.0.0/16}";
        let text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\nspec:\n  cluster: {cluster}\n  lni: {part}\n");
        let parsed = parse("f", text.as_bytes(), None, languages());
        let config = parsed.config.unwrap_or_else(|| panic!("{:#?}", parsed.problems));
        merge(&mut base, config, languages()).unwrap();
    }
    let missing = check_whole(&base);
    (base, missing)
}

#[test]
fn parts_of_an_lni_make_one_profile_which_is_judged_whole() {
    let all = "{match: {deviceIndex: 14}, lan: {cidrs: [192.168.2.0/24]}, address: {mode: dhcp}}";
    let (config, problems) = merged_lni(&[all, "{address: {mode: static, cidr: 192.168.2.10/24}, vips: {pools: [192.168.2.160]}}"]);
    assert_eq!(problems, []);
    let profile = config.lni().unwrap();
    assert_eq!(profile.vips.pools.len(), 1);
    let explained = crate::lni::explain(&config);
    let source = |path: &str| explained.iter().find(|setting| setting.path == path).unwrap().source.clone();
    assert_eq!((source("address.cidr"), source("routing.table")), ("user".to_owned(), "hybridge default".to_owned()));
    assert_eq!(dump(&config)["spec"]["lni"]["address"], serde_json::json!({"mode": "static", "cidr": "192.168.2.10/24"}));

    let codes = |parts: &[&str]| -> Vec<String> {
        let (config, problems) = merged_lni(parts);
        assert_eq!(
            config.lni().is_none(),
            problems.iter().any(|problem| problem.severity == hybridge_report::Severity::Error && problem.code != "lni.service-overlap")
        );
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.place())).collect()
    };
    assert_eq!(codes(&["{match: {deviceIndex: 14}}"]), ["lni.unnumbered spec.lni.address", "lni.lan spec.lni.lan"]);
    assert_eq!(codes(&[all, "{vips: {pools: [10.0.0.1]}}"]), ["lni.pool spec.lni.vips.pools[0]"]);
    assert_eq!(codes(&[all, "{lan: {cidrs: [172.20.1.0/24]}}"]), ["lni.service-overlap spec.lni.lan.cidrs"]);
}

#[test]
fn a_wrong_value_of_an_lni_is_told_at_its_place() {
    let text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\nspec:\n  lni:\n    mtu: 15\n    macth: {{}}\n");
    let parsed = parse("f", text.as_bytes(), None, languages());
    assert_eq!(super::codes(&parsed), ["lni.mtu 5:10", "key.unknown 6:5"]);
    assert_eq!(parsed.problems[1].fix.as_deref(), Some("did you mean match?"));
}
