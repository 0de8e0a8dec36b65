//! `hybridge node` without a node: what would be done, why, and how many pods fit.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod aws_answers;
mod machine;

use hybridge_lab::isolate::isolated;
use serde_json::Value;

use aws_answers::Aws;
use machine::{HYBRIDGE, Machine};

/// An EC2 instance with a NodeConfig at /config.yaml that has something of everything.
fn instance(kubelet: &str) -> (Machine, Aws) {
    let mut machine = Machine::new(kubelet, "1.7.27");
    let aws = Aws::start(&mut machine);
    machine.write("/config.yaml", CONFIG);
    (machine, aws)
}

const CONFIG: &str = "apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: my-cluster
    apiServerEndpoint: https://example.com
    certificateAuthority: Y2VydGlmaWNhdGVBdXRob3JpdHk=
    cidr: 10.100.0.0/16
  containerd:
    config: |
      [debug]
      level = 'debug'
  instance:
    environment:
      default: {NO_PROXY: localhost}
  kubelet:
    config: {maxPods: 42}
    flags: [--node-labels=team=blue]
";

fn node(machine: &Machine, arguments: &[&str]) -> String {
    machine.run(HYBRIDGE, &[&["node"], arguments].concat()).expect(0).stdout
}

#[test]
fn every_setting_is_told_with_what_set_it() {
    isolated(|| {
        let (machine, _aws) = instance("1.34.0");
        insta::assert_snapshot!("explain", node(&machine, &["config", "explain", "-c", "file://config.yaml"]));
        let explain = ["config", "explain", "-c", "file://config.yaml", "--setting", "maxpods", "-o", "json"];
        insta::assert_snapshot!("explain_json", node(&machine, &explain));
        machine.run(HYBRIDGE, &["node", "config", "explain", "-c", "file://config.yaml", "--setting", "colour"]).expect(1);
    });
}

#[test]
fn the_schema_is_one_and_the_dump_is_merged() {
    isolated(|| {
        let (machine, _aws) = instance("1.34.0");
        let schema: Value = serde_json::from_str(&node(&machine, &["config", "schema"])).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        insta::assert_snapshot!("dump", node(&machine, &["config", "dump", "-c", "file://config.yaml"]));
        let outcome = machine.run(HYBRIDGE, &["node", "config", "check", "-c", "file://config.yaml", "-o", "json"]).expect(0);
        assert_eq!(serde_json::from_str::<Value>(&outcome.stdout).unwrap()["ok"], true);
    });
}

#[test]
fn pods_are_counted_for_types_and_for_this_instance() {
    isolated(|| {
        let (machine, _aws) = instance("1.34.0");
        let types = ["max-pods", "-i", "m5.large", "-i", "c6gn.16xlarge,t3.nano"];
        assert_eq!(node(&machine, &types[..3]), "29\n");
        insta::assert_snapshot!("max_pods", node(&machine, &types));
        insta::assert_snapshot!(
            "max_pods_json",
            node(&machine, &[&types[..], &["--cni-prefix-delegation-enabled", "-o", "json"]].concat())
        );
        assert_eq!(node(&machine, &["max-pods", "--instance-type-from-imds"]), "58\n");
        let outcome = machine.run(HYBRIDGE, &["node", "max-pods", "-i", "m5.huge"]).expect(1);
        assert!(outcome.stderr.contains("error[max-pods.unknown-type]"), "{}", outcome.stderr);
        machine.run(HYBRIDGE, &["node", "max-pods"]).expect(1);
    });
}

#[test]
fn what_would_be_done_is_shown_and_not_done() {
    isolated(|| {
        let (machine, _aws) = instance("1.34.0");
        let everything = |machine: &Machine| ["/etc", "/var", "/run", "/opt/systemctl"].map(|below| machine.files(below));
        let before = everything(&machine);
        let dry = ["init", "--dry-run", "-c", "file://config.yaml"];
        insta::assert_snapshot!("dry_run", node(&machine, &dry));
        let printed: Value = serde_json::from_str(&node(&machine, &[&dry[..], &["-o", "json"]].concat())).unwrap();
        assert_eq!(printed["plan"]["node"], "ip-172-16-34-43.us-west-2.compute.internal");
        let deeds: Vec<&str> = printed["changes"].as_array().unwrap().iter().map(|change| change["deed"].as_str().unwrap()).collect();
        assert!(deeds.contains(&"create") && deeds.contains(&"start"), "{deeds:?}");
        assert_eq!(everything(&machine), before);

        node(&machine, &["init", "-c", "file://config.yaml"]);
        let outcome = node(&machine, &dry);
        assert!(outcome.contains("nothing to do"), "{outcome}");
    });
}

/// The same plan from saved facts, on a machine that is another in everything.
#[test]
fn a_plan_made_elsewhere_is_the_machines_own() {
    isolated(|| {
        let dry = ["init", "--dry-run", "-c", "file://config.yaml", "-o", "json"];
        let (plan, facts) = {
            let (machine, _aws) = instance("1.34.0");
            let printed = node(&machine, &[&dry[..], &["--save-facts", "/facts.json"]].concat());
            (printed, machine.read("/facts.json"))
        };
        let mut elsewhere = Machine::new("1.29.0", "2.0.5");
        elsewhere.set("AWS_EC2_METADATA_DISABLED", "true");
        elsewhere.write("/elsewhere/hybridge", "");
        elsewhere.write("/config.yaml", CONFIG);
        elsewhere.write("/facts.json", facts);
        let printed = node(&elsewhere, &[&dry[..], &["--facts", "/facts.json"]].concat());
        assert_eq!(plan_of(&printed), plan_of(&plan));
        let outcome = elsewhere.run(HYBRIDGE, &["node", "init", "-c", "file://config.yaml", "--facts", "/facts.json"]).expect(1);
        assert!(outcome.stderr.contains("--dry-run"), "{}", outcome.stderr);
    });
}

/// The text of the plan in what was printed, byte for byte.
fn plan_of(printed: &str) -> &str {
    let start = printed.find("\"plan\":").unwrap();
    let end = printed[start..].find("\n  }").unwrap();
    &printed[start..start + end]
}

#[test]
fn an_instances_user_data_are_enough() {
    isolated(|| {
        let (machine, _aws) = instance("1.34.0");
        let printed = node(&machine, &["init", "--dry-run"]);
        assert!(printed.contains("/etc/kubernetes/kubelet/config.json"), "{printed}");
    });
}
