//! The hosts of the lab and the wires between them: namespaces, addresses, routes and sysctls.
//!
//! ```text
//!  cloud pod ─ cloud node ─┐                                   ┌─ hybrid node 1 ─ pod
//!               gateway A ─┼─ VPC router ── WAN ── site router ┼─ hybrid node 2 ─ pod
//!               gateway B ─┘   │                               └─ hybrid node N ─ pod
//!                          API server, EC2 API
//! ```
//!
//! Everything is made inside namespaces of the lab's own; nothing of the host changes. What the VPC router forwards
//! beyond this static picture is the business of [`crate::router`].

mod offload;
mod plan;
pub(crate) mod wire;

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use crate::netns::Netns;
pub(crate) use plan::SITE_GATEWAY;
use plan::WAN_ENDS;
pub use plan::{
    HYBRID_POD_MTU, HybridPlan, IMDS, LegKind, LegPlan, MAX_GATEWAY_HOSTS, MAX_HYBRID_NODES, MAX_NODE_PODS, POD_NEXT_HOP, Size, UPLINK,
    VPC_MTU, WAN_LEG, WAN_MTU, pod_cidr, site_cidr,
};
pub use wire::WireError;
use wire::{Interface, Path};

/// Why the topology could not be built or changed.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// A namespace could not be made.
    #[error("cannot make network namespace `{name}`")]
    Namespace {
        /// Its name in the lab.
        name: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A number outside the range the address plan has room for.
    #[error("the lab has room for {least} to {most} {what}, not {given}")]
    Size {
        /// Of what.
        what: &'static str,
        /// How many were asked for.
        given: u8,
        /// How many there must be.
        least: u8,
        /// How many there can be.
        most: u8,
    },
    /// Checksum offload could not be switched off.
    #[error("cannot switch off checksum offload of {pod}")]
    Offload {
        /// The pod.
        pod: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A wire could not be made or changed.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A machine or a pod: a namespace with an address.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its network namespace; also holds its name.
    pub ns: Netns,
    /// Its own address.
    pub address: Ipv4Addr,
}

impl Host {
    /// Its name in the lab.
    pub fn name(&self) -> &str {
        self.ns.name()
    }
}

/// A host on a leg of the VPC router, with its plan.
#[derive(Clone)]
pub struct Leg {
    /// The host.
    pub host: Host,
    /// Its place in the VPC.
    pub plan: LegPlan,
}

/// A hybrid node with its pod.
#[derive(Clone)]
pub struct Hybrid {
    /// The node.
    pub node: Host,
    /// Its pod.
    pub pod: Host,
    /// Its pod network.
    pub pod_cidr: Cidr4,
}

/// Every host of the lab.
pub struct Topology {
    /// How large it is.
    pub size: Size,
    /// The fabric of the VPC.
    pub vpc_router: Netns,
    /// The router of the site where the hybrid nodes are.
    pub site_router: Netns,
    /// Hosts on which a gateway can run.
    pub gateways: Vec<Leg>,
    /// The instance that runs the cloud pod.
    pub cloud_node: Leg,
    /// The pod with an address in the VPC.
    pub cloud_pod: Host,
    /// The Kubernetes API server.
    pub api_server: Leg,
    /// The EC2 API.
    pub ec2_api: Leg,
    /// The hybrid nodes.
    pub hybrid: Vec<Hybrid>,
}

impl Topology {
    /// Makes all namespaces and wires. On an error everything made so far vanishes with its last descriptor.
    pub fn build(size: Size) -> Result<Self, TopologyError> {
        check(size)?;
        let vpc_router = namespace("vpc-router")?;
        let site_router = namespace("site-router")?;
        forward(&vpc_router)?;
        forward(&site_router)?;
        wan(&vpc_router, &site_router, &size)?;

        let (mut gateways, mut cloud_node, mut services) = (Vec::new(), Vec::new(), Vec::new());
        for plan in size.legs() {
            let leg = Leg { host: attach(&vpc_router, &plan)?, plan };
            match leg.plan.kind {
                LegKind::Gateway => gateways.push(leg),
                LegKind::CloudNode => cloud_node.push(leg),
                LegKind::Service => services.push(leg),
            }
        }
        let (cloud_node, ec2_api, api_server) = (
            cloud_node.pop().expect("the plan has a cloud node"),
            services.pop().expect("the plan has an EC2 API"),
            services.pop().expect("the plan has an API server"),
        );
        let cloud_pod = attach_pod(&cloud_node.host.ns, "cloud-pod", &size.cloud_pod(), None)?;
        wire::bridge(&site_router, LAN)?;
        let lan = vec![(SITE_GATEWAY, 24)];
        wire::configure(&Interface { ns: &site_router, name: LAN, addresses: lan, paths: Vec::new() })?;
        let hybrid = size.hybrid().iter().map(|plan| attach_hybrid(&site_router, plan)).collect::<Result<_, _>>()?;
        Ok(Self { size, vpc_router, site_router, gateways, cloud_node, cloud_pod, api_server, ec2_api, hybrid })
    }

    /// Every namespace, for people who want to look into one.
    pub fn namespaces(&self) -> Vec<&Netns> {
        let legs = self.gateways.iter().chain([&self.cloud_node, &self.api_server, &self.ec2_api]);
        let hybrid = self.hybrid.iter().flat_map(|h| [&h.node.ns, &h.pod.ns]);
        [&self.cloud_pod.ns]
            .into_iter()
            .chain(legs.map(|leg| &leg.host.ns))
            .chain([&self.vpc_router, &self.site_router])
            .chain(hybrid)
            .collect()
    }

    /// Every leg of the VPC router that leads to a host.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.gateways.iter().chain([&self.cloud_node, &self.api_server, &self.ec2_api])
    }

    /// The site router's address on the WAN: the VPC router's next hop to the site.
    pub fn site(&self) -> Ipv4Addr {
        WAN_ENDS.1
    }

    /// Takes the link of a host on a leg down: nothing reaches it or leaves it, and its neighbours are not told.
    pub fn cut(&self, leg: &Leg) -> Result<(), TopologyError> {
        Ok(wire::set_up(&leg.host.ns, UPLINK, false)?)
    }

    /// Undoes [`Self::cut`].
    pub fn mend(&self, leg: &Leg) -> Result<(), TopologyError> {
        Ok(wire::configure(&uplink(&leg.host.ns, &leg.plan))?)
    }

    /// Makes pods send packets with checksums, as those have that come from a real wire (see `offload`).
    pub fn compute_checksums(&self) -> Result<(), TopologyError> {
        for pod in self.hybrid.iter().map(|hybrid| &hybrid.pod).chain([&self.cloud_pod]) {
            let failed = |source| TopologyError::Offload { pod: pod.name().into(), source };
            offload::compute_checksums(&pod.ns, UPLINK).map_err(failed)?;
        }
        Ok(())
    }

    /// Removes a network device of a host, as an operator's mistake would.
    pub fn delete_device(&self, ns: &Netns, device: &str) -> Result<(), TopologyError> {
        Ok(wire::remove(ns, device)?)
    }

    /// Gives the pod of a hybrid node the address `.10` of another pod network (a /24 of the lab's).
    pub fn readdress_pod(&self, hybrid: &Hybrid, pod_cidr: Cidr4) -> Result<Ipv4Addr, TopologyError> {
        let [a, b, c, _] = pod_cidr.network().octets();
        let address = Ipv4Addr::new(a, b, c, 10);
        let pod = pod_interface(&hybrid.pod.ns, &[address], Some(HYBRID_POD_MTU));
        wire::configure(&pod)?;
        wire::configure(&node_side(&hybrid.node.ns, POD_WIRE, &[address]))?;
        Ok(address)
    }
}

/// The bridge in the site router's namespace that hybrid nodes are plugged into.
pub(crate) const LAN: &str = "lan";

/// Name of a node's interface to its pod.
const POD_WIRE: &str = "pod";

/// Neither reverse-path filtering nor IPv6 in the way: as on EKS nodes, and without its link-up noise.
const QUIET: &[(&str, &str)] = &[
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv6/conf/all/disable_ipv6", "1"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
];

fn check(size: Size) -> Result<(), TopologyError> {
    let limits = [
        ("hybrid nodes", size.hybrid_nodes, 0, MAX_HYBRID_NODES),
        ("gateway hosts", size.gateway_hosts, 1, MAX_GATEWAY_HOSTS),
        ("addresses for pods", size.node_pods, 0, MAX_NODE_PODS),
    ];
    for (what, given, least, most) in limits {
        if !(least..=most).contains(&given) {
            return Err(TopologyError::Size { what, given, least, most });
        }
    }
    Ok(())
}

fn namespace(name: &str) -> Result<Netns, TopologyError> {
    let ns = Netns::new(name).map_err(|source| TopologyError::Namespace { name: name.into(), source })?;
    let present: Vec<_> = QUIET.iter().copied().filter(|(key, _)| std::path::Path::new("/proc/sys").join(key).exists()).collect();
    wire::sysctls(&ns, &present)?;
    Ok(ns)
}

fn forward(ns: &Netns) -> Result<(), TopologyError> {
    Ok(wire::sysctls(ns, &[("net/ipv4/ip_forward", "1")])?)
}

fn wan(vpc_router: &Netns, site_router: &Netns, size: &Size) -> Result<(), TopologyError> {
    wire::connect((vpc_router, WAN_LEG), (site_router, WAN_LEG), WAN_MTU)?;
    let (near, far) = WAN_ENDS;
    let addresses = vec![(near, 30)];
    wire::configure(&Interface { ns: vpc_router, name: WAN_LEG, addresses, paths: vec![Path::via(site_cidr(), far)] })?;
    let paths = size.vpc_cidrs().into_iter().map(|cidr| Path::via(cidr, near)).collect();
    wire::configure(&Interface { ns: site_router, name: WAN_LEG, addresses: vec![(far, 30)], paths })?;
    // The site's network knows no pods: what they send goes through the tunnel or is lost.
    wire::drop_from(site_router, pod_cidr())?;
    // The metadata service of every instance is answered by the fabric itself.
    wire::configure(&Interface { ns: vpc_router, name: "lo", addresses: vec![(IMDS, 32)], paths: Vec::new() })?;
    Ok(())
}

/// Makes a host on a leg of the VPC router.
fn attach(vpc_router: &Netns, plan: &LegPlan) -> Result<Host, TopologyError> {
    let ns = namespace(&plan.name)?;
    match plan.kind {
        // amazon-vpc-cni sets loose reverse-path filtering on an EKS node's interface.
        LegKind::Gateway | LegKind::CloudNode => {
            forward(&ns)?;
            wire::sysctls(&ns, &[("net/ipv4/conf/all/rp_filter", "2")])?;
        }
        LegKind::Service => {}
    }
    wire::connect((vpc_router, &plan.name), (&ns, UPLINK), VPC_MTU)?;
    let paths = plan.pods.iter().map(|pod| Path::via(Cidr4::host(*pod), plan.address)).collect();
    wire::configure(&Interface { ns: vpc_router, name: &plan.name, addresses: vec![(plan.router(), 24)], paths })?;
    wire::configure(&uplink(&ns, plan))?;
    Ok(Host { ns, address: plan.address })
}

fn uplink<'a>(ns: &'a Netns, plan: &LegPlan) -> Interface<'a> {
    let paths = vec![Path::default_via(plan.router())];
    Interface { ns, name: UPLINK, addresses: vec![(plan.address, 24)], paths }
}

/// Makes a pod on a node: a namespace whose only way out is the node, which routes to it by address.
fn attach_pod(node: &Netns, name: &str, addresses: &[Ipv4Addr], mtu: Option<u32>) -> Result<Host, TopologyError> {
    let ns = namespace(name)?;
    wire::connect((node, POD_WIRE), (&ns, UPLINK), if mtu.is_some() { WAN_MTU } else { VPC_MTU })?;
    wire::configure(&node_side(node, POD_WIRE, addresses))?;
    wire::configure(&pod_interface(&ns, addresses, mtu))?;
    let address = *addresses.first().expect("every pod has an address");
    Ok(Host { ns, address })
}

/// Gives a pod's namespace an address of the VPC: a wire from a node's interface `wire` to the pod's, and the node's route.
pub(crate) fn attach_to_pod(node: (&Netns, &str), pod: (&Netns, &str), address: Ipv4Addr) -> Result<(), WireError> {
    wire::connect(node, pod, VPC_MTU)?;
    wire::configure(&node_side(node.0, node.1, &[address]))?;
    let paths = vec![Path { mtu: None, source: Some(address), ..Path::default_via(POD_NEXT_HOP) }];
    wire::configure(&Interface { ns: pod.0, name: pod.1, addresses: vec![(address, 32)], paths })
}

fn node_side<'a>(node: &'a Netns, name: &'a str, pods: &[Ipv4Addr]) -> Interface<'a> {
    let paths = pods.iter().map(|pod| Path::direct(Cidr4::host(*pod))).collect();
    Interface { ns: node, name, addresses: vec![(POD_NEXT_HOP, 32)], paths }
}

fn pod_interface<'a>(ns: &'a Netns, addresses: &[Ipv4Addr], mtu: Option<u32>) -> Interface<'a> {
    let paths = vec![Path { mtu, source: addresses.first().copied(), ..Path::default_via(POD_NEXT_HOP) }];
    Interface { ns, name: UPLINK, addresses: addresses.iter().map(|a| (*a, 32)).collect(), paths }
}

fn attach_hybrid(site_router: &Netns, plan: &HybridPlan) -> Result<Hybrid, TopologyError> {
    let ns = namespace(&plan.name)?;
    forward(&ns)?;
    wire::connect((site_router, &plan.name), (&ns, UPLINK), WAN_MTU)?;
    wire::enslave(site_router, LAN, &plan.name)?;
    let paths = vec![Path::default_via(SITE_GATEWAY)];
    wire::configure(&Interface { ns: &ns, name: UPLINK, addresses: vec![(plan.address, 24)], paths })?;
    let pod = attach_pod(&ns, &format!("{}-pod", plan.name), &[plan.pod], Some(HYBRID_POD_MTU))?;
    Ok(Hybrid { node: Host { ns, address: plan.address }, pod, pod_cidr: plan.pod_cidr })
}
