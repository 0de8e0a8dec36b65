//! What a world is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::kube::VtepCrd;
use crate::real::TokenWebhook;
use crate::router::RouteDelays;
use crate::topology::Size;

/// Which Kubernetes API the world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubeKind {
    /// The lab's own small one, which serves CiliumVTEPConfig in this form.
    Builtin(VtepCrd),
    /// etcd and kube-apiserver, with this form of CiliumVTEPConfig.
    Real(VtepCrd),
}

/// Which EC2 API the world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ec2Kind {
    /// The lab's own small one.
    Builtin,
    /// moto, an independent emulator.
    Moto,
    /// The AWS of clusters: moto with what it lacks. The VPC has subnets for a control plane, too.
    Emulator,
}

/// What runs on a gateway's host beside the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Nothing.
    Plain,
    /// The netfilter rules of an EKS node: connection tracking, aws-node's SNAT, kube-proxy's drop of INVALID.
    Eks,
}

/// Which environment gateways get, and with a real API server which rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartEnv {
    /// What the chart of aws/eks-hybrid-nodes-gateway sets and grants at e0ceb78.
    Reference,
    /// That, NODE_NAME and POD_NAMESPACE, and every right.
    Own,
    /// What the Deployment says that Helm makes of a chart, and what that chart grants its service account. Needs a real API server.
    Chart {
        /// The chart's folder.
        path: PathBuf,
        /// Values beside those that name the world's networks and route tables.
        values: serde_json::Value,
    },
}

/// Times that a real AWS and real agents take and the lab otherwise would not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Between a call of the EC2 API and its answer and effect.
    pub ec2: Duration,
    /// Between a change of a route table and its effect on packets.
    pub routes: RouteDelays,
    /// Between a change of CiliumVTEPConfig and its arrival at a hybrid node.
    pub vtep: Duration,
    /// The same for single nodes, by name.
    pub vtep_of_node: BTreeMap<String, Duration>,
}

impl Delays {
    /// The delay of CiliumVTEPConfig on its way to a hybrid node.
    pub(super) fn vtep_of(&self, node: &str) -> Duration {
        self.vtep_of_node.get(node).copied().unwrap_or(self.vtep)
    }
}

/// Everything a world is made of.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// How many hosts there are.
    pub size: Size,
    /// How many gateways are started at first; not more than `size.gateway_hosts`.
    pub replicas: u8,
    /// Which Kubernetes API.
    pub kube: KubeKind,
    /// Which EC2 API.
    pub ec2: Ec2Kind,
    /// What is on gateway hosts.
    pub host: HostKind,
    /// The gateway's program: ours, or any other that takes the reference's settings.
    pub gateway_bin: PathBuf,
    /// Further arguments for it.
    pub gateway_args: Vec<String>,
    /// Which environment it gets.
    pub env: ChartEnv,
    /// Who is asked about tokens that a real API server does not know itself.
    pub webhook: Option<TokenWebhook>,
    /// Delays.
    pub delays: Delays,
    /// Where logs and files of the run go; must exist.
    pub directory: PathBuf,
}

impl WorldConfig {
    /// The world of the picture: two gateways, two hybrid nodes, everything built in, no delays.
    pub fn new(gateway_bin: impl Into<PathBuf>, directory: impl Into<PathBuf>) -> Self {
        Self {
            size: Size::default(),
            replicas: 2,
            kube: KubeKind::Builtin(VtepCrd::LongestPrefix),
            ec2: Ec2Kind::Builtin,
            host: HostKind::Plain,
            gateway_bin: gateway_bin.into(),
            gateway_args: Vec::new(),
            env: ChartEnv::Own,
            webhook: None,
            delays: Delays::default(),
            directory: directory.into(),
        }
    }
}
