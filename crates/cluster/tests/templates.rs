//! Our templates against eksctl's own, resource by resource: what differs is in a list here, and in docs/differences.md.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use hybridge_cluster::config::{Annotations, ClusterConfig};
use hybridge_cluster::resolve::resolve;
use hybridge_cluster::template::stacks;
use hybridge_cluster::world::World;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/eksctl")
}

fn config(name: &str) -> ClusterConfig {
    let script = "import json,sys,yaml; d=yaml.safe_load(open(sys.argv[1])); r=d.get('remoteNetworkConfig',{}).get('iam',{}); \
        r.update({'provider': r['provider'].lower()} if 'provider' in r else {}); d.pop('apiVersion'); d.pop('kind'); print(json.dumps(d))";
    let file = fixtures().join("configs").join(format!("{name}.yaml"));
    let output = Command::new("python3").args(["-c", script]).arg(file).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn world() -> World {
    let mut world: World = serde_json::from_slice(&std::fs::read(fixtures().join("world.json")).unwrap()).unwrap();
    // eksctl's templates were made with these, in this order.
    world.availability_zones = ["a", "b", "c"]
        .map(|letter| hybridge_cluster::world::Zone {
            zone_name: format!("us-west-2{letter}"),
            state: "available".to_owned(),
            ..Default::default()
        })
        .to_vec();
    world
}

/// What canon.py says about eksctl's template and ours: `+`, `-` or `~` by section and identifier.
fn differences(name: &str) -> BTreeMap<String, char> {
    let cluster = resolve(&config(name), &Annotations::default(), &world()).unwrap();
    let stack = &stacks(&cluster, &world())[0];
    assert_eq!(stack.template.check(), [], "{name}");
    let ours = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ours.path(), stack.template.render()).unwrap();
    let theirs = fixtures().join("templates").join(format!("{name}.json"));
    let output = Command::new("python3").arg(fixtures().join("canon.py")).arg(theirs).arg(ours.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = said.lines().filter(|line| !line.starts_with("    "));
    let mut differences = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        differences.insert(format!("{} {}", words[1], words[2]), words[0].chars().next().unwrap());
    }
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{name}\n{said}");
    }
    differences
}

#[test]
fn show() {
    for entry in std::fs::read_dir(fixtures().join("templates")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        eprintln!("{name} {:?}", differences(&name));
    }
}
