//! `hybridge cluster validate` as people call it.

#![allow(clippy::unwrap_used, reason = "a test that cannot prepare has failed")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;

fn fixture(name: &str) -> String {
    format!("{}/../../tests/fixtures/eksctl/configs/{name}.yaml", env!("CARGO_MANIFEST_DIR"))
}

fn validate(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hybridge"))
        .args(["cluster", "validate"])
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has told what is wrong does not wait for the rest.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_right_file_is_valid_and_a_wrong_one_is_told_with_its_places() {
    let good = validate(&["-f", &fixture("02-ssm-tgw")], b"");
    assert_eq!((good.status.code(), text(&good.stdout), text(&good.stderr)), (Some(0), "valid\n", ""));
    let warned = validate(&["-f", &fixture("01-ssm-no-gateway")], b"");
    assert_eq!((warned.status.code(), text(&warned.stdout)), (Some(0), "valid, with 1 warning\n"));
    let bad = validate(&["-f", &fixture("e03-no-node-networks")], b"");
    assert_eq!((bad.status.code(), text(&bad.stdout)), (Some(1), "not valid: 1 error, 1 warning\n"));
    let told = text(&bad.stderr);
    assert!(told.contains("error[remote.missing]: ") && told.contains("e03-no-node-networks.yaml:9:1: "), "{told}");
    assert!(told.contains("remoteNetworkConfig.remoteNodeNetworks must be set and non-empty"), "{told}");
}

#[test]
fn json_has_every_problem_and_the_same_exit_code() {
    let bad = validate(&["-f", &fixture("e13-unknown-field"), "-o", "json"], b"");
    assert_eq!((bad.status.code(), text(&bad.stderr)), (Some(1), ""));
    let value: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(value["valid"], false);
    let problem = value["problems"].as_array().unwrap().iter().find(|problem| problem["code"] == "key.unknown").unwrap();
    assert_eq!((&problem["line"], &problem["column"], &problem["severity"]), (&Value::from(12), &Value::from(3), &Value::from("error")));
    assert_eq!((&problem["text"], &problem["fix"]), (&Value::from("remotePodNetwork"), &Value::from("did you mean remotePodNetworks?")));
    let good = validate(&["-f", &fixture("02-ssm-tgw"), "-o", "json"], b"");
    assert_eq!(serde_json::from_slice::<Value>(&good.stdout).unwrap(), serde_json::json!({"valid": true, "problems": []}));
}

#[test]
fn yaml_says_what_json_says() {
    for name in ["e13-unknown-field", "02-ssm-tgw"] {
        let in_form = |form| validate(&["-f", &fixture(name), "-o", form], b"");
        let (json, yaml) = (in_form("json"), in_form("yaml"));
        assert_eq!((yaml.status, &yaml.stderr), (json.status, &json.stderr));
        let mut problems = hybridge_document::Problems::new("told.yaml", 0, Vec::new());
        let form = hybridge_document::Form { kind: "Verdict", nodes: 1000, second: "" };
        let tree = hybridge_document::read(text(&yaml.stdout), form, &mut problems).unwrap().unwrap();
        let value = hybridge_document::value(&tree, &mut problems);
        assert_eq!(value, serde_json::from_slice::<Value>(&json.stdout).unwrap());
        assert_ne!(yaml.stdout, json.stdout, "JSON is YAML, but not what people ask for");
    }
}

#[test]
fn standard_input_is_a_file_too() {
    let file = fs::read(fixture("02-ssm-tgw")).unwrap();
    let good = validate(&["-f", "-"], &file);
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), "valid\n"));
    let bad = validate(&["-f", "-"], b"kind: ClusterConfig\n");
    assert!(text(&bad.stderr).contains("error[document.api-version]: standard input:1:1: "), "{}", text(&bad.stderr));
}

#[test]
fn what_cannot_be_read_is_told_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("latin"), b"kind: ClusterConfig\nname: K\xf6ln\n").unwrap();
    fs::write(path("large"), "# much\n".repeat(700_000)).unwrap();
    for (file, code) in [
        (path("none"), "file.missing"),
        (folder.path().display().to_string(), "file.directory"),
        (path("latin"), "file.not-text"),
        (path("large"), "document.too-large"),
        ("/dev/null".to_owned(), "document.empty"),
    ] {
        let table = validate(&["-f", &file], b"");
        let told = text(&table.stderr);
        assert_eq!(table.status.code(), Some(1), "{told}");
        assert!(told.contains(&format!("error[{code}]: {file}")) && told.contains("hint: "), "{told}");
        let json: Value = serde_json::from_slice(&validate(&["-f", &file, "-o", "json"], b"").stdout).unwrap();
        assert_eq!((&json["valid"], &json["problems"][0]["code"]), (&Value::from(false), &Value::from(code)));
    }
    assert!(text(&validate(&["-f", &path("latin")], b"").stderr).contains("latin:2: is not UTF-8"));
    assert_eq!(validate(&[], b"").status.code(), Some(1), "usage");
}

#[test]
fn sections_are_left_out_knowingly() {
    let file = fs::read_to_string(fixture("02-ssm-tgw")).unwrap() + "karpenter: {version: '1.0'}\n";
    let refused = validate(&["-f", "-"], file.as_bytes());
    assert!(text(&refused.stderr).contains("--allow-unsupported karpenter") && refused.status.code() == Some(1));
    let allowed = validate(&["-f", "-", "--allow-unsupported", "karpenter,gitops"], file.as_bytes());
    assert_eq!((allowed.status.code(), text(&allowed.stdout)), (Some(0), "valid, with 1 warning\n"));
    assert!(text(&allowed.stderr).contains("missing will be: Karpenter"), "{}", text(&allowed.stderr));
    let unknown = validate(&["-f", "-", "--allow-unsupported", "karpentr"], file.as_bytes());
    assert!(text(&unknown.stderr).contains("did you mean karpenter?") && unknown.status.code() == Some(1));
}

/// Here only a hang is found: tests are not optimised, and share the machine.
#[test]
fn ten_thousand_lines_take_no_time() {
    let entries: String = (0..10_000).map(|n| format!("  - {{principalARN: 'arn:aws:iam::000011112222:role/r{n}'}}\n")).collect();
    let file = fs::read_to_string(fixture("20-no-hybrid-baseline")).unwrap() + "accessConfig:\n  accessEntries:\n" + &entries;
    let start = Instant::now();
    let valid = validate(&["-f", "-"], file.as_bytes());
    assert_eq!((valid.status.code(), text(&valid.stdout)), (Some(0), "valid\n"));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
