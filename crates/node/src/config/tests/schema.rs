//! Schema, table and types say the same.

use serde_json::json;

use super::super::chain::Cached;
use super::super::*;
use super::{DOCUMENTS, languages};
use hybridge_document::{Node, Problems, Tree};

/// As much of a JSON Schema validator as the schema needs.
fn fits(schema: &Value, value: &Value, root: &Value) -> bool {
    let Value::Object(keywords) = schema else { return schema == &Value::Bool(true) };
    keywords.iter().all(|(keyword, wanted)| match keyword.as_str() {
        "$ref" => fits(root.pointer(wanted.as_str().unwrap().trim_start_matches('#')).unwrap(), value, root),
        "oneOf" => wanted.as_array().unwrap().iter().filter(|one| fits(one, value, root)).count() == 1,
        "anyOf" => wanted.as_array().unwrap().iter().any(|one| fits(one, value, root)),
        "type" => match wanted.as_array() {
            Some(types) => types.iter().any(|one| of_type(one, value)),
            None => of_type(wanted, value),
        },
        "enum" => wanted.as_array().unwrap().contains(value),
        "const" => wanted == value,
        "required" => {
            value.as_object().is_none_or(|object| wanted.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap())))
        }
        "properties" => value
            .as_object()
            .is_none_or(|object| object.iter().all(|(name, value)| wanted.get(name).is_none_or(|schema| fits(schema, value, root)))),
        "additionalProperties" => {
            let known = |name: &String| keywords.get("properties").is_some_and(|properties| properties.get(name).is_some());
            value
                .as_object()
                .is_none_or(|object| object.iter().filter(|(name, _)| !known(name)).all(|(_, value)| fits(wanted, value, root)))
        }
        "propertyNames" => value.as_object().is_none_or(|object| object.keys().all(|name| fits(wanted, &json!(name), root))),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(wanted, item, root))),
        "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| regex::Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap()),
        "$schema" | "$id" | "$defs" | "title" | "description" | "writeOnly" => true,
        other => panic!("the validator does not know {other}"),
    })
}

fn of_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

fn valid(value: &Value) -> bool {
    let schema = schema();
    fits(&schema, value, &schema)
}

/// A document as an editor sees it.
fn plain(tree: &Tree, problems: &mut Problems) -> Value {
    assert!(matches!(tree.node, Node::Map(_)));
    hybridge_document::value(tree, problems)
}

fn read(text: &str) -> Value {
    let mut problems = parse::problems_of("f", 0, text);
    let tree = hybridge_document::read(text, parse::FORM, &mut problems).unwrap().unwrap();
    plain(&tree, &mut problems)
}

#[test]
fn documents_of_both_nodeadms_fit_the_schema() {
    for (name, bytes) in DOCUMENTS {
        for part in crate::userdata::decode(name, bytes).unwrap() {
            assert_eq!(valid(&read(&part.text)), *name != "ec2/config-check/config-bad.yaml", "{name}");
        }
    }
}

/// A configuration of one shape in which every field has a value.
fn full(shape: Shape) -> NodeConfig {
    let text = match shape {
        Shape::Ec2 => {
            "cluster: {name: a, apiServerEndpoint: 'https://a', certificateAuthority: YWE=, cidr: 10.0.0.0/16, enableOutpost: true, id: b}
containerd: {config: 'a = 1', baseRuntimeSpec: {a: 1}}
instance: {localStorage: {strategy: RAID0, mountPath: /a, disabledMounts: [SOCI]}, environment: {default: {A: b}}, network: {nameservers: [1.1.1.1], domains: [a]}, OWN}
kubelet: {config: {a: 1}, flags: [--v=5], maxPodsExpression: '1'}
featureGates: {FastImagePull: true}"
        }
        Shape::Hybrid => {
            "cluster: {name: a, region: us-west-2, apiServerEndpoint: 'https://a', certificateAuthority: YWE=, cidr: 10.0.0.0/16, enableOutpost: true, id: b}
containerd: {config: 'a = 1'}
instance: {localStorage: {strategy: Mount}, OWN}
kubelet: {config: {a: 1}, flags: [--v=5]}
hybrid: {enableCredentialsFile: true, iamRolesAnywhere: {nodeName: a, trustAnchorArn: 'arn:aws:rolesanywhere:us-west-2:123456789012:trust-anchor/a', profileArn: 'arn:aws:rolesanywhere:us-west-2:123456789012:profile/a', roleArn: 'arn:aws:iam::123456789012:role/a', awsConfigPath: /a, certificatePath: /b, privateKeyPath: /c}, ssm: {activationCode: s3cret-activation-code, activationId: 57be8cce-1137-32d4-ce32-ba044ea5df48}}"
        }
    };
    let own = "steps: [{id: a, phase: preNetwork, script: 'true', timeout: 5m, runOnce: true, onFailure: stop}], disks: [{label: a, filesystem: xfs, mountPath: /a, wipe: true, select: {instanceStore: true, unmounted: true, notRoot: true, minSize: 1GB, model: a, count: 1}}]";
    let text = text.replace("OWN", own);
    // Each right for itself; that some contradict others is asked once all documents are merged.
    let text = format!(
        "{text}
lni:
  {{match: {{deviceIndex: 14, mac: '02:ab:cd:00:00:01'}}, mtu: 1500, vlan: 59,
   address: {{mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1, useDns: true, useDefaultRoute: true}},
   lan: {{cidrs: [192.168.2.0/24], dhcpRange: 192.168.2.100-192.168.2.150, gateway: 192.168.2.1}},
   routing: {{table: 2100, mark: 0x2000, rulePriority: 600}}, firewall: {{hostPorts: [tcp/22], allowFrom: [192.168.2.0/24]}},
   vips: {{pools: [192.168.2.160-192.168.2.190], announcer: metallb}}}}"
    );
    let text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\nspec:\n  {}\n", text.replace('\n', "\n  "));
    assert!(valid(&read(&text)), "{shape:?}");
    let parsed = parse("f", text.as_bytes(), None, languages());
    parsed.config.unwrap_or_else(|| panic!("{:#?}", parsed.problems))
}

/// Paths of all keys with a value below, lists and free forms not entered.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    let free = matches!(path, "containerd.baseRuntimeSpec" | "kubelet.config" | "instance.environment" | "featureGates");
    match value.as_object().filter(|_| !free) {
        Some(map) => map.iter().for_each(|(key, value)| paths(value, &below(path, key), found)),
        None => found.push(path.to_owned()),
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The same of a schema.
fn schema_paths(schema: &Value, path: &str, found: &mut Vec<String>) {
    match schema.get("properties").and_then(Value::as_object).filter(|_| path != "featureGates") {
        Some(properties) => properties.iter().for_each(|(key, schema)| schema_paths(schema, &below(path, key), found)),
        None => found.push(path.to_owned()),
    }
}

#[test]
fn every_field_of_the_types_is_in_the_schema_and_the_other_way_round() {
    for (shape, name) in [(Shape::Ec2, "ec2"), (Shape::Hybrid, "hybrid")] {
        let config = full(shape);
        assert_eq!(config.shape, shape);
        let (mut of_types, mut of_schema) = (Vec::new(), Vec::new());
        paths(&serde_json::to_value(&config).unwrap(), "", &mut of_types);
        schema_paths(&schema()["$defs"][name]["properties"]["spec"], "", &mut of_schema);
        of_types.sort();
        of_schema.sort();
        assert_eq!(of_types, of_schema, "{shape:?}");
    }
}

#[test]
fn a_dump_is_a_document_without_secrets() {
    let mut config = full(Shape::Hybrid);
    config.instance.environment.entry("default".to_owned()).or_default().extend(
        [("A_PROXY", "http://me:hunter2@proxy/"), ("B_PROXY", "me:hunter2@proxy:80"), ("API_TOKEN", "hunter2"), ("NO_PROXY", "a,b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    config.containerd.config = "[auth]\npassword = 'hunter2'\naddress = 'a'\n".to_owned();
    let dump = dump(&config);
    assert_eq!(dump["apiVersion"], API_VERSION);
    assert_eq!(dump["spec"]["hybrid"]["ssm"]["activationCode"], "(hidden)");
    assert_eq!(
        dump["spec"]["instance"]["environment"]["default"],
        json!({"A_PROXY": "http://(hidden)@proxy/", "B_PROXY": "(hidden)@proxy:80", "API_TOKEN": "(hidden)", "NO_PROXY": "a,b"})
    );
    assert_eq!(dump["spec"]["containerd"]["config"], "[auth]\npassword = '(hidden)'\naddress = 'a'\n");
    for shown in [dump.to_string(), format!("{config:?}"), Cached::of(&config).to_json()] {
        assert!(!shown.contains("hunter2") && !shown.contains("s3cret"), "{shown}");
    }
}
