//! A VPC in an emulator that others wrote, made and read by EC2's own calls.

mod build;

use std::collections::BTreeMap;

use hybridge_model::{Cidr4, InstanceId, VpcId};

use super::RealError;
use super::query::{Answer, Query};
use super::xml::Element;
use crate::ec2::{Ec2State, Instance, RouteOrigin, RouteTarget, Table, TableRoute};
use build::Builder;

/// VXLAN's port as Cilium uses it (reference gateway: 8472).
const VXLAN_PORT: &str = "8472";

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

/// A VPC of the lab. The emulator gives it identifiers of its own.
#[derive(Debug)]
pub struct Vpc {
    query: Query,
    id: VpcId,
    /// The lab's names of subnets, by the emulator's.
    subnets: BTreeMap<String, String>,
    /// Instances as made: of a terminated one moto forgets the interface.
    made: BTreeMap<InstanceId, Instance>,
}

impl Vpc {
    /// Makes the VPC that `wanted` describes. The identifiers are then the emulator's own, see [`Vpc::state`]; subnets keep their names.
    ///
    /// Every instance must lie in one of the subnets. Each gets a security group of its own. Routes to `tgw-…` and `igw-…` lead to a
    /// gateway of that sort, made for the purpose; behind a transit gateway is a site, connected by VPN, that has what is routed there.
    pub(super) fn build(query: Query, wanted: &Ec2State, subnets: &[Subnet]) -> Result<Self, RealError> {
        Builder::build(&query, wanted, subnets)
    }

    /// Its identifier.
    pub fn id(&self) -> &VpcId {
        &self.id
    }

    /// The emulator's identifier of a subnet, by the lab's name.
    pub fn subnet(&self, name: &str) -> Option<&str> {
        self.subnets.iter().find(|(_, known)| *known == name).map(|(id, _)| id.as_str())
    }

    /// The VPC as the emulator now describes it, in its own identifiers; only tables that have a subnet.
    pub fn state(&self) -> Result<Ec2State, RealError> {
        let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", self.id.as_str())];
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
        Ok(Ec2State { instances: self.read_instances()?, tables, ..Ec2State::new(self.id.clone(), vpc_cidrs) })
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
