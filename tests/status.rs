//! `hybridge gateway status` against running gateways: at their admin ports, through a real API server, and without any of them.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod setting;

use hybridge_lab::isolate::isolated;
use hybridge_lab::netns::Netns;
use hybridge_lab::world::World;
use serde_json::{Value, json};
use setting::*;

/// Runs `hybridge gateway status` in a namespace; its exit code and what it printed.
fn run(ns: &Netns, arguments: &[&str]) -> (i32, String) {
    let output = ns.command(hybridge()).args(["gateway", "status"]).args(arguments).env_remove("KUBECONFIG").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

fn json_of(ns: &Netns, arguments: &[&str]) -> (i32, Value) {
    let (code, text) = run(ns, &[arguments, &["-o", "json"]].concat());
    (code, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// Names and states of the hybrid nodes, each with the number of gateways in whose kernels all of it is.
fn nodes(view: &Value) -> Vec<(String, String, usize)> {
    let of = |node: &Value| {
        let programmed = node["gateways"].as_array().unwrap().iter().filter(|gateway| gateway["pod_cidrs"] == node["pod_cidrs"]);
        (node["name"].as_str().unwrap().to_owned(), node["state"].as_str().unwrap().to_owned(), programmed.count())
    };
    view["hybrid_nodes"].as_array().unwrap().iter().map(of).collect()
}

fn expected(world: &World, state: &str, gateways: usize) -> Vec<(String, String, usize)> {
    world.topology.hybrid.iter().map(|hybrid| (hybrid.node.name().to_owned(), state.to_owned(), gateways)).collect()
}

fn values<'a>(view: &'a Value, list: &str, field: &str) -> Vec<&'a Value> {
    view[list].as_array().unwrap().iter().map(|entry| &entry[field]).collect()
}

#[test]
fn the_admin_ports_tell_who_leads_and_how_it_stands_with_each_node_and_route() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        for index in 0..2 {
            world.wait_ready(index, LONG).unwrap();
        }
        let ends: Vec<_> = world.gateways.iter().map(|gateway| format!("{}:8088", gateway.address())).collect();
        let both = ["--endpoint", &ends[0], "--endpoint", &ends[1]];
        let ns = world.gateways[0].leg.host.ns.clone();
        // A gateway that stands by looks at the routes every 20 s only, the leader's answer counts.
        let (code, view) = json_of(&ns, &both);
        assert_eq!((code, &view["ok"], &view["source"]), (0, &json!(true), &json!("gateways")), "{view:#}");
        assert_eq!(view["leader"]["gateway"], ends[leader].as_str());
        let lease = world.cluster.lease("hybrid-gateway-leader").unwrap().unwrap();
        let instant = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert_eq!(instant(&view["leader"]["since"]), instant(&lease["spec"]["acquireTime"]));
        assert_eq!(view["leader"]["epoch"], lease["spec"]["leaseTransitions"]);
        assert_eq!(nodes(&view), expected(&world, "programmed", 2));
        assert!(
            values(&view, "vpc_routes", "whose").iter().all(|whose| **whose == "here") && !values(&view, "vpc_routes", "whose").is_empty()
        );
        assert_eq!(values(&view, "vtep_endpoints", "desired"), [&json!(world.gateways[leader].address())]);

        // A node that conflicts, and one that cannot be read.
        create_cilium_node(&world, "younger", "192.168.10.99", json!(["10.250.1.0/25"]));
        create_cilium_node(&world, "broken", "192.168.10.98", json!([]));
        let states = |view: &Value| nodes(view).into_iter().filter(|(_, state, _)| state != "programmed").collect::<Vec<_>>();
        let wrong = [("broken".to_owned(), "left-out".to_owned(), 2), ("younger".to_owned(), "conflict".to_owned(), 0)];
        world.wait("both to be told", LONG, |_| states(&json_of(&ns, &both).1) == wrong).unwrap();
        let (code, text) = run(&ns, &both);
        assert_eq!(code, 1);
        assert!(text.contains("node.conflict: hybrid node younger: pod CIDR 10.250.1.0/25 conflicts with"), "{text}");
        world.cluster.delete_cilium_node("younger").unwrap();
        world.cluster.delete_cilium_node("broken").unwrap();

        // One that does not answer.
        end(&mut world, 1 - leader);
        let (code, view) = json_of(&ns, &both);
        assert_eq!((code, view["gateways"][1 - leader]["answered"].is_null()), (1, true), "{view:#}");
        assert!(view["gateways"][1 - leader]["silent"].as_str().unwrap().contains("cannot connect to"), "{view:#}");
        finish(world);
    });
}

mod with_real_parts {
    use hybridge_lab::kube::VtepCrd;
    use hybridge_lab::real::{Role, Rule, User};
    use hybridge_lab::world::{Gateway, KubeKind, NAMESPACE};

    use super::*;

    const PODS: &str = "/api/v1/namespaces/eks-hybrid-nodes-gateway/pods";

    /// What the kubelet and the chart would have made of a gateway of the lab.
    fn create_pod(world: &World, name: &str, gateway: &Gateway) {
        let env = json!([
            {"name": "VPC_CIDR", "value": "10.0.0.0/16"},
            {"name": "POD_CIDRS", "value": "10.250.0.0/16"},
            {"name": "ROUTE_TABLE_IDS", "value": world.cloud.tables()[0].to_string()},
        ]);
        let port = json!({"name": "healthz", "containerPort": 8088});
        let spec = json!({"nodeName": gateway.node, "hostNetwork": true,
            "containers": [{"name": "gateway", "image": "gateway", "ports": [port], "env": env}]});
        let labels = json!({"app.kubernetes.io/name": "hybridge-gateway"});
        let metadata = json!({"name": name, "namespace": NAMESPACE, "labels": labels});
        world.cluster.create(PODS, &json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})).unwrap();
        let path = format!("{PODS}/{name}");
        let mut pod = world.cluster.get(&path).unwrap().unwrap();
        let address = gateway.address();
        pod["status"] = json!({"phase": "Running", "hostIP": address, "podIP": address, "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}]});
        let api = world.cluster.real().unwrap().server(&world.topology.api_server.host.ns, User::Admin);
        let reply = api.send("PUT", &format!("{path}/status"), Some(("application/json", pod.to_string().as_bytes()))).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    fn kubeconfig(world: &World, user: User) -> String {
        let path = world.directory.join(format!("{}.kubeconfig", user.name()));
        std::fs::write(&path, world.cluster.real().unwrap().kubeconfig(user, "default")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn through_the_api_server_and_from_the_cluster_alone() {
        isolated(|| {
            let mut world = start(|config| config.kube = KubeKind::Real(VtepCrd::LongestPrefix));
            let leader = world.wait_settled(LONG).unwrap();
            let names = ["gateway-a", "gateway-b"];
            for (name, gateway) in names.iter().zip(&world.gateways) {
                create_pod(&world, name, gateway);
            }
            for index in 0..2 {
                world.wait_ready(index, LONG).unwrap();
            }
            let (admin, limited) = (kubeconfig(&world, User::Admin), kubeconfig(&world, User::GatewayA));
            let ns = world.gateways[0].leg.host.ns.clone();
            let as_admin = ["--kubeconfig", admin.as_str()];
            let (code, view) = json_of(&ns, &as_admin);
            assert_eq!((code, &view["source"], &view["namespace"]), (0, &json!("gateways"), &json!(NAMESPACE)), "{view:#}");
            assert_eq!(values(&view, "gateways", "answered"), [&json!("api-server"); 2]);
            assert_eq!(view["leader"]["gateway"], names[leader]);
            assert_eq!(nodes(&view), expected(&world, "programmed", 2));

            // Who may list pods only asks them directly, from inside the VPC.
            let rule = Rule { group: "", resource: "pods", verbs: &["list"] };
            let role = Role { name: "pods", cluster: Vec::new(), namespaced: vec![rule] };
            world.cluster.real().unwrap().grant(&role, NAMESPACE, &[User::GatewayB]).unwrap();
            let lister = kubeconfig(&world, User::GatewayB);
            let as_lister = ["--kubeconfig", lister.as_str()];
            let (code, view) = json_of(&ns, &as_lister);
            assert_eq!((code, values(&view, "gateways", "answered")), (0, vec![&json!("direct"); 2]), "{view:#}");

            // Whose role lacks the rights is told which.
            let (code, text) = run(&ns, &["--kubeconfig", &limited]);
            assert_eq!(code, 1);
            assert!(text.contains("grant `list` on `pods` in namespace `eks-hybrid-nodes-gateway`"), "{text}");

            for index in [1 - leader, leader] {
                end(&mut world, index);
            }
            let (code, view) = json_of(&ns, &as_admin);
            assert_eq!((code, &view["source"], &view["leader"]), (1, &json!("cluster"), &Value::Null), "{view:#}");
            assert_eq!(nodes(&view), expected(&world, "unknown", 0));
            let refused = view["gateways"][0]["silent"].as_str().unwrap();
            assert!(refused.contains("through the API server: ") && refused.contains("connection refused"), "{refused}");
            assert_eq!(view["known_interfaces"], json!([world.gateways[leader].interface]));
            assert_eq!(values(&view, "vtep_endpoints", "observed"), [&json!([world.gateways[leader].address()])]);
            let codes = values(&view, "problems", "code");
            assert!(codes.contains(&&json!("lease.vacant")) && !codes.contains(&&json!("cluster.forbidden")), "{view:#}");
            assert!(!view["unknown"].as_array().unwrap().is_empty());
            let (_, text) = run(&ns, &as_lister);
            for right in ["`get` on `pods/proxy`", "`get` on `configmaps`"] {
                assert!(text.contains(&format!("hint: grant {right} in namespace `{NAMESPACE}`")), "{text}");
            }
            finish(world);
        });
    }

    #[test]
    fn a_cluster_without_gateways_says_what_is_missing() {
        isolated(|| {
            let world = start(|config| {
                config.replicas = 0;
                config.kube = KubeKind::Real(VtepCrd::Missing);
            });
            let admin = kubeconfig(&world, User::Admin);
            let (code, text) = run(&world.gateways[0].leg.host.ns, &["--kubeconfig", &admin]);
            assert_eq!(code, 1);
            assert!(text.contains("gateway.none: namespace hybridge-gateway"), "{text}");
            let (code, text) = run(&world.gateways[0].leg.host.ns, &["--kubeconfig", "/does/not/exist"]);
            assert_eq!(code, 1);
            assert!(text.starts_with("error: no cluster to ask"), "{text}");
            finish(world);
        });
    }
}
