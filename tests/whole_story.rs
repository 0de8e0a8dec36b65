//! The whole story: a cluster is made and handed over, two machines outside and one in the VPC are its nodes, and their pods talk
//! through the gateways.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod with_real_parts {
    use std::path::Path;

    use hybridge_lab::aws::{Asked, Service};
    use hybridge_lab::isolate::isolated;
    use hybridge_lab::real::condition;
    use hybridge_lab::story::{ACCOUNT, CLOUD, CLUSTER, HYBRID, Programs, Story};
    use hybridge_lab::topology::pod_cidr;
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
    }

    /// What the cluster has brought into AWS.
    fn new_in_aws(story: &Story) -> Vec<String> {
        story.left().unwrap().into_iter().filter(|line| !story.before.contains(line)).collect()
    }

    /// Nodes have the role that `create` made, by the certificates that `handover` made.
    fn certificates_have_got_the_role_that_was_made(story: &Story) {
        let new = new_in_aws(story);
        let prefix = format!("role eksctl-{CLUSTER}-cluster-HybridNodes");
        let role = new.iter().find(|line| line.starts_with(&prefix)).unwrap_or_else(|| panic!("{new:?}")).trim_start_matches("role ");
        let asked = story.aws().asked();
        for (node, _) in HYBRID {
            let principal = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{node}");
            let has = |asked: &Asked| {
                asked.service == Service::RolesAnywhere && asked.status == 201 && asked.principal.as_ref() == Some(&principal)
            };
            assert!(asked.iter().any(has), "{asked:?}");
        }
    }

    /// The gateways have written to all tables of the VPC that the cluster lives in.
    fn gateways_have_the_routes_of_pods(story: &Story) {
        let new = new_in_aws(story);
        let tables = story.before.iter().filter(|line| line.contains(" association ")).filter_map(|line| line.split(' ').nth(2));
        for table in tables {
            let route = format!(" route {table} {} eni-", pod_cidr());
            assert!(new.iter().any(|line| line.contains(&route)), "{route} in {new:?}");
        }
    }

    fn doctor_finds_nothing_broken(story: &Story) {
        let [(first, address), _] = HYBRID;
        let run = story.cluster("doctor", &["--path", &address.to_string(), "-o", "json"]).unwrap();
        assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["healthy"], true, "{report}");
        let paths = report["paths"].as_array().unwrap();
        let hops: Vec<_> = paths.iter().flat_map(|path| path["hops"].as_array().unwrap()).collect();
        assert!(paths.len() > 1 && hops.len() > paths.len(), "{report}");
        assert!(hops.iter().all(|hop| hop["verdict"] == "pass"), "{hops:?}");
        let nodes = report["nodes"].as_array().unwrap();
        assert!(nodes.len() == HYBRID.len() && nodes.iter().all(|node| node["ready"] == true) && nodes[0]["name"] == first, "{nodes:?}");
    }

    /// While nodes are there it is refused; then nothing stays but what the gateways wrote.
    fn the_cluster_goes_and_leaves_nothing(story: &Story) {
        let (there, refused) = (story.left().unwrap(), story.cluster("delete", &[]).unwrap());
        assert_eq!(refused.code, 1, "{}{}", refused.stdout, refused.stderr);
        assert!(HYBRID.iter().all(|(node, _)| refused.stderr.contains(node)), "{}", refused.stderr);
        assert_eq!(story.left().unwrap(), there);
        let gone = story.cluster("delete", &["--force"]).unwrap();
        assert_eq!(gone.code, 0, "{}{}", gone.stdout, gone.stderr);
        let routes = format!(" {} eni-", pod_cidr());
        let left: Vec<String> = new_in_aws(story).into_iter().filter(|line| !line.contains(&routes)).collect();
        assert_eq!(left, Vec::<String>::new());
        let now = story.left().unwrap();
        let taken: Vec<_> = story.before.iter().filter(|line| !now.contains(line)).collect();
        assert_eq!(taken, Vec::<&String>::new());
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
    fn a_cluster_is_made_machines_join_it_and_their_pods_talk_with_pods_of_the_vpc_while_a_gateway_ends() {
        isolated(|| {
            let directory = tempfile::Builder::new().prefix("hybridge-story-").tempdir().unwrap().keep();
            let story = Story::start(&programs(), directory.clone(), &|line| println!("{line}"));
            let mut story = story.unwrap_or_else(|error| panic!("{}\nlogs are in {}", hybridge_report::chain(&error), directory.display()));
            nodes_have_joined_by_themselves(&story);
            certificates_have_got_the_role_that_was_made(&story);
            pods_have_addresses_of_their_nodes(&story);
            for timing in &story.timings {
                assert!(timing.starts_with("node hybrid-") && timing.contains(" ms ("), "{timing}");
            }

            story.wait_crossing().unwrap_or_else(|error| panic!("{}", hybridge_report::chain(&error)));
            gateways_have_the_routes_of_pods(&story);
            doctor_finds_nothing_broken(&story);
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
            the_cluster_goes_and_leaves_nothing(&story);
            drop(story);
            std::fs::remove_dir_all(directory).unwrap();
        });
    }
}
