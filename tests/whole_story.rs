//! The whole story: two machines outside and one in the VPC are nodes of one cluster, and their pods talk through the gateways.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod with_real_parts {
    use std::path::Path;

    use hybridge_lab::aws::Service;
    use hybridge_lab::isolate::isolated;
    use hybridge_lab::real::condition;
    use hybridge_lab::story::{CLOUD, HYBRID, Programs, Story};
    use serde_json::Value;

    fn programs() -> Programs {
        let gateway = Path::new(env!("CARGO_BIN_EXE_hybridge-gateway")).to_owned();
        let [hybridge, lab] = ["hybridge", "hybridge-lab"].map(|name| {
            let path = gateway.with_file_name(name);
            assert!(path.exists(), "{name} is not built; run `cargo build -p {name}` or `cargo test --workspace`");
            path
        });
        Programs { gateway, hybridge, lab }
    }

    /// An object of the API server.
    fn object(story: &Story, path: &str) -> Value {
        story.kube().unwrap().get(path).unwrap().unwrap_or_else(|| panic!("there is no {path}"))
    }

    fn nodes_have_joined_by_themselves(story: &Story) {
        let audit = story.kube().unwrap().audit().unwrap();
        for (name, address) in HYBRID {
            let node = object(story, &format!("/api/v1/nodes/{name}"));
            assert!(condition(&node, "Ready"), "{node}");
            assert_eq!(node["metadata"]["labels"]["eks.amazonaws.com/compute-type"], "hybrid");
            // The kubelet itself made the Node, as who its token says: a session of Roles Anywhere of the certificate's name.
            let user = format!("system:node:{name}");
            let made =
                audit.iter().any(|entry| entry.user == user && entry.verb == "create" && entry.resource == "nodes" && entry.code == 201);
            assert!(made, "no Node was made by {user}");
            let cilium = object(story, &format!("/apis/cilium.io/v2/ciliumnodes/{name}"));
            assert_eq!(cilium["spec"]["addresses"][0]["ip"], address.to_string());
            assert_eq!(cilium["spec"]["ipam"]["podCIDRs"], node["spec"]["podCIDRs"]);
        }
        assert!(condition(&object(story, &format!("/api/v1/nodes/{CLOUD}")), "Ready"));
        let sessions = story.aws().asked().into_iter().filter(|asked| asked.service == Service::RolesAnywhere && asked.status == 201);
        assert!(sessions.count() >= HYBRID.len());
    }

    fn pods_have_addresses_of_their_nodes(story: &Story) {
        let [cloud, hybrid @ ..] = &story.pods;
        assert!(story.world.topology.size.node_pods().contains(&cloud.address));
        for pod in hybrid {
            let node = object(story, &format!("/api/v1/nodes/{}", pod.node));
            let network: hybridge_model::Cidr4 = node["spec"]["podCIDR"].as_str().unwrap().parse().unwrap();
            assert!(network.contains(pod.address), "{} is not in {network}", pod.address);
        }
    }

    #[test]
    fn machines_join_by_init_and_their_pods_talk_with_pods_of_the_vpc_while_a_gateway_ends() {
        isolated(|| {
            let directory = tempfile::Builder::new().prefix("hybridge-story-").tempdir().unwrap().keep();
            let story = Story::start(&programs(), directory.clone(), &|line| println!("{line}"));
            let mut story = story.unwrap_or_else(|error| panic!("{}\nlogs are in {}", hybridge_report::chain(&error), directory.display()));
            nodes_have_joined_by_themselves(&story);
            pods_have_addresses_of_their_nodes(&story);
            for timing in &story.timings {
                assert!(timing.starts_with("node hybrid-") && timing.contains(" ms ("), "{timing}");
            }

            story.wait_crossing().unwrap_or_else(|error| panic!("{}", hybridge_report::chain(&error)));
            let said = story.talk().unwrap();
            assert_eq!(said.len(), 4);
            for (from, to, answer) in said {
                assert_eq!(answer, to, "asked by {from}");
            }

            let takeover = story.take_over().unwrap();
            println!("{takeover:?}");
            assert_ne!(takeover.from, takeover.to);
            assert!(takeover.of_cloud.0 > 100 && takeover.of_hybrid.0 == 400, "{takeover:?}");
            assert_eq!(takeover.lost(), 0, "{takeover:?}");
            drop(story);
            std::fs::remove_dir_all(directory).unwrap();
        });
    }
}
