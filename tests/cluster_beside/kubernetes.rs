//! What a real kube-apiserver holds for the cluster: service accounts, and pods that leave their nodes before the cluster goes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hybridge_lab::aws::authenticator::{Authenticator, PATH};
use hybridge_lab::aws::{AccessEntry, AccessKey, Aws, Cluster, EntryKind, Principal};
use hybridge_lab::ec2::{Ec2State, FakeEc2};
use hybridge_lab::isolate::isolated;
use hybridge_lab::netns::Task;
use hybridge_lab::real::{AuditEntry, EMULATED_ACCOUNT, EMULATED_REGION, Kube, TokenWebhook, User};
use hybridge_lab::tls::Identity;
use serde_json::{Value, json};

use crate::emulated::{ADDRESS, Gateway, NAME, Provider, Said, Site, Wanted};

/// Nodes are called by their machines.
const READY: &str = "mi-000000000000000a1";
const SILENT: &str = "mi-000000000000000a2";
const CLOUD: &str = "ip-10-20-0-7.us-west-2.compute.internal";
const PODS: &str = "/api/v1/namespaces/shop/pods";

/// The cluster's API, and who tells it whose a token is.
struct Api {
    kube: Kube,
    _webhook: Task,
}

impl Api {
    /// Beside the emulated AWS, whose only caller may do everything in it.
    fn start(site: &Site) -> Self {
        let state = Ec2State::new("vpc-0a".parse().unwrap(), Vec::new());
        let aws = Aws::new(EMULATED_REGION, EMULATED_ACCOUNT, FakeEc2::new(state));
        let environment = site.emulator.environment();
        let value = |name: &str| environment.iter().find(|(key, _)| *key == name).unwrap().1.clone();
        let (id, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        let key = aws.accept(AccessKey { id, secret, token: None, expires: None, principal: Principal::User("moto".into()) });
        let mut cluster = Cluster::new(NAME, "https://127.0.0.1:6443", "");
        let entry = AccessEntry { kind: EntryKind::Standard, username: "operator".into(), groups: vec!["system:masters".into()] };
        cluster.entries.insert(key.principal.entry_arn(EMULATED_ACCOUNT), entry);
        aws.add_cluster(cluster);
        let identity = Identity::new(&[Ipv4Addr::LOCALHOST], &[]).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8443));
        let authenticator = Authenticator::new(&aws, NAME).also_at(ADDRESS);
        let task = authenticator.serve(&site.ns, address, &identity).unwrap();
        let webhook = TokenWebhook { url: format!("https://{address}{PATH}"), authority: identity.authority().into() };
        let kube = Kube::start_with(&site.ns, Ipv4Addr::LOCALHOST, &site.path(""), Some(&webhook)).unwrap();
        Self { kube, _webhook: task }
    }

    #[track_caller]
    fn create(&self, collection: &str, object: Value) {
        self.kube.create(collection, &object).unwrap_or_else(|error| panic!("{}", hybridge_report::chain(&error)));
    }

    #[track_caller]
    fn patch(&self, site: &Site, path: &str, change: Value) {
        let body = change.to_string();
        let admin = self.kube.server(&site.ns, User::Admin);
        let reply = admin.send("PATCH", path, Some(("application/merge-patch+json", body.as_bytes()))).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }

    fn node(&self, name: &str, hybrid: bool, ready: bool) {
        let labels = if hybrid { json!({"eks.amazonaws.com/compute-type": "hybrid"}) } else { json!({}) };
        let ready = if ready { "True" } else { "Unknown" };
        let status =
            json!({"conditions": [{"type": "Ready", "status": ready}], "addresses": [{"type": "InternalIP", "address": "10.80.0.7"}]});
        self.create(
            "/api/v1/nodes",
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "status": status}),
        );
    }

    /// A pod that runs on a node. No kubelet ends it: with `seconds` 0 it is gone as soon as it may go.
    fn pod(&self, site: &Site, (name, node, seconds): (&str, &str, u32), metadata: Value) {
        let mut all = json!({"name": name, "labels": {"app": name}});
        all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        let spec = json!({"nodeName": node, "terminationGracePeriodSeconds": seconds, "containers": [{"name": "one", "image": "one"}]});
        self.create(PODS, json!({"apiVersion": "v1", "kind": "Pod", "metadata": all, "spec": spec}));
        // A budget does not hold what has not begun.
        let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        self.patch(site, &format!("{PODS}/{name}/status"), status);
    }

    fn budget(&self, site: &Site, allowed: u32) {
        let status = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}});
        self.patch(site, "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/guarded/status", status);
    }

    fn evictions(&self) -> Vec<AuditEntry> {
        self.kube.audit().unwrap().into_iter().filter(|entry| entry.subresource == "eviction").collect()
    }

    fn has(&self, path: &str) -> bool {
        self.kube.get(path).unwrap().is_some()
    }
}

fn wanted() -> Wanted {
    let read = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    let more = json!({"addons": [{"name": "eks-pod-identity-agent"}], "iam": {
        "withOIDC": true,
        "serviceAccounts": [{"metadata": {"name": "reader", "namespace": "shop", "labels": {"team": "till"}}, "attachPolicyARNs": [read]}],
        "podIdentityAssociations": [{"namespace": "stock", "serviceAccountName": "till", "permissionPolicyARNs": [read], "createServiceAccount": true}],
    }});
    Wanted { more, ..Wanted::hybrid(Provider::Ssm, Gateway::Transit) }
}

#[test]
fn pods_leave_their_nodes_as_their_budgets_allow_before_the_cluster_goes() {
    isolated(|| {
        let site = Site::start();
        let before = site.emulator.left().unwrap();
        let wanted = wanted();
        let path = site.file(&wanted);
        // Nobody has told the emulated EKS of an API server yet.
        let (api, said) = std::thread::scope(|scope| {
            let api = scope.spawn(|| Api::start(&site));
            let said: Said = site.run(&["create", "-f", path.to_str().unwrap()]);
            (api.join().unwrap(), said)
        });
        said.ended(3).told("kubernetes.account").told("shop/reader");
        let authority = STANDARD.encode(api.kube.authority());
        site.emulator.set_endpoint(NAME, &format!("https://{}", api.kube.address()), &authority).unwrap();
        site.with_file("create", &wanted, &[]).ended(0);
        service_accounts(&site, &api, &wanted);
        inhabited(&site, &api, &wanted);
        held(&site, &api);
        api.budget(&site, 1);
        site.with_named("delete", &["--drain"]).ended(0);
        for name in [READY, SILENT] {
            assert!(!api.has(&format!("/api/v1/nodes/{name}")), "{name}");
        }
        let evicted: std::collections::BTreeSet<_> =
            api.evictions().into_iter().filter(|entry| entry.code == 201).map(|entry| entry.name).collect();
        assert_eq!(evicted, ["guarded", "lost", "web"].map(str::to_owned).into());
        assert!(!api.has(&format!("{PODS}/guarded")) && !api.has(&format!("{PODS}/web")));
        assert!(api.has(&format!("{PODS}/agent")) && api.has(&format!("{PODS}/other")) && api.has(&format!("/api/v1/nodes/{CLOUD}")));
        assert_eq!(site.emulator.left().unwrap(), before);
    });
}

/// Accounts have their roles, and a second run writes nothing.
fn service_accounts(site: &Site, api: &Api, wanted: &Wanted) {
    let account = |path: &str| api.kube.get(&format!("/api/v1/namespaces/{path}")).unwrap().unwrap();
    let reader = account("shop/serviceaccounts/reader");
    let stack = site.aws("cloudformation", "describe_stacks", json!({"StackName": "eksctl-shop-addon-iamserviceaccount-shop-reader"}));
    let role = &stack["Stacks"][0]["Outputs"][0]["OutputValue"];
    assert_eq!(
        (&reader["metadata"]["annotations"]["eks.amazonaws.com/role-arn"], &reader["metadata"]["labels"]["team"]),
        (role, &json!("till"))
    );
    account("stock/serviceaccounts/till");
    let written =
        || api.kube.audit().unwrap().iter().filter(|entry| entry.user == "operator" && entry.verb != "get" && entry.verb != "list").count();
    let before = written();
    site.with_file("update", wanted, &[]).ended(0);
    assert_eq!(written(), before);
}

/// Machines come, and pods run on them. As long as they are there, nothing goes.
fn inhabited(site: &Site, api: &Api, wanted: &Wanted) {
    let activation = site.handed_over(wanted, "handover");
    site.come(&activation, &[READY, SILENT]);
    api.node(READY, true, true);
    api.node(SILENT, true, false);
    api.node(CLOUD, false, true);
    api.create(
        "/api/v1/namespaces/shop/serviceaccounts",
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}),
    );
    let by_daemon_set = json!({"ownerReferences": [{
        "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "2c1b2d6e-0d54-4ff2-9c8c-4f2c0e7c7a10", "controller": true,
    }]});
    api.pod(site, ("web", READY, 0), json!({}));
    api.pod(site, ("guarded", READY, 0), json!({}));
    api.pod(site, ("agent", READY, 30), by_daemon_set);
    api.pod(site, ("lost", SILENT, 30), json!({}));
    api.pod(site, ("other", CLOUD, 30), json!({}));
    api.create(
        "/apis/policy/v1/namespaces/shop/poddisruptionbudgets",
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "guarded"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "guarded"}}}}),
    );
    api.budget(site, 0);
    let told = site.with_named("get", &["-o", "json"]).ended(0);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let nodes: Vec<_> =
        told["hybridNodes"].as_array().unwrap().iter().map(|node| (&node["name"], node["managedInstance"].is_object())).collect();
    assert_eq!(nodes, [(&json!(READY), true), (&json!(SILENT), true)]);
    let left = site.emulator.left().unwrap();
    site.delete().ended(1).told("nodes.present").told(READY);
    assert_eq!((site.emulator.left().unwrap(), api.evictions()), (left, Vec::new()));
}

/// A pod that its budget holds is told by name, and nothing of the cluster goes for its sake.
fn held(site: &Site, api: &Api) {
    let left = site.emulator.left().unwrap();
    let mut command = site.command(&["delete", "--name", NAME, "--region", EMULATED_REGION, "--drain"]);
    let child = command.spawn().unwrap();
    let begun = Instant::now();
    while !api.evictions().iter().any(|entry| entry.name == "guarded" && entry.code == 429) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:#?}", api.evictions());
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let said = Said::from(child.wait_with_output().unwrap()).ended(3);
    let said = said.told("shop/guarded is held by its PodDisruptionBudget").told(&format!("interrupted; node {READY} is not drained"));
    assert!(!said.err.contains("AWS goes on"), "{}", said.err);
    assert_eq!(site.emulator.left().unwrap(), left);

    let mut command = site.command(&["delete", "--name", NAME, "--region", EMULATED_REGION, "--drain"]);
    let said = Said::from(command.env("HYBRIDGE_DRAIN_MS", "300").output().unwrap()).ended(3).told("drain.held").told("shop/guarded");
    for name in ["shop/web", "shop/agent", "shop/lost"] {
        assert!(!said.err.lines().any(|line| line.contains("drain.held") && line.contains(name)), "{}", said.err);
    }
    assert_eq!(site.emulator.left().unwrap(), left, "the cluster is as it was, machines and activations too");
    let node = api.kube.get(&format!("/api/v1/nodes/{READY}")).unwrap().unwrap();
    assert_eq!(node["spec"]["unschedulable"], true);
    assert!(api.has(&format!("{PODS}/guarded")) && !api.has(&format!("/api/v1/nodes/{SILENT}")));
}
