//! The Helm chart: what it renders, what it refuses, and that its documents tell the same.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

#[path = "chart/cluster.rs"]
mod cluster;
#[path = "chart/objects.rs"]
mod objects;
#[path = "chart/refused.rs"]
mod refused;

use std::path::{Path, PathBuf};

use hybridge_lab::real::{Helm, Said};
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

/// For release names, namespaces and values that do not matter.
const GOOD: [&str; 6] = ["--set", "vpcCIDR=10.0.0.0/16", "--set", "podCIDRs=10.250.0.0/16", "--set", "routeTableIDs=rtb-0a"];

fn helm(arguments: &[&str]) -> Said {
    let home = tempfile::tempdir().unwrap();
    Helm::offline(home.path()).unwrap().run(arguments).unwrap()
}

fn template(release: &str, arguments: &[&str]) -> Said {
    helm(&[&["template", release, &chart()], arguments].concat())
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

/// A packaged chart has no folders around it.
#[test]
fn every_link_of_the_readme_is_absolute() {
    let links: Vec<_> = README.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() > 1 && links.iter().all(|link| link.starts_with("https://")), "{links:?}");
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

    use super::objects::{fields, name, only, parse};
    use super::*;

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

    /// What the Deployment has beyond the AWS gateway's, by the place in the pod. A row of docs/differences.md tells it.
    const BEYOND: [(&str, &[&str]); 10] = [
        ("", &["automountServiceAccountToken", "priorityClassName", "terminationGracePeriodSeconds"]),
        (
            "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions",
            &["[0].key", "[0].operator", "[0].values[0]", "[1].key", "[1].operator", "[1].values[0]", "[1].values[1]"],
        ),
        ("topologySpreadConstraints[0].", &["maxSkew", "topologyKey", "whenUnsatisfiable"]),
        ("topologySpreadConstraints[0].labelSelector.matchLabels.app.kubernetes.io/", &["instance", "name"]),
        ("containers[gateway].args", &["[0]", "[1]", "[2]", "[3]", "[4]", "[5]", "[6]"]),
        (
            "containers[gateway].env",
            &["[LEADER_ELECTION_ID].name", "[LEADER_ELECTION_ID].value", "[NODE_LABEL].name", "[NODE_LABEL].value"],
        ),
        ("containers[gateway].env[NODE_NAME].", &["name", "valueFrom.fieldRef.fieldPath"]),
        ("containers[gateway].env[POD_NAMESPACE].", &["name", "valueFrom.fieldRef.fieldPath"]),
        ("containers[gateway].resources.", &["limits.memory", "requests.cpu", "requests.memory"]),
        ("containers[gateway].securityContext.", &["readOnlyRootFilesystem", "runAsUser", "seccompProfile.type"]),
    ];

    #[test]
    fn the_deployment_has_these_fields_beyond_the_aws_gateways_and_no_others() {
        for (mode, file) in [("true", "aws-auto-mode.txt"), ("false", "aws-managed-node-groups.txt")] {
            let mode = format!("autoMode.enabled={mode}");
            let said = template("eks-hybrid-nodes-gateway", &[&DOCUMENTED[..], &["--set", &mode]].concat());
            let theirs = std::fs::read_to_string(data(file)).unwrap();
            let theirs: Vec<_> = theirs.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
            let ours = fields(only(&parse(&said.stdout), "Deployment"));
            let beyond: Vec<_> = ours.into_keys().filter(|path| !theirs.contains(&path.as_str())).collect();
            let expected = BEYOND.iter().flat_map(|(place, rest)| rest.iter().map(move |rest| format!("spec.template.spec.{place}{rest}")));
            let mut expected: Vec<_> = expected.collect();
            expected.sort_unstable();
            assert_eq!(beyond, expected, "{file}");
        }
    }

    /// `true`, `12` and `1e3` are no strings in YAML, `no` and `12:34` are none to Helm.
    #[test]
    fn names_that_read_like_numbers_or_booleans_are_rendered_as_the_strings_they_are() {
        let render = |names: [&str; 4]| {
            let [release, name, number, port] = names;
            let sets = [
                "nodeLabel",
                "leaderElection.id",
                "serviceAccount.name",
                "priorityClassName",
                "aws.caBundle.configMap",
                "imagePullSecrets[0].name",
            ];
            let sets = sets.map(|key| format!("--set-string={key}={name}"));
            let namespace = format!("--namespace={number}");
            let full = format!("--set-string=fullnameOverride={number},nameOverride={name},image.repository={number},image.tag={port}");
            let labels =
                format!("--set-string=podLabels.{name}={name},podAnnotations.{name}={number},serviceAccount.annotations.{name}={name}");
            let more = [namespace.as_str(), &full, &labels, "--set=podMonitor.enabled=true", "--set-string=podMonitor.interval=0"];
            let said = template(release, &[&GOOD[..], &more, &sets.each_ref().map(String::as_str)].concat());
            assert!(said.success, "{}", said.stderr);
            said.stdout
        };
        // The place of what is no string.
        let others = |text: &str| -> Vec<_> {
            let objects = parse(text);
            let fields =
                objects.iter().flat_map(|object| fields(object).into_iter().map(|(path, value)| (object["kind"].clone(), path, value)));
            fields.filter(|(_, _, value)| !value.is_string()).map(|(kind, path, value)| format!("{kind} {path} {value}")).collect()
        };
        let words = others(&render(["word", "word", "word", "word"]));
        assert!(words.len() > 10, "{words:?}");
        for names in
            [["123", "true", "123", "45"], ["1e3", "1e3", "1e3", "1e3"], ["no", "no", "12", "34"], ["null", "null", "null", "null"]]
        {
            let text = render(names);
            assert_eq!(others(&text), words, "{names:?}");
            let [release, name, number, port] = names;
            for line in [
                format!("        \"{name}\": \"true\""),
                format!("  name: \"{number}\""),
                format!("    app.kubernetes.io/instance: \"{release}\""),
                format!("          image: \"{number}:{port}\""),
            ] {
                assert!(text.lines().any(|rendered| rendered == line), "{line} is not in {text}");
            }
            // The chart has booleans of its own.
            let unlike: Vec<_> = names.iter().filter(|name| **name != "true").collect();
            let bare = text.lines().map(str::trim).filter(|line| {
                let at_end = |name: &str| *line == format!("- {name}") || line.ends_with(&format!(": {name}"));
                unlike.iter().any(|name| at_end(name) || line.starts_with(&format!("{name}:")))
            });
            assert_eq!(bare.collect::<Vec<_>>(), Vec::<&str>::new());
        }
    }
}
