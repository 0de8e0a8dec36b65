//! `agent`: Cilium's part on a machine that is a hybrid node, run by the lab inside its virtual machines.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use hybridge_gateway::nodes::{HybridNode, decode};
use hybridge_gateway::vtep::OBJECT_NAME;
use hybridge_kube_io::Kube;
use hybridge_lab::agent::{self, NodeFacts, Seen};
use hybridge_lab::topology::{HYBRID_POD_MTU, WAN_MTU};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::Failure;
use super::console::Console;

/// Between two looks at the CiliumNode or at CiliumVTEPConfig. The machine is emulated, and each look costs it a few milliseconds.
const POLL: Duration = Duration::from_millis(250);

/// Follows the CiliumNode of this name until it has networks for pods, then gives containerd a network for them, and sends what goes
/// to the VPC to the gateways. Ends with a signal only.
pub(super) fn agent(node: &str, kubeconfig: &Path, network: &Path) -> Result<(), Failure> {
    tracing_subscriber::fmt().with_env_filter("warn").with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    runtime.block_on(async {
        let console = Console::new();
        let kube = Kube::connect(Some(kubeconfig)).await.context("cannot use the kubeconfig")?;
        let own = find(&kube, node).await;
        write(network, &own)?;
        console.say(&format!("{node}: pods have {}", own.pod_cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
        let facts = NodeFacts { node_ip: own.node_ip, pod_cidrs: own.pod_cidrs.into_iter().collect(), underlay_mtu: WAN_MTU };
        let (read, seen) = watch::channel(Seen::Nothing);
        let (events, mut noted) = mpsc::unbounded_channel();
        let note = async {
            while let Some(agent::Event { steps, problems, at: _ }) = noted.recv().await {
                console.say(&format!("{node}: {steps:?} {problems:?}"));
            }
        };
        tokio::join!(agent::follow(kube, OBJECT_NAME, POLL, read), agent::obey(facts, seen, events), note);
        Ok(())
    })
}

/// Waits for the CiliumNode.
async fn find(kube: &Kube, node: &str) -> HybridNode {
    loop {
        match kube.hybrid_nodes(decode).await {
            Ok(nodes) => {
                let own = nodes.into_iter().filter_map(|(name, found)| found.ok().filter(|_| name.as_str() == node));
                if let Some(own) = own.into_iter().find(|own| !own.pod_cidrs.is_empty()) {
                    return own;
                }
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the CiliumNodes cannot be read"),
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Tells containerd how pods are connected: a bridge that is their next hop, addresses of the node's networks.
fn write(path: &Path, node: &HybridNode) -> Result<(), anyhow::Error> {
    let ranges: Vec<_> = node.pod_cidrs.iter().map(|cidr| json!([{"subnet": cidr.to_string()}])).collect();
    let config = json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [{
        "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "mtu": HYBRID_POD_MTU,
        "ipam": {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]},
    }]});
    let cannot = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(cannot)?;
    }
    // containerd looks at the folder all the time, and at names that end with .conflist.
    let partial = path.with_extension("partial");
    std::fs::write(&partial, config.to_string()).with_context(cannot)?;
    std::fs::rename(&partial, path).with_context(cannot)
}
