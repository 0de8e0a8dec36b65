//! The gateway as it is installed: our image in containerd, started by a kubelet from the pod that our chart describes.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod setting;

mod with_real_parts {
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use hybridge_lab::isolate::isolated;
    use hybridge_lab::kube::VtepCrd;
    use hybridge_lab::real::{Controllers, Helm, Kube, Node, NodeSpec, Parts, User, condition};
    use hybridge_lab::world::{ChartEnv, GATEWAY_LABEL, KubeKind, NAMESPACE, World};
    use serde_json::{Value, json};

    use crate::setting::*;

    /// CAP_NET_ADMIN and no other, as /proc shows it (`linux/capability.h`: number 12).
    const NET_ADMIN_ALONE: &str = "0000000000001000";

    fn kube(world: &World) -> &Kube {
        world.cluster.real().unwrap()
    }

    /// What `cargo xtask test` has packed last, unless another one is named, as `cargo xtask package --verify` does.
    fn image() -> PathBuf {
        let packed = || Parts::find().unwrap().directory().join("image/hybridge-gateway.oci.tar");
        let path = std::env::var_os("HYBRIDGE_IMAGE").map_or_else(packed, PathBuf::from);
        assert!(path.exists(), "`cargo xtask test` packs {}", path.display());
        path
    }

    /// A world into which Helm has installed the chart, with nobody yet who makes pods of its Deployment.
    fn installed() -> World {
        let values = json!({"autoMode": {"enabled": false}});
        start(|config| {
            config.kube = KubeKind::Real(VtepCrd::LongestPrefix);
            config.env = ChartEnv::Chart { path: chart(), values };
            config.replicas = 0;
        })
    }

    /// A node that runs pods on the host of a gateway.
    fn node(world: &World, index: usize) -> Node {
        let gateway = &world.gateways[index];
        let spec = NodeSpec { name: &gateway.node, address: gateway.address(), labels: &[(GATEWAY_LABEL, "true")] };
        let node = Node::start(kube(world), &gateway.leg.host.ns, &spec, &world.directory).unwrap();
        node.import_image(&image(), &format!("ghcr.io/hybridge/hybridge-gateway:{}", env!("CARGO_PKG_VERSION"))).unwrap();
        node
    }

    fn deployment() -> String {
        format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/hybridge-gateway")
    }

    /// Does the Deployment controller's and the scheduler's work for one pod; returns its path.
    fn start_pod(world: &World, index: usize) -> String {
        let deployment = kube(world).get(&deployment()).unwrap().unwrap();
        let template = &deployment["spec"]["template"];
        let name = format!("gateway-{index}");
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
        pod["metadata"]["name"] = name.clone().into();
        pod["spec"]["nodeName"] = world.gateways[index].node.clone().into();
        let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
        kube(world).create(&pods, &pod).unwrap();
        format!("{pods}/{name}")
    }

    fn wait_ready(world: &World, node: &Node, path: &str) -> Value {
        let ready = |pod: Option<&Value>| pod.is_some_and(|pod| condition(pod, "Ready"));
        match kube(world).wait("the pod to be ready", path, Duration::from_secs(60), ready) {
            Ok(pod) => pod.unwrap(),
            Err(error) => {
                let said = kube(world).get(path).unwrap().map(|pod| node.logs(&pod, "gateway"));
                panic!("{}\nthe gateway said: {said:?}", hybridge_report::chain(&error));
            }
        }
    }

    fn holder(world: &World) -> String {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/hybrid-gateway-leader");
        let lease = kube(world).get(&path).unwrap().unwrap();
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_image_runs_as_the_charts_pod_carries_packets_and_hands_the_lease_back_when_it_is_deleted() {
        isolated(|| {
            let world = installed();
            let node = node(&world, 0);
            let begin = Instant::now();
            let path = start_pod(&world, 0);
            assert_eq!(world.wait_carrying(LONG).unwrap(), 0);
            let carrying = begin.elapsed();
            let pod = wait_ready(&world, &node, &path);
            println!("pod created to packets crossing: {carrying:.1?}, to Ready: {:.1?}", begin.elapsed());

            let status = node.process_status(&pod, "gateway").unwrap();
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")).unwrap().to_owned();
            for (name, expected) in [
                ("CapEff", NET_ADMIN_ALONE),
                ("CapPrm", NET_ADMIN_ALONE),
                ("CapBnd", NET_ADMIN_ALONE),
                ("NoNewPrivs", "1"),
                ("Seccomp", "2"),
            ] {
                assert_eq!(field(name), expected, "{name} in\n{status}");
            }

            // As PID 1 of its container it has to handle SIGTERM itself, or would be killed when the grace period is over.
            assert_ne!(holder(&world), "");
            let watch = watch(&world);
            let begin = Instant::now();
            kube(&world).delete(&path).unwrap();
            kube(&world).wait("the pod to be gone", &path, LONG, |pod| pod.is_none()).unwrap();
            assert!(begin.elapsed() < Duration::from_secs(15), "it was killed");
            assert_eq!(holder(&world), "", "the Lease was not released");
            assert_eq!(watch.lost(), 0, "the data path went with the pod");
            drop(node);
            finish(world);
        });
    }

    /// Waits until the Deployment's controller has seen its newest form and both gateways of that form are ready. `helm --wait` is
    /// content with one.
    fn wait_rolled_out(world: &World) {
        let done = |object: Option<&Value>| {
            object.is_some_and(|object| {
                let status = &object["status"];
                status["observedGeneration"] == object["metadata"]["generation"]
                    && ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|count| status[count] == 2)
            })
        };
        kube(world).wait("both gateways to be rolled out", &deployment(), Duration::from_secs(120), done).unwrap();
    }

    /// How many pods are ready and have the argument.
    fn pods_with(world: &World, argument: &str) -> usize {
        let pods = kube(world).get(&format!("/api/v1/namespaces/{NAMESPACE}/pods")).unwrap().unwrap();
        let has = |pod: &Value| pod["spec"]["containers"][0]["args"].as_array().unwrap().iter().any(|given| given == argument);
        pods["items"].as_array().unwrap().iter().filter(|pod| condition(pod, "Ready") && has(pod)).count()
    }

    /// `hybridge gateway status` as an administrator of EKS has it: through the API server, logged in by a program that the kubeconfig
    /// names, as `aws eks get-token` is. Exit code, and what it printed.
    fn status(world: &World) -> (i32, String) {
        let mut config: Value = serde_json::from_str(&kube(world).kubeconfig(User::Admin, "default")).unwrap();
        let credential = json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
            "status": {"token": User::Admin.token()}});
        config["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "sh", "args": ["-c", format!("echo '{credential}'")], "interactiveMode": "Never"}});
        let path = world.directory.join("administrator.kubeconfig");
        std::fs::write(&path, config.to_string()).unwrap();
        let mut command = world.topology.api_server.host.ns.command(hybridge());
        let output = command.args(["gateway", "status", "--kubeconfig"]).arg(path).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code().unwrap(), text)
    }

    #[test]
    fn helm_upgrades_and_rolls_back_both_gateways_under_traffic_and_uninstalls_without_cutting_it() {
        isolated(|| {
            let world = installed();
            let from = &world.topology.api_server.host.ns;
            let controllers = Controllers::start(kube(&world), from, &world.directory).unwrap();
            let nodes = [node(&world, 0), node(&world, 1)];
            wait_rolled_out(&world);
            world.wait_carrying(LONG).unwrap();

            world.wait("status to say that all is well", LONG, |w| status(w).0 == 0).unwrap_or_else(|_| panic!("{}", status(&world).1));
            let (_, text) = status(&world);
            assert!(text.contains("gateways:  2 of 2 ready") && text.contains("nodes:     2 of 2 programmed"), "{text}");

            let helm = Helm::online(&world.directory, kube(&world), from).unwrap();
            let run = |words: &[&str]| {
                let said = helm.run([words, &["--namespace", NAMESPACE]].concat()).unwrap();
                assert!(said.success, "helm {words:?}: {}", said.stderr);
            };
            let chart = chart().display().to_string();
            let watch = watch(&world);
            run(&["upgrade", "hybridge-gateway", &chart, "--reset-then-reuse-values", "--set=mtu=1400"]);
            wait_rolled_out(&world);
            assert_eq!(pods_with(&world, "--mtu=1400"), 2);
            run(&["rollback", "hybridge-gateway", "1"]);
            wait_rolled_out(&world);
            assert_eq!(pods_with(&world, "--mtu=1400"), 0);
            run(&["uninstall", "hybridge-gateway"]);
            let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
            let none = |list: Option<&Value>| list.is_some_and(|list| list["items"].as_array().is_some_and(Vec::is_empty));
            kube(&world).wait("the pods to be gone", &pods, LONG, none).unwrap();
            assert!(world.all_pods_connected(), "the data path went with the pods");
            assert_eq!(watch.lost(), 0);
            drop((nodes, controllers));
            finish(world);
        });
    }
}
