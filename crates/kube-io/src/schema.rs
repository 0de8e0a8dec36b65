//! Which form of CiliumVTEPConfig a published schema describes.

use std::collections::BTreeSet;
use std::fmt;

use hybridge_gateway::vtep::Schema;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// What every endpoint must be able to say.
const ENDPOINT: [&str; 4] = ["name", "tunnelEndpoint", "cidr", "mac"];

/// The form that the schema of CiliumVTEPConfig (`openAPIV3Schema` of its CRD, or its entry in the published OpenAPI document) describes.
///
/// Known are two drafts: `spec.endpoints[]` with `name`, `tunnelEndpoint`, `cidr` and `mac`, with one `spec.cidrMask` for all or without.
/// Anything that we could not fill in (other names, more required fields) is unknown, and the text says what was found.
pub fn classify(schema: &Value) -> Schema {
    let spec = &schema["properties"]["spec"];
    let endpoint = &spec["properties"]["endpoints"]["items"];
    let (spec_fields, endpoint_fields) = (fields(spec), fields(endpoint));
    if !spec_fields.contains("endpoints") {
        return Schema::Unknown(format!("its spec has {}, but no endpoints", listed(&spec_fields)));
    }
    let missing: BTreeSet<_> = ENDPOINT.into_iter().filter(|field| !endpoint_fields.contains(field)).collect();
    if !missing.is_empty() {
        return Schema::Unknown(format!("its endpoints have {}, but no {}", listed(&endpoint_fields), listed(&missing)));
    }
    let demanded: BTreeSet<_> = required(spec)
        .filter(|field| !["endpoints", "cidrMask"].contains(field))
        .chain(required(endpoint).filter(|field| !ENDPOINT.contains(field)))
        .collect();
    if !demanded.is_empty() {
        return Schema::Unknown(format!("it requires {}", listed(&demanded)));
    }
    if spec_fields.contains("cidrMask") { Schema::OneMask } else { Schema::LongestPrefix }
}

fn fields(schema: &Value) -> BTreeSet<&str> {
    schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str)).collect()
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn listed(names: &BTreeSet<&str>) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The schema of one kind out of an OpenAPI v3 document. That holds those of all kinds of a group, megabytes: only this one is kept.
///
/// # Errors
/// The document is no JSON, or `components` and `components.schemas` are no maps.
pub(crate) fn pick(document: &[u8], kind: &str) -> serde_json::Result<Option<Value>> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    // Keys of schemas are reversed groups, version and kind: io.cilium.v2.CiliumVTEPConfig.
    let suffix = format!(".{kind}");
    let path = [Step::Named("components"), Step::Named("schemas"), Step::EndingWith(&suffix)];
    let found = Pick(&path).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

/// Which key of a map leads on.
enum Step<'a> {
    Named(&'a str),
    EndingWith(&'a str),
}

impl Step<'_> {
    fn matches(&self, key: &str) -> bool {
        match self {
            Self::Named(name) => key == *name,
            Self::EndingWith(suffix) => key.ends_with(suffix),
        }
    }
}

/// The value at the end of a path through maps; everything beside the path is skipped while parsing.
struct Pick<'a>(&'a [Step<'a>]);

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        if self.0.is_empty() { Value::deserialize(deserializer).map(Some) } else { deserializer.deserialize_map(self) }
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OpenAPI v3 document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.0.split_first() {
                Some((step, rest)) if step.matches(&key) => found = map.next_value_seed(Pick(rest))?,
                Some(_) | None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A schema as the API server publishes it for a CRD with this spec.
    fn published(spec: Value) -> Value {
        json!({
            "type": "object",
            "properties": {
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "metadata": { "allOf": [{ "$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" }] },
                "spec": spec,
                "status": { "type": "object" },
            },
            "x-kubernetes-group-version-kind": [{ "group": "cilium.io", "kind": "CiliumVTEPConfig", "version": "v2" }],
        })
    }

    fn endpoints() -> Value {
        let text = json!({ "type": "string" });
        json!({
            "type": "array",
            "maxItems": 8,
            "items": {
                "type": "object",
                "required": ["name", "tunnelEndpoint", "cidr", "mac"],
                "properties": { "name": text, "tunnelEndpoint": text, "cidr": text, "mac": text },
            },
        })
    }

    #[test]
    fn both_known_forms_are_told_apart_by_the_mask_and_optional_fields_do_not_matter() {
        let mask = json!({ "type": "string", "default": "255.255.255.0" });
        let longest = json!({ "required": ["endpoints"], "properties": { "endpoints": endpoints() } });
        let selected = json!({ "properties": { "endpoints": endpoints(), "nodeSelector": { "type": "object" } } });
        let one_mask = json!({ "properties": { "endpoints": endpoints(), "cidrMask": mask } });
        assert_eq!(classify(&published(longest)), Schema::LongestPrefix);
        assert_eq!(classify(&published(selected)), Schema::LongestPrefix);
        assert_eq!(classify(&published(one_mask)), Schema::OneMask);
    }

    #[test]
    fn what_cannot_be_filled_in_is_unknown_and_says_what_was_found() {
        let unknown = |spec| match classify(&published(spec)) {
            Schema::Unknown(found) => found,
            known @ (Schema::LongestPrefix | Schema::OneMask) => panic!("{known:?}"),
        };
        let renamed = json!({ "properties": { "vtepEndpoints": endpoints(), "node": {} } });
        assert_eq!(unknown(renamed), "its spec has node, vtepEndpoints, but no endpoints");
        let mut other = endpoints();
        other["items"]["properties"] = json!({ "name": {}, "cidrs": {}, "mac": {}, "tunnelEndpoint": {} });
        assert_eq!(
            unknown(json!({ "properties": { "endpoints": other } })),
            "its endpoints have cidrs, mac, name, tunnelEndpoint, but no cidr"
        );
        let mut vni = endpoints();
        vni["items"]["required"] = json!(["name", "vni"]);
        let demanding = json!({ "required": ["nodeName"], "properties": { "endpoints": vni } });
        assert_eq!(unknown(demanding), "it requires nodeName, vni");
        assert_eq!(unknown(Value::Null), "its spec has nothing, but no endpoints");
        assert_eq!(
            unknown(json!({ "x-kubernetes-preserve-unknown-fields": true, "properties": { "endpoints": { "type": "array" } } })),
            "its endpoints have nothing, but no cidr, mac, name, tunnelEndpoint"
        );
    }

    #[test]
    fn one_schema_is_picked_out_of_megabytes() {
        let wanted = published(json!({ "properties": { "endpoints": endpoints() } }));
        let mut schemas = serde_json::Map::new();
        let filler = json!({ "properties": { "spec": { "description": "CiliumVTEPConfig ".repeat(600), "items": [[[{}]]] } } });
        for index in 0..300 {
            schemas.insert(format!("io.cilium.v2.Other{index}"), filler.clone());
        }
        schemas.insert("io.cilium.v2.CiliumVTEPConfigList".into(), filler.clone());
        schemas.insert("io.cilium.v2.CiliumVTEPConfig".into(), wanted.clone());
        let document = json!({ "openapi": "3.0.0", "paths": { "/x": filler }, "components": { "schemas": schemas } }).to_string();
        assert!(document.len() > 3_000_000);
        assert_eq!(pick(document.as_bytes(), "CiliumVTEPConfig").unwrap(), Some(wanted));
    }

    #[test]
    fn a_document_without_the_kind_is_no_error_and_a_broken_one_is() {
        for without in ["{}", r#"{"components":{}}"#, r#"{"components":{"schemas":{"a.B":{}}}}"#] {
            assert_eq!(pick(without.as_bytes(), "CiliumVTEPConfig").unwrap(), None, "{without}");
        }
        for broken in ["", "[]", r#"{"components":{"schemas":[]}}"#, r#"{"components":{}"#] {
            assert!(pick(broken.as_bytes(), "CiliumVTEPConfig").is_err(), "{broken}");
        }
    }
}
