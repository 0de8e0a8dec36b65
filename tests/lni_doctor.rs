//! `hybridge lni doctor` as a user runs it: saved facts in, verdicts out.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const PROFILE: &str = "lni:
  match: { deviceIndex: 14 }
  address: { mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1 }
  lan: { cidrs: [192.168.2.0/24] }
";

/// A machine whose LNI has a cable and nothing else: the state that the first users of LNIs end in.
fn facts() -> Value {
    let link = |index: u32, name: &str, mac: &str| json!({"index": index, "name": name, "up": true, "mtu": 1500, "mac": mac, "addresses": [], "vxlan": null});
    json!({
        "machine": {
            "routing": {
                "links": [link(2, "eth0", "02:00:00:00:00:02"), link(3, "eth1", "02:ab:cd:00:00:01")],
                "addresses": [{"link": 2, "address": "10.50.80.10", "prefix": 24}],
                "routes": [], "rules": [], "carrier": [3],
            },
            "interfaces": [
                {"mac": "02:00:00:00:00:02", "deviceIndex": 0, "id": "eni-0", "address": "10.50.80.10"},
                {"mac": "02:ab:cd:00:00:01", "deviceIndex": 14, "id": "eni-1", "address": "10.50.80.11"},
            ],
            "sysctls": {"net.ipv4.conf.eth1.rp_filter": "1"},
            "nft": true, "os": "rhel", "units": ["NetworkManager.service", "nm-cloud-setup.timer"],
        },
        "cluster": {"kinds": {"NetworkAttachmentDefinition": [
            {"metadata": {"name": "cam", "namespace": "shop"}, "spec": {"config": "{\"type\": \"macvlan\", \"master\": \"eth1\"}"}},
        ]}},
    })
}

fn doctor(directory: &Path, facts: &str, more: &[&str]) -> Output {
    std::fs::write(directory.join("lni.yaml"), PROFILE).unwrap();
    std::fs::write(directory.join("facts.json"), facts).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
    command.current_dir(directory).args(["lni", "doctor", "-c", "lni.yaml", "--facts", "facts.json"]).args(more).output().unwrap()
}

#[test]
fn saved_facts_are_judged_anywhere_with_codes_for_scripts() {
    let directory = tempfile::tempdir().unwrap();
    let output = doctor(directory.path(), &facts().to_string(), &["-o", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["healthy"], false);
    let checks = report["checks"].as_array().unwrap();
    let outcome = |code: &str| checks.iter().find(|check| check["code"] == code).unwrap()["outcome"].clone();
    for (code, expected) in [
        ("lni.interface", "pass"),
        ("lni.carrier", "pass"),
        ("lni.unnumbered", "fail"),
        ("lni.nftables", "fail"),
        ("lni.rules", "fail"),
        ("lni.units", "fail"),
        ("lni.lease", "skip"),
        ("multus.networks", "fail"),
        ("metallb.pools", "skip"),
    ] {
        assert_eq!(outcome(code), expected, "{code}");
    }
}

#[test]
fn people_get_a_line_a_check_and_what_to_do_below() {
    let directory = tempfile::tempdir().unwrap();
    let mut facts = facts();
    facts["machine"]["missing"] = json!({"units": "`systemctl`: one line\nand another"});
    facts["machine"]["units"] = json!([]);
    let output = doctor(directory.path(), &facts.to_string(), &[]);
    let (table, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(table.lines().any(|line| line.starts_with("fail  lni.unnumbered ")), "{table}");
    assert!(told.contains("error[multus.networks]: shop/cam: macvlan") && told.contains("ipvlan"), "{told}");
    assert!(table.lines().all(|line| ["pass", "fail", "warn", "skip", "    "].iter().any(|name| line.starts_with(name))), "{table}");
}

#[test]
fn a_file_of_facts_that_is_none_is_refused_with_where_to_get_one() {
    let directory = tempfile::tempdir().unwrap();
    let output = doctor(directory.path(), "[1]", &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("error[lni.facts]: facts.json") && told.contains("--save-facts"), "{told}");
}
