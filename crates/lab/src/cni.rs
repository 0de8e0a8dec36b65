//! A CNI plug-in that gives pods addresses of the VPC, as amazon-vpc-cni does on a node of EKS: a wire to the node, and a route for
//! each address (<https://www.cni.dev/docs/spec/>, version 1.0.0).
//!
//! containerd runs `hybridge-lab` under the name [`NAME`], in the node's namespaces.

use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::netns::Netns;
use crate::topology::{WireError, attach_to_pod};

/// The plug-in's name: that of its file, and `type` in the configuration of a network.
pub const NAME: &str = "hybridge-lab-vpc";

const VERSION: &str = "1.0.0";

/// Why a pod gets no address.
#[derive(Debug, thiserror::Error)]
pub enum CniError {
    /// containerd said something else than the specification has.
    #[error("the request cannot be understood: {0}")]
    Request(String),
    /// The pod's namespace is not there.
    #[error("cannot open {}", path.display())]
    Namespace {
        /// What `CNI_NETNS` names.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// Each address belongs to a pod.
    #[error("all {0} addresses of this node are taken")]
    Full(usize),
    /// The wire could not be made.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl CniError {
    /// Error codes of the specification: 4 and 7 for what is asked, 11 for "try again", 999 of our own.
    fn code(&self) -> u16 {
        match self {
            Self::Request(_) => 7,
            Self::Namespace { .. } => 4,
            Self::Full(_) => 11,
            Self::Wire(_) => 999,
        }
    }
}

/// The configuration of a network of this type.
#[derive(Debug, Deserialize)]
struct Network {
    /// The addresses that pods of this node may have.
    addresses: Vec<Ipv4Addr>,
}

/// The configuration of a network whose pods have these addresses, for a file of `/etc/cni/net.d`.
pub fn network(addresses: &[Ipv4Addr]) -> Value {
    json!({"cniVersion": VERSION, "name": "vpc", "plugins": [{"type": NAME, "addresses": addresses}]})
}

/// Does what the environment and standard input ask for. What goes to standard output, and whether it went well.
pub fn answer() -> (String, bool) {
    match carry_out() {
        Ok(answer) => (answer.to_string(), true),
        Err(error) => {
            let said = json!({"cniVersion": VERSION, "code": error.code(), "msg": hybridge_report::chain(&error)});
            (said.to_string(), false)
        }
    }
}

fn carry_out() -> Result<Value, CniError> {
    let variable = |name: &str| env::var(name).map_err(|_| CniError::Request(format!("{name} is not set")));
    match variable("CNI_COMMAND")?.as_str() {
        "ADD" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map_err(|error| CniError::Request(error.to_string()))?;
            let network: Network = serde_json::from_str(&text).map_err(|error| CniError::Request(error.to_string()))?;
            add(&network, variable("CNI_NETNS")?.into(), &variable("CNI_IFNAME")?)
        }
        "VERSION" => Ok(json!({"cniVersion": VERSION, "supportedVersions": [VERSION]})),
        // The wire goes with the pod's namespace, and its route with the wire.
        "DEL" | "CHECK" | "GC" | "STATUS" => Ok(json!({})),
        other => Err(CniError::Request(format!("no command {other}"))),
    }
}

/// The first address that no pod has. Who has one is told by the names of the wires: the kernel refuses one that is there.
fn add(network: &Network, path: PathBuf, interface: &str) -> Result<Value, CniError> {
    let pod = File::open(&path).map(|file| Netns::open("pod", file)).map_err(|source| CniError::Namespace { path, source })?;
    let node = Netns::current("node").map_err(|source| CniError::Namespace { path: "/proc/thread-self/ns/net".into(), source })?;
    for address in &network.addresses {
        let wire = format!("pod{:08x}", address.to_bits());
        if is_there(&wire) {
            continue;
        }
        attach_to_pod((&node, &wire), (&pod, interface), *address)?;
        let pod = json!({"name": interface, "sandbox": env::var("CNI_NETNS").unwrap_or_default()});
        return Ok(json!({"cniVersion": VERSION, "interfaces": [pod], "ips": [{"address": format!("{address}/32"), "interface": 0}]}));
    }
    Err(CniError::Full(network.addresses.len()))
}

fn is_there(interface: &str) -> bool {
    nix::net::if_::if_nametoindex(interface).is_ok()
}
