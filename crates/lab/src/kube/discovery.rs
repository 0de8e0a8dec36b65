//! Discovery, health and version: what clients ask before they ask for objects.

use serde_json::{Value, json};

use super::crd::Schemas;
use super::kind::Kind;
use super::openapi;

/// Version of Kubernetes that this server behaves like.
const VERSION: &str = "v1.34.4";

/// Answer to a path outside the objects.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// A JSON document.
    Document(Value),
    /// Plain text.
    Text(&'static str),
    /// 404: an API group, version or kind that is not installed here, which clients ask for to find out.
    NotInstalled,
    /// Something that this server does not serve though a real one might.
    NotServed,
}

/// Answers a GET of `path`.
pub(super) fn answer(path: &str, schemas: &Schemas) -> Answer {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["readyz" | "livez" | "healthz"] => Answer::Text("ok"),
        ["version"] => Answer::Document(version()),
        ["api"] => Answer::Document(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["api", "v1"] => resources("", "v1", schemas),
        ["apis"] => {
            let groups: Vec<_> = ["cilium.io", "coordination.k8s.io"].into_iter().map(group).collect();
            Answer::Document(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name @ ("cilium.io" | "coordination.k8s.io")] => {
            let mut document = group(name);
            document["kind"] = "APIGroup".into();
            document["apiVersion"] = "v1".into();
            Answer::Document(document)
        }
        ["apis", name, version] => resources(name, version, schemas),
        ["apis", _] | ["openapi", "v3", "apis", _] => Answer::NotInstalled,
        ["openapi", "v3"] => Answer::Document(openapi::index()),
        ["openapi", "v3", "apis", "cilium.io", "v2"] => Answer::Document(openapi::cilium(schemas)),
        _ => Answer::NotServed,
    }
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "34",
        "gitVersion": format!("{VERSION}-hybridge-lab"),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    })
}

fn group(name: &str) -> Value {
    let version = if name == "cilium.io" { "v2" } else { "v1" };
    let entry = json!({"groupVersion": format!("{name}/{version}"), "version": version});
    json!({"name": name, "versions": [entry], "preferredVersion": entry})
}

fn resources(group: &str, version: &str, schemas: &Schemas) -> Answer {
    let kinds = schemas.served(group, version);
    if kinds.is_empty() {
        return Answer::NotInstalled;
    }
    let group_version = kinds[0].api_version();
    let resources: Vec<Value> = kinds.into_iter().flat_map(entries).collect();
    Answer::Document(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}))
}

fn entries(kind: Kind) -> Vec<Value> {
    let entry = |name: String, verbs: &[&str]| {
        json!({
            "name": name,
            "singularName": kind.kind().to_lowercase(),
            "namespaced": kind.namespaced(),
            "kind": kind.kind(),
            "verbs": verbs,
        })
    };
    let mut verbs = vec!["create", "delete", "get", "list", "update", "watch"];
    if kind == Kind::Event {
        verbs.push("patch");
    }
    let mut entries = vec![entry(kind.plural().into(), &verbs)];
    if kind.has_status() {
        entries.push(entry(format!("{}/status", kind.plural()), &["get", "update"]));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::crd::VtepCrd;

    #[test]
    fn a_missing_crd_is_not_discovered() {
        let names = |vtep| {
            let Answer::Document(list) = answer("/apis/cilium.io/v2", &Schemas::new(vtep)) else { panic!("no list") };
            list["resources"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let nodes = ["ciliumnodes", "ciliumnodes/status"];
        assert_eq!(names(VtepCrd::Missing), nodes);
        assert_eq!(names(VtepCrd::OneMask)[2..], ["ciliumvtepconfigs", "ciliumvtepconfigs/status"]);
    }

    #[test]
    fn asking_for_what_is_not_installed_is_no_surprise_but_asking_for_more_is() {
        let schemas = Schemas::new(VtepCrd::Missing);
        for path in ["/apis/cilium.io/v2alpha1", "/apis/apps/v1", "/apis/metrics.k8s.io"] {
            assert_eq!(answer(path, &schemas), Answer::NotInstalled, "{path}");
        }
        for path in ["/metrics", "/apis/apps/v1/deployments", "/api/v1/pods", "/openapi/v2"] {
            assert_eq!(answer(path, &schemas), Answer::NotServed, "{path}");
        }
    }
}
