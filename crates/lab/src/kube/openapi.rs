//! `/openapi/v3`: the schemas of custom kinds, shaped as kube-apiserver 1.34 publishes them.

use serde_json::{Value, json};

use super::crd::Schemas;
use super::kind::Kind;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The index: which documents there are, and where.
pub(super) fn index() -> Value {
    json!({"paths": {"apis/cilium.io/v2": {"serverRelativeURL": "/openapi/v3/apis/cilium.io/v2"}}})
}

/// The document of `cilium.io/v2`.
pub(super) fn cilium(schemas: &Schemas) -> Value {
    let mut document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"},
        "paths": {},
        "components": {"schemas": {
            OBJECT_META: {
                "type": "object",
                "description": "ObjectMeta is metadata that all persisted resources must have.",
                "properties": {
                    "name": {"type": "string"},
                    "namespace": {"type": "string"},
                    "uid": {"type": "string"},
                    "resourceVersion": {"type": "string"},
                    "labels": {"type": "object", "additionalProperties": {"type": "string", "default": ""}},
                    "annotations": {"type": "object", "additionalProperties": {"type": "string", "default": ""}},
                },
            },
            LIST_META: {
                "type": "object",
                "description": "ListMeta describes metadata of lists.",
                "properties": {"resourceVersion": {"type": "string"}, "continue": {"type": "string"}},
            },
        }},
    });
    for kind in schemas.served("cilium.io", "v2") {
        if let Some(schema) = schemas.of(kind) {
            let components = &mut document["components"]["schemas"];
            components[component(kind.kind())] = object_schema(kind, schema);
            components[component(&format!("{}List", kind.kind()))] = list_schema(kind);
            let path = format!("/apis/cilium.io/v2/{}", kind.plural());
            document["paths"][path] = collection_path(kind);
        }
    }
    document
}

fn component(kind: &str) -> String {
    format!("io.cilium.v2.{kind}")
}

fn reference(component: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{component}")})
}

fn object_schema(kind: Kind, schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["properties"]["metadata"] = json!({"description": "Standard object's metadata.", "allOf": [reference(OBJECT_META)]});
    schema["x-kubernetes-group-version-kind"] = json!([{"group": kind.group(), "kind": kind.kind(), "version": kind.version()}]);
    schema
}

fn list_schema(kind: Kind) -> Value {
    json!({
        "description": format!("{0}List is a list of {0}", kind.kind()),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [reference(LIST_META)]},
            "items": {"type": "array", "items": {"allOf": [reference(&component(kind.kind()))]}},
        },
        "x-kubernetes-group-version-kind": [
            {"group": kind.group(), "kind": format!("{}List", kind.kind()), "version": kind.version()},
        ],
    })
}

fn collection_path(kind: Kind) -> Value {
    let list = reference(&component(&format!("{}List", kind.kind())));
    json!({"get": {
        "description": format!("list objects of kind {}", kind.kind()),
        "operationId": format!("listCiliumIoV2{}", kind.kind()),
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": list}}}},
        "x-kubernetes-action": "list",
        "x-kubernetes-group-version-kind": {"group": kind.group(), "version": kind.version(), "kind": kind.kind()},
    }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::crd::VtepCrd;

    #[test]
    fn a_kind_is_published_exactly_when_it_is_served() {
        for (vtep, published) in [(VtepCrd::LongestPrefix, true), (VtepCrd::Missing, false)] {
            let document = cilium(&Schemas::new(vtep));
            let schemas = document["components"]["schemas"].as_object().unwrap();
            assert_eq!(schemas.contains_key("io.cilium.v2.CiliumVTEPConfig"), published);
            assert!(schemas.contains_key("io.cilium.v2.CiliumNode"));
        }
    }

    #[test]
    fn defaults_are_part_of_what_is_published() {
        let document = cilium(&Schemas::new(VtepCrd::OneMask));
        let spec = &document["components"]["schemas"]["io.cilium.v2.CiliumVTEPConfig"]["properties"]["spec"];
        assert_eq!(spec["properties"]["cidrMask"]["default"], "255.255.255.0");
    }
}
