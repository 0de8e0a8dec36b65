//! VPC CNI must not put a node's address in place of a pod's on the way to hybrid pods: a gateway's host would do so with every packet
//! that it passes on, and connections would end with it.

use hybridge_document as document;
use hybridge_model::Cidr4;
use hybridge_report::Finding;
use serde_json::{Map, Value};

use super::super::{Document, Handover, Kind, Known, Step};

const ADDON: &str = "vpc-cni";
const FILE: &str = "vpc-cni-configuration.json";
const VARIABLE: &str = "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS";

pub(super) fn documents(known: &Known<'_>) -> Handover {
    let mut all = Handover::default();
    let live = known.world.addons.iter().find(|addon| addon.addon_name == ADDON);
    if live.is_none() && known.live().is_some() {
        return without_addon(known);
    }
    let asked = known.cluster.config.addons.iter().find(|addon| addon.name == ADDON).map(|addon| addon.configuration_values.as_str());
    let configuration = live.map(|addon| addon.configuration_values.as_str()).or(asked).unwrap_or_default();
    let merged = match merged(configuration, &known.cluster.pod_cidrs) {
        Ok(merged) => merged,
        Err(why) => {
            let what = format!("is not written: the add-on's configurationValues {why}");
            all.findings.push(
                Finding::error("gateway.vpc-cni", FILE, what)
                    .fix(format!("add the hybrid pods' networks to env.{VARIABLE} of add-on {ADDON} yourself")),
            );
            return all;
        }
    };
    let text = serde_json::to_string_pretty(&merged).expect("text keys only");
    all.documents.push(Document::new(Kind::GatewayCloud, FILE, text + "\n"));
    let command = format!(
        "aws eks update-addon --region {} --cluster-name {} --addon-name {ADDON} --configuration-values file://{FILE} --resolve-conflicts PRESERVE",
        known.region(),
        known.name()
    );
    all.steps.push(Step::new(
        Kind::GatewayCloud,
        format!("Let VPC CNI leave senders of packets to hybrid pods as they are; put the content of {FILE} into addons of the ClusterConfig, too, if {ADDON} stands there"),
        [command],
    ));
    all
}

/// The DaemonSet is not EKS's: its variable is set where it is.
fn without_addon(known: &Known<'_>) -> Handover {
    let cidrs: Vec<String> = known.cluster.pod_cidrs.iter().map(ToString::to_string).collect();
    let what = format!(
        "Let VPC CNI leave senders of packets to hybrid pods as they are (it is no add-on here; keep what {VARIABLE} has already; leave this out where no VPC CNI runs)"
    );
    let commands = [
        format!("kubectl set env daemonset aws-node -n kube-system --list | grep {VARIABLE}"),
        format!("kubectl set env daemonset aws-node -n kube-system {VARIABLE}={}", cidrs.join(",")),
    ];
    Handover { steps: vec![Step::new(Kind::GatewayCloud, what, commands)], ..Handover::default() }
}

/// The values with these networks in the variable, everything else as it is.
fn merged(configuration: &str, cidrs: &[Cidr4]) -> Result<Value, String> {
    let mut values = read(configuration)?;
    let env = values.entry("env").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(env) = env else { return Err("have an env that is no mapping".to_owned()) };
    let mut networks: Vec<String> = match env.get(VARIABLE) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(format!("have an env.{VARIABLE} that is no text"));
        }
    };
    for cidr in cidrs {
        let there = networks.iter().any(|network| network.parse::<Cidr4>().is_ok_and(|network| network.covers(*cidr)));
        if !there {
            networks.push(cidr.to_string());
        }
    }
    env.insert(VARIABLE.to_owned(), Value::String(networks.join(",")));
    Ok(Value::Object(values))
}

/// JSON or YAML, as EKS takes both.
fn read(configuration: &str) -> Result<Map<String, Value>, String> {
    if configuration.trim().is_empty() {
        return Ok(Map::new());
    }
    let value = match serde_json::from_str(configuration) {
        Ok(value) => value,
        Err(_) => yaml(configuration).ok_or("are neither JSON nor YAML")?,
    };
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Err("are no mapping".to_owned()),
    }
}

const FORM: document::Form = document::Form { kind: "configurationValues", nodes: 10_000, second: "write one document" };

/// YAML without a fault.
fn yaml(text: &str) -> Option<Value> {
    let mut problems = document::Problems::new(ADDON, 0, Vec::new());
    let tree = document::read(text, FORM, &mut problems).ok()??;
    let value = document::value(&tree, &mut problems);
    let wrong = problems.finish().iter().any(|problem| problem.severity == hybridge_report::Severity::Error);
    (!wrong).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(configuration: &str, cidrs: &[&str]) -> Result<String, String> {
        let cidrs: Vec<Cidr4> = cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect();
        merged(configuration, &cidrs).map(|values| values["env"][VARIABLE].as_str().unwrap().to_owned())
    }

    #[test]
    fn networks_are_added_to_those_that_are_there() {
        for (configuration, cidrs, expected) in [
            ("", &["10.85.0.0/16"][..], "10.85.0.0/16"),
            ("{}", &["10.85.0.0/16", "10.86.0.0/16"], "10.85.0.0/16,10.86.0.0/16"),
            (r#"{"env":{"AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS":"172.31.0.0/16"}}"#, &["10.85.0.0/16"], "172.31.0.0/16,10.85.0.0/16"),
            (r#"{"env":{"AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS":"10.0.0.0/8"}}"#, &["10.85.0.0/16"], "10.0.0.0/8"),
            (
                "env:\n  AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: 172.31.0.0/16, 172.30.0.0/16\n",
                &["10.85.0.0/16"],
                "172.31.0.0/16,172.30.0.0/16,10.85.0.0/16",
            ),
        ] {
            assert_eq!(variable(configuration, cidrs).as_deref(), Ok(expected), "{configuration}");
        }
    }

    #[test]
    fn everything_else_stays() {
        let cidrs = ["10.85.0.0/16".parse().unwrap()];
        for configuration in [
            r#"{"enableNetworkPolicy":"true","env":{"WARM_IP_TARGET":"5"}}"#,
            "enableNetworkPolicy: \"true\"\nenv: {WARM_IP_TARGET: \"5\"}\n",
        ] {
            let values = merged(configuration, &cidrs).unwrap();
            assert_eq!(
                values,
                serde_json::json!({"enableNetworkPolicy": "true", "env": {"WARM_IP_TARGET": "5", VARIABLE: "10.85.0.0/16"}}),
                "{configuration}"
            );
        }
    }

    #[test]
    fn what_cannot_be_merged_is_refused_and_not_written_over() {
        for configuration in
            ["[]", "text", "env: 1", r#"{"env":{"AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS":["10.0.0.0/8"]}}"#, "a: [", "a: 1\na: 2\n"]
        {
            assert!(variable(configuration, &["10.85.0.0/16"]).is_err(), "{configuration}");
        }
    }
}
