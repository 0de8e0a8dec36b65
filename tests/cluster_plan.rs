//! `hybridge cluster plan` without AWS: a new cluster, one that is there, and what it says when something is wrong.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hybridge_lab::bench::cluster::{ClusterBench, ClusterFile, run};
use serde_json::{Value, json};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/eksctl")
}

fn plan(arguments: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hybridge")).args(["cluster", "plan"]).args(arguments).arg("-f").arg(file).env_clear().output().unwrap()
}

fn config(name: &str) -> PathBuf {
    fixtures().join("configs").join(format!("{name}.yaml"))
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// AWS's answers for a cluster that eksctl made.
fn facts(folder: &Path) -> PathBuf {
    let read = |path: &str| -> Value { serde_json::from_slice(&std::fs::read(fixtures().join(path)).unwrap()).unwrap() };
    let mut facts = read("world.json");
    facts["Deployed"] = json!({ "TemplateBody": read("templates/02-ssm-tgw.json") });
    facts["Stacks"] = json!([{"StackName": "eksctl-h02-cluster", "StackStatus": "CREATE_COMPLETE"}]);
    let file = folder.join("facts.json");
    std::fs::write(&file, facts.to_string()).unwrap();
    file
}

#[test]
fn a_new_cluster_is_planned_without_asking_anybody() {
    let output = plan(&["--offline"], &config("02-ssm-tgw"));
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let text = stdout(&output);
    assert!(
        text.starts_with("cluster h02 in us-west-2, Kubernetes 1.33\n\nstack eksctl-h02-cluster (cluster): create, 37 resources, "),
        "{text}"
    );
    assert!(
        text.contains("TransitGatewayAttachment              AWS::EC2::TransitGatewayAttachment     tgw-0123456789abcdef0\n"),
        "{text}"
    );

    let template = plan(&["--offline", "-o", "template"], &config("02-ssm-tgw"));
    let again = plan(&["--offline", "-o", "template"], &config("02-ssm-tgw"));
    assert_eq!(template.stdout, again.stdout);
    assert_eq!(stdout(&template).lines().count(), 1);
    let template: Value = serde_json::from_slice(&template.stdout).unwrap();
    let json: Value = serde_json::from_slice(&plan(&["--offline", "-o", "json"], &config("02-ssm-tgw")).stdout).unwrap();
    assert_eq!(json["stacks"][0]["template"], template);
    assert_eq!((&json["possible"], &json["stacks"][0]["action"]), (&json!(true), &json!("create")));
}

#[test]
fn what_becomes_of_a_stack_is_shown_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let facts = facts(folder.path());
    let asked = ["--facts", facts.to_str().unwrap()];
    let text = std::fs::read_to_string(config("02-ssm-tgw")).unwrap();
    let file = folder.path().join("cluster.yaml");
    std::fs::write(&file, text.replace("tgw-", "vgw-")).unwrap();
    let output = plan(&asked, &file);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    for part in [
        "step 1 of 2: takes away what is in the place of VGWPrivateSubnetRoute0USWEST2A",
        "  remove  TransitGatewayAttachment ",
        "interruption: no route to 10.80.146.0/24; no route to 10.86.30.0/23",
        "step 2 of 2: ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }

    // The next template is the first step's.
    let template: Value = serde_json::from_slice(&plan(&[asked[0], asked[1], "-o", "template"], &file).stdout).unwrap();
    assert!(template["Resources"].get("VGWPrivateSubnetRoute0USWEST2A").is_none());
    assert!(template["Resources"].get("VirtualPrivateGatewayAttachment").is_some());
}

#[test]
fn what_is_refused_ends_with_1_and_names_the_place_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let facts = facts(folder.path());
    let text = std::fs::read_to_string(config("02-ssm-tgw")).unwrap();
    let file = folder.path().join("cluster.yaml");
    std::fs::write(&file, text + "vpc:\n  cidr: 10.9.0.0/16\n").unwrap();
    let output = plan(&["--facts", facts.to_str().unwrap()], &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("error[update.replaces]: VPC: VPC (AWS::EC2::VPC) would be replaced by a new one, because CidrBlock"),
        "{}",
        stderr(&output)
    );

    let output = plan(&["--offline"], &config("11-existing-subnets-without-vpc-id-tgw"));
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    assert!(stderr(&output).contains("error[vpc.unknown]: ") && stderr(&output).contains(".yaml:10:3: vpc.subnets"), "{}", stderr(&output));
}

/// Its files are right, and a plan from facts goes well for each of them.
#[test]
fn everything_that_is_measured_of_clusters_can_be_measured() {
    let hybridge = PathBuf::from(env!("CARGO_BIN_EXE_hybridge"));
    let report = run(&ClusterBench { hybridge, python: None, runs: 1 }, &|_| {});
    assert_eq!(report.problems, Vec::<String>::new());
    let measured: Vec<String> = report.rows.iter().filter(|row| row.ours.is_some()).map(|row| row.quantity.to_string()).collect();
    assert_eq!(measured.len(), 2 + 5 * ClusterFile::ALL.len(), "{measured:?}");
}
