//! Whole files: eksctl's own cases, everything that can be wrong, and the laws that hold for any.

mod credentials;
mod laws;
mod networks;
mod outposts;
mod problems;
mod sections;
mod table;

use super::*;

#[path = "../../../tests/configs/mod.rs"]
pub(crate) mod configs;
#[path = "../../../../document/tests/mutations/mod.rs"]
mod mutations;

/// A day of the tests.
pub(super) fn now() -> jiff::Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(super) fn read(text: &str) -> Parsed {
    parse("cluster.yaml", text, &[], now())
}

/// Problems as `code line:column`.
pub(super) fn codes(parsed: &Parsed) -> Vec<String> {
    parsed.problems.iter().map(|problem| format!("{} {}:{}", problem.code, problem.line, problem.column)).collect()
}

/// Problems as people see them.
pub(super) fn told(parsed: &Parsed) -> String {
    parsed.problems.iter().map(|problem| format!("{}\n", hybridge_report::Finding::from(problem.clone()))).collect()
}

macro_rules! files {
    ($folder:literal, $ending:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../../tests/fixtures/eksctl/", $folder, "/", $name, $ending)))),*]
    };
}

/// What eksctl takes.
static GOOD: &[(&str, &str)] = files![
    "configs", ".yaml":
    "01-ssm-no-gateway",
    "02-ssm-tgw",
    "03-ssm-vgw",
    "04-ira-tgw",
    "06-ssm-tgw-nat-disable",
    "08-role-arn-preexisting",
    "09-existing-vpc-ssm",
    "11-existing-subnets-without-vpc-id-tgw",
    "14-cp-on-private-subnets-tgw",
    "16-service-role-and-hybrid-role-given",
    "20-no-hybrid-baseline",
    "22-three-az-default",
];

/// What eksctl refuses.
static BAD: &[(&str, &str)] = files![
    "configs", ".yaml":
    "e01-two-node-networks",
    "e03-no-node-networks",
    "e05-gateway-with-existing-vpc",
    "e07-bad-provider",
    "e09-ira-without-ca",
    "e11-ipv6",
    "e13-unknown-field",
    "e15-ira-rolearn-without-ca",
];

/// Why.
static WHY: &[(&str, &str)] = files![
    "errors", ".txt":
    "e01-two-node-networks",
    "e03-no-node-networks",
    "e05-gateway-with-existing-vpc",
    "e07-bad-provider",
    "e09-ira-without-ca",
    "e11-ipv6",
    "e13-unknown-field",
    "e15-ira-rolearn-without-ca",
];

/// The certificate of case 04 is none, which eksctl does not see.
fn with_authority(text: &str) -> String {
    let authority: String = configs::AUTHORITY.lines().map(|line| format!("      {line}\n")).collect();
    let dummy = "      -----BEGIN CERTIFICATE-----\n      MIIBdummydummydummy\n      -----END CERTIFICATE-----\n";
    text.replace(dummy, &authority)
}

#[test]
fn what_eksctl_takes_is_taken() {
    for (name, text) in GOOD {
        let parsed = read(&with_authority(text));
        assert!(parsed.config.is_some(), "{name}: {}", told(&parsed));
    }
}

#[test]
fn a_certificate_that_is_none_is_refused_where_eksctl_takes_it() {
    let (_, text) = GOOD.iter().find(|(name, _)| *name == "04-ira-tgw").unwrap();
    assert_eq!(codes(&read(text)), ["ca.unreadable 14:7"]);
}

#[test]
fn what_eksctl_refuses_is_refused_for_the_same_key() {
    for ((name, text), (of, why)) in BAD.iter().zip(WHY) {
        assert_eq!(name, of);
        let parsed = read(text);
        assert_eq!(parsed.config, None, "{name}");
        let told = told(&parsed);
        let why = why.split_once("): ").unwrap().1.trim();
        // A sentence of the YAML reader names the key alone.
        let wanted = why.rsplit_once("unknown field ").map_or(why, |(_, key)| key);
        assert!(told.contains(wanted), "{name}: {wanted}\n{told}");
    }
}

#[test]
fn a_file_is_read_as_it_is_written() {
    let parsed = read(GOOD[8].1);
    let config = parsed.config.unwrap();
    assert_eq!((config.metadata.name.as_str(), config.metadata.version.as_str()), ("h14", "1.33"));
    assert_eq!(config.vpc.cluster_endpoints, ClusterEndpoints { private_access: Some(true), public_access: Some(false) });
    let remote = config.remote_network_config.unwrap();
    assert_eq!(remote.remote_pod_networks.unwrap()[0].cidrs, ["10.86.30.0/23"]);
    assert_eq!(parsed.places.place("remoteNetworkConfig.remotePodNetworks[0].cidrs[0]"), "cluster.yaml:18:15");
    assert_eq!(parsed.places.place("remoteNetworkConfig.remotePodNetworks[7].cidrs"), "cluster.yaml:17:3");
    assert_eq!(parsed.places.place("addons"), "cluster.yaml");
}
