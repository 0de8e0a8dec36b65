//! The table of keys and the types say the same.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::fields::{self, Field, Kind, TOP};
use super::*;

/// A value of each kind that is not a default.
fn value(kind: Kind) -> Option<Value> {
    Some(match kind {
        Kind::Object(fields) => Value::Object(object(fields)),
        Kind::Objects(fields) => json!([Value::Object(object(fields))]),
        Kind::Named(fields) => json!({ "one": Value::Object(object(fields)) }),
        Kind::Text => json!("x"),
        Kind::Texts => json!(["x"]),
        Kind::Words => json!({ "one": "x" }),
        Kind::Bool => json!(true),
        Kind::Number => json!(7),
        Kind::Choice(choices) | Kind::AnyCase(choices) => json!(choices[choices.len() - 1]),
        Kind::Free => json!({ "any": [1, null] }),
        Kind::Refused(_) => return None,
    })
}

fn object(fields: &'static [Field]) -> Map<String, Value> {
    fields.iter().filter_map(|field| Some((field.name.to_owned(), value(field.kind)?))).collect()
}

#[test]
fn every_key_of_the_table_is_one_of_the_types_and_the_other_way_round() {
    let mut all = object(TOP);
    let config: ClusterConfig = serde_json::from_value(Value::Object(all.clone())).unwrap();
    all.remove("apiVersion");
    all.remove("kind");
    assert_eq!(serde_json::to_value(config).unwrap(), Value::Object(all));
}

/// Keys of eksctl's published schema (`assets/schema.json` at 99984adb) that lie in sections which are handled.
#[test]
fn every_key_that_eksctl_has_at_the_top_is_known() {
    let known = "accessConfig addons addonsConfig apiVersion autoModeConfig availabilityZones capabilities cloudWatch \
                 controlPlaneScalingConfig fargateProfiles gitops iam iamIdentityMappings identityProviders karpenter kind kubeAPIServerConfig \
                 kubeControllerManagerConfig kubeSchedulerConfig kubernetesNetworkConfig localZones managedNodeGroups metadata nodeGroups outpost \
                 privateCluster remoteNetworkConfig secretsEncryption upgradePolicy vpc zonalShiftConfig";
    let top: BTreeSet<&str> = TOP.iter().map(|field| field.name).collect();
    assert_eq!(top, known.split_whitespace().collect());
}

#[test]
fn every_refusal_tells_why_and_what_to_do() {
    let mut count = 0;
    fields::each(&mut |path, field| {
        let Kind::Refused(refusal) = field.kind else { return };
        count += 1;
        let name = path.rsplit('.').next().unwrap();
        let value = match refusal.harmless {
            Some("false") => "true",
            _ => "[x]",
        };
        let mut text = String::from("apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\n");
        let mut indent = String::new();
        let parents: Vec<&str> = path.split('.').collect();
        for parent in &parents[..parents.len() - 1] {
            let list = matches!(*parent, "managedNodeGroups" | "addons" | "serviceAccounts" | "podIdentityAssociations");
            text += &format!("{indent}{parent}:\n");
            indent += "  ";
            if list {
                text += &format!("{indent}- name: x\n");
                indent += "  ";
            }
        }
        text += &format!("{indent}{name}: {value}\n");
        let parsed = read(&text);
        let found =
            parsed.problems.iter().find(|problem| problem.code == "unsupported.key").unwrap_or_else(|| panic!("{text}{}", told(&parsed)));
        assert_eq!(super::super::walk::bare_of_indices(&found.path), path);
        assert!(found.fix.as_ref().unwrap().ends_with(&format!("--allow-unsupported {path}")) && found.line > 2, "{found:?}");
        // Left out knowingly.
        let parsed = parse("f", &text, &[path.to_owned()], now());
        let found = parsed.problems.iter().find(|problem| problem.path == found.path).unwrap();
        assert_eq!((found.code, found.severity), ("unsupported.left-out", hybridge_report::Severity::Warning));
    });
    assert!(count > 70, "{count}");
}
