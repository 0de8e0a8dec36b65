//! Tests that need what `cargo xtask real` makes.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::{Value, json};

use super::*;
use crate::isolate::isolated;
use crate::real::node::with_real_parts::{ECHO, IMAGE, hosts};
use crate::real::{Node, NodeSpec, User, condition, image};

const PATIENCE: Duration = Duration::from_secs(90);
const SPACE: &str = "/api/v1/namespaces/space";
const PODS: &str = "/api/v1/namespaces/space/pods";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/space/deployments/echo";
const BUDGET: &str = "/apis/policy/v1/namespaces/space/poddisruptionbudgets/echo";

const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 1, 2)];

fn deployment() -> Value {
    let labels = json!({"app": "echo"});
    let variables = ["NODE_NAME", "NODE_IP"].map(|name| json!({"name": name, "value": "any"}));
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "echo"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "template": {"metadata": {"labels": labels, "annotations": {"version": "1"}}, "spec": {
                "hostNetwork": true,
                "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                    {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}]}},
                "containers": [{
                    "name": "echo", "image": IMAGE, "imagePullPolicy": "Never",
                    "env": variables,
                    "readinessProbe": {"httpGet": {"path": "/", "port": 8088}, "periodSeconds": 1},
                }],
            }},
        },
    })
}

fn start_node(kube: &Kube, host: &Netns, number: usize, directory: &Path) -> Node {
    let spec = NodeSpec { name: ["one", "two"][number], address: ADDRESSES[number], labels: &[] };
    let node = Node::start(kube, host, &spec, directory).unwrap();
    node.import_image(&directory.join("echo.tar"), IMAGE).unwrap();
    node
}

/// Whether the controller has seen the newest template, and both pods are of it and available.
fn is_rolled_out(deployment: &Value) -> bool {
    let status = &deployment["status"];
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|field| status[field] == 2)
}

/// Nodes of the ready pods of a version.
fn nodes_of_version(kube: &Kube, version: &str) -> BTreeSet<String> {
    let pods = kube.get(PODS).unwrap().unwrap();
    let pods = pods["items"].as_array().unwrap().iter();
    let ready = pods.filter(|pod| pod["metadata"]["annotations"]["version"] == version && condition(pod, "Ready"));
    ready.map(|pod| pod["spec"]["nodeName"].as_str().unwrap().to_owned()).collect()
}

fn patch(kube: &Kube, ns: &Netns, change: &Value) {
    let body = ("application/merge-patch+json", change.to_string());
    let reply = kube.server(ns, User::Admin).send("PATCH", DEPLOYMENT, Some((body.0, body.1.as_bytes()))).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what}: {:?}", start.elapsed());
    result
}

/// Rolls to version 2 and says how few replicas were available, and how few nodes answered, at any look.
fn roll(kube: &Kube, api: &Netns) -> (u64, usize) {
    let answers = |address: &Ipv4Addr| {
        let address = SocketAddr::from((*address, 8088));
        api.run(|| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
    };
    let (mut available, mut answering) = (2, 2);
    patch(kube, api, &json!({"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}}));
    let start = Instant::now();
    loop {
        let deployment = kube.get(DEPLOYMENT).unwrap().unwrap();
        // A count of 0 is left out.
        available = available.min(deployment["status"]["availableReplicas"].as_u64().unwrap_or(0));
        answering = answering.min(ADDRESSES.iter().filter(|address| answers(address)).count());
        if is_rolled_out(&deployment) {
            return (available, answering);
        }
        assert!(start.elapsed() < PATIENCE, "{}", deployment["status"]);
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_deployment_rolls_over_two_nodes_one_by_one_and_goes_with_all_that_it_made() {
    isolated(|| {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path();
        image::compile(ECHO, &directory.join("echo")).unwrap();
        image::archive(&directory.join("echo"), IMAGE, &directory.join("echo.tar")).unwrap();
        let (api, hosts) = hosts();
        let kube = timed("API server", || Kube::start(&api, Ipv4Addr::new(10, 0, 0, 1), directory).unwrap());
        let controllers = timed("controllers", || Controllers::start(&kube, &api, directory).unwrap());
        let nodes = timed("nodes", || [0, 1].map(|number| start_node(&kube, &hosts[number], number, directory)));

        // Made bare: what a pod needs in it comes from the controllers.
        let meta = |name: &str| json!({"name": name});
        kube.create("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": meta("space")})).unwrap();
        let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta("echo"),
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "echo"}}}});
        kube.create(BUDGET.trim_end_matches("/echo"), &budget).unwrap();
        kube.create(DEPLOYMENT.trim_end_matches("/echo"), &deployment()).unwrap();
        let rolled_out = |object: Option<&Value>| object.is_some_and(is_rolled_out);
        timed("rollout", || kube.wait("two replicas", DEPLOYMENT, PATIENCE, rolled_out).unwrap());
        let both: BTreeSet<String> = ["one", "two"].map(str::to_owned).into();
        assert_eq!(nodes_of_version(&kube, "1"), both);
        let allowed = |budget: Option<&Value>| budget.is_some_and(|budget| budget["status"]["disruptionsAllowed"] == 1);
        kube.wait("one disruption to be allowed", BUDGET, PATIENCE, allowed).unwrap();

        assert_eq!(timed("second rollout", || roll(&kube, &api)), (1, 1));
        assert_eq!(nodes_of_version(&kube, "2"), both);

        patch(&kube, &api, &json!({"spec": {"replicas": 0}}));
        let empty = |pods: Option<&Value>| pods.is_some_and(|pods| pods["items"] == json!([]));
        timed("scaling to 0", || kube.wait("the pods to be gone", PODS, PATIENCE, empty).unwrap());
        kube.delete(DEPLOYMENT).unwrap();
        let sets = "/apis/apps/v1/namespaces/space/replicasets";
        timed("deletion", || kube.wait("the ReplicaSets to be gone", sets, PATIENCE, empty).unwrap());
        kube.delete(SPACE).unwrap();
        timed("deletion of the namespace", || kube.wait("the namespace to be gone", SPACE, PATIENCE, |space| space.is_none()).unwrap());
        drop((nodes, controllers));
    });
}
