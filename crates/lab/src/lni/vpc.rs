//! The VPC of the servers: a router that carries only what passes EC2's source/destination check.
//!
//! Each interface is a wire of its own to the router, which answers ARP for everything else (as EC2's fabric does). A packet from an
//! interface with an address that is not one of its own is counted and dropped: so is the reply that should have left by the LNI.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use super::plan::VPC_ROUTER;
use super::{Host, LniError, namespace, rules};
use crate::netns::Netns;
use crate::nft;
use crate::topology::VPC_MTU;
use crate::topology::wire::{self, Interface, Path};

/// The fabric.
#[derive(Debug)]
pub struct Vpc {
    /// Where it forwards.
    pub router: Netns,
    legs: Vec<Leg>,
}

#[derive(Debug)]
struct Leg {
    name: String,
    addresses: Vec<Ipv4Addr>,
}

impl Vpc {
    pub(super) fn new() -> Result<Self, LniError> {
        let router = namespace("vpc")?;
        wire::sysctls(
            &router,
            &[("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/rp_filter", "0"), ("net/ipv4/conf/default/rp_filter", "0")],
        )?;
        Ok(Self { router, legs: Vec::new() })
    }

    /// Attaches an interface `name` of a machine; EC2 knows it by these addresses, the first of which is its own.
    pub(super) fn attach(&mut self, machine: &Netns, name: &str, addresses: &[Ipv4Addr]) -> Result<(), LniError> {
        let leg = format!("leg{}", self.legs.len());
        wire::connect((&self.router, &leg), (machine, name), VPC_MTU)?;
        let (own, of_pods) = addresses.split_first().expect("every interface has an address");
        let to_pods = of_pods.iter().map(|pod| Path::via(Cidr4::host(*pod), *own));
        let paths = std::iter::once(Path::direct(Cidr4::host(*own))).chain(to_pods).collect();
        wire::configure(&Interface { ns: &self.router, name: &leg, addresses: vec![(VPC_ROUTER, 32)], paths })?;
        // The fabric knows where each address is; it does not ask.
        rules::set_neighbour(&self.router, &leg, *own, wire::mac(machine, name)?)?;
        let proxy = [(format!("net/ipv4/conf/{leg}/proxy_arp"), "1"), (format!("net/ipv4/neigh/{leg}/proxy_delay"), "0")];
        wire::sysctls(&self.router, &proxy.each_ref().map(|(key, value)| (key.as_str(), *value)))?;
        self.legs.push(Leg { name: leg, addresses: addresses.to_vec() });
        Ok(())
    }

    /// A machine of the VPC with one interface.
    pub(super) fn host(&mut self, name: &str, address: Ipv4Addr) -> Result<Host, LniError> {
        let ns = namespace(name)?;
        self.attach(&ns, "ens5", &[address])?;
        let paths = vec![Path::default_via(VPC_ROUTER)];
        wire::configure(&Interface { ns: &ns, name: "ens5", addresses: vec![(address, 24)], paths })?;
        Ok(Host { ns, address })
    }

    /// Switches the check on, for all interfaces that are there.
    pub(super) fn check_sources(&self) -> Result<(), LniError> {
        let mut rules =
            "table ip ec2 {\n  counter dropped { }\n  chain check {\n    type filter hook prerouting priority raw; policy accept;\n"
                .to_owned();
        for leg in &self.legs {
            let own: Vec<_> = leg.addresses.iter().map(ToString::to_string).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(rules, "    iifname \"{}\" ip saddr != {{ {} }} counter name dropped drop", leg.name, own.join(", "));
        }
        rules.push_str("  }\n}\n");
        Ok(nft::load(&self.router, &rules)?)
    }

    /// How many packets the check has dropped.
    pub fn dropped(&self) -> Result<u64, LniError> {
        Ok(nft::counted(&self.router, "ec2")?)
    }
}
