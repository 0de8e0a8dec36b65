//! Our templates against eksctl's own, resource by resource: what differs is in a list here, and in docs/differences.md.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use hybridge_cluster::config::{Annotations, ClusterConfig, parse};
use hybridge_cluster::resolve::resolve;
use hybridge_cluster::template::stacks;
use hybridge_cluster::world::World;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/eksctl")
}

/// The file as it is read. The certificate in one of them is none, which is an error: another one stands in for it.
fn config(name: &str) -> ClusterConfig {
    const DUMMY: &str = "-----BEGIN CERTIFICATE-----\nMIIBdummydummydummy\n-----END CERTIFICATE-----\n";
    let indent = |pem: &str| pem.lines().map(|line| format!("      {line}\n")).collect::<String>();
    let authority = std::fs::read_to_string(fixtures().join("../node-certificates/cluster-one.pem")).unwrap();
    let text = std::fs::read_to_string(fixtures().join("configs").join(format!("{name}.yaml"))).unwrap();
    let parsed = parse(name, &text.replace(&indent(DUMMY), &indent(&authority)), &[], "2027-01-01T00:00:00Z".parse().unwrap());
    let mut config = parsed.config.unwrap_or_else(|| panic!("{name}: {:?}", parsed.problems));
    if let Some(remote) = config.remote_network_config.as_mut().filter(|remote| !remote.iam.ca_bundle_cert.is_empty()) {
        remote.iam.ca_bundle_cert = DUMMY.to_owned();
    }
    config
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
    differences
}

/// Deliberate differences, each tied to a finding of eksctl's (docs/differences.md, section eksctl).
///
/// Role policies: nodeadm needs ListAccessEntries; deregistration, trust and session names are limited. Public subnets: the control
/// plane's interfaces there need the way back. A given role: eksctl's entry points at a role that is not in the template. Given subnets:
/// eksctl drops the gateway.
#[test]
fn templates_are_eksctls_but_for_the_deliberate_differences() {
    const SSM_ROLE: (&str, char) = ("Resources HybridNodesSSMRole", '~');
    const GIVEN_ROLE: (&str, char) = ("Resources RemoteNodesAccessEntry", '~');
    const PUBLIC: [(&str, char); 2] = [("Resources TGWPublicSubnetRoute0", '+'), ("Resources TGWPublicSubnetRoute1", '+')];
    let expected: [(&str, Vec<(&str, char)>); 12] = [
        ("01-ssm-no-gateway", vec![SSM_ROLE]),
        ("02-ssm-tgw", vec![SSM_ROLE, PUBLIC[0], PUBLIC[1]]),
        ("03-ssm-vgw", vec![SSM_ROLE, ("Resources VGWPublicSubnetRoute0", '+'), ("Resources VGWPublicSubnetRoute1", '+')]),
        ("04-ira-tgw", vec![("Resources HybridNodesIRARole", '~'), PUBLIC[0], PUBLIC[1]]),
        ("06-ssm-tgw-nat-disable", vec![SSM_ROLE, PUBLIC[0], PUBLIC[1]]),
        ("08-role-arn-preexisting", vec![GIVEN_ROLE, PUBLIC[0], PUBLIC[1]]),
        ("09-existing-vpc-ssm", vec![SSM_ROLE]),
        ("11-existing-subnets-without-vpc-id-tgw", vec![SSM_ROLE, ("Resources TransitGatewayAttachment", '+')]),
        ("14-cp-on-private-subnets-tgw", vec![SSM_ROLE]),
        ("16-service-role-and-hybrid-role-given", vec![GIVEN_ROLE, PUBLIC[0], PUBLIC[1]]),
        ("20-no-hybrid-baseline", vec![]),
        ("22-three-az-default", vec![SSM_ROLE, PUBLIC[0], PUBLIC[1]]),
    ];
    let all = std::fs::read_dir(fixtures().join("templates")).unwrap().count();
    assert_eq!(all, expected.len());
    for (name, expected) in expected {
        let expected: BTreeMap<String, char> = expected.into_iter().map(|(what, sign)| (what.to_owned(), sign)).collect();
        assert_eq!(differences(name), expected, "{name}");
    }
}
