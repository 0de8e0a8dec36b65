//! `hybridge cluster doctor` and `drift` by the command line, with AWS's answers from a file: nobody is asked.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/cluster")
}

/// Exit code, standard output, standard error. Nothing of the caller's AWS configuration is in the way, and nothing can be asked.
fn run(arguments: &[&str], facts: &Path) -> (i32, String, String) {
    let file = fixtures().join("shop.yaml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
    command.env_clear().args(["cluster"]).args(arguments).arg("-f").arg(file).arg("--facts").arg(facts);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The facts of a cluster in which all is well, after a change.
fn changed(change: impl FnOnce(&mut Value)) -> (TempDir, PathBuf) {
    let mut facts: Value = serde_json::from_str(&std::fs::read_to_string(fixtures().join("facts.json")).unwrap()).unwrap();
    change(&mut facts);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("facts.json");
    std::fs::write(&path, facts.to_string()).unwrap();
    (folder, path)
}

#[test]
fn where_all_is_well_the_doctor_says_so_and_ends_with_0() {
    let (code, out, errors) = run(&["doctor", "--path", "10.80.146.7"], &fixtures().join("facts.json"));
    assert_eq!((code, errors.contains("error[")), (0, false), "{out}\n{errors}");
    assert!(out.contains("pass     routes.remote "), "{out}");
    assert!(out.contains("mi-1  10.80.146.7  press-7  Online           Ready"), "{out}");
    for way in ["10.80.146.7 → eni-a:443", "eni-a → 10.80.146.7:10250", "10.80.146.7 → eni-b:443", "eni-b → 10.80.146.7:10250"] {
        assert!(out.contains(way), "{way}: {out}");
    }
    assert!(!out.contains("fail") && !out.contains("broken"), "{out}");
}

#[test]
fn a_lacking_route_is_told_by_check_and_way_with_the_command_that_makes_it() {
    let (_folder, facts) = changed(|facts| drop(facts["RouteTables"][1]["Routes"].as_array_mut().unwrap().remove(1)));
    let (code, out, errors) = run(&["doctor", "--path", "10.80.146.7"], &facts);
    assert_eq!(code, 1, "{out}\n{errors}");
    assert!(out.contains("fail     routes.remote ") && out.contains("broken   the route table of subnet-b has no route"), "{out}");
    assert!(errors.contains("error[routes.remote]: rtb-b: no route to 10.80.0.0/16"), "{errors}");
    assert!(errors.contains("error[path.route]: rtb-b: the route table of subnet-b has no route to 10.80.146.7"), "{errors}");
    assert!(errors.contains("aws ec2 create-route --route-table-id rtb-b --destination-cidr-block 10.80.0.0/16"), "{errors}");
    let (code, out, errors) = run(&["drift"], &facts);
    assert_eq!(code, 0, "routes of a given VPC are not the stack's: {out}\n{errors}");
}

#[test]
fn json_holds_checks_nodes_and_ways() {
    let (_folder, facts) = changed(|facts| facts["Nodes"][0]["ready"] = false.into());
    let (code, out, errors) = run(&["doctor", "--path", "10.80.146.7", "-o", "json"], &facts);
    assert_eq!((code, errors.contains("error[")), (1, false), "findings are in the JSON alone: {errors}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["healthy"], false);
    let failed: Vec<&Value> = report["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((&failed[0]["code"], &failed[0]["findings"][0]["place"]), (&"nodes.ready".into(), &"mi-1".into()));
    assert_eq!(report["nodes"][0]["ready"], false);
    assert_eq!(report["paths"].as_array().unwrap().len(), 4);
    assert_eq!(report["paths"][0]["hops"][0]["step"], "site");
}

#[test]
fn drift_is_told_at_its_line_of_the_file_and_ends_with_1() {
    let well = fixtures().join("facts.json");
    assert_eq!(run(&["drift"], &well).0, 0, "{:?}", run(&["drift"], &well));
    let (_folder, facts) = changed(|facts| {
        facts["Cluster"]["remoteNetworkConfig"]["remoteNodeNetworks"][0]["cidrs"] = serde_json::json!(["10.82.0.0/16"]);
        facts["AccessEntries"][0]["type"] = "STANDARD".into();
    });
    let (code, out, errors) = run(&["drift"], &facts);
    assert_eq!(code, 1, "{out}\n{errors}");
    assert!(errors.contains("shop.yaml:21:3: remoteNetworkConfig.remoteNodeNetworks: missing: EKS does not know 10.80.0.0/16"), "{errors}");
    assert!(errors.contains("it was changed outside the stack"), "{errors}");
    assert!(
        errors.contains("error[drift.entries]: arn:aws:iam::111122223333:role/hybrid: changed: its access entry is of type STANDARD"),
        "{errors}"
    );
    let (code, out, _) = run(&["drift", "-o", "json"], &facts);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["drift"]), (1, &true.into()));
}

#[test]
fn what_aws_refused_is_unknown_and_keeps_drift_from_ending_well() {
    let (_folder, facts) = changed(|facts| {
        facts["SecurityGroups"] = serde_json::json!([]);
        facts["Unanswered"] = serde_json::json!({"DescribeSecurityGroups vpc-1": "AccessDenied: not allowed"});
    });
    let (code, out, errors) = run(&["doctor"], &facts);
    assert_eq!(code, 0, "{out}\n{errors}");
    assert!(out.contains("unknown  groups.api "), "{out}");
    assert!(errors.contains("AccessDenied: not allowed"), "{errors}");
    let (code, _, errors) = run(&["drift"], &facts);
    assert_eq!(code, 1, "{errors}");
}

#[test]
fn a_file_of_facts_that_cannot_be_used_is_told() {
    for command in ["doctor", "drift"] {
        let (code, out, errors) = run(&[command], Path::new("/nowhere/facts.json"));
        assert_eq!((code, out.as_str()), (1, ""), "{errors}");
        assert!(errors.contains("facts.unreadable"), "{errors}");
    }
}
