mod cases;
mod shapes;

use std::fs;

use super::*;
use crate::config::{Hybrid, NodeConfig, RolesAnywhere, Ssm};
use crate::facts::{Facts, Os};
use crate::node::Cluster;
use crate::version::Version;

/// A node of the test cases; the machine is that of `ec2/imds.json`, with two processors.
#[derive(Clone)]
struct Given {
    config: NodeConfig,
    facts: Facts,
    cluster: Cluster,
    name: String,
    kubelet: Version,
    plugins: Plugins,
}

impl Given {
    fn ec2(minor: u16) -> Self {
        let instance = InstanceFacts {
            id: "i-1234567890abcdef0".to_owned(),
            region: "us-west-2".to_owned(),
            instance_type: "m4.xlarge".to_owned(),
            availability_zone: "us-west-2f".to_owned(),
            mac: "0e:49:61:0f:c3:11".to_owned(),
            local_ipv4: Some("172.16.34.43".parse().unwrap()),
            ..InstanceFacts::default()
        };
        Self {
            config: NodeConfig::default(),
            facts: Facts {
                instance: Some(instance),
                cpus: 2,
                memory: 16 << 30,
                programs: vec![ECR_PROVIDER.to_owned()],
                ..Facts::default()
            },
            cluster: Cluster {
                name: "my-cluster".to_owned(),
                outpost_id: None,
                endpoint: "https://example.com".to_owned(),
                host: "example.com".to_owned(),
                certificate_authority: "certificateAuthority".to_owned(),
                service_cidr: "10.100.0.0/16".parse().unwrap(),
            },
            name: "ip-172-16-34-43.us-west-2.compute.internal".to_owned(),
            kubelet: Version::new(1, minor),
            plugins: Plugins::External,
        }
    }

    fn hybrid(minor: u16, hybrid: Hybrid) -> Self {
        let mut given = Self::ec2(minor);
        given.config.shape = Shape::Hybrid;
        given.config.hybrid = Some(hybrid);
        given.facts.instance = None;
        given.name = "mi-0123456789abcdef0".to_owned();
        given
    }

    fn user(mut self, config: serde_json::Value) -> Self {
        self.config.kubelet.config = serde_json::from_value(config).unwrap();
        self
    }

    fn flags(mut self, flags: &[&str]) -> Self {
        self.config.kubelet.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self
    }

    fn expression(mut self, text: &str) -> Self {
        self.config.kubelet.max_pods_expression = text.to_owned();
        self
    }

    fn node(&self) -> Node<'_> {
        Node {
            config: &self.config,
            facts: &self.facts,
            cluster: &self.cluster,
            name: &self.name,
            region: "us-west-2",
            kubelet: self.kubelet,
            containerd: Version::new(2, 0),
            plugins: self.plugins,
            executable: "/usr/local/bin/hybridge",
        }
    }

    fn file(&self, path: &str) -> Option<String> {
        files(&self.node()).unwrap().into_iter().find(|file| file.path == path).map(|file| file.content)
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.file(path).unwrap_or_else(|| panic!("{path} is not written"))).unwrap()
    }

    fn args(&self) -> Vec<String> {
        let read = systemd::tests::read(&self.file(ENVIRONMENT).unwrap());
        let (_, value) = read.into_iter().find(|(name, _)| name == "NODEADM_KUBELET_ARGS").unwrap();
        systemd::words(&value).unwrap()
    }

    fn setting(&self, path: &str) -> (Value, String) {
        let setting = explain(&self.node()).into_iter().find(|setting| setting.path == path);
        setting.map_or_else(|| panic!("{path} is not explained"), |setting| (setting.value, setting.source))
    }
}

fn ssm() -> Hybrid {
    Hybrid { ssm: Some(Ssm::default()), ..Hybrid::default() }
}

fn roles_anywhere() -> Hybrid {
    let anywhere =
        RolesAnywhere { node_name: "mock-hybrid-node".to_owned(), aws_config_path: "/.aws/config".to_owned(), ..Default::default() };
    Hybrid { iam_roles_anywhere: Some(anywhere), ..Hybrid::default() }
}

fn fixture(path: &str) -> String {
    let path = format!("{}/../../tests/fixtures/nodeadm/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn fixture_json(path: &str) -> Value {
    serde_json::from_str(&fixture(path)).unwrap()
}
