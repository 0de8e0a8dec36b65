//! moto, an EC2 emulator by others, with the same VPC in it as [`crate::ec2`] has.

use std::net::SocketAddr;
use std::path::Path;

use super::process::Process;
use super::query::Query;
use super::vpc::{Subnet, Vpc};
use super::{Parts, RealError};
use crate::ec2::Ec2State;
use crate::netns::Netns;

/// A running moto. Dropping kills it.
#[derive(Debug)]
pub struct Moto {
    _process: Process,
    query: Query,
    address: SocketAddr,
}

impl Moto {
    /// Starts it in the namespace, which must have the address, and waits until it answers: 2 s. Its log goes to `directory`.
    pub fn start(ns: &Netns, address: SocketAddr, directory: &Path) -> Result<Self, RealError> {
        let parts = Parts::find()?;
        let mut command = ns.command(parts.moto_python());
        command.args(["-m", "moto.server", "--host", &address.ip().to_string(), "--port", &address.port().to_string()]);
        let mut process = Process::start(command, "moto", directory)?;
        let query = Query::new(ns, address);
        // The first call takes seconds where others use the processor, too: longer than a later one may.
        process.wait_until(|| query.call("DescribeVpcs", &[]).is_ok())?;
        Ok(Self { _process: process, query, address })
    }

    /// Where it listens; `http://` and this is what `AWS_ENDPOINT_URL_EC2` takes.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a VPC, see `Vpc::build`.
    pub fn build(&self, wanted: &Ec2State, subnets: &[Subnet]) -> Result<Vpc, RealError> {
        Vpc::build(self.query.clone(), wanted, subnets)
    }
}

/// Tests that need what `cargo xtask real` makes.
#[cfg(test)]
mod with_real_parts {
    use std::net::Ipv4Addr;

    use hybridge_model::{Cidr4, RouteTableId};

    use super::*;
    use crate::ec2::{Instance, RouteTarget};
    use crate::isolate::isolated;

    const ZONE: &str = "us-west-2a";

    fn cidr(text: &str) -> Cidr4 {
        text.parse().unwrap()
    }

    fn subnet(number: u8) -> Subnet {
        Subnet { name: format!("subnet-{number:017x}"), cidr: cidr(&format!("10.0.{number}.0/24")), az: ZONE.into() }
    }

    fn wanted() -> Ec2State {
        let mut state = Ec2State::new("vpc-01".parse().unwrap(), vec![cidr("10.0.0.0/16"), cidr("100.64.0.0/16")]);
        for (number, gateway) in [(1, true), (3, false)] {
            let instance = Instance {
                interface: format!("eni-0{number}").parse().unwrap(),
                private_ip: Ipv4Addr::new(10, 0, number, 10),
                az: ZONE.into(),
                source_dest_check: !gateway,
                vxlan_open: gateway,
                terminated: false,
            };
            state.instances.insert(format!("i-0{number}").parse().unwrap(), instance);
            let table: RouteTableId = format!("rtb-0{number}").parse().unwrap();
            state.add_table(table.clone(), vec![subnet(number).name]);
            state.create_route(&table, cidr("10.250.0.0/16"), RouteTarget::Interface("eni-01".parse().unwrap())).unwrap();
            state.create_route(&table, cidr("192.168.0.0/16"), RouteTarget::Other("tgw-01".into())).unwrap();
        }
        state
    }

    /// What two states can be compared by, as identifiers differ: instances by address, routes by destination.
    fn shape(state: &Ec2State) -> Vec<String> {
        let instances = state.instances.values().map(|instance| {
            let Instance { private_ip, az, source_dest_check, vxlan_open, terminated, interface: _ } = instance;
            format!("{private_ip} {az} {source_dest_check} {vxlan_open} {terminated}")
        });
        let routes = state.tables.values().flat_map(|table| {
            table.routes.iter().map(|(destination, route)| {
                let target = match &route.target {
                    RouteTarget::Local => "local".into(),
                    RouteTarget::Interface(interface) => state.holder(interface).unwrap().1.private_ip.to_string(),
                    RouteTarget::Other(other) => other.split('-').next().unwrap().to_owned(),
                };
                format!("{:?} {destination} {target} {}", table.subnets, route.origin.as_str())
            })
        });
        let mut lines: Vec<_> = instances.chain(routes).chain(state.vpc_cidrs.iter().map(ToString::to_string)).collect();
        lines.sort();
        lines
    }

    #[test]
    fn moto_holds_the_same_vpc_and_shows_what_is_changed_there() {
        isolated(|| {
            let directory = tempfile::tempdir().unwrap();
            let ns = Netns::new("ec2").unwrap();
            let moto = Moto::start(&ns, "127.0.0.1:80".parse().unwrap(), directory.path()).unwrap();
            let vpc = moto.build(&wanted(), &[subnet(1), subnet(3)]).unwrap();
            let state = vpc.state().unwrap();
            assert_eq!(shape(&state), shape(&wanted()));

            let (id, instance) = state.instance_at(Ipv4Addr::new(10, 0, 3, 10)).unwrap();
            let table = state.tables.keys().next().unwrap();
            let parameters = [
                ("RouteTableId", table.as_str()),
                ("DestinationCidrBlock", "10.250.0.0/16"),
                ("NetworkInterfaceId", instance.interface.as_str()),
            ];
            moto.query.call("ReplaceRoute", &parameters).unwrap();
            let changed = vpc.state().unwrap();
            assert_eq!(changed.tables[table].routes[&cidr("10.250.0.0/16")].target, RouteTarget::Interface(instance.interface.clone()));

            moto.query.call("TerminateInstances", &[("InstanceId.1", id.as_str())]).unwrap();
            assert!(vpc.state().unwrap().instances[id].terminated);
        });
    }
}
