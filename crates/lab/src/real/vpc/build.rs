//! Makes a VPC.

use std::collections::BTreeMap;

use hybridge_model::{Cidr4, InstanceId, InterfaceId, RouteTableId, VpcId};

use super::{Subnet, VXLAN_PORT, Vpc};
use crate::ec2::{Ec2State, Instance, RouteTarget, Table};
use crate::real::RealError;
use crate::real::query::Query;

/// An image that moto has built in.
const IMAGE: &str = "ami-12c6146b";

/// The site's end of its VPN connection (RFC 5737), and its autonomous system (RFC 6996).
const SITE: (&str, &str) = ("203.0.113.10", "65000");

/// What has been made so far.
pub(super) struct Builder<'a> {
    query: &'a Query,
    vpc: VpcId,
    /// Subnets by the lab's names.
    subnets: BTreeMap<&'a str, String>,
    /// One subnet of each zone.
    zones: BTreeMap<&'a str, String>,
    /// Interfaces by the lab's identifiers.
    interfaces: BTreeMap<InterfaceId, InterfaceId>,
    /// Gateways by the lab's identifiers.
    gateways: BTreeMap<String, Gateway>,
}

/// A gateway of the VPC.
enum Gateway {
    /// An internet gateway.
    Internet(String),
    /// A transit gateway.
    Transit {
        /// Its identifier.
        id: String,
        /// Its route table.
        table: String,
        /// The site's attachment.
        site: String,
    },
}

impl<'a> Builder<'a> {
    pub(super) fn build(query: &'a Query, wanted: &Ec2State, subnets: &'a [Subnet]) -> Result<Vpc, RealError> {
        let vpc = make_vpc(query, &wanted.vpc_cidrs)?;
        let (subnets_made, zones) = (BTreeMap::new(), BTreeMap::new());
        let mut builder = Self { query, vpc, subnets: subnets_made, zones, interfaces: BTreeMap::new(), gateways: BTreeMap::new() };
        for subnet in subnets {
            let id = builder.make_subnet(subnet)?;
            builder.zones.entry(&subnet.az).or_insert_with(|| id.clone());
            builder.subnets.insert(&subnet.name, id);
        }
        let mut made = BTreeMap::new();
        for instance in wanted.instances.values() {
            let subnet = subnets.iter().find(|subnet| subnet.cidr.contains(instance.private_ip));
            let subnet =
                subnet.ok_or_else(|| RealError::Unmakeable(format!("an instance at {}, which is in no subnet", instance.private_ip)))?;
            let (id, of_emulator) = builder.make_instance(&builder.subnets[subnet.name.as_str()], instance)?;
            builder.interfaces.insert(instance.interface.clone(), of_emulator.interface.clone());
            made.insert(id, of_emulator);
        }
        for table in wanted.tables.values() {
            builder.make_table(table)?;
        }
        let subnets = builder.subnets.into_iter().map(|(name, id)| (id, name.to_owned())).collect();
        Ok(Vpc { query: query.clone(), id: builder.vpc, subnets, made })
    }

    fn make_subnet(&self, subnet: &Subnet) -> Result<String, RealError> {
        let cidr = subnet.cidr.to_string();
        let parameters = [("VpcId", self.vpc.as_str()), ("CidrBlock", &cidr), ("AvailabilityZone", &subnet.az)];
        self.query.call("CreateSubnet", &parameters)?.get(&["subnet", "subnetId"])
    }

    fn make_instance(&self, subnet: &str, wanted: &Instance) -> Result<(InstanceId, Instance), RealError> {
        let name = format!("instance-{}", wanted.private_ip);
        let parameters = [("VpcId", self.vpc.as_str()), ("GroupName", &name), ("GroupDescription", "of the lab")];
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

    fn make_table(&mut self, wanted: &Table) -> Result<(), RealError> {
        let id: RouteTableId =
            self.query.call("CreateRouteTable", &[("VpcId", self.vpc.as_str())])?.get(&["routeTable", "routeTableId"])?;
        for name in &wanted.subnets {
            let unknown = || RealError::Unmakeable(format!("a route table for the unknown subnet {name}"));
            let subnet = self.subnets.get(name.as_str()).ok_or_else(unknown)?;
            self.query.call("AssociateRouteTable", &[("RouteTableId", id.as_str()), ("SubnetId", subnet)])?;
        }
        for (destination, route) in &wanted.routes {
            let (parameter, target) = match &route.target {
                RouteTarget::Local => continue,
                RouteTarget::Interface(interface) => {
                    let unknown = || RealError::Unmakeable(format!("a route to the unknown interface {interface}"));
                    ("NetworkInterfaceId", self.interfaces.get(interface).ok_or_else(unknown)?.to_string())
                }
                RouteTarget::Other(like) => self.gateway(like, *destination)?,
            };
            let destination = destination.to_string();
            let parameters = [("RouteTableId", id.as_str()), ("DestinationCidrBlock", &destination), (parameter, &target)];
            self.query.call("CreateRoute", &parameters)?;
        }
        Ok(())
    }

    /// The gateway of the sort that an identifier tells, as a parameter of CreateRoute. It leads to this destination.
    fn gateway(&mut self, like: &str, destination: Cidr4) -> Result<(&'static str, String), RealError> {
        if !self.gateways.contains_key(like) {
            let made = match like.split('-').next() {
                Some("tgw") => self.make_transit_gateway()?,
                Some("igw") => self.make_internet_gateway()?,
                _ => return Err(RealError::Unmakeable(format!("a route to {like}"))),
            };
            self.gateways.insert(like.to_owned(), made);
        }
        match &self.gateways[like] {
            Gateway::Internet(id) => Ok(("GatewayId", id.clone())),
            Gateway::Transit { id, table, site } => {
                let destination = destination.to_string();
                let route = [
                    ("TransitGatewayRouteTableId", table.as_str()),
                    ("DestinationCidrBlock", &destination),
                    ("TransitGatewayAttachmentId", site),
                ];
                self.query.call("CreateTransitGatewayRoute", &route)?;
                Ok(("TransitGatewayId", id.clone()))
            }
        }
    }

    fn make_internet_gateway(&self) -> Result<Gateway, RealError> {
        let id: String = self.query.call("CreateInternetGateway", &[])?.get(&["internetGateway", "internetGatewayId"])?;
        self.query.call("AttachInternetGateway", &[("InternetGatewayId", &id), ("VpcId", self.vpc.as_str())])?;
        Ok(Gateway::Internet(id))
    }

    /// One that the VPC is attached to, in each of its zones, and the site by VPN.
    fn make_transit_gateway(&self) -> Result<Gateway, RealError> {
        let answer = self.query.call("CreateTransitGateway", &[])?;
        let id: String = answer.get(&["transitGateway", "transitGatewayId"])?;
        let table: String = answer.get(&["transitGateway", "options", "associationDefaultRouteTableId"])?;
        let mut attachment = vec![("TransitGatewayId".to_owned(), id.as_str()), ("VpcId".to_owned(), self.vpc.as_str())];
        attachment.extend((1..).zip(self.zones.values()).map(|(number, subnet)| (format!("SubnetIds.{number}"), subnet.as_str())));
        let attachment: Vec<(&str, &str)> = attachment.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.query.call("CreateTransitGatewayVpcAttachment", &attachment)?;
        let (address, system) = SITE;
        let far = [("Type", "ipsec.1"), ("IpAddress", address), ("BgpAsn", system)];
        let far: String = self.query.call("CreateCustomerGateway", &far)?.get(&["customerGateway", "customerGatewayId"])?;
        let vpn = [("Type", "ipsec.1"), ("CustomerGatewayId", &far), ("TransitGatewayId", &id)];
        let vpn: String = self.query.call("CreateVpnConnection", &vpn)?.get(&["vpnConnection", "vpnConnectionId"])?;
        let of_vpn = [("Filter.1.Name", "resource-id"), ("Filter.1.Value.1", vpn.as_str())];
        let found = self.query.call("DescribeTransitGatewayAttachments", &of_vpn)?;
        let site = found.get(&["transitGatewayAttachments", "item", "transitGatewayAttachmentId"])?;
        Ok(Gateway::Transit { id, table, site })
    }
}

fn make_vpc(query: &Query, cidrs: &[Cidr4]) -> Result<VpcId, RealError> {
    let mut texts = cidrs.iter().map(ToString::to_string);
    let first = texts.next().ok_or_else(|| RealError::Unmakeable("a VPC without networks".into()))?;
    let vpc: VpcId = query.call("CreateVpc", &[("CidrBlock", &first)])?.get(&["vpc", "vpcId"])?;
    for cidr in texts {
        query.call("AssociateVpcCidrBlock", &[("VpcId", vpc.as_str()), ("CidrBlock", &cidr)])?;
    }
    // What EKS asks of a VPC.
    query.call("ModifyVpcAttribute", &[("VpcId", vpc.as_str()), ("EnableDnsHostnames.Value", "true")])?;
    Ok(vpc)
}
