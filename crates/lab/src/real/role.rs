//! What users of the API server may do: RBAC, as a chart grants it.

use serde_json::{Value, json};

/// Verbs on resources of one API group.
#[derive(Clone, Debug)]
pub struct Rule {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resource, in the plural.
    pub resource: &'static str,
    /// What may be done with it.
    pub verbs: &'static [&'static str],
}

/// Rights in the whole cluster and in one namespace.
#[derive(Clone, Debug)]
pub struct Role {
    /// Name of the role and of its binding.
    pub name: &'static str,
    /// For the whole cluster.
    pub cluster: Vec<Rule>,
    /// In the namespace only.
    pub namespaced: Vec<Rule>,
}

impl Role {
    /// Exactly what the chart of aws/eks-hybrid-nodes-gateway grants at e0ceb78 (templates clusterrole.yaml and role.yaml).
    pub fn reference() -> Self {
        Self {
            name: "eks-hybrid-nodes-gateway",
            cluster: vec![
                Rule { group: "", resource: "events", verbs: &["create", "patch"] },
                Rule { group: "cilium.io", resource: "ciliumnodes", verbs: &["get", "list", "watch"] },
                Rule { group: "cilium.io", resource: "ciliumvtepconfigs", verbs: &["get", "create", "update"] },
            ],
            namespaced: vec![Rule { group: "coordination.k8s.io", resource: "leases", verbs: &["get", "create", "update"] }],
        }
    }

    /// The objects that grant this to the users, each with the collection that it is created in. `namespace` must exist.
    pub(super) fn objects(&self, namespace: &str, users: &[&str]) -> Vec<(String, Value)> {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        let subjects: Vec<_> =
            users.iter().map(|user| json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user})).collect();
        let object = |kind: &str, more: Value| {
            let mut object = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": self.name}});
            for (key, value) in more.as_object().into_iter().flatten() {
                object[key] = value.clone();
            }
            object
        };
        let binding = |kind: &str| {
            let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": self.name});
            object(&format!("{kind}Binding"), json!({"roleRef": role, "subjects": subjects}))
        };
        vec![
            (format!("{rbac}/clusterroles"), object("ClusterRole", json!({"rules": rules(&self.cluster)}))),
            (format!("{rbac}/clusterrolebindings"), binding("ClusterRole")),
            (format!("{rbac}/namespaces/{namespace}/roles"), object("Role", json!({"rules": rules(&self.namespaced)}))),
            (format!("{rbac}/namespaces/{namespace}/rolebindings"), binding("Role")),
        ]
    }
}

fn rules(rules: &[Rule]) -> Vec<Value> {
    rules.iter().map(|Rule { group, resource, verbs }| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})).collect()
}
