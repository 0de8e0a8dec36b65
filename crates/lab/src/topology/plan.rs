//! Who is where: names, addresses and networks of the lab, as data.
//!
//! Every instance has a subnet and a leg of the VPC router of its own, because on AWS every packet passes the fabric.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

/// The largest number of hybrid nodes: node *i* has address 192.168.10.(10 + *i*) and pod network 10.250.*i*.0/24.
pub const MAX_HYBRID_NODES: u8 = 200;

/// Most addresses for pods that a kubelet runs on the cloud node.
pub const MAX_NODE_PODS: u8 = 100;

/// The largest number of gateway hosts.
pub const MAX_GATEWAY_HOSTS: u8 = 8;

/// Largest packet inside the VPC, in bytes (EC2's jumbo frames).
pub const VPC_MTU: u32 = 9001;

/// Largest packet between the VPC and the site, and inside the site, in bytes.
pub const WAN_MTU: u32 = 1500;

/// Largest packet of a hybrid pod, in bytes: what is left of [`WAN_MTU`] inside VXLAN over IPv4, as Cilium sets it.
pub const HYBRID_POD_MTU: u32 = WAN_MTU - 50;

/// Name of the interface that a host has towards its router.
pub const UPLINK: &str = "eth0";

/// The leg of the VPC router that leads to the site.
pub const WAN_LEG: &str = "wan";

/// Next hop of a pod, answered by its node: the address that amazon-vpc-cni uses.
pub const POD_NEXT_HOP: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// Where instances find their metadata service.
pub const IMDS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Both ends of the wire between the VPC router (first) and the site router (second), a /30.
pub(crate) const WAN_ENDS: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(172, 31, 255, 1), Ipv4Addr::new(172, 31, 255, 2));

/// The site router's address in the network of the hybrid nodes.
pub(crate) const SITE_GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 1);

/// How large the lab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Hybrid nodes that are namespaces, each with one pod: up to [`MAX_HYBRID_NODES`]. Virtual machines join the site's network
    /// themselves.
    pub hybrid_nodes: u8,
    /// Hosts on which a gateway can run: 1 to [`MAX_GATEWAY_HOSTS`]. The first two are the ones of the picture.
    pub gateway_hosts: u8,
    /// Whether the VPC has 100.64.0.0/16 beside 10.0.0.0/16, and the cloud pod an address in it.
    pub second_vpc_cidr: bool,
    /// Further addresses of the cloud node, for pods that a kubelet runs there: up to [`MAX_NODE_PODS`].
    pub node_pods: u8,
}

impl Default for Size {
    fn default() -> Self {
        Self { hybrid_nodes: 2, gateway_hosts: 2, second_vpc_cidr: false, node_pods: 0 }
    }
}

/// What a host on a leg of the VPC router is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegKind {
    /// An EC2 instance that runs a gateway.
    Gateway,
    /// An EC2 instance that runs pods.
    CloudNode,
    /// A service of AWS that has an address in the VPC.
    Service,
}

/// A host on a leg of the VPC router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegPlan {
    /// Name of the host, and of the router's interface to it (at most 15 bytes).
    pub name: String,
    /// What it is.
    pub kind: LegKind,
    /// Its own address.
    pub address: Ipv4Addr,
    /// Identifier of its subnet, a /24.
    pub subnet: String,
    /// Its availability zone.
    pub zone: String,
    /// Further addresses of its interface: those of pods with addresses in the VPC.
    pub pods: Vec<Ipv4Addr>,
}

impl LegPlan {
    /// Its subnet, a /24.
    pub fn network(&self) -> Cidr4 {
        Cidr4::containing(self.address, 24).expect("24 is a prefix length")
    }

    /// The router's address in its subnet: the first one, as on AWS.
    pub fn router(&self) -> Ipv4Addr {
        let [a, b, c, _] = self.address.octets();
        Ipv4Addr::new(a, b, c, 1)
    }
}

/// A hybrid node and its pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HybridPlan {
    /// Name of the node.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its pod network.
    pub pod_cidr: Cidr4,
    /// Address of its pod.
    pub pod: Ipv4Addr,
}

impl Size {
    /// The networks of the VPC, the primary one first.
    pub fn vpc_cidrs(&self) -> Vec<Cidr4> {
        let second = self.second_vpc_cidr.then(|| network(100, 64, 16));
        [network(10, 0, 16)].into_iter().chain(second).collect()
    }

    /// Addresses of the pod that is a namespace.
    pub fn cloud_pod(&self) -> Vec<Ipv4Addr> {
        let second = self.second_vpc_cidr.then_some(Ipv4Addr::new(100, 64, 3, 20));
        [Ipv4Addr::new(10, 0, 3, 20)].into_iter().chain(second).collect()
    }

    /// Addresses for pods that a kubelet runs on the cloud node.
    pub fn node_pods(&self) -> Vec<Ipv4Addr> {
        (0..self.node_pods).map(|number| Ipv4Addr::new(10, 0, 3, 30 + number)).collect()
    }

    /// The hosts on the legs of the VPC router: gateways first, then the cloud node and the services.
    pub fn legs(&self) -> Vec<LegPlan> {
        let mut legs: Vec<LegPlan> = (0..self.gateway_hosts).map(gateway_leg).collect();
        let pods = self.cloud_pod().into_iter().chain(self.node_pods()).collect();
        legs.push(leg("cloud-node", LegKind::CloudNode, Ipv4Addr::new(10, 0, 3, 10), pods));
        legs.push(leg("api-server", LegKind::Service, Ipv4Addr::new(10, 0, 100, 10), Vec::new()));
        legs.push(leg("ec2-api", LegKind::Service, Ipv4Addr::new(10, 0, 101, 10), Vec::new()));
        legs
    }

    /// The hybrid nodes.
    pub fn hybrid(&self) -> Vec<HybridPlan> {
        (1..=self.hybrid_nodes).map(hybrid_node).collect()
    }
}

/// The network of the hybrid nodes.
pub fn site_cidr() -> Cidr4 {
    Cidr4::containing(SITE_GATEWAY, 24).expect("24 is a prefix length")
}

/// The network that holds every hybrid node's pod network.
pub fn pod_cidr() -> Cidr4 {
    network(10, 250, 16)
}

fn network(a: u8, b: u8, prefix: u8) -> Cidr4 {
    Cidr4::containing(Ipv4Addr::new(a, b, 0, 0), prefix).expect("callers give prefixes up to 32")
}

fn gateway_leg(index: u8) -> LegPlan {
    // The third octet 3 belongs to the cloud node.
    let third = if index < 2 { index + 1 } else { index + 2 };
    let name = format!("gateway-{}", char::from(b'a' + index));
    leg(&name, LegKind::Gateway, Ipv4Addr::new(10, 0, third, 10), Vec::new())
}

fn leg(name: &str, kind: LegKind, address: Ipv4Addr, pods: Vec<Ipv4Addr>) -> LegPlan {
    let third = address.octets()[2];
    let zone = format!("us-west-2{}", char::from(b'a' + (third + 1) % 2));
    LegPlan { name: name.into(), kind, address, subnet: format!("subnet-{third:017x}"), zone, pods }
}

fn hybrid_node(index: u8) -> HybridPlan {
    HybridPlan {
        name: format!("hybrid-{index}"),
        address: Ipv4Addr::new(192, 168, 10, 10 + index),
        pod_cidr: network(10, 250, 16).split(24).nth(usize::from(index)).expect("a /16 has 256 networks of 24 bits"),
        pod: Ipv4Addr::new(10, 250, index, 10),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_largest_lab_has_no_address_twice() {
        let size =
            Size { hybrid_nodes: MAX_HYBRID_NODES, gateway_hosts: MAX_GATEWAY_HOSTS, second_vpc_cidr: true, node_pods: MAX_NODE_PODS };
        let mut all = Vec::new();
        for leg in size.legs() {
            assert!(leg.name.len() <= 15, "{} is too long for an interface", leg.name);
            assert!(size.vpc_cidrs().iter().any(|c| c.contains(leg.address)));
            all.extend(leg.pods.iter().copied().chain([leg.address, leg.router()]));
        }
        for node in size.hybrid() {
            assert!(pod_cidr().covers(node.pod_cidr) && node.pod_cidr.contains(node.pod) && site_cidr().contains(node.address));
            all.extend([node.address, node.pod]);
        }
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn the_first_two_gateways_are_in_different_zones() {
        let legs = Size::default().legs();
        assert_eq!((legs[0].name.as_str(), legs[0].address), ("gateway-a", Ipv4Addr::new(10, 0, 1, 10)));
        assert_eq!((legs[1].name.as_str(), legs[1].address), ("gateway-b", Ipv4Addr::new(10, 0, 2, 10)));
        assert_ne!(legs[0].zone, legs[1].zone);
    }
}
