//! A machine for tests, and nodeadm's own cases (`tests/fixtures/nodeadm`).

use ipnet::IpNet;

use crate::config::{NodeConfig, Shape};
use crate::facts::Facts;
use crate::node::{Cluster, Node, Plugins};

/// All that a [`Node`] borrows.
pub(crate) struct Machine {
    pub(crate) config: NodeConfig,
    pub(crate) facts: Facts,
    pub(crate) cluster: Cluster,
    pub(crate) region: &'static str,
    pub(crate) kubelet: &'static str,
    pub(crate) containerd: &'static str,
}

impl Machine {
    /// A small EC2 instance.
    pub(crate) fn ec2() -> Self {
        let service_cidr: IpNet = "10.100.0.0/16".parse().unwrap();
        let cluster = Cluster {
            name: "my-cluster".to_owned(),
            outpost_id: None,
            endpoint: "https://example.com".to_owned(),
            host: "example.com".to_owned(),
            certificate_authority: "certificateAuthority".to_owned(),
            service_cidr,
        };
        let (config, facts) = (NodeConfig::default(), Facts { cpus: 2, memory: 4 << 30, ..Facts::default() });
        Self { config, facts, cluster, region: "us-west-2", kubelet: "1.34.2", containerd: "2.0.5" }
    }

    /// A machine outside.
    pub(crate) fn hybrid() -> Self {
        let mut machine = Self::ec2();
        machine.config.shape = Shape::Hybrid;
        machine
    }

    pub(crate) fn node(&self) -> Node<'_> {
        Node {
            config: &self.config,
            facts: &self.facts,
            cluster: &self.cluster,
            name: "i-1234567890abcdef0",
            region: self.region,
            kubelet: self.kubelet.parse().unwrap(),
            containerd: self.containerd.parse().unwrap(),
            plugins: Plugins::Builtin,
            executable: "/usr/local/bin/hybridge",
        }
    }
}

/// Text of one file of nodeadm's cases.
pub(crate) fn fixture(path: &str) -> String {
    let path = format!("{}/../../tests/fixtures/nodeadm/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `spec.containerd.config` of a case: the block below `config: |`, its last key.
pub(crate) fn containerd_config(path: &str) -> String {
    let text = fixture(path);
    let (_, block) = text.split_once("config: |\n").unwrap();
    block.lines().map(|line| line.strip_prefix("      ").unwrap_or(line)).map(|line| format!("{line}\n")).collect()
}
