//! What a VPC does with packets, looked up in a [`World`].

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use crate::resolve::Cluster;
use crate::world::{NetworkAcl, Route, RouteTable, SecurityGroup, Subnet, TransitGateway, VpnGateway, World};

/// An interface of the control plane: one that exists, or one that will be made in a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    /// `eni-…`; of one that will be made, the subnet.
    pub(crate) id: String,
    /// Its address; of one that will be made, the first of its subnet. None: nothing is known of it.
    pub(crate) address: Option<Ipv4Addr>,
    /// Subnet.
    pub(crate) subnet: String,
    /// Security groups.
    pub(crate) groups: Vec<String>,
    /// It exists.
    pub(crate) exists: bool,
}

/// A VPC.
#[derive(Clone, Copy)]
pub(crate) struct Network<'a> {
    /// AWS's answers.
    pub(crate) world: &'a World,
}

impl<'a> Network<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        Self { world }
    }

    pub(crate) fn subnet(self, id: &str) -> Option<&'a Subnet> {
        self.world.subnets.iter().find(|subnet| subnet.subnet_id == id)
    }

    pub(crate) fn group(self, id: &str) -> Option<&'a SecurityGroup> {
        self.world.security_groups.iter().find(|group| group.group_id == id)
    }

    pub(crate) fn transit_gateway(self, id: &str) -> Option<&'a TransitGateway> {
        self.world.transit_gateways.iter().find(|gateway| gateway.transit_gateway_id == id)
    }

    pub(crate) fn vpn_gateway(self, id: &str) -> Option<&'a VpnGateway> {
        self.world.vpn_gateways.iter().find(|gateway| gateway.vpn_gateway_id == id)
    }

    /// The subnet's own route table, or the main one of its VPC.
    pub(crate) fn table(self, subnet: &Subnet) -> Option<&'a RouteTable> {
        let tables = &self.world.route_tables;
        tables
            .iter()
            .find(|table| table.associations.iter().any(|user| user.subnet_id == subnet.subnet_id))
            .or_else(|| tables.iter().find(|table| table.vpc_id == subnet.vpc_id && table.associations.iter().any(|user| user.main)))
    }

    /// The subnet's own network ACL, or the default one of its VPC.
    pub(crate) fn acl(self, subnet: &Subnet) -> Option<&'a NetworkAcl> {
        let acls = &self.world.network_acls;
        acls.iter()
            .find(|acl| acl.associations.iter().any(|user| user.subnet_id == subnet.subnet_id))
            .or_else(|| acls.iter().find(|acl| acl.vpc_id == subnet.vpc_id && acl.is_default))
    }

    /// All IPv4 networks of a VPC.
    pub(crate) fn vpc_networks(self, id: &str) -> Vec<Cidr4> {
        let Some(vpc) = self.world.vpcs.iter().find(|vpc| vpc.vpc_id == id) else { return Vec::new() };
        let further = vpc.cidr_block_association_set.iter().map(|association| &association.cidr_block);
        let mut networks: Vec<Cidr4> = Vec::new();
        for network in std::iter::once(&vpc.cidr_block).chain(further).filter_map(|text| text.parse().ok()) {
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
        networks
    }
}

/// Interfaces of the control plane: those there are, or one for each subnet that EKS is given.
pub(crate) fn faces(cluster: &Cluster, world: &World) -> Vec<Face> {
    let described = format!("Amazon EKS {}", cluster.config.metadata.name);
    let there: Vec<Face> = world
        .network_interfaces
        .iter()
        .filter(|interface| interface.description == described)
        .map(|interface| Face {
            id: interface.network_interface_id.clone(),
            address: interface.private_ip_address.parse().ok(),
            subnet: interface.subnet_id.clone(),
            groups: interface.groups.iter().map(|group| group.group_id.clone()).collect(),
            exists: true,
        })
        .collect();
    if there.is_empty() { faces_to_be(cluster, world) } else { there }
}

/// One interface for each subnet that EKS is given: it may use any of them.
pub(crate) fn faces_to_be(cluster: &Cluster, world: &World) -> Vec<Face> {
    control_plane_subnets(cluster, world)
        .into_iter()
        .map(|subnet| {
            let network: Option<Cidr4> = Network::of(world).subnet(&subnet).and_then(|found| found.cidr_block.parse().ok());
            Face {
                id: subnet.clone(),
                address: network.map(first_host),
                subnet,
                groups: control_plane_groups(cluster, world),
                exists: false,
            }
        })
        .collect()
}

/// AWS keeps the first four addresses of a subnet for itself.
fn first_host(network: Cidr4) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(network.network()).saturating_add(4))
}

/// Subnets that EKS is given.
pub(crate) fn control_plane_subnets(cluster: &Cluster, world: &World) -> Vec<String> {
    if let Some(live) = &world.cluster {
        return live.resources_vpc_config.subnet_ids.clone();
    }
    let vpc = &cluster.config.vpc;
    if !vpc.control_plane_subnet_ids.is_empty() {
        return vpc.control_plane_subnet_ids.clone();
    }
    let private = cluster.vpc.private.iter();
    let public = cluster.vpc.public.iter().filter(|_| !vpc.control_plane_on_private_subnets.unwrap_or(false));
    public.chain(private).filter_map(|subnet| subnet.id.clone()).collect()
}

/// Security groups of the control plane's interfaces.
fn control_plane_groups(cluster: &Cluster, world: &World) -> Vec<String> {
    if let Some(live) = &world.cluster {
        let config = &live.resources_vpc_config;
        let own = std::iter::once(&config.cluster_security_group_id).filter(|id| !id.is_empty());
        return config.security_group_ids.iter().chain(own).cloned().collect();
    }
    let vpc = &cluster.config.vpc;
    let one = std::iter::once(&vpc.security_group).filter(|id| !id.is_empty());
    vpc.control_plane_security_group_ids.iter().chain(one).cloned().collect()
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Within the VPC.
    Local,
    /// `tgw-…`.
    Transit(String),
    /// `vgw-…`.
    VirtualPrivate(String),
    /// `igw-…` or `nat-…`: the internet.
    Internet(String),
    /// `eni-…`: a machine that forwards packets.
    Machine(String),
    /// A peering, a core network, an endpoint: what is behind it cannot be seen from here.
    Elsewhere(String),
}

/// Where a route leads.
pub(crate) fn target(route: &Route) -> Target {
    let set = |id: &String| Some(id.clone()).filter(|id| !id.is_empty());
    if let Some(id) = set(&route.transit_gateway_id) {
        return Target::Transit(id);
    }
    if let Some(id) = set(&route.nat_gateway_id) {
        return Target::Internet(id);
    }
    if let Some(id) = set(&route.network_interface_id) {
        return Target::Machine(id);
    }
    if let Some(id) = set(&route.vpc_peering_connection_id).or_else(|| set(&route.core_network_arn)) {
        return Target::Elsewhere(id);
    }
    match route.gateway_id.as_str() {
        "local" => Target::Local,
        id if id.starts_with("vgw-") => Target::VirtualPrivate(id.into()),
        id if id.starts_with("igw-") || id.starts_with("eigw-") => Target::Internet(id.into()),
        id => Target::Elsewhere(id.into()),
    }
}

/// IPv4 routes of a table. Of two for one network the one that somebody made comes before one that was propagated, as EC2 has it.
pub(crate) fn routes(table: &RouteTable) -> Vec<(Cidr4, &Route)> {
    let mut routes: Vec<(Cidr4, &Route)> =
        table.routes.iter().filter_map(|route| Some((route.destination_cidr_block.parse().ok()?, route))).collect();
    routes.sort_by_key(|(network, route)| (*network, route.origin == "EnableVgwRoutePropagation"));
    routes
}
