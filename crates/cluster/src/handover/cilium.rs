//! Values of Cilium's chart for hybrid nodes (EKS user guide, "Configure CNI for hybrid nodes" and "Configure CNI for the Hybrid Nodes
//! gateway").

use hybridge_model::Cidr4;
use hybridge_report::Finding;

use super::yaml::Yaml;
use super::{Document, Handover, Kind, Known, Step};

/// First versions of EKS's build that serve CiliumVTEPConfig, by which gateways are known to hybrid nodes (EKS user guide). Upstream's
/// builds do not serve it.
pub const FIRST_VERSIONS: [&str; 3] = ["1.17.13-1", "1.18.8-1", "1.19.2-1"];
/// Where EKS's chart is.
pub const CHART: &str = "oci://public.ecr.aws/eks/cilium/cilium";

/// Mask of a node's network in AWS's guide: room for the 110 pods that a kubelet takes.
const MASK: u8 = 25;
/// Longest mask that we choose: room for 12 pods.
const LONGEST_MASK: u8 = 28;
/// Fewest nodes that a pool should have room for before the nodes' networks are made smaller.
const FEWEST_NODES: u64 = 8;
/// Addresses of a node's network that are no pod's: the first, the last, Cilium's router and its health check.
const TAKEN: u32 = 4;

/// The pods' networks, cut into one for each node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The cluster's remote pod networks.
    pub cidrs: Vec<Cidr4>,
    /// Prefix length of a node's network. Cilium cannot change it later.
    pub mask: u8,
}

impl Pool {
    /// The pool of a cluster; none: it has no remote pod networks.
    pub fn of(known: &Known<'_>) -> Option<Self> {
        let cidrs = known.cluster.pod_cidrs.clone();
        let longest = cidrs.iter().map(Cidr4::prefix).max()?;
        let mask = in_use(known, &cidrs).unwrap_or_else(|| {
            let roomy = |mask: &u8| Self { cidrs: cidrs.clone(), mask: *mask }.nodes() >= FEWEST_NODES;
            (MASK..LONGEST_MASK).find(roomy).unwrap_or(LONGEST_MASK).max(longest)
        });
        Some(Self { cidrs, mask })
    }

    /// How many nodes it has room for.
    pub fn nodes(&self) -> u64 {
        self.cidrs.iter().map(|cidr| 1u64 << self.mask.saturating_sub(cidr.prefix())).sum()
    }

    /// How many pods have an address on each of them.
    pub fn pods(&self) -> u32 {
        (1u32 << (32 - u32::from(self.mask)).min(31)).saturating_sub(TAKEN)
    }
}

/// Cilium keeps the mask that it began with, so that of nodes which are there counts.
fn in_use(known: &Known<'_>, cidrs: &[Cidr4]) -> Option<u8> {
    let nodes = known.world.nodes.iter().flatten().filter(|node| node.hybrid);
    let mut networks = nodes.flat_map(|node| &node.pod_cidrs).filter_map(|text| text.parse::<Cidr4>().ok());
    let longest = cidrs.iter().map(Cidr4::prefix).max()?;
    networks.find(|network| network.prefix() >= longest && cidrs.iter().any(|cidr| cidr.covers(*network))).map(|network| network.prefix())
}

/// The values, and how to install them.
pub fn documents(known: &Known<'_>) -> Handover {
    let mut all = Handover::default();
    let Some(pool) = Pool::of(known) else {
        let finding = Finding::warning("cilium.pod-networks", "cilium-values.yaml", "is not written: the file has no remotePodNetworks, so hybrid pods have no network that the cluster knows, and no gateway can reach them")
            .fix("write remoteNetworkConfig.remotePodNetworks into the file, and hybridge cluster update -f FILE");
        all.findings.push(finding);
        return all;
    };
    if pool.nodes() < 2 {
        let networks: Vec<String> = pool.cidrs.iter().map(ToString::to_string).collect();
        let what = format!("have room for {} node with {} pods", pool.nodes(), pool.pods());
        all.findings.push(Finding::warning("cilium.pool-small", networks.join(", "), what).fix(
            "add a network to remoteNetworkConfig.remotePodNetworks before Cilium is installed: it cannot be cut in another way later",
        ));
    }
    let comments = [
        format!("Cilium on the hybrid nodes of EKS cluster {} in {}.", known.name(), known.region()),
        format!(
            "For EKS's build, {} or later; upstream's and earlier ones know no gateways (CiliumVTEPConfig).",
            FIRST_VERSIONS.join(", ")
        ),
        format!("Room for {} nodes with {} pods each. Cilium cannot change the mask later.", pool.nodes(), pool.pods()),
    ];
    all.documents.push(Document::new(Kind::Cilium, "cilium-values.yaml", values(&pool).document(&comments)));
    all.steps.push(Step::new(
        Kind::Cilium,
        format!("Install Cilium once the first machine has joined ({} or later)", FIRST_VERSIONS.join(", ")),
        [format!(
            "helm upgrade --install cilium {CHART} --version {} --namespace kube-system --values cilium-values.yaml",
            FIRST_VERSIONS[1]
        )],
    ));
    all
}

fn values(pool: &Pool) -> Yaml {
    let on = |flag| Yaml::Map(vec![("enabled", Yaml::Bool(flag))]);
    Yaml::Map(vec![
        ("affinity", hybrid_only()),
        (
            "ipam",
            Yaml::Map(vec![
                ("mode", Yaml::text("cluster-pool")),
                (
                    "operator",
                    Yaml::Map(vec![
                        ("clusterPoolIPv4MaskSize", Yaml::Number(pool.mask.into())),
                        ("clusterPoolIPv4PodCIDRList", Yaml::texts(&pool.cidrs)),
                    ]),
                ),
            ]),
        ),
        ("vtep", on(true)),
        // With it Cilium's proxy would take what is meant for the gateway.
        ("l7Proxy", Yaml::Bool(false)),
        ("envoy", on(false)),
        // kube-proxy runs on hybrid nodes, too.
        ("kubeProxyReplacement", Yaml::text("false")),
        ("loadBalancer", Yaml::Map(vec![("serviceTopology", Yaml::Bool(true))])),
        (
            "operator",
            Yaml::Map(vec![
                ("affinity", hybrid_only()),
                // Pods of cloud nodes are not Cilium's.
                ("unmanagedPodWatcher", Yaml::Map(vec![("restart", Yaml::Bool(false))])),
            ]),
        ),
    ])
}

fn hybrid_only() -> Yaml {
    let expression = Yaml::Map(vec![
        ("key", Yaml::text("eks.amazonaws.com/compute-type")),
        ("operator", Yaml::text("In")),
        ("values", Yaml::texts(["hybrid"])),
    ]);
    let term = Yaml::Map(vec![("matchExpressions", Yaml::List(vec![expression]))]);
    let required = Yaml::Map(vec![("nodeSelectorTerms", Yaml::List(vec![term]))]);
    Yaml::Map(vec![("nodeAffinity", Yaml::Map(vec![("requiredDuringSchedulingIgnoredDuringExecution", required)]))])
}
