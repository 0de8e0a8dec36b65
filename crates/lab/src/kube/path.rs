//! Which object or collection a URL path means.

use super::kind::Kind;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// All objects of a kind, or those of one namespace.
    Collection { kind: Kind, namespace: Option<String> },
    /// One object; `status` for its subresource.
    Object { kind: Kind, namespace: String, name: String, status: bool },
    /// Anything that is no object: discovery, health, OpenAPI.
    Other,
}

/// Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; other paths are [`Target::Other`].
pub(super) fn target(path: &str) -> Target {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Target::Other,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
        _ => (None, rest),
    };
    let Some(kind) = rest.first().and_then(|plural| Kind::at(group, version, plural)) else {
        return Target::Other;
    };
    let fits = namespace.is_some() == kind.namespaced();
    match rest {
        [_] if fits || namespace.is_none() => Target::Collection { kind, namespace },
        [_, name] if fits => Target::Object { kind, namespace: namespace.unwrap_or_default(), name: (*name).to_owned(), status: false },
        [_, name, "status"] if fits && kind.has_status() => {
            Target::Object { kind, namespace: namespace.unwrap_or_default(), name: (*name).to_owned(), status: true }
        }
        _ => Target::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: Kind, namespace: &str, name: &str, status: bool) -> Target {
        Target::Object { kind, namespace: namespace.into(), name: name.into(), status }
    }

    #[test]
    fn paths_are_read_as_the_api_conventions_write_them() {
        for (path, wanted) in [
            ("/apis/cilium.io/v2/ciliumnodes", Target::Collection { kind: Kind::CiliumNode, namespace: None }),
            ("/apis/cilium.io/v2/ciliumnodes/n1", object(Kind::CiliumNode, "", "n1", false)),
            ("/apis/cilium.io/v2/ciliumvtepconfigs/a/status", object(Kind::CiliumVtepConfig, "", "a", true)),
            ("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l", object(Kind::Lease, "kube-system", "l", false)),
            ("/apis/coordination.k8s.io/v1/leases", Target::Collection { kind: Kind::Lease, namespace: None }),
            ("/api/v1/namespaces/x/events", Target::Collection { kind: Kind::Event, namespace: Some("x".into()) }),
            ("/api/v1/nodes/n1/status", object(Kind::Node, "", "n1", true)),
            ("/apis/coordination.k8s.io/v1/namespaces/x/leases/l/status", Target::Other),
            ("/apis/coordination.k8s.io/v1/leases/l", Target::Other),
            ("/apis/cilium.io/v2/namespaces/x/ciliumnodes", Target::Other),
            ("/apis/cilium.io/v2/namespaces/x/ciliumnodes/n1", Target::Other),
            ("/apis/cilium.io/v2alpha1/ciliumnodes", Target::Other),
            ("/api/v1/namespaces/x", Target::Other),
            ("/api/v1/pods", Target::Other),
            ("/readyz", Target::Other),
            ("/", Target::Other),
        ] {
            assert_eq!(target(path), wanted, "{path}");
        }
    }
}
