//! Types of instances that Outposts servers have.

/// A type of instance.
#[derive(Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// `c6id.8xlarge`.
    pub name: &'static str,
    /// Network interfaces, the primary one and the LNI among them (EC2, DescribeInstanceTypes `MaximumNetworkInterfaces`).
    pub interfaces: u32,
    /// IPv4 addresses of an interface (`Ipv4AddressesPerInterface`).
    pub addresses: u32,
    /// What the LNI carries, in Mbit/s: a share of the server's one port of 10 Gbit/s (Outposts user guide for servers, "Local network
    /// interfaces": 10 Gbit/s for 32xlarge, and less in proportion). None: not published.
    pub lni_mbps: Option<u32>,
}

const fn of(name: &'static str, interfaces: u32, addresses: u32, lni_mbps: Option<u32>) -> InstanceType {
    InstanceType { name, interfaces, addresses, lni_mbps }
}

/// Those that nodes are made of: servers of 2U have c6id (x86_64), of 1U c6gd (arm64). Smaller ones have too few interfaces for pods.
pub static INSTANCE_TYPES: [InstanceType; 7] = [
    of("c6id.8xlarge", 8, 30, Some(2500)),
    of("c6id.16xlarge", 15, 50, Some(5000)),
    of("c6id.32xlarge", 15, 50, Some(10000)),
    of("c6gd.4xlarge", 8, 30, None),
    of("c6gd.8xlarge", 8, 30, None),
    of("c6gd.12xlarge", 8, 30, None),
    of("c6gd.16xlarge", 15, 50, None),
];

/// Pods on a node that has more than 30 processors (EKS user guide, "Choose an optimal Amazon EC2 node instance type").
const PODS: u32 = 250;
/// Pods on a smaller one.
const PODS_OF_SMALL: u32 = 110;

impl InstanceType {
    /// By name.
    pub fn named(name: &str) -> Option<&'static Self> {
        INSTANCE_TYPES.iter().find(|known| known.name == name)
    }

    /// The highest index at which an interface can be: they count from 0, and there are no more than [`Self::interfaces`].
    pub fn last_index(&self) -> u32 {
        self.interfaces - 1
    }

    /// `x86_64` or `arm64`, as EKS's images are called.
    pub fn architecture(&self) -> &'static str {
        if self.name.starts_with("c6gd.") { "arm64" } else { "x86_64" }
    }

    /// Pods that a node takes: the LNI is an interface that has no pods, and the first address of each other one is its own.
    pub fn max_pods(&self) -> u32 {
        let most = if self.name == "c6gd.4xlarge" { PODS_OF_SMALL } else { PODS };
        ((self.interfaces - 1) * (self.addresses - 1) + 2).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lni_is_not_counted_among_interfaces_of_pods() {
        for (name, index, pods, architecture) in [
            ("c6id.8xlarge", 7, 205, "x86_64"),
            ("c6id.32xlarge", 14, 250, "x86_64"),
            ("c6gd.4xlarge", 7, 110, "arm64"),
            ("c6gd.16xlarge", 14, 250, "arm64"),
        ] {
            let known = InstanceType::named(name).unwrap();
            assert_eq!((known.last_index(), known.max_pods(), known.architecture()), (index, pods, architecture), "{name}");
        }
        assert_eq!(InstanceType::named("c6id.metal"), None);
    }
}
