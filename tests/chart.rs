//! The Helm chart: what it renders, what it refuses, and that its documents tell the same.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

#[path = "chart/cluster.rs"]
mod cluster;
#[path = "chart/objects.rs"]
mod objects;

use std::path::{Path, PathBuf};

use serde_json::Value;

const VALUES: &str = include_str!("../charts/hybridge-gateway/values.yaml");
const SCHEMA: &str = include_str!("../charts/hybridge-gateway/values.schema.json");
const README: &str = include_str!("../charts/hybridge-gateway/README.md");
const CHART: &str = include_str!("../charts/hybridge-gateway/Chart.yaml");
const SETTINGS: &str = include_str!("../charts/hybridge-gateway/templates/_settings.tpl");

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package is two folders down").to_owned()
}

fn chart() -> String {
    workspace().join("charts/hybridge-gateway").display().to_string()
}

fn data(name: &str) -> String {
    workspace().join("tests/chart").join(name).display().to_string()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// Path, default and title of each value, from the schema and values.yaml.
fn values() -> Vec<(String, Value, String)> {
    fn walk(path: &str, schema: &Value, values: Value, rows: &mut Vec<(String, Value, String)>) {
        let Some(properties) = schema["properties"].as_object() else {
            return rows.push((path.to_owned(), values, schema["title"].as_str().unwrap_or_default().to_owned()));
        };
        let mut values = values.as_object().cloned().unwrap_or_default();
        for (key, schema) in properties.iter().filter(|(key, _)| !(path.is_empty() && *key == "global")) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let value = values.remove(key).unwrap_or_else(|| panic!("values.yaml has no {path}"));
            walk(&path, schema, value, rows);
        }
        assert!(values.is_empty(), "the schema does not know {values:?} of `{path}`");
        assert_eq!(schema["additionalProperties"], false, "unknown keys of `{path}` are taken");
    }
    let mut rows = Vec::new();
    walk("", &serde_json::from_str(SCHEMA).unwrap(), yaml(VALUES), &mut rows);
    rows
}

#[test]
fn the_readme_lists_each_value_with_its_default_and_the_schemas_title() {
    let listed: Vec<_> = README.lines().filter(|line| line.starts_with("| `")).collect();
    let mut expected: Vec<_> = values().into_iter().map(|(path, value, title)| format!("| `{path}` | `{value}` | {title} |")).collect();
    assert!(expected.len() > 40 && expected.iter().all(|row| !row.ends_with("|  |")), "{expected:#?}");
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
}

#[test]
fn a_missing_value_is_what_values_yaml_says() {
    let defaults = SETTINGS.split_once("\"hybridge-gateway.defaults\" -}}\n").unwrap().1.split_once("{{- end }}").unwrap().0;
    assert_eq!(yaml(defaults), yaml(VALUES));
}

#[test]
fn the_chart_has_the_version_of_the_workspace() {
    let chart = yaml(CHART);
    assert_eq!((&chart["version"], &chart["appVersion"]), (&env!("CARGO_PKG_VERSION").into(), &env!("CARGO_PKG_VERSION").into()));
}

/// Tests that need what `cargo xtask real` makes.
mod with_real_parts {
    use std::collections::BTreeMap;
    use std::process::Command;

    use hybridge_lab::real::{Helm, Said};

    use super::objects::{fields, name, only, parse};
    use super::*;

    /// For release names, namespaces and values that do not matter.
    const GOOD: [&str; 6] = ["--set", "vpcCIDR=10.0.0.0/16", "--set", "podCIDRs=10.250.0.0/16", "--set", "routeTableIDs=rtb-0a"];

    /// What the AWS gateway's chart is documented to be installed with, but for its placeholders of route tables and the comma between
    /// them, which Helm does not take as it is written there.
    const DOCUMENTED: [&str; 8] = [
        "--namespace=eks-hybrid-nodes-gateway",
        "--create-namespace",
        "--set",
        "vpcCIDR=10.0.0.0/16",
        "--set",
        "podCIDRs=10.250.0.0/16",
        "--set",
        r"routeTableIDs=rtb-0a\,rtb-0b",
    ];

    /// Fields of the AWS gateway's Deployment that have another value here, and why.
    const DIFFERENT: [(&str, &str); 5] = [
        ("metadata.labels.helm.sh/chart", "it names the chart that made the object"),
        ("metadata.labels.app.kubernetes.io/version", "it names the version of the program, and this is another one"),
        ("spec.template.metadata.labels.helm.sh/chart", "as above"),
        ("spec.template.metadata.labels.app.kubernetes.io/version", "as above"),
        ("spec.template.spec.containers[gateway].image", "it is another program"),
    ];

    const FILES: [&str; 7] = [
        "auto-mode",
        "everything",
        "iam-role-for-service-account",
        "locked-down",
        "managed-node-groups",
        "one-replica",
        "several-networks",
    ];

    fn helm(arguments: &[&str]) -> Said {
        let home = tempfile::tempdir().unwrap();
        Helm::offline(home.path()).unwrap().run(arguments).unwrap()
    }

    fn template(release: &str, arguments: &[&str]) -> Said {
        helm(&[&["template", release, &chart()], arguments].concat())
    }

    fn rendered(file: &str) -> String {
        let said = template("gateway", &["--namespace=network", "--values", &data(&format!("values/{file}.yaml"))]);
        assert!(said.success, "{file}: {}", said.stderr);
        said.stdout
    }

    #[test]
    fn lint_finds_nothing_with_any_values() {
        for file in FILES {
            let said = helm(&["lint", "--strict", &chart(), "--values", &data(&format!("values/{file}.yaml"))]);
            let warned = said.stdout.lines().any(|line| line.starts_with("[WARNING]") || line.starts_with("[ERROR]"));
            assert!(said.success && !warned, "{file}: {}{}", said.stdout, said.stderr);
        }
    }

    #[test]
    fn what_is_rendered() {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("chart/snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            for file in FILES {
                insta::assert_snapshot!(file, rendered(file).replace(env!("CARGO_PKG_VERSION"), "VERSION"));
            }
        });
    }

    #[test]
    fn the_readmes_install_command_renders() {
        let command = README.split("```sh\n").nth(1).unwrap().split("\n```").next().unwrap().replace("\\\n", " ");
        let words: Vec<_> = command.split_whitespace().map(|word| word.trim_matches('\'')).collect();
        assert_eq!(words[..4], ["helm", "install", "hybridge-gateway", "./charts/hybridge-gateway"]);
        let said = template(words[2], &words[4..]);
        assert!(said.success, "{}", said.stderr);
        assert_eq!(name(only(&parse(&said.stdout), "Deployment")), "Deployment hybridge-gateway/hybridge-gateway");
    }

    /// The gateway tells every flag and setting that it does not take, if one more is wrong; it touches nothing before.
    #[test]
    fn the_gateway_takes_every_flag_and_variable_that_the_chart_passes() {
        for file in FILES {
            let objects = parse(&rendered(file));
            let container = &only(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
            let mut gateway = Command::new(env!("CARGO_BIN_EXE_hybridge-gateway"));
            gateway.env_clear().args(["--check", "-o", "json", "--wrong"]);
            for variable in container["env"].as_array().unwrap() {
                gateway.env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap_or("192.0.2.1"));
            }
            for flag in container["args"].as_array().unwrap() {
                gateway.arg(flag.as_str().unwrap().replace("$(NODE_IP)", "192.0.2.1"));
            }
            let said: Value = serde_json::from_slice(&gateway.output().unwrap().stdout).unwrap();
            let places: Vec<_> = said["findings"].as_array().unwrap().iter().map(|finding| &finding["place"]).collect();
            assert_eq!(places, ["--wrong"], "{file}: {said:#}");
        }
    }

    #[test]
    fn the_deployment_has_every_field_of_the_aws_gateways() {
        for (mode, file) in [("true", "aws-auto-mode.txt"), ("false", "aws-managed-node-groups.txt")] {
            let mode = format!("autoMode.enabled={mode}");
            let said = template("eks-hybrid-nodes-gateway", &[&DOCUMENTED[..], &["--set", &mode]].concat());
            assert!(said.success, "{}", said.stderr);
            let ours = fields(only(&parse(&said.stdout), "Deployment"));
            let theirs = std::fs::read_to_string(data(file)).unwrap();
            let theirs: BTreeMap<_, Value> = theirs
                .lines()
                .filter(|line| !line.starts_with('#'))
                .map(|line| line.split_once(" = ").unwrap())
                .map(|(path, value)| (path, serde_json::from_str(value).unwrap()))
                .collect();
            assert!(theirs.len() > 60, "{file} lacks most");
            for (path, reason) in DIFFERENT {
                assert!(theirs.contains_key(path) && ours.contains_key(path), "{path} ({reason}) is no field of both");
            }
            let same = theirs.iter().filter(|(path, _)| !DIFFERENT.iter().any(|(different, _)| different == *path));
            let wrong: Vec<_> =
                same.filter(|(path, value)| ours.get(**path) != Some(value)).map(|(path, value)| (path, value, ours.get(*path))).collect();
            assert_eq!(wrong, [], "{file}: theirs, ours");
        }
    }

    #[test]
    fn every_object_of_the_aws_gateways_chart_is_there_under_its_name() {
        let said = template("eks-hybrid-nodes-gateway", &DOCUMENTED);
        let names: Vec<_> = parse(&said.stdout).iter().map(name).collect();
        let own = "eks-hybrid-nodes-gateway/eks-hybrid-nodes-gateway";
        for kind in ["ServiceAccount", "Role", "RoleBinding", "Deployment"] {
            assert!(names.contains(&format!("{kind} {own}")), "{kind}: {names:?}");
        }
        for kind in ["ClusterRole", "ClusterRoleBinding"] {
            assert!(names.contains(&format!("{kind} /eks-hybrid-nodes-gateway")), "{kind}: {names:?}");
        }
    }

    #[test]
    fn in_namespace_default_one_role_has_the_rights_of_both() {
        let said = template("gateway", &[&GOOD[..], &["--namespace=default"]].concat());
        let objects = parse(&said.stdout);
        let role = only(&objects, "Role");
        only(&objects, "RoleBinding");
        assert!(role["rules"].as_array().unwrap().iter().any(|rule| rule["resources"][0] == "events"), "{role:#}");
    }

    #[test]
    fn values_that_are_wrong_are_refused_with_their_key_and_the_way_out() {
        let host_bits = "vpcCIDR: 10.0.0.5/16 has host bits set; write 10.0.0.0/16";
        let aws = "image.repository=public.ecr.aws/eks/eks-hybrid-nodes-gateway";
        let cases: [(&str, &str); 36] = [
            // By the schema.
            ("--set=vpcCidr=10.0.0.0/16", "additional properties 'vpcCidr' not allowed"),
            ("--set=image.name=gateway", "at '/image': additional properties 'name' not allowed"),
            ("--set=replicas=two", "at '/replicas': got string, want integer"),
            ("--set=autoMode=true", "at '/autoMode': got boolean, want object"),
            ("--set-string=autoMode.enabled=true", "at '/autoMode/enabled': got string, want boolean"),
            ("--set=vpcCIDR=10", "at '/vpcCIDR': got number, want string"),
            ("--set=image.pullPolicy=Sometimes", "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'"),
            ("--set=image.digest=sha256:abc", "at '/image/digest': 'sha256:abc' does not match pattern '^(sha256:[0-9a-f]{64})?$'"),
            ("--set=massDeleteHold=soon", "at '/massDeleteHold': 'soon' does not match pattern"),
            ("--set=leaderElection.leaseDuration=3", "at '/leaderElection/leaseDuration': got number, want string"),
            ("--set=leaderElection.id=Leader", "at '/leaderElection/id': 'Leader' does not match pattern"),
            ("--set=admin.address=fd00::1", "at '/admin/address': 'fd00::1' does not match pattern"),
            ("--set=admin.healthPort=0", "at '/admin/healthPort': minimum: got 0, want 1"),
            ("--set=log.format=xml", "at '/log/format': value must be one of 'json', 'text'"),
            ("--set=aws.region=Frankfurt", "at '/aws/region': 'Frankfurt' does not match pattern"),
            ("--kube-version=1.26.9", "chart requires kubeVersion: >=1.27.0-0 which is incompatible with Kubernetes v1.26.9"),
            // By the templates.
            ("--set=vpcCIDR=", "vpcCIDR is required: the networks of the cluster's VPC, for example 10.0.0.0/16"),
            ("--set=podCIDRs={}", "podCIDRs is required: the networks of hybrid pods, for example 10.250.0.0/16"),
            ("--set=routeTableIDs=", "routeTableIDs is required: every route table of subnets that hybrid pods are reached from"),
            ("--set=routeTableIDs=rtb-xxx", "routeTableIDs: rtb-xxx is no route table; write it as rtb-0123456789abcdef0"),
            ("--set=vpcCIDR=10.0.0.5/16", host_bits),
            (r"--set=vpcCIDR=10.0.0.5/16\, 10.2.0.0/16", host_bits),
            ("--set=podCIDRs={255.255.255.255/31}", "podCIDRs: 255.255.255.255/31 has host bits set; write 255.255.255.254/31"),
            ("--set=podCIDRs=192.0.2.1/0", "podCIDRs: 192.0.2.1/0 has host bits set; write 0.0.0.0/0"),
            ("--set=podCIDRs=fd00::/64", "podCIDRs: fd00::/64 is IPv6; only IPv4 goes through the tunnel, so give the IPv4 network"),
            ("--set=podCIDRs=10.250.0.0", "podCIDRs: 10.250.0.0 has no prefix length; write 10.250.0.0/32 for this one address"),
            ("--set=podCIDRs=10.250.0.256/16", "podCIDRs: 10.250.0.256/16 is no network; write it as 10.250.0.0/16"),
            ("--set=podCIDRs=10.0.255.0/24", "podCIDRs: 10.0.255.0/24 overlaps 10.0.0.0/16 of vpcCIDR; hybrid pods need networks outside"),
            ("--set=podCIDRs={10.250.0.0/16,10.250.9.0/24}", "podCIDRs: 10.250.9.0/24 overlaps 10.250.0.0/16 of podCIDRs; leave one out"),
            (&format!("--set={aws}"), "--reset-then-reuse-values instead of --reuse-values, or set image.repository"),
            ("--set=leaderElection.renewDeadline=3000ms", "out of order; write leaseDuration > renewDeadline > retryPeriod > 0"),
            ("--set=admin.metricsPort=8088", "admin.healthPort and admin.metricsPort are both 8088; give each a port of its own"),
            (
                "--set=podMonitor.enabled=true,admin.address=127.0.0.1",
                "Prometheus does not reach admin.address 127.0.0.1; set admin.address",
            ),
            ("--set=mtu=9000000", "mtu: 9000000 is not between 576 and 9951; write the smallest MTU"),
            ("--set=extraEnv[0].name=NODE_IP", "extraEnv: NODE_IP is set by the chart; leave it out"),
            (r"--set=podLabels.app\.kubernetes\.io/name=gateway", "podLabels: app.kubernetes.io/name is set by the chart; leave it out"),
        ];
        for (wrong, message) in cases {
            let said = template("gateway", &[&GOOD[..], &[wrong]].concat());
            assert!(!said.success && said.stderr.contains(message), "{wrong} gave\n{}{}", said.stdout, said.stderr);
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let wrong = ["--set=vpcCIDR=10.0.0.5/16", "--set=podCIDRs=fd00::/8", "--set=routeTableIDs=", "--set=mtu=1"];
        let said = template("gateway", &wrong);
        let told: Vec<_> = said.stderr.lines().filter_map(|line| line.strip_prefix("- ")?.split([':', ' ']).next()).collect();
        assert_eq!(told, ["vpcCIDR", "podCIDRs", "routeTableIDs", "mtu"], "{}", said.stderr);
        let said = template("gateway", &["--set=replicas=two,colour=blue,log.format=xml"]);
        for key in ["colour", "/replicas", "/log/format"] {
            assert!(said.stderr.contains(key), "{key} is not told: {}", said.stderr);
        }
    }

    #[test]
    fn networks_that_touch_or_are_listed_twice_and_versions_of_eks_are_taken() {
        for good in [
            r"--set=podCIDRs=10.250.0.0/16\,10.251.0.0/16",
            r"--set=podCIDRs=10.250.0.0/16\, 10.250.0.0/16\,",
            "--set=podCIDRs={9.255.255.255/32}",
            "--set=global.region=eu",
            "--kube-version=v1.33.5-eks-113cf36",
        ] {
            let said = template("gateway", &[&GOOD[..], &[good]].concat());
            assert!(said.success, "{good}: {}", said.stderr);
        }
    }
}
