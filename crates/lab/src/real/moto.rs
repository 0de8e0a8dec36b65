//! moto, an EC2 emulator by others, with the same VPC in it as [`crate::ec2`] has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use hybridge_model::{Cidr4, InstanceId, InterfaceId, RouteTableId, VpcId};

use super::process::Process;
use super::query::{Answer, Query};
use super::xml::Element;
use super::{Parts, RealError};
use crate::ec2::{Ec2State, Instance, RouteOrigin, RouteTarget, Table, TableRoute};
use crate::netns::Netns;

/// VXLAN's port as Cilium uses it (reference gateway: 8472).
const VXLAN_PORT: &str = "8472";

/// An image that moto has built in.
const IMAGE: &str = "ami-12c6146b";

/// A subnet to be made.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// What [`Table::subnets`] calls it.
    pub name: String,
    /// Its network.
    pub cidr: Cidr4,
    /// Its availability zone, of region us-west-2.
    pub az: String,
}

/// A running moto. Dropping kills it.
#[derive(Debug)]
pub struct Moto {
    _process: Process,
    query: Query,
    address: SocketAddr,
    vpc: Option<VpcId>,
    /// The lab's names of moto's subnets.
    subnets: BTreeMap<String, String>,
    /// Instances as made: of a terminated one moto forgets the interface.
    made: BTreeMap<InstanceId, Instance>,
}

impl Moto {
    /// Starts it in the namespace, which must have the address, and waits until it answers: 2 s. Its log goes to `directory`.
    pub fn start(ns: &Netns, address: SocketAddr, directory: &Path) -> Result<Self, RealError> {
        let parts = Parts::find()?;
        let mut command = ns.command(parts.moto_python());
        command.args(["-m", "moto.server", "--host", &address.ip().to_string(), "--port", &address.port().to_string()]);
        let mut process = Process::start(command, "moto", directory)?;
        let query = Query::new(ns, address);
        process.wait_until(|| query.is_up())?;
        Ok(Self { _process: process, query, address, vpc: None, subnets: BTreeMap::new(), made: BTreeMap::new() })
    }

    /// Where it listens; `http://` and this is what `AWS_ENDPOINT_URL_EC2` takes.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the VPC that `wanted` describes. The identifiers are then moto's own, see [`Moto::state`]; subnets keep their names.
    ///
    /// Every instance must lie in one of the subnets. Each gets a security group of its own. Routes to `tgw-…` and `igw-…` lead to a
    /// gateway of that sort, made for the purpose.
    pub fn build(&mut self, wanted: &Ec2State, subnets: &[Subnet]) -> Result<(), RealError> {
        let vpc = self.make_vpc(&wanted.vpc_cidrs)?;
        self.vpc = Some(vpc.clone());
        let mut ids = BTreeMap::new();
        for subnet in subnets {
            let id = self.make_subnet(&vpc, subnet)?;
            self.subnets.insert(id.clone(), subnet.name.clone());
            ids.insert(subnet.name.as_str(), id);
        }
        let mut interfaces = BTreeMap::new();
        for instance in wanted.instances.values() {
            let subnet =
                subnets.iter().find(|subnet| subnet.cidr.contains(instance.private_ip)).and_then(|subnet| ids.get(subnet.name.as_str()));
            let subnet =
                subnet.ok_or_else(|| RealError::Unmakeable(format!("an instance at {}, which is in no subnet", instance.private_ip)))?;
            let (id, made) = self.make_instance(&vpc, subnet, instance)?;
            interfaces.insert(instance.interface.clone(), made.interface.clone());
            self.made.insert(id, made);
        }
        for table in wanted.tables.values() {
            self.make_table(&vpc, table, &ids, &interfaces)?;
        }
        Ok(())
    }

    /// The VPC as moto now describes it, in moto's identifiers; only tables that have a subnet.
    pub fn state(&self) -> Result<Ec2State, RealError> {
        let vpc = self.vpc.clone().ok_or(RealError::NotBuilt)?;
        let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc.as_str())];
        let answer = self.query.call("DescribeVpcs", &of_vpc)?;
        let associations = answer.root.items("vpcSet").flat_map(|item| item.items("cidrBlockAssociationSet"));
        let vpc_cidrs = associations.map(|item| answer.value(item, &["cidrBlock"])).collect::<Result<_, _>>()?;
        let answer = self.query.call("DescribeRouteTables", &of_vpc)?;
        let mut tables = BTreeMap::new();
        for item in answer.root.items("routeTableSet") {
            let table = self.read_table(&answer, item)?;
            if !table.subnets.is_empty() {
                tables.insert(answer.value(item, &["routeTableId"])?, table);
            }
        }
        Ok(Ec2State { instances: self.read_instances()?, tables, ..Ec2State::new(vpc, vpc_cidrs) })
    }

    fn make_vpc(&self, cidrs: &[Cidr4]) -> Result<VpcId, RealError> {
        let mut texts = cidrs.iter().map(ToString::to_string);
        let first = texts.next().ok_or_else(|| RealError::Unmakeable("a VPC without networks".into()))?;
        let vpc: VpcId = self.query.call("CreateVpc", &[("CidrBlock", &first)])?.get(&["vpc", "vpcId"])?;
        for cidr in texts {
            self.query.call("AssociateVpcCidrBlock", &[("VpcId", vpc.as_str()), ("CidrBlock", &cidr)])?;
        }
        Ok(vpc)
    }

    fn make_subnet(&self, vpc: &VpcId, subnet: &Subnet) -> Result<String, RealError> {
        let cidr = subnet.cidr.to_string();
        let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", &cidr), ("AvailabilityZone", &subnet.az)];
        self.query.call("CreateSubnet", &parameters)?.get(&["subnet", "subnetId"])
    }

    fn make_instance(&self, vpc: &VpcId, subnet: &str, wanted: &Instance) -> Result<(InstanceId, Instance), RealError> {
        let name = format!("instance-{}", wanted.private_ip);
        let parameters = [("VpcId", vpc.as_str()), ("GroupName", &name), ("GroupDescription", "of the lab")];
        let group: String = self.query.call("CreateSecurityGroup", &parameters)?.get(&["groupId"])?;
        if wanted.vxlan_open {
            let rule =
                [("IpPermissions.1.IpProtocol", "udp"), ("IpPermissions.1.FromPort", VXLAN_PORT), ("IpPermissions.1.ToPort", VXLAN_PORT)];
            let parameters =
                [[("GroupId", group.as_str())].as_slice(), &rule, &[("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")]].concat();
            self.query.call("AuthorizeSecurityGroupIngress", &parameters)?;
        }
        let address = wanted.private_ip.to_string();
        let answer = self.query.call(
            "RunInstances",
            &[
                ("ImageId", IMAGE),
                ("MinCount", "1"),
                ("MaxCount", "1"),
                ("SubnetId", subnet),
                ("PrivateIpAddress", &address),
                ("SecurityGroupId.1", &group),
            ],
        )?;
        let id: InstanceId = answer.get(&["instancesSet", "item", "instanceId"])?;
        let interface: InterfaceId = answer.get(&["instancesSet", "item", "networkInterfaceSet", "item", "networkInterfaceId"])?;
        let made = Instance { interface, private_ip: answer.get(&["instancesSet", "item", "privateIpAddress"])?, ..wanted.clone() };
        if !wanted.source_dest_check {
            let parameters = [("NetworkInterfaceId", made.interface.as_str()), ("SourceDestCheck.Value", "false")];
            self.query.call("ModifyNetworkInterfaceAttribute", &parameters)?;
        }
        if wanted.terminated {
            self.query.call("TerminateInstances", &[("InstanceId.1", id.as_str())])?;
        }
        Ok((id, made))
    }

    fn make_table(
        &self,
        vpc: &VpcId,
        wanted: &Table,
        subnets: &BTreeMap<&str, String>,
        interfaces: &BTreeMap<InterfaceId, InterfaceId>,
    ) -> Result<(), RealError> {
        let id: RouteTableId = self.query.call("CreateRouteTable", &[("VpcId", vpc.as_str())])?.get(&["routeTable", "routeTableId"])?;
        for name in &wanted.subnets {
            let subnet =
                subnets.get(name.as_str()).ok_or_else(|| RealError::Unmakeable(format!("a route table for the unknown subnet {name}")))?;
            self.query.call("AssociateRouteTable", &[("RouteTableId", id.as_str()), ("SubnetId", subnet)])?;
        }
        for (destination, route) in &wanted.routes {
            let (parameter, target) = match &route.target {
                RouteTarget::Local => continue,
                RouteTarget::Interface(interface) => {
                    let made = interfaces
                        .get(interface)
                        .ok_or_else(|| RealError::Unmakeable(format!("a route to the unknown interface {interface}")))?;
                    ("NetworkInterfaceId", made.to_string())
                }
                RouteTarget::Other(text) => self.make_gateway(text)?,
            };
            let destination = destination.to_string();
            let parameters = [("RouteTableId", id.as_str()), ("DestinationCidrBlock", &destination), (parameter, &target)];
            self.query.call("CreateRoute", &parameters)?;
        }
        Ok(())
    }

    /// A gateway of the sort that an identifier tells, as a parameter of CreateRoute.
    fn make_gateway(&self, like: &str) -> Result<(&'static str, String), RealError> {
        match like.split('-').next() {
            Some("tgw") => {
                let answer = self.query.call("CreateTransitGateway", &[])?;
                Ok(("TransitGatewayId", answer.get(&["transitGateway", "transitGatewayId"])?))
            }
            Some("igw") => {
                let answer = self.query.call("CreateInternetGateway", &[])?;
                Ok(("GatewayId", answer.get(&["internetGateway", "internetGatewayId"])?))
            }
            _ => Err(RealError::Unmakeable(format!("a route to {like}"))),
        }
    }

    fn read_table(&self, answer: &Answer, item: &Element) -> Result<Table, RealError> {
        let names = item.items("associationSet").filter_map(|association| self.subnets.get(association.text_at(&["subnetId"])?));
        let mut table = Table { subnets: names.cloned().collect(), ..Table::default() };
        for route in item.items("routeSet").filter(|route| route.find(&["destinationCidrBlock"]).is_some()) {
            let origin = match route.text_at(&["origin"]) {
                Some("CreateRouteTable") => RouteOrigin::CreateRouteTable,
                Some("EnableVgwRoutePropagation") => RouteOrigin::EnableVgwRoutePropagation,
                Some(_) | None => RouteOrigin::CreateRoute,
            };
            table.routes.insert(answer.value(route, &["destinationCidrBlock"])?, TableRoute { target: target(answer, route)?, origin });
        }
        Ok(table)
    }

    fn read_instances(&self) -> Result<BTreeMap<InstanceId, Instance>, RealError> {
        let answer = self.query.call("DescribeInstances", &[])?;
        let open = self.open_groups()?;
        let mut instances = self.made.clone();
        for item in answer.root.items("reservationSet").flat_map(|reservation| reservation.items("instancesSet")) {
            let Some(instance) = instances.get_mut(&answer.value::<InstanceId>(item, &["instanceId"])?) else { continue };
            instance.terminated = item.text_at(&["instanceState", "name"]) == Some("terminated");
            let own = |interface: &&Element| interface.text_at(&["networkInterfaceId"]) == Some(instance.interface.as_str());
            if let Some(interface) = item.items("networkInterfaceSet").find(own) {
                instance.source_dest_check = answer.value(interface, &["sourceDestCheck"])?;
                instance.vxlan_open = interface
                    .items("groupSet")
                    .any(|group| group.text_at(&["groupId"]).is_some_and(|id| open.iter().any(|open| open == id)));
            }
            instance.az = answer.value(item, &["placement", "availabilityZone"])?;
        }
        Ok(instances)
    }

    /// Security groups that let VXLAN in from anywhere.
    fn open_groups(&self) -> Result<Vec<String>, RealError> {
        let answer = self.query.call("DescribeSecurityGroups", &[])?;
        let lets_in = |rule: &Element| match rule.text_at(&["ipProtocol"]) {
            Some("-1") => true,
            Some("udp") => rule.text_at(&["fromPort"]) == Some(VXLAN_PORT),
            Some(_) | None => false,
        };
        let groups = answer.root.items("securityGroupInfo").filter(|group| group.items("ipPermissions").any(lets_in));
        groups.map(|group| answer.value(group, &["groupId"])).collect()
    }
}

/// Fields of a route that name its target, the interface first: EC2 shows the instance beside it.
fn target(answer: &Answer, route: &Element) -> Result<RouteTarget, RealError> {
    if route.text_at(&["networkInterfaceId"]).is_some() {
        return Ok(RouteTarget::Interface(answer.value(route, &["networkInterfaceId"])?));
    }
    let fields = ["gatewayId", "transitGatewayId", "natGatewayId", "vpcPeeringConnectionId"];
    match fields.into_iter().find_map(|field| route.text_at(&[field])) {
        Some("local") => Ok(RouteTarget::Local),
        Some(other) => Ok(RouteTarget::Other(other.into())),
        None => answer.value(route, &["networkInterfaceId"]).map(RouteTarget::Interface),
    }
}

/// Tests that need what `cargo xtask real` makes.
#[cfg(test)]
mod with_real_parts {
    use std::net::Ipv4Addr;

    use super::*;
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
            let mut moto = Moto::start(&ns, "127.0.0.1:80".parse().unwrap(), directory.path()).unwrap();
            moto.build(&wanted(), &[subnet(1), subnet(3)]).unwrap();
            let state = moto.state().unwrap();
            assert_eq!(shape(&state), shape(&wanted()));

            let (id, instance) = state.instance_at(Ipv4Addr::new(10, 0, 3, 10)).unwrap();
            let table = state.tables.keys().next().unwrap();
            let parameters = [
                ("RouteTableId", table.as_str()),
                ("DestinationCidrBlock", "10.250.0.0/16"),
                ("NetworkInterfaceId", instance.interface.as_str()),
            ];
            moto.query.call("ReplaceRoute", &parameters).unwrap();
            let changed = moto.state().unwrap();
            assert_eq!(changed.tables[table].routes[&cidr("10.250.0.0/16")].target, RouteTarget::Interface(instance.interface.clone()));

            moto.query.call("TerminateInstances", &[("InstanceId.1", id.as_str())]).unwrap();
            assert!(moto.state().unwrap().instances[id].terminated);
        });
    }
}
