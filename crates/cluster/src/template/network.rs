//! The VPC of a cluster: subnets, route tables, ways to the internet.

use super::alias;
use super::cfn::{Resource, Value};
use super::cluster_stack::Draft;
use super::outposts;
use crate::config::NatMode;
use crate::resolve::ClusterSubnet;

const INTERNET: &str = "0.0.0.0/0";

/// Whether instances in a subnet get public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Private,
    Public,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Private => "Private",
            Self::Public => "Public",
        }
    }
}

/// What a subnet is known by.
pub(super) fn subnet(kind: Kind, subnet: &ClusterSubnet) -> Value {
    match &subnet.id {
        Some(id) => Value::from(id),
        None => Value::reference(format!("Subnet{}{}", kind.name(), alias(&subnet.name))),
    }
}

/// Everything in a VPC that is made; what is known of one that is given.
pub(super) fn add(draft: &mut Draft<'_>) {
    let cluster = draft.cluster;
    if cluster.vpc.id.is_none() {
        make(draft);
    }
    draft.template.export("VPC", draft.vpc());
    draft.template.output("FeatureNATMode", nat_mode(cluster.config.vpc.nat.gateway));
    for (kind, subnets) in [(Kind::Private, &cluster.vpc.private), (Kind::Public, &cluster.vpc.public)] {
        if !subnets.is_empty() {
            let all = subnets.iter().map(|one| subnet(kind, one)).collect();
            draft.template.export(&format!("Subnets{}", kind.name()), Value::Join(",".to_owned(), all));
        }
    }
    if cluster.config.private_cluster.enabled {
        draft.template.export("ClusterFullyPrivate", true);
    }
}

fn nat_mode(mode: NatMode) -> &'static str {
    match mode {
        NatMode::Single => "Single",
        NatMode::HighlyAvailable => "HighlyAvailable",
        NatMode::Disable => "Disable",
    }
}

fn make(draft: &mut Draft<'_>) {
    let cluster = draft.cluster;
    let cidr = cluster.vpc.cidrs.first().map(ToString::to_string).unwrap_or_default();
    let vpc = Resource::new("AWS::EC2::VPC").set("CidrBlock", cidr).set("EnableDnsSupport", true).set("EnableDnsHostnames", true);
    draft.template.add_named("VPC", vpc);
    for private in &cluster.vpc.private {
        let table = Resource::new("AWS::EC2::RouteTable").set("VpcId", draft.vpc());
        let table = draft.template.add_named(format!("PrivateRouteTable{}", alias(&private.name)), table);
        make_subnet(draft, Kind::Private, private, table);
    }
    outposts::subnets(draft);
    if cluster.config.private_cluster.enabled {
        return;
    }
    nat(draft);
    let gateway = draft.template.add_named("InternetGateway", Resource::new("AWS::EC2::InternetGateway"));
    let attachment = Resource::new("AWS::EC2::VPCGatewayAttachment").set("InternetGatewayId", gateway.clone()).set("VpcId", draft.vpc());
    draft.template.add("VPCGatewayAttachment", attachment);
    let table = draft.template.add_named("PublicRouteTable", Resource::new("AWS::EC2::RouteTable").set("VpcId", draft.vpc()));
    let route = Resource::new("AWS::EC2::Route").set("RouteTableId", table.clone()).set("DestinationCidrBlock", INTERNET);
    draft.template.add("PublicSubnetRoute", route.set("GatewayId", gateway).after("VPCGatewayAttachment"));
    for public in &cluster.vpc.public {
        make_subnet(draft, Kind::Public, public, table.clone());
    }
}

fn make_subnet(draft: &mut Draft<'_>, kind: Kind, wanted: &ClusterSubnet, table: Value) {
    let id = alias(&wanted.name);
    let hostname_type = &draft.cluster.config.vpc.hostname_type;
    let hostnames = (!hostname_type.is_empty()).then(|| Value::object([("HostnameType", Value::from(hostname_type))]));
    let resource = Resource::new("AWS::EC2::Subnet")
        .set("AvailabilityZone", &wanted.zone)
        .set_some("CidrBlock", wanted.cidr.map(|cidr| cidr.to_string()))
        .set("VpcId", draft.vpc())
        .set_some("PrivateDnsNameOptionsOnLaunch", hostnames);
    // Load balancers are put where these tags are.
    let resource = match kind {
        Kind::Private => resource.tag("kubernetes.io/role/internal-elb", "1"),
        Kind::Public => resource.set("MapPublicIpOnLaunch", true).tag("kubernetes.io/role/elb", "1"),
    };
    let made = draft.template.add_named(format!("Subnet{}{id}", kind.name()), resource);
    let association = Resource::new("AWS::EC2::SubnetRouteTableAssociation").set("SubnetId", made).set("RouteTableId", table);
    draft.template.add(format!("RouteTableAssociation{}{id}", kind.name()), association);
}

fn nat(draft: &mut Draft<'_>) {
    let cluster = draft.cluster;
    let zones: Vec<String> = cluster.vpc.private.iter().map(|subnet| alias(&subnet.name)).collect();
    match cluster.config.vpc.nat.gateway {
        NatMode::Disable => {}
        NatMode::Single => {
            let Some(first) = zones.first() else { return };
            let gateway = nat_gateway(draft, "", first);
            zones.iter().for_each(|zone| nat_route(draft, zone, gateway.clone()));
        }
        NatMode::HighlyAvailable => {
            for zone in &zones {
                let gateway = nat_gateway(draft, zone, zone);
                nat_route(draft, zone, gateway);
            }
        }
    }
}

fn nat_gateway(draft: &mut Draft<'_>, suffix: &str, zone: &str) -> Value {
    let address = format!("NATIP{suffix}");
    draft.template.add_named(&address, Resource::new("AWS::EC2::EIP").set("Domain", "vpc"));
    let gateway = Resource::new("AWS::EC2::NatGateway")
        .set("AllocationId", Value::attribute(address, "AllocationId"))
        .set("SubnetId", Value::reference(format!("SubnetPublic{zone}")));
    draft.template.add_named(format!("NATGateway{suffix}"), gateway)
}

fn nat_route(draft: &mut Draft<'_>, zone: &str, gateway: Value) {
    let route = Resource::new("AWS::EC2::Route")
        .set("RouteTableId", Value::reference(format!("PrivateRouteTable{zone}")))
        .set("DestinationCidrBlock", INTERNET)
        .set("NatGatewayId", gateway);
    draft.template.add(format!("NATPrivateSubnetRoute{zone}"), route);
}
