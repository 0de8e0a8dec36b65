//! Tests that need what `cargo xtask real` makes.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::isolate::isolated;
use crate::topology::wire::{self, Interface};

const PATIENCE: Duration = Duration::from_secs(60);
const PODS: &str = "/api/v1/namespaces/space/pods";
pub(in crate::real) const IMAGE: &str = "hybridge.test/echo:1";

/// Tells what it was told, and answers 200 to everything.
pub(in crate::real) const ECHO: &str = r#"#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
int main(void) {
  signal(SIGTERM, end);
  printf("%s %s %d\n", getenv("NODE_NAME"), getenv("NODE_IP"), access("/", W_OK));
  printf("%d\n", access("/var/run/secrets/kubernetes.io/serviceaccount/token", R_OK));
  fflush(stdout);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(8088) };
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8)) return 1;
  for (;;) {
    static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    char request[4096];
    int client = accept(listener, 0, 0);
    if (read(client, request, sizeof request) > 0) (void)!write(client, answer, sizeof answer - 1);
    close(client);
  }
}
"#;

fn pod_of(node: &str) -> Value {
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": node, "namespace": "space"},
        "spec": {
            "nodeName": node, "hostNetwork": true, "terminationGracePeriodSeconds": 30,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "echo", "image": IMAGE, "imagePullPolicy": "Never",
                "env": [field("NODE_NAME", "spec.nodeName"), field("NODE_IP", "status.hostIP")],
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8088}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "50m", "memory": "8Mi"}, "limits": {"memory": "32Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
                },
            }],
        },
    })
}

/// A host for the API server, and two with a wire to it each. The addresses are 10.0.N.1 there and 10.0.N.2 here.
pub(in crate::real) fn hosts() -> (Netns, [Netns; 2]) {
    let api = Netns::new("api").unwrap();
    let host = |number: u8| {
        let (ns, there) = (Netns::new("host").unwrap(), format!("eth{number}"));
        wire::connect((&api, &there), (&ns, "eth0"), 1500).unwrap();
        let (near, far) = (Ipv4Addr::new(10, 0, number, 2), Ipv4Addr::new(10, 0, number, 1));
        wire::configure(&Interface { ns: &api, name: &there, addresses: vec![(far, 24)], paths: Vec::new() }).unwrap();
        let paths = vec![wire::Path::default_via(far)];
        wire::configure(&Interface { ns: &ns, name: "eth0", addresses: vec![(near, 24)], paths }).unwrap();
        ns
    };
    let hosts = [host(0), host(1)];
    (api, hosts)
}

fn start_node(kube: &Kube, (host, name, address): (&Netns, &str, [u8; 4]), directory: &Path) -> Node {
    let start = Instant::now();
    let spec = NodeSpec { name, address: address.into(), labels: &[("hybrid-gateway-node", "true")] };
    let node = Node::start(kube, host, &spec, directory).unwrap();
    let object = kube.get(&format!("/api/v1/nodes/{name}")).unwrap().unwrap();
    println!("{name} ready after {:?}", start.elapsed());
    assert_eq!(object["metadata"]["labels"]["hybrid-gateway-node"], "true");
    assert_eq!(object["status"]["addresses"][0], json!({"type": "InternalIP", "address": Ipv4Addr::from(address)}));
    let archive = directory.join("echo.tar");
    let missing = node.import_image(&archive, "hybridge.test/echo:2").unwrap_err().to_string();
    assert!(missing.contains("no image hybridge.test/echo:2; there are: ") && missing.contains(IMAGE), "{missing}");
    node.import_image(&archive, IMAGE).unwrap();
    node
}

/// Runs a pod with the name of its node until it is ready.
fn start_pod(kube: &Kube, node: &str) -> Value {
    let start = Instant::now();
    kube.create(PODS, &pod_of(node)).unwrap();
    let is_ready = |pod: Option<&Value>| pod.is_some_and(|pod| condition(pod, "Ready"));
    let pod = kube.wait("the pod to be ready", &format!("{PODS}/{node}"), PATIENCE, is_ready).unwrap().unwrap();
    println!("pod of {node} ready after {:?}", start.elapsed());
    pod
}

/// Names of the running programs of this lab.
fn programs() -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let names = processes.filter_map(|process| fs::read_to_string(process.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}

#[test]
fn two_nodes_run_pods_with_exactly_the_rights_of_their_security_context_and_leave_nothing() {
    isolated(|| {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path();
        image::compile(ECHO, &directory.join("echo")).unwrap();
        image::archive(&directory.join("echo"), IMAGE, &directory.join("echo.tar")).unwrap();
        let (api, [first, second]) = hosts();
        let kube = Kube::start(&api, Ipv4Addr::new(10, 0, 0, 1), directory).unwrap();
        kube.make_namespace("space").unwrap();
        let one = start_node(&kube, (&first, "one", [10, 0, 0, 2]), directory);
        let two = start_node(&kube, (&second, "two", [10, 0, 1, 2]), directory);

        let pod = start_pod(&kube, "one");
        // Whether its root can be written to, and its token be read, as access(2) says it.
        assert_eq!(one.logs(&pod, "echo").unwrap(), "one 10.0.0.2 -1\n0\n");
        let status = one.process_status(&pod, "echo").unwrap();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        // CAP_NET_ADMIN is number 12.
        for (name, value) in [("CapEff:", "0000000000001000"), ("CapBnd:", "0000000000001000"), ("NoNewPrivs:", "1"), ("Seccomp:", "2")] {
            assert_eq!(field(name), Some(value), "{name} in {status}");
        }
        let pod = start_pod(&kube, "two");
        assert_eq!(two.logs(&pod, "echo").unwrap(), "two 10.0.1.2 -1\n0\n");

        let start = Instant::now();
        kube.delete(&format!("{PODS}/one")).unwrap();
        kube.wait("the pod to end", &format!("{PODS}/one"), PATIENCE, |pod| pod.is_none()).unwrap();
        println!("pod of one gone after {:?}", start.elapsed());

        assert!(programs().contains("containerd-shim") && programs().contains("echo"), "{:?}", programs());
        let groups: Vec<_> = [&one, &two].iter().flat_map(|node| node._cgroup.paths()).collect();
        assert!(groups.iter().all(|group| group.exists()));
        let start = Instant::now();
        drop((one, two));
        println!("nodes gone after {:?}", start.elapsed());
        assert!(!groups.iter().any(|group| group.exists()));
        let (left, mounts) = (programs(), fs::read_to_string("/proc/self/mounts").unwrap());
        assert!(left.is_disjoint(&["containerd", "containerd-shim", "kubelet", "echo", "pause"].map(str::to_owned).into()), "{left:?}");
        assert!(!mounts.contains(&*directory.to_string_lossy()), "{mounts}");
    });
}
