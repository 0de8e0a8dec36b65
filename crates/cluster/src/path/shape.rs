//! What a template makes of a network, in AWS's own terms: so that a plan is checked as what is there is checked.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::world::{
    Endpoint, GroupId, IpPermission, IpRange, LiveCidrs, LiveCluster, LiveEntry, LiveRemoteNetworks, Route, RouteTable,
    RouteTableAssociation, SecurityGroup, Subnet, TransitGatewayAttachment, Vpc, World,
};

use super::group::Side;

/// The group that EKS makes for a cluster that is not there yet.
pub(crate) const CLUSTER_GROUP: &str = "the cluster security group";

/// A rule of a security group with a resource of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) group: String,
    pub(crate) side: Side,
    pub(crate) permission: IpPermission,
}

/// What a template makes. Parts that exist have AWS's names, others those of the template.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shape {
    pub(crate) vpcs: Vec<Vpc>,
    pub(crate) subnets: Vec<Subnet>,
    /// Tables with their VPC.
    pub(crate) tables: Vec<RouteTable>,
    /// Routes by table.
    pub(crate) routes: Vec<(String, Route)>,
    pub(crate) groups: Vec<SecurityGroup>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) attachments: Vec<TransitGatewayAttachment>,
    /// Virtual private gateways by VPC.
    pub(crate) vpn_attachments: Vec<(String, String)>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) cluster: Option<LiveCluster>,
    pub(crate) entries: Vec<LiveEntry>,
}

/// Names of what the template's references mean.
struct Names<'a> {
    world: &'a World,
    physical: BTreeMap<&'a str, &'a str>,
    types: BTreeMap<&'a str, &'a str>,
}

impl Shape {
    /// Reads a template (as CloudFormation has it, in JSON) of the cluster's own stack.
    pub(crate) fn of(template: &Value, world: &World) -> Self {
        let empty = Map::new();
        let resources = template["Resources"].as_object().unwrap_or(&empty);
        let physical = world.deployed.iter().flat_map(|deployed| &deployed.stack_resources);
        let names = Names {
            world,
            physical: physical
                .filter(|resource| !resource.physical_resource_id.is_empty())
                .map(|resource| (resource.logical_resource_id.as_str(), resource.physical_resource_id.as_str()))
                .collect(),
            types: resources.iter().map(|(id, resource)| (id.as_str(), resource["Type"].as_str().unwrap_or_default())).collect(),
        };
        let mut shape = Self::default();
        for (logical, resource) in resources {
            let properties = names.settle(&resource["Properties"]);
            shape.add(&names.name(logical), resource["Type"].as_str().unwrap_or_default(), &properties);
        }
        shape
    }

    fn add(&mut self, id: &str, kind: &str, it: &Value) {
        match kind {
            "AWS::EC2::VPC" => self.vpcs.push(Vpc { vpc_id: id.into(), ..read(it) }),
            "AWS::EC2::Subnet" => self.subnets.push(Subnet { subnet_id: id.into(), ..read(it) }),
            "AWS::EC2::RouteTable" => self.table(id).vpc_id = text(it, "VpcId"),
            "AWS::EC2::SubnetRouteTableAssociation" => {
                let subnet_id = text(it, "SubnetId");
                self.table(&text(it, "RouteTableId")).associations.push(RouteTableAssociation { subnet_id, main: false });
            }
            "AWS::EC2::Route" => {
                let route: Route = Route { state: "active".into(), origin: "CreateRoute".into(), ..read(it) };
                self.routes.push((text(it, "RouteTableId"), route));
            }
            "AWS::EC2::SecurityGroup" => self.groups.push(security_group(id, it)),
            "AWS::EC2::SecurityGroupIngress" => self.rules.push(rule(Side::In, it)),
            "AWS::EC2::SecurityGroupEgress" => self.rules.push(rule(Side::Out, it)),
            "AWS::EC2::TransitGatewayAttachment" | "AWS::EC2::TransitGatewayVpcAttachment" => {
                self.attachments.push(TransitGatewayAttachment {
                    transit_gateway_attachment_id: id.into(),
                    resource_type: "vpc".into(),
                    resource_id: text(it, "VpcId"),
                    ..read(it)
                });
            }
            "AWS::EC2::VPCGatewayAttachment" if it.get("VpnGatewayId").is_some() => {
                self.vpn_attachments.push((text(it, "VpnGatewayId"), text(it, "VpcId")));
            }
            "AWS::EC2::VPCEndpoint" => self.endpoints.push(endpoint(id, it)),
            "AWS::EKS::Cluster" => self.cluster = Some(cluster(it)),
            "AWS::EKS::AccessEntry" => self.entries.push(LiveEntry {
                principal_arn: text(it, "PrincipalArn"),
                kind: Some(text(it, "Type")).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "STANDARD".into()),
                ..LiveEntry::default()
            }),
            _ => {}
        }
    }

    fn table(&mut self, id: &str) -> &mut RouteTable {
        let at = self.tables.iter().position(|table| table.route_table_id == id).unwrap_or_else(|| {
            self.tables.push(RouteTable { route_table_id: id.into(), ..RouteTable::default() });
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }
}

impl Names<'_> {
    fn name(&self, logical: &str) -> String {
        (*self.physical.get(logical).unwrap_or(&logical)).to_owned()
    }

    /// The same with references replaced by names.
    fn settle(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => match (map.get("Ref"), map.get("Fn::GetAtt")) {
                (Some(Value::String(logical)), _) => Value::String(self.name(logical)),
                (_, Some(attribute)) => Value::String(self.attribute(attribute)),
                (Some(_) | None, None) => Value::Object(map.iter().map(|(key, value)| (key.clone(), self.settle(value))).collect()),
            },
            Value::Array(list) => Value::Array(list.iter().map(|value| self.settle(value)).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    fn attribute(&self, value: &Value) -> String {
        let (logical, attribute) = match value {
            Value::String(text) => text.split_once('.').unwrap_or((text, "")),
            Value::Array(list) => {
                (list.first().and_then(Value::as_str).unwrap_or_default(), list.get(1).and_then(Value::as_str).unwrap_or_default())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => ("", ""),
        };
        if attribute == "ClusterSecurityGroupId" {
            let live = self.world.cluster.as_ref().map(|live| live.resources_vpc_config.cluster_security_group_id.clone());
            return live.filter(|id| !id.is_empty()).unwrap_or_else(|| CLUSTER_GROUP.into());
        }
        let name = self.name(logical);
        if attribute == "Arn" && self.types.get(logical) == Some(&"AWS::IAM::Role") && !name.starts_with("arn:") {
            let caller = self.world.caller.as_ref();
            let partition = caller.and_then(|caller| caller.arn.split(':').nth(1)).unwrap_or("aws");
            return format!("arn:{partition}:iam::{}:role/{name}", caller.map_or("", |caller| &caller.account));
        }
        name
    }
}

/// Properties that have the same names in templates and answers.
fn read<T: DeserializeOwned + Default>(value: &Value) -> T {
    let plain = |value: &Value| !value.is_object();
    let kept: Map<String, Value> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| plain(value) && *key != "Tags")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    serde_json::from_value(Value::Object(kept)).unwrap_or_default()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// CloudFormation takes ports as numbers and as texts.
fn port(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|port| i32::try_from(port).ok()).or_else(|| value.as_str()?.parse().ok())
}

fn permission(it: &Value) -> IpPermission {
    let description = text(it, "Description");
    let range = it["CidrIp"].as_str().map(|network| IpRange { cidr_ip: network.into(), description });
    let peer = it["SourceSecurityGroupId"].as_str().or_else(|| it["DestinationSecurityGroupId"].as_str());
    IpPermission {
        ip_protocol: it["IpProtocol"].as_str().map_or_else(|| it["IpProtocol"].to_string(), str::to_owned),
        from_port: port(&it["FromPort"]),
        to_port: port(&it["ToPort"]),
        ip_ranges: range.into_iter().collect(),
        user_id_group_pairs: peer.map(|id| GroupId { group_id: id.into() }).into_iter().collect(),
        prefix_list_ids: Vec::new(),
    }
}

fn rule(side: Side, it: &Value) -> Rule {
    Rule { group: text(it, "GroupId"), side, permission: permission(it) }
}

/// Without rules for egress EC2 makes one that allows everything.
fn security_group(id: &str, it: &Value) -> SecurityGroup {
    let rules = |key: &str| it[key].as_array().into_iter().flatten().map(permission).collect::<Vec<_>>();
    let egress = rules("SecurityGroupEgress");
    SecurityGroup {
        group_id: id.into(),
        group_name: text(it, "GroupName"),
        vpc_id: text(it, "VpcId"),
        ip_permissions: rules("SecurityGroupIngress"),
        ip_permissions_egress: if egress.is_empty() { vec![everything()] } else { egress },
        tags: Vec::new(),
    }
}

/// A rule that allows everything.
pub(crate) fn everything() -> IpPermission {
    let all = IpRange { cidr_ip: "0.0.0.0/0".into(), description: String::new() };
    IpPermission { ip_protocol: "-1".into(), ip_ranges: vec![all], ..IpPermission::default() }
}

fn endpoint(id: &str, it: &Value) -> Endpoint {
    let kind = text(it, "VpcEndpointType");
    Endpoint {
        vpc_endpoint_id: id.into(),
        vpc_endpoint_type: if kind.is_empty() { "Gateway".into() } else { kind },
        vpc_id: text(it, "VpcId"),
        service_name: service_name(&it["ServiceName"]),
        state: "available".into(),
        groups: texts(&it["SecurityGroupIds"]).into_iter().map(|group_id| GroupId { group_id }).collect(),
    }
}

/// The last part counts; the region may be a pseudo parameter in `Fn::Sub` or `Fn::Join`.
fn service_name(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => map.values().map(service_name).collect(),
        Value::Array(list) => list.iter().map(service_name).filter(|text| !text.is_empty()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

fn cluster(it: &Value) -> LiveCluster {
    let (vpc, remote) = (&it["ResourcesVpcConfig"], &it["RemoteNetworkConfig"]);
    let networks = |key: &str| {
        let list = remote[key].as_array().into_iter().flatten();
        list.map(|network| LiveCidrs { cidrs: texts(&network["Cidrs"]) }).collect::<Vec<_>>()
    };
    let mut live =
        LiveCluster { name: text(it, "Name"), version: text(it, "Version"), role_arn: text(it, "RoleArn"), ..LiveCluster::default() };
    live.resources_vpc_config.subnet_ids = texts(&vpc["SubnetIds"]);
    live.resources_vpc_config.security_group_ids = texts(&vpc["SecurityGroupIds"]);
    live.resources_vpc_config.endpoint_public_access = vpc["EndpointPublicAccess"].as_bool().unwrap_or(true);
    live.resources_vpc_config.endpoint_private_access = vpc["EndpointPrivateAccess"].as_bool().unwrap_or(false);
    live.resources_vpc_config.public_access_cidrs = texts(&vpc["PublicAccessCidrs"]);
    live.kubernetes_network_config.service_ipv4_cidr = text(&it["KubernetesNetworkConfig"], "ServiceIpv4Cidr");
    live.access_config.authentication_mode = text(&it["AccessConfig"], "AuthenticationMode");
    if remote.is_object() {
        live.remote_network_config = Some(LiveRemoteNetworks {
            remote_node_networks: networks("RemoteNodeNetworks"),
            remote_pod_networks: networks("RemotePodNetworks"),
        });
    }
    live
}
