//! Who is where: names and addresses, as data.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use hybridge_model::Cidr4;

/// Most servers that a world has room for.
pub const MAX_SERVERS: u8 = 8;

/// Router of each subnet of the VPC: the first address, as on AWS.
pub(super) const VPC_ROUTER: Ipv4Addr = Ipv4Addr::new(10, 50, 80, 1);
/// An instance of the VPC that is no server of the Outpost.
pub(super) const VPC_HOST: Ipv4Addr = Ipv4Addr::new(10, 50, 80, 200);
/// The LAN's router, in the LAN.
pub const LAN_ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 1);
/// The LAN's router, in the network behind it.
pub(super) const FAR_ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 1);
/// The LAN's router, in a network that no profile names.
pub(super) const REMOTE_ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// A machine of the LAN.
pub(super) const CLI: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 100);
/// A machine behind the LAN's router.
pub(super) const FAR: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 100);
/// A machine behind the LAN's router, in a network that no profile names.
pub(super) const REMOTE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
/// Port of everything that answers.
pub const PORT: u16 = 80;
/// Routing table that the VPC CNI gives the secondary interface: its device index and one.
pub(super) const ENI_TABLE: u32 = 2;

/// The network of the VPC.
pub fn vpc_cidr() -> Cidr4 {
    "10.50.0.0/16".parse().expect("is a network")
}

/// The network that the LNIs are plugged into.
pub fn lan_cidr() -> Cidr4 {
    "192.168.2.0/24".parse().expect("is a network")
}

/// The network behind the LAN's router.
pub fn far_cidr() -> Cidr4 {
    "192.168.50.0/24".parse().expect("is a network")
}

/// Names of a server's interfaces. Each world has others, so that nothing can rely on one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The primary interface: VPC, default route.
    pub vpc: String,
    /// The local network interface.
    pub lni: String,
    /// The secondary interface that the VPC CNI attached.
    pub eni: String,
    /// The wires to both pods; these begin with `eni`, as the CNI's do.
    pub pods: [String; 2],
}

impl Names {
    /// Names as drivers, firmware and udev give them; no two are the same.
    pub fn random() -> Self {
        let mut taken = BTreeSet::new();
        let mut next = || loop {
            let name = match rand::random_range(0..3) {
                0 => format!("eth{}", rand::random_range(1..200)),
                1 => format!("ens{}", rand::random_range(1..200)),
                _ => format!("enp{}s0", rand::random_range(1..200)),
            };
            if taken.insert(name.clone()) {
                return name;
            }
        };
        let [vpc, lni, eni] = [next(), next(), next()];
        let first = rand::random_range(0..0x8000_0000_u32);
        Self { vpc, lni, eni, pods: [format!("eni{first:08x}"), format!("eni{:08x}", first + 1)] }
    }
}

/// Where an EC2 instance on the Outpost is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlan {
    /// From 0.
    pub number: u8,
    /// Names of its interfaces.
    pub names: Names,
    /// Address of its primary interface.
    pub primary: Ipv4Addr,
    /// Address of its secondary interface.
    pub secondary: Ipv4Addr,
    /// The private address that EC2 shows for the LNI; of no use.
    pub lni_in_ec2: Ipv4Addr,
    /// The address that the LNI should have in the LAN.
    pub lni: Ipv4Addr,
    /// Addresses of the pods: the first is one of the primary interface, the second of the secondary one.
    pub pods: [Ipv4Addr; 2],
}

impl ServerPlan {
    /// The server of a number below [`MAX_SERVERS`].
    pub fn new(number: u8) -> Self {
        let at = |first: u8| Ipv4Addr::new(10, 50, 80, first + number);
        Self {
            number,
            names: Names::random(),
            primary: at(10),
            secondary: at(20),
            lni_in_ec2: at(30),
            lni: Ipv4Addr::new(192, 168, 2, 10 + number),
            pods: [at(40), at(50)],
        }
    }
}

/// `externalTrafficPolicy` of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Any pod of the cluster answers; the client's address is hidden from it.
    Cluster,
    /// A pod of the node that the packets come to answers, and sees the client's address.
    Local,
}

/// A Service of type LoadBalancer with one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its address in the LAN.
    pub vip: SocketAddrV4,
    /// Where its pod listens.
    pub backend: SocketAddrV4,
    /// Its policy.
    pub policy: Policy,
}

impl Service {
    /// The four kinds that the pods of a server can have, in the order pod 1 (Cluster, Local), pod 2 (Cluster, Local), and one whose pod
    /// is in the network of the host.
    pub fn all_of(server: &ServerPlan) -> Vec<Self> {
        let [one, two] = server.pods;
        let backends =
            [(one, Policy::Cluster), (one, Policy::Local), (two, Policy::Cluster), (two, Policy::Local), (server.primary, Policy::Local)];
        let vips = (169..).zip(backends);
        let vip = |last: u8| SocketAddrV4::new(Ipv4Addr::new(192, 168, 2, last), PORT);
        vips.map(|(last, (pod, policy))| Self { vip: vip(last), backend: SocketAddrV4::new(pod, PORT), policy }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_and_no_name_is_there_twice() {
        let servers: Vec<_> = (0..MAX_SERVERS).map(ServerPlan::new).collect();
        let mut addresses = vec![VPC_ROUTER, VPC_HOST, LAN_ROUTER, CLI];
        for server in &servers {
            addresses.extend([server.primary, server.secondary, server.lni_in_ec2, server.lni].into_iter().chain(server.pods));
            let Names { vpc, lni, eni, pods: [one, two] } = &server.names;
            let names = [vpc, lni, eni, one, two];
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
            assert!(names.iter().all(|name| name.len() <= 15), "{names:?}");
        }
        addresses.extend(Service::all_of(&servers[0]).iter().map(|service| *service.vip.ip()));
        assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), addresses.len());
    }
}
