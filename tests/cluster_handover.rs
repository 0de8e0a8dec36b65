//! `hybridge cluster handover` as a program: what it writes, and that others take it.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod machine;
#[path = "cluster_handover/with_aws.rs"]
mod with_aws;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hybridge_lab::real::Helm;
use hybridge_node::config::{Languages, check_whole, parse};
use serde_json::{Value, json};

const HYBRIDGE: &str = env!("CARGO_BIN_EXE_hybridge");

/// A cluster of our own file with these credentials.
fn file(iam: &str) -> String {
    format!(
        "apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata:
  name: shop
  region: us-west-2
availabilityZones: [us-west-2a, us-west-2b]
vpc:
  cidr: 10.20.0.0/16
remoteNetworkConfig:
  iam: {iam}
  remoteNodeNetworks:
    - cidrs: [10.80.0.0/16]
  remotePodNetworks:
    - cidrs: [10.85.0.0/16]
"
    )
}

const GIVEN: &str = "{provider: ira, roleARN: 'arn:aws:iam::123456789012:role/nodes'}";

/// The same with everything of Roles Anywhere given, so that no stack has to be there.
fn given() -> String {
    let arn = |kind: &str| format!("arn:aws:rolesanywhere:us-west-2:123456789012:{kind}/2c1b2d6e-0d54-4ff2-9c8c-4f2c0e7c7a10");
    let annotations =
        format!("  annotations:\n    hybridge/trust-anchor-arn: {}\n    hybridge/profile-arn: {}\n", arn("trust-anchor"), arn("profile"));
    file(GIVEN).replace("  region: us-west-2\n", &format!("  region: us-west-2\n{annotations}"))
}

/// A directory with a file and facts; commands run in it.
struct Desk {
    home: tempfile::TempDir,
}

impl Desk {
    fn new(file: &str, facts: &Value) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("cluster.yaml"), file).unwrap();
        fs::write(home.path().join("facts.json"), facts.to_string()).unwrap();
        Self { home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(HYBRIDGE).env_clear().current_dir(self.home.path()).args(arguments).output().unwrap()
    }

    /// A handover by facts.
    fn handover(&self, arguments: &[&str]) -> Output {
        let always = ["cluster", "handover", "-f", "cluster.yaml", "--dir", "out", "--facts", "facts.json"];
        self.run(&[&always, arguments].concat())
    }

    fn names(&self) -> Vec<String> {
        fn walk(directory: &Path, prefix: &str, names: &mut Vec<String>) {
            for entry in fs::read_dir(directory).into_iter().flatten() {
                let entry = entry.unwrap();
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.file_type().unwrap().is_dir() { walk(&entry.path(), &format!("{name}/"), names) } else { names.push(name) }
            }
        }
        let mut names = Vec::new();
        walk(&self.path("out"), "", &mut names);
        names.sort_unstable();
        names
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn languages() -> Languages<'static> {
    Languages { cel: &|_| Err("there is none".to_owned()), toml: &|_, _| Err("there is none".to_owned()) }
}

/// Nothing at all is wrong with a NodeConfig, not even a warning.
fn assert_good_nodeconfig(path: &Path) {
    let parsed = parse("nodeconfig.yaml", &fs::read(path).unwrap(), None, languages());
    assert_eq!(parsed.problems, [], "{}", path.display());
    assert_eq!(check_whole(&parsed.config.unwrap()), [], "{}", path.display());
    let checked = Command::new(HYBRIDGE).args(["node", "config", "check", "-c", &format!("file://{}", path.display())]).output().unwrap();
    assert_eq!(code(&checked), 0, "{}", told(&checked));
}

#[test]
fn nodeconfigs_with_certificates_are_taken_as_they_are() {
    let desk = Desk::new(&given(), &json!({}));
    let done = desk.handover(&["--only", "node", "--lab-certificates", "press-7,press-8"]);
    assert_eq!(code(&done), 0, "{}", told(&done));
    let pki = ["ca.key", "ca.pem", "press-7.key", "press-7.pem", "press-8.key", "press-8.pem"].map(|name| format!("pki/{name}"));
    assert_eq!(desk.names(), [&["nodeconfig-press-7.yaml".to_owned(), "nodeconfig-press-8.yaml".to_owned()], &pki[..]].concat());
    for name in ["press-7", "press-8"] {
        assert_good_nodeconfig(&desk.path(&format!("out/nodeconfig-{name}.yaml")));
    }
    for name in pki {
        assert_eq!(fs::metadata(desk.path(&format!("out/{name}"))).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(told(&done).contains("lab.certificates") && !told(&done).contains("PRIVATE KEY"), "{}", told(&done));
    let again = desk.handover(&["--only", "node", "--lab-certificates", "press-7,press-8", "-o", "json"]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert!(again["files"].as_array().unwrap().iter().all(|file| file["action"] == "unchanged"), "{again:#}");
}

/// Roles Anywhere looks at the chain, the key's use and the name.
#[test]
fn lab_certificates_have_what_roles_anywhere_and_a_node_want() {
    let desk = Desk::new(&given(), &json!({}));
    assert_eq!(code(&desk.handover(&["--only", "node", "--lab-certificates", "press-7"])), 0);
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").current_dir(desk.path("out/pki")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        told(&output)
    };
    run(&["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslclient", "press-7.pem"]);
    let text = run(&["x509", "-in", "press-7.pem", "-noout", "-text"]);
    for part in ["CN = press-7", "prime256v1", "Digital Signature", "TLS Web Client Authentication", "ecdsa-with-SHA256"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let text = run(&["x509", "-in", "ca.pem", "-noout", "-text"]);
    assert!(text.contains("CA:TRUE") && text.contains("Certificate Sign"), "{text}");
    assert_eq!(run(&["x509", "-in", "press-7.pem", "-noout", "-pubkey"]), run(&["pkey", "-in", "press-7.key", "-pubout"]));
}

/// The file of a lab gets its authority from here, so it cannot have one before.
#[test]
fn a_lab_begins_with_its_authority() {
    let desk = Desk::new(&file("{provider: ira}"), &json!({}));
    let first = desk.handover(&["--lab-certificates", "press-7"]);
    assert_eq!(code(&first), 0, "{}", told(&first));
    assert!(told(&first).contains("lab.authority-first"), "{}", told(&first));
    assert_eq!(desk.names(), ["ca.key", "ca.pem", "press-7.key", "press-7.pem"].map(|name| format!("pki/{name}")));
    let authority = fs::read_to_string(desk.path("out/pki/ca.pem")).unwrap().replace('\n', "\n      ");
    fs::write(desk.path("cluster.yaml"), file(&format!("\n    provider: ira\n    caBundleCert: |\n      {}", authority.trim_end())))
        .unwrap();
    let checked = desk.run(&["cluster", "validate", "-f", "cluster.yaml"]);
    assert_eq!(code(&checked), 0, "{}", told(&checked));
    let second = desk.handover(&["--only", "node", "--lab-certificates", "press-7"]);
    assert!(!told(&second).contains("lab.trust-anchor"), "{}", told(&second));
}

#[test]
fn a_nodeconfig_for_certificates_to_come_has_a_name_to_replace() {
    let desk = Desk::new(&given(), &json!({}));
    let done = desk.handover(&["--only", "node"]);
    assert_eq!((code(&done), desk.names()), (0, vec!["nodeconfig.yaml".to_owned()]), "{}", told(&done));
    assert_good_nodeconfig(&desk.path("out/nodeconfig.yaml"));
}

#[test]
fn a_users_change_is_kept_unless_told_otherwise() {
    let desk = Desk::new(&given(), &json!({}));
    assert_eq!(code(&desk.handover(&["--only", "node,cilium"])), 0);
    let values = desk.path("out/cilium-values.yaml");
    let written = fs::read_to_string(&values).unwrap();
    fs::write(&values, "mine").unwrap();
    let kept = desk.handover(&["--only", "node,cilium"]);
    assert_eq!(code(&kept), 3, "the other file is as it should be: {}", told(&kept));
    assert!(told(&kept).contains("handover.differs"), "{}", told(&kept));
    assert_eq!(fs::read_to_string(&values).unwrap(), "mine");
    assert_eq!(code(&desk.handover(&["--only", "node,cilium", "--force"])), 0);
    assert_eq!(fs::read_to_string(&values).unwrap(), written);
}

#[test]
fn a_dry_run_writes_nothing() {
    let desk = Desk::new(&given(), &json!({}));
    let done = desk.handover(&["--only", "node,cilium", "--lab-certificates", "press-7", "--dry-run"]);
    assert_eq!(code(&done), 0, "{}", told(&done));
    assert!(told(&done).contains("would be created  out/nodeconfig-press-7.yaml"), "{}", told(&done));
    assert!(!desk.path("out").exists());
}

#[test]
fn flags_that_do_not_go_together_stop_everything() {
    let ssm = Desk::new(&file("{provider: ssm}"), &json!({}));
    let ira = Desk::new(&given(), &json!({}));
    for (desk, arguments) in [
        (&ssm, &["--activation", "3"][..]),
        (&ssm, &["--lab-certificates", "press-7"]),
        (&ira, &["--activation", "3", "--dry-run"]),
        (&ssm, &["--activation", "3", "--only", "cilium", "--dry-run"]),
        (&ira, &["--lab-certificates", "press-7", "--only", "cilium"]),
    ] {
        let done = desk.handover(arguments);
        assert_eq!(code(&done), 1, "{arguments:?}: {}", told(&done));
        assert!(told(&done).contains("handover.flags") && !desk.path("out").exists(), "{arguments:?}: {}", told(&done));
    }
}

#[test]
fn without_a_cluster_what_needs_one_is_told_and_the_rest_is_written() {
    let desk = Desk::new(&file("{provider: ssm}"), &json!({}));
    let done = desk.handover(&["-o", "json"]);
    assert_eq!(code(&done), 3, "{}", told(&done));
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    let codes: Vec<_> = said["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    for code in ["node.no-activation", "gateway.route-tables", "firewall.no-interfaces"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
    assert_eq!(desk.names(), ["cilium-values.yaml", "firewall.csv", "firewall.md"]);
}

/// What Helm makes of values; the charts are ours and what is kept of the AWS gateway's.
#[test]
fn both_charts_take_the_gateways_values_as_they_are() {
    let facts = json!({
        "Vpcs": [{"VpcId": "vpc-0a", "CidrBlock": "10.20.0.0/16"}],
        "cluster": {"name": "shop", "resourcesVpcConfig": {"vpcId": "vpc-0a", "subnetIds": ["subnet-a", "subnet-b"]}},
        "RouteTables": [
            {"RouteTableId": "rtb-0a", "VpcId": "vpc-0a", "Associations": [{"SubnetId": "subnet-a"}]},
            {"RouteTableId": "rtb-0b", "VpcId": "vpc-0a", "Associations": [{"SubnetId": "subnet-b"}]},
        ],
    });
    let two = file("{provider: ssm}").replace("cidrs: [10.85.0.0/16]", "cidrs: [10.85.0.0/16, 10.86.0.0/16]");
    let desk = Desk::new(&two, &facts);
    let done = desk.handover(&["--only", "gateway"]);
    assert_eq!(code(&done), 0, "{}", told(&done));
    let values = desk.path("out/gateway-values.yaml").display().to_string();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let helm = Helm::offline(desk.home.path()).unwrap();
    for chart in ["charts/hybridge-gateway", "tests/chart/eks-hybrid-nodes-gateway"] {
        let said = helm.run(["template", "gateway", &workspace.join(chart).display().to_string(), "--values", &values]).unwrap();
        assert!(said.success, "{chart}: {}", said.stderr);
        let rendered = said.stdout.replace('"', "");
        assert!(rendered.contains("10.20.0.0/16") && rendered.contains("replicas: 2"), "{chart}: {rendered}");
        if chart.starts_with("charts") {
            assert!(rendered.contains("10.85.0.0/16,10.86.0.0/16") && rendered.contains("rtb-0a,rtb-0b"), "{rendered}");
        }
    }
    // Helm itself passes over what a chart without a schema does not know.
    let theirs = fs::read_to_string(workspace.join("tests/chart/eks-hybrid-nodes-gateway/values.yaml")).unwrap();
    let keys = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()));
        lines.filter_map(|line| line.split_once(':')).map(|(key, _)| key.to_owned()).collect()
    };
    let theirs = keys(&theirs);
    let ours = keys(&fs::read_to_string(&values).unwrap());
    assert!(ours.len() == 6 && ours.iter().all(|key| theirs.contains(key)), "{ours:?} of {theirs:?}");
}
