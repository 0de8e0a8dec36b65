//! DescribeInstanceTypes: what a type of instance is made of, as far as a node asks.

use super::query::Parameters;
use super::state::{Ec2State, Refusal};
use super::xml::Xml;

/// A type of instance. Figures are those of "Amazon EC2 instance type specifications"
/// (<https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-type-specifications.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Its name, as `m5.large`.
    pub name: &'static str,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Network interfaces of each network card, the default card first.
    pub cards: &'static [u32],
    /// IPv4 addresses of an interface; as many IPv6 ones.
    pub addresses: u32,
}

/// The types that exist at first: small and large ones, both architectures, and one with four network cards.
pub(super) const TYPES: &[InstanceType] = &[
    InstanceType { name: "t3.micro", architecture: "x86_64", cpus: 2, memory: 1024, cards: &[2], addresses: 2 },
    InstanceType { name: "t3.medium", architecture: "x86_64", cpus: 2, memory: 4096, cards: &[3], addresses: 6 },
    InstanceType { name: "m4.xlarge", architecture: "x86_64", cpus: 4, memory: 16_384, cards: &[4], addresses: 15 },
    InstanceType { name: "m5.large", architecture: "x86_64", cpus: 2, memory: 8192, cards: &[3], addresses: 10 },
    InstanceType { name: "m5.24xlarge", architecture: "x86_64", cpus: 96, memory: 393_216, cards: &[15], addresses: 50 },
    InstanceType { name: "m6g.large", architecture: "arm64", cpus: 2, memory: 8192, cards: &[3], addresses: 10 },
    InstanceType { name: "c5.4xlarge", architecture: "x86_64", cpus: 16, memory: 32_768, cards: &[8], addresses: 30 },
    InstanceType { name: "p4d.24xlarge", architecture: "x86_64", cpus: 96, memory: 1_179_648, cards: &[15, 15, 15, 15], addresses: 50 },
];

pub(super) fn instance_types(state: &Ec2State, parameters: &Parameters) -> Result<Xml, Refusal> {
    let wanted = parameters.list("InstanceType");
    let unknown: Vec<_> = wanted.iter().filter(|name| !state.types.iter().any(|known| known.name == **name)).copied().collect();
    if !unknown.is_empty() {
        return Err(Refusal::NoType(unknown.join(", ")));
    }
    let mut xml = Xml::default();
    xml.nest("instanceTypeSet", |set| {
        for known in state.types.iter().filter(|known| wanted.is_empty() || wanted.contains(&known.name)) {
            set.nest("item", |item| one(item, known));
        }
    });
    Ok(xml)
}

fn one(xml: &mut Xml, of: &InstanceType) {
    xml.text("instanceType", of.name);
    xml.nest("processorInfo", |processor| {
        processor.nest("supportedArchitectures", |set| set.text("item", of.architecture));
    });
    xml.nest("vCpuInfo", |cpus| cpus.text("defaultVCpus", of.cpus));
    xml.nest("memoryInfo", |memory| memory.text("sizeInMiB", of.memory));
    xml.nest("networkInfo", |network| {
        network.text("maximumNetworkInterfaces", of.cards.iter().sum::<u32>());
        network.text("maximumNetworkCards", of.cards.len());
        network.text("defaultNetworkCardIndex", 0);
        network.nest("networkCards", |set| {
            for (index, interfaces) in of.cards.iter().enumerate() {
                set.nest("item", |card| {
                    card.text("networkCardIndex", index);
                    card.text("maximumNetworkInterfaces", interfaces);
                });
            }
        });
        network.text("ipv4AddressesPerInterface", of.addresses);
        network.text("ipv6AddressesPerInterface", of.addresses);
        network.text("ipv6Supported", true);
    });
}
