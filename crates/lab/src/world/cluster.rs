//! The Kubernetes side of a world: its API server and the objects in it.

use std::net::SocketAddr;

use hybridge_gateway::nodes::HYBRID_LABEL;
use hybridge_gateway::vtep::OBJECT_NAME;
use hybridge_model::Cidr4;
use serde_json::{Value, json};

use super::gateway::{Gateway, NAMESPACE};
use super::{ChartEnv, WorldConfig};
use crate::http::{HttpError, Server};
use crate::kube::{CILIUM_NODE_CRD, FakeKube, VtepCrd};
use crate::netns::Task;
use crate::real;
use crate::serve::{ServeError, listen, serve};
use crate::topology::{Hybrid, Topology};

/// Port of the API server.
pub(super) const API_PORT: u16 = 6443;
/// Label of the nodes that may run gateways, `"true"` on each (the reference chart's `nodeLabel`).
pub const GATEWAY_LABEL: &str = "hybrid-gateway-node";

const CILIUM_NODES: &str = "/apis/cilium.io/v2/ciliumnodes";
const VTEP_CONFIGS: &str = "/apis/cilium.io/v2/ciliumvtepconfigs";
const NODES: &str = "/api/v1/nodes";

/// Why the cluster could not be asked or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// etcd and kube-apiserver.
    #[error(transparent)]
    Real(#[from] real::RealError),
    /// No answer.
    #[error("the Kubernetes API of the lab does not answer")]
    Http(#[from] HttpError),
    /// An answer that is no success.
    #[error("the Kubernetes API of the lab answers {status} to {request}: {body}")]
    Refused {
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// An answer that is no JSON.
    #[error("the Kubernetes API of the lab answers {0} without JSON")]
    NotJson(String, #[source] serde_json::Error),
}

/// The API server of a world, and who asks it on the lab's own behalf.
pub struct Cluster {
    /// The built-in API, where the world has that one.
    pub fake: Option<FakeKube>,
    /// How agents reach it.
    pub(super) kubeconfig: Vec<u8>,
    /// How each gateway reaches it.
    pub(super) gateway_kubeconfigs: Vec<Vec<u8>>,
    api: Server,
    backend: Backend,
}

/// What ends with the cluster.
enum Backend {
    Builtin { _server: Task },
    Real(Box<real::Kube>),
}

impl Cluster {
    /// Serves the built-in API.
    pub(super) fn start_builtin(topology: &Topology, crd: VtepCrd) -> Result<Self, ClusterError> {
        let host = &topology.api_server.host;
        let address = SocketAddr::from((host.address, API_PORT));
        let fake = FakeKube::new(crd);
        let task = serve(&host.ns, "kube-api", listen(&host.ns, address)?, fake.api());
        let kubeconfig = kubeconfig(&format!("http://{address}"));
        let gateway_kubeconfigs = vec![kubeconfig.clone()];
        let api = Server::plain(&host.ns, address);
        let backend = Backend::Builtin { _server: task };
        Ok(Self { fake: Some(fake), kubeconfig, gateway_kubeconfigs, api, backend })
    }

    /// Starts etcd and kube-apiserver. With the reference chart's environment gateways have exactly its role, else all rights, until
    /// a chart is installed.
    pub(super) fn start_real(topology: &Topology, crd: VtepCrd, config: &WorldConfig) -> Result<Self, ClusterError> {
        let (host, env) = (&topology.api_server.host, &config.env);
        let mut kube = real::Kube::start_with(&host.ns, host.address, &config.directory, config.webhook.as_ref())?;
        for yaml in [Some(CILIUM_NODE_CRD), crd.yaml()].into_iter().flatten() {
            kube.install_crd(yaml)?;
        }
        let limited = [real::User::GatewayA, real::User::GatewayB];
        kube.make_namespace(NAMESPACE)?;
        if *env == ChartEnv::Reference {
            kube.grant(&real::Role::reference(), NAMESPACE, &limited)?;
        }
        let users = match env {
            ChartEnv::Reference => limited,
            ChartEnv::Own | ChartEnv::Chart { .. } => [real::User::Admin; 2],
        };
        let kubeconfig = |user| kube.kubeconfig(user, NAMESPACE).into_bytes();
        Ok(Self {
            fake: None,
            kubeconfig: kubeconfig(real::User::Admin),
            gateway_kubeconfigs: users.map(kubeconfig).to_vec(),
            api: kube.server(&host.ns, real::User::Admin),
            backend: Backend::Real(Box::new(kube)),
        })
    }

    /// The real API server, where the world has one.
    pub fn real(&self) -> Option<&real::Kube> {
        match &self.backend {
            Backend::Real(kube) => Some(kube),
            Backend::Builtin { .. } => None,
        }
    }

    /// Makes the objects that exist before any gateway does: a CiliumNode for each hybrid node, a Node for each gateway host.
    pub(super) fn populate(&self, topology: &Topology, gateways: &[Gateway]) -> Result<(), ClusterError> {
        for hybrid in &topology.hybrid {
            self.create_cilium_node(hybrid)?;
        }
        for gateway in gateways {
            self.create(NODES, &node(gateway))?;
        }
        Ok(())
    }

    /// Makes the CiliumNode of a hybrid node.
    pub fn create_cilium_node(&self, hybrid: &Hybrid) -> Result<(), ClusterError> {
        self.create(CILIUM_NODES, &cilium_node(hybrid))
    }

    /// Deletes a CiliumNode.
    pub fn delete_cilium_node(&self, name: &str) -> Result<(), ClusterError> {
        self.delete(&format!("{CILIUM_NODES}/{name}"))
    }

    /// Gives a CiliumNode other pod networks.
    pub fn set_pod_cidrs(&self, name: &str, pod_cidrs: &[Cidr4]) -> Result<(), ClusterError> {
        let path = format!("{CILIUM_NODES}/{name}");
        let mut object = self.ask("GET", &path, None)?;
        object["spec"]["ipam"]["podCIDRs"] = pod_cidrs.iter().map(ToString::to_string).collect();
        self.ask("PUT", &path, Some(&object)).map(drop)
    }

    /// The CiliumVTEPConfig that gateways write, if it is there.
    pub fn vtep(&self) -> Result<Option<Value>, ClusterError> {
        self.get(&format!("{VTEP_CONFIGS}/{OBJECT_NAME}"))
    }

    /// Deletes it.
    pub fn delete_vtep(&self) -> Result<(), ClusterError> {
        self.delete(&format!("{VTEP_CONFIGS}/{OBJECT_NAME}"))
    }

    /// Deletes a Node.
    pub fn delete_node(&self, name: &str) -> Result<(), ClusterError> {
        self.delete(&format!("{NODES}/{name}"))
    }

    /// A Lease of the gateways' namespace, if it is there.
    pub fn lease(&self, name: &str) -> Result<Option<Value>, ClusterError> {
        self.get(&format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{name}", NAMESPACE))
    }

    /// The object at an API path, `None` where there is none.
    pub fn get(&self, path: &str) -> Result<Option<Value>, ClusterError> {
        match self.ask("GET", path, None) {
            Err(ClusterError::Refused { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Creates an object in a collection.
    pub fn create(&self, collection: &str, object: &Value) -> Result<(), ClusterError> {
        self.ask("POST", collection, Some(object)).map(drop)
    }

    /// Deletes the object at an API path; one that is gone already is fine.
    pub fn delete(&self, path: &str) -> Result<(), ClusterError> {
        match self.ask("DELETE", path, None) {
            Err(ClusterError::Refused { status: 404, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, ClusterError> {
        let text = body.map(Value::to_string);
        let reply = self.api.send(method, path, text.as_ref().map(|text| ("application/json", text.as_bytes())))?;
        let request = format!("{method} {path}");
        if !(200..300).contains(&reply.status) {
            return Err(ClusterError::Refused { request, status: reply.status, body: reply.text() });
        }
        serde_json::from_slice(&reply.body).map_err(|error| ClusterError::NotJson(request, error))
    }
}

fn kubeconfig(server: &str) -> Vec<u8> {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": server}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": NAMESPACE}}],
        "users": [{"name": "lab", "user": {}}],
    });
    config.to_string().into_bytes()
}

fn cilium_node(hybrid: &Hybrid) -> Value {
    let (label, value) = HYBRID_LABEL;
    json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNode",
        "metadata": {"name": hybrid.node.name(), "labels": {label: value}},
        "spec": {
            "addresses": [{"type": "InternalIP", "ip": hybrid.node.address.to_string()}],
            "ipam": {"podCIDRs": [hybrid.pod_cidr.to_string()]},
        },
    })
}

fn node(gateway: &Gateway) -> Value {
    let provider = format!("aws:///{}/{}", gateway.leg.plan.zone, gateway.instance);
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": gateway.node, "labels": {GATEWAY_LABEL: "true", "topology.kubernetes.io/zone": gateway.leg.plan.zone}},
        "spec": {"providerID": provider},
        "status": {"addresses": [{"type": "InternalIP", "address": gateway.address().to_string()}]},
    })
}
