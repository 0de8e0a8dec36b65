use super::*;
use crate::kube::crd::VtepCrd;

struct World {
    store: Store,
    schemas: Schemas,
}

impl World {
    fn new() -> Self {
        Self { store: Store::new(), schemas: Schemas::new(VtepCrd::OneMask) }
    }

    fn writer(&mut self) -> Writer<'_> {
        Writer { store: &mut self.store, schemas: &self.schemas }
    }

    fn create(&mut self, kind: Kind, body: Value) -> Result<Value, Refusal> {
        self.writer().create(kind, namespace(kind), body).map(|object| (*object).clone())
    }

    fn put(&mut self, kind: Kind, body: Value) -> Result<(Value, bool), Refusal> {
        let key = key(kind, body["metadata"]["name"].as_str().unwrap());
        self.writer().replace(key, body, false).map(|(object, new)| ((*object).clone(), new))
    }
}

fn namespace(kind: Kind) -> &'static str {
    if kind.namespaced() { "kube-system" } else { "" }
}

fn key(kind: Kind, name: &str) -> Key {
    Key { kind, namespace: namespace(kind).into(), name: name.into() }
}

fn body(kind: Kind, name: &str) -> Value {
    let mut body = json!({"apiVersion": kind.api_version(), "kind": kind.kind(), "metadata": {"name": name}});
    if kind.is_custom() {
        body["spec"] = if kind == Kind::CiliumVtepConfig { json!({"endpoints": []}) } else { json!({}) };
    }
    body
}

fn without(mut object: Value, field: &str) -> Value {
    remove(&mut object["metadata"], field);
    object
}

#[test]
fn creation_fills_in_the_servers_metadata_and_happens_once() {
    let mut world = World::new();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Event) {
        let mut wanted = body(kind, "a");
        wanted["metadata"]["uid"] = json!("mine");
        let metadata = &world.create(kind, wanted).unwrap()["metadata"];
        assert_eq!(metadata["uid"].as_str().unwrap().len(), 36, "{kind:?}");
        assert!(metadata["creationTimestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        assert_eq!(metadata["resourceVersion"], world.store.version().to_string());
        assert_eq!(metadata["generation"], if kind.is_custom() { json!(1) } else { Value::Null });
        assert_eq!(metadata.get("namespace").is_some(), kind.namespaced());
        assert_eq!(world.create(kind, body(kind, "a")).unwrap_err().reason(), "AlreadyExists");
    }
}

#[test]
fn a_name_can_be_generated_and_must_be_a_subdomain() {
    let mut world = World::new();
    let generated = json!({"metadata": {"generateName": "state-"}});
    let name = world.create(Kind::ConfigMap, generated).unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("state-") && name.len() == 11, "{name}");
    for bad in ["", "Upper", "a_b", "-a", "a.", "a..b"] {
        assert_eq!(world.create(Kind::ConfigMap, body(Kind::ConfigMap, bad)).unwrap_err().code(), 422, "{bad}");
    }
}

#[test]
fn a_stale_version_is_a_conflict_and_the_right_one_is_not() {
    for kind in [Kind::Lease, Kind::CiliumVtepConfig, Kind::ConfigMap] {
        let mut world = World::new();
        let first = world.create(kind, body(kind, "a")).unwrap();
        let mut second = first.clone();
        second["metadata"]["annotations"] = json!({"epoch": "1"});
        let (stored, new) = world.put(kind, second.clone()).unwrap();
        assert!(!new && stored["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]);
        let refused = world.put(kind, second).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (409, "Conflict"), "{kind:?}");
    }
}

#[test]
fn a_put_without_version_is_taken_by_some_kinds_only() {
    for (kind, wanted) in [(Kind::Lease, 422), (Kind::CiliumNode, 422), (Kind::ConfigMap, 200), (Kind::Node, 200)] {
        let mut world = World::new();
        let stored = world.create(kind, body(kind, "a")).unwrap();
        let code = world.put(kind, without(stored, "resourceVersion")).map_or_else(|refusal| refusal.code(), |_| 200);
        assert_eq!(code, wanted, "{kind:?}");
    }
}

#[test]
fn a_put_of_a_missing_object_makes_leases_only_and_never_one_with_another_uid() {
    let mut world = World::new();
    for (kind, wanted) in [(Kind::Lease, Ok(true)), (Kind::ConfigMap, Err(404)), (Kind::CiliumVtepConfig, Err(404))] {
        let mut old = body(kind, "a");
        old["metadata"]["resourceVersion"] = json!("999");
        assert_eq!(world.put(kind, old).map(|(_, new)| new).map_err(|refusal| refusal.code()), wanted, "{kind:?}");
    }
    let mut old = body(Kind::Lease, "b");
    old["metadata"]["uid"] = json!("gone");
    assert_eq!(world.put(Kind::Lease, old).unwrap_err().reason(), "Conflict");
}

#[test]
fn what_changes_nothing_is_no_change() {
    let mut world = World::new();
    let stored = world.create(Kind::CiliumVtepConfig, body(Kind::CiliumVtepConfig, "a")).unwrap();
    let version = world.store.version();
    let (again, _) = world.put(Kind::CiliumVtepConfig, stored.clone()).unwrap();
    assert_eq!((again, world.store.version()), (stored, version));
}

#[test]
fn status_and_the_rest_are_written_apart() {
    let mut world = World::new();
    let kind = Kind::CiliumVtepConfig;
    let mut wanted = body(kind, "a");
    wanted["status"] = json!({"endpointCount": 7});
    let stored = world.create(kind, wanted).unwrap();
    assert_eq!(stored.get("status"), None);
    let mut both = stored.clone();
    both["status"] = json!({"endpointCount": 1});
    both["spec"]["cidrMask"] = json!("255.0.0.0");
    let (status_only, _) = world.writer().replace(key(kind, "a"), both.clone(), true).unwrap();
    assert_eq!((&status_only["status"]["endpointCount"], &status_only["spec"]["cidrMask"]), (&json!(1), &json!("255.255.255.0")));
    assert_eq!(status_only["metadata"]["generation"], 1);
    both["metadata"]["resourceVersion"] = status_only["metadata"]["resourceVersion"].clone();
    remove(&mut both, "status");
    let (rest, _) = world.put(kind, both).unwrap();
    assert_eq!((&rest["status"]["endpointCount"], &rest["spec"]["cidrMask"]), (&json!(1), &json!("255.0.0.0")));
    assert_eq!(rest["metadata"]["generation"], 2);
}

#[test]
fn schemas_prune_default_and_refuse() {
    let mut world = World::new();
    let mut wanted = body(Kind::CiliumVtepConfig, "a");
    wanted["spec"]["colour"] = json!("blue");
    let stored = world.create(Kind::CiliumVtepConfig, wanted).unwrap();
    assert_eq!(stored["spec"], json!({"endpoints": [], "cidrMask": "255.255.255.0"}));
    let mut bad = stored.clone();
    bad["spec"]["endpoints"] = json!([{"name": "a"}]);
    assert_eq!(world.put(Kind::CiliumVtepConfig, bad).unwrap_err().code(), 422);
    assert_eq!(world.store.get(&key(Kind::CiliumVtepConfig, "a")).unwrap()["spec"], stored["spec"]);
}

#[test]
fn deletion_respects_preconditions_and_finalizers() {
    let mut world = World::new();
    let kind = Kind::CiliumNode;
    world.create(kind, body(kind, "plain")).unwrap();
    let refused = world.writer().delete(&key(kind, "plain"), &json!({"preconditions": {"uid": "other"}})).unwrap_err();
    assert_eq!(refused.reason(), "Conflict");
    assert!(matches!(world.writer().delete(&key(kind, "plain"), &Value::Null).unwrap(), Deleted::Gone(_)));
    assert_eq!(world.writer().delete(&key(kind, "plain"), &Value::Null).unwrap_err().code(), 404);

    let mut held = body(kind, "held");
    held["metadata"]["finalizers"] = json!(["hybridge/test"]);
    world.create(kind, held).unwrap();
    let Deleted::Marked(marked) = world.writer().delete(&key(kind, "held"), &Value::Null).unwrap() else { panic!("gone") };
    assert!(!marked["metadata"]["deletionTimestamp"].is_null());
    world.put(kind, without((*marked).clone(), "finalizers")).unwrap();
    assert_eq!(world.store.get(&key(kind, "held")), None);
}

#[test]
fn a_merge_patch_counts_an_event_up() {
    let mut world = World::new();
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"namespace": "kube-system"}, "count": 1, "reason": "X"});
    world.create(Kind::Event, event).unwrap();
    let patched = world.writer().merge(key(Kind::Event, "e"), &json!({"count": 2, "reason": null})).unwrap();
    assert_eq!((&patched["count"], patched.get("reason")), (&json!(2), None));
}

#[test]
fn bodies_of_another_kind_name_or_namespace_are_refused() {
    let mut world = World::new();
    assert_eq!(world.create(Kind::Lease, body(Kind::ConfigMap, "a")).unwrap_err().code(), 400);
    assert_eq!(world.create(Kind::CiliumNode, json!({"metadata": {"name": "a"}})).unwrap_err().code(), 400);
    assert_eq!(world.create(Kind::Lease, json!({"metadata": {"name": "a", "namespace": "default"}})).unwrap_err().code(), 400);
    let renamed = world.writer().replace(key(Kind::Lease, "b"), body(Kind::Lease, "a"), false).unwrap_err();
    assert_eq!(renamed.code(), 400);
}
