use super::*;
use crate::kube::crd::{Schemas, VtepCrd};
use crate::kube::kind::Kind;
use serde_json::json;

fn endpoint(name: &str) -> Value {
    json!({"name": name, "tunnelEndpoint": "10.0.1.10", "cidr": "10.0.0.0/16", "mac": "02:00:0a:00:01:0a"})
}

fn config(endpoints: Vec<Value>) -> Value {
    json!({"apiVersion": "cilium.io/v2", "kind": "CiliumVTEPConfig", "metadata": {"name": "a"}, "spec": {"endpoints": endpoints}})
}

fn causes(vtep: VtepCrd, object: &Value) -> Vec<(&'static str, String)> {
    let schemas = Schemas::new(vtep);
    let causes = problems(schemas.of(Kind::CiliumVtepConfig).unwrap(), object);
    causes.into_iter().map(|cause| (cause.reason, cause.field)).collect()
}

#[test]
fn a_good_object_has_no_problems_in_either_known_form() {
    for vtep in [VtepCrd::LongestPrefix, VtepCrd::OneMask] {
        let names = ["vpc-gateway", "vpc-gateway-2", "a", "0", "x-y", "five", "six", "eight"];
        assert_eq!(causes(vtep, &config(names.map(endpoint).to_vec())), []);
    }
}

#[test]
fn each_broken_rule_is_named_with_its_field() {
    let with = |field: &str, value: Value| {
        let mut endpoint = endpoint("a");
        endpoint[field] = value;
        config(vec![endpoint])
    };
    let long = "a".repeat(64);
    for (object, reason, field) in [
        (with("name", json!("Upper")), "FieldValueInvalid", "spec.endpoints[0].name"),
        (with("name", json!("-a")), "FieldValueInvalid", "spec.endpoints[0].name"),
        (with("name", json!("a-")), "FieldValueInvalid", "spec.endpoints[0].name"),
        (with("name", json!(long)), "FieldValueTooLong", "spec.endpoints[0].name"),
        (with("tunnelEndpoint", json!("10.0.1.256")), "FieldValueInvalid", "spec.endpoints[0].tunnelEndpoint"),
        (with("tunnelEndpoint", json!("fd00::1")), "FieldValueInvalid", "spec.endpoints[0].tunnelEndpoint"),
        (with("cidr", json!("10.0.0.0")), "FieldValueInvalid", "spec.endpoints[0].cidr"),
        (with("cidr", json!("10.0.0.0/33")), "FieldValueInvalid", "spec.endpoints[0].cidr"),
        (with("mac", json!("02:00:0a:00:01")), "FieldValueInvalid", "spec.endpoints[0].mac"),
        (with("mac", json!(5)), "FieldValueTypeInvalid", "spec.endpoints[0].mac"),
        (
            config(vec![json!({"name": "a", "tunnelEndpoint": "10.0.1.10", "cidr": "10.0.0.0/16"})]),
            "FieldValueRequired",
            "spec.endpoints[0].mac",
        ),
        (config((0..9).map(|i| endpoint(&format!("e{i}"))).collect()), "FieldValueTooMany", "spec.endpoints"),
        (config(vec![endpoint("a"), endpoint("a")]), "FieldValueDuplicate", "spec.endpoints[1]"),
        (json!({"metadata": {}, "spec": {}}), "FieldValueRequired", "spec.endpoints"),
        (json!({"metadata": {}}), "FieldValueRequired", "spec"),
        (json!({"metadata": {}, "spec": {"endpoints": "all"}}), "FieldValueTypeInvalid", "spec.endpoints"),
    ] {
        assert_eq!(causes(VtepCrd::LongestPrefix, &object), [(reason, field.to_owned())], "{object}");
    }
}

#[test]
fn an_unknown_form_refuses_what_the_known_ones_take() {
    assert_eq!(causes(VtepCrd::Unknown, &config(vec![endpoint("a")])), [("FieldValueRequired", "spec.vtepEndpoints".to_owned())]);
}

#[test]
fn unknown_fields_are_dropped_and_metadata_is_left_alone() {
    let schemas = Schemas::new(VtepCrd::LongestPrefix);
    let mut object = config(vec![endpoint("a")]);
    object["metadata"]["annotations"] = json!({"epoch": "4"});
    let clean = object.clone();
    object["spec"]["cidrMask"] = json!("255.255.0.0");
    object["spec"]["endpoints"][0]["colour"] = json!("blue");
    object["extra"] = json!({});
    prune(schemas.of(Kind::CiliumVtepConfig).unwrap(), &mut object);
    assert_eq!(object, clean);
}

#[test]
fn labels_of_a_node_selector_are_no_unknown_fields() {
    let schemas = Schemas::new(VtepCrd::LongestPrefix);
    let mut object = config(vec![]);
    object["spec"]["nodeSelector"] = json!({"matchLabels": {"site": "berlin"}});
    let before = object.clone();
    prune(schemas.of(Kind::CiliumVtepConfig).unwrap(), &mut object);
    assert_eq!(object, before);
    object["spec"]["nodeSelector"]["matchLabels"]["rack"] = json!(5);
    let wrong = causes(VtepCrd::LongestPrefix, &object);
    assert_eq!(wrong, [("FieldValueTypeInvalid", "spec.nodeSelector.matchLabels.rack".to_owned())]);
}

#[test]
fn the_mask_gets_its_default_unless_it_is_given() {
    let schemas = Schemas::new(VtepCrd::OneMask);
    let schema = schemas.of(Kind::CiliumVtepConfig).unwrap();
    let mut object = config(vec![]);
    fill(schema, &mut object);
    assert_eq!(object["spec"]["cidrMask"], "255.255.255.0");
    object["spec"]["cidrMask"] = json!("255.255.0.0");
    fill(schema, &mut object);
    assert_eq!(object["spec"]["cidrMask"], "255.255.0.0");
}

#[test]
fn a_broken_cilium_node_can_be_stored() {
    let schemas = Schemas::new(VtepCrd::Missing);
    let schema = schemas.of(Kind::CiliumNode).unwrap();
    let mut node = json!({"metadata": {"name": "n"}, "spec": {"ipam": {"podCIDRs": "not a list"}}});
    let before = node.clone();
    prune(schema, &mut node);
    assert_eq!(node, before);
    assert_eq!(problems(schema, &node), []);
}
