//! What the documents are made of: the file where it says something, AWS where that knows it better.

use std::collections::BTreeSet;

use hybridge_model::Cidr4;

use crate::config::{Provider, arn};
use crate::resolve::{Cluster, ClusterSubnet, HybridRole};
use crate::world::{Interface, LiveCluster, World};

/// A cluster with what AWS says of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What is wanted.
    pub cluster: &'a Cluster,
    /// What there is.
    pub world: &'a World,
}

impl<'a> Known<'a> {
    /// The two together.
    pub fn new(cluster: &'a Cluster, world: &'a World) -> Self {
        Self { cluster, world }
    }

    /// Name of the cluster.
    pub fn name(&self) -> &'a str {
        &self.cluster.config.metadata.name
    }

    /// Its region.
    pub fn region(&self) -> &'a str {
        &self.cluster.config.metadata.region
    }

    /// As EKS describes it, if it is this one.
    pub fn live(&self) -> Option<&'a LiveCluster> {
        self.world.cluster.as_ref().filter(|live| live.name == self.name())
    }

    /// An output of one of its stacks, the cluster's own first.
    pub fn output(&self, key: &str) -> Option<&'a str> {
        let outputs = self.world.stacks.iter().flat_map(|stack| &stack.outputs);
        outputs.into_iter().find(|output| output.output_key == key).map(|output| output.output_value.as_str()).and_then(filled)
    }

    /// ARN of the cluster: EKS's, the stack's, or put together from the account.
    pub fn arn(&self) -> Option<String> {
        let live = self.live().and_then(|live| filled(&live.arn));
        live.or_else(|| self.output("ARN")).map(str::to_owned).or_else(|| {
            let account = filled(&self.world.caller.as_ref()?.account)?;
            Some(arn::of_cluster(self.cluster.partition, self.region(), account, self.name()))
        })
    }

    /// How hybrid nodes get credentials; none: the cluster takes none.
    pub fn provider(&self) -> Option<Provider> {
        self.cluster.role.as_ref().map(HybridRole::provider)
    }

    /// Role of hybrid nodes.
    pub fn role_arn(&self) -> Option<&'a str> {
        match self.cluster.role.as_ref()? {
            HybridRole::Given { arn, .. } => Some(arn),
            HybridRole::Made(_) => self.output("RemoteNodesRoleARN"),
        }
    }

    /// Trust anchor of Roles Anywhere.
    pub fn trust_anchor_arn(&self) -> Option<&'a str> {
        self.cluster.annotations.trust_anchor_arn.as_deref().or_else(|| self.output("RemoteNodesTrustAnchorARN"))
    }

    /// Profile of Roles Anywhere.
    pub fn profile_arn(&self) -> Option<&'a str> {
        self.cluster.annotations.profile_arn.as_deref().or_else(|| self.output("RemoteNodesAnywhereProfileARN"))
    }

    /// URL of the API server.
    pub fn endpoint(&self) -> Option<&'a str> {
        self.live().and_then(|live| filled(&live.endpoint)).or_else(|| self.output("Endpoint"))
    }

    /// Host name of the API server.
    pub fn endpoint_host(&self) -> Option<&'a str> {
        let rest = self.endpoint()?.strip_prefix("https://")?;
        filled(rest.split(['/', ':']).next()?)
    }

    /// The API server's certificates: PEM, in base64 once more.
    pub fn certificate_authority(&self) -> Option<&'a str> {
        self.live().and_then(|live| filled(&live.certificate_authority.data)).or_else(|| self.output("CertificateAuthorityData"))
    }

    /// Network of services.
    pub fn service_cidr(&self) -> Option<Cidr4> {
        let live = self.live().and_then(|live| live.kubernetes_network_config.service_ipv4_cidr.parse().ok());
        live.or(self.cluster.service_cidr)
    }

    /// The VPC.
    pub fn vpc_id(&self) -> Option<&'a str> {
        let live = self.live().and_then(|live| filled(&live.resources_vpc_config.vpc_id));
        live.or(self.cluster.vpc.id.as_deref()).or_else(|| self.output("VPC"))
    }

    /// Networks of the VPC: EC2's, which knows those that were added later, else the file's.
    pub fn vpc_cidrs(&self) -> Vec<Cidr4> {
        let vpc = self.vpc_id().and_then(|id| self.world.vpcs.iter().find(|vpc| vpc.vpc_id == id));
        let live: Vec<Cidr4> = vpc.map_or_else(Vec::new, |vpc| {
            let blocks = std::iter::once(&vpc.cidr_block).chain(vpc.cidr_block_association_set.iter().map(|more| &more.cidr_block));
            let mut seen = BTreeSet::new();
            blocks.filter_map(|block| block.parse().ok()).filter(|cidr| seen.insert(*cidr)).collect()
        });
        if live.is_empty() { self.cluster.vpc.cidrs.clone() } else { live }
    }

    /// The security group that EKS has made for control plane and nodes.
    pub fn cluster_security_group(&self) -> Option<&'a str> {
        let live = self.live().and_then(|live| filled(&live.resources_vpc_config.cluster_security_group_id));
        live.or_else(|| self.output("ClusterSecurityGroupId"))
    }

    /// The control plane's network interfaces.
    pub fn interfaces(&self) -> Vec<&'a Interface> {
        let description = format!("Amazon EKS {}", self.name());
        let mut found: Vec<_> = self.world.network_interfaces.iter().filter(|interface| interface.description == description).collect();
        found.sort_by(|a, b| (&a.availability_zone, &a.private_ip_address).cmp(&(&b.availability_zone, &b.private_ip_address)));
        found
    }

    /// Subnets into which EKS may put those interfaces, as it describes them.
    pub fn control_plane_subnets(&self) -> BTreeSet<&'a str> {
        self.live().into_iter().flat_map(|live| &live.resources_vpc_config.subnet_ids).map(String::as_str).collect()
    }

    /// Private subnets by zone: identifier (where it is known) and zone.
    pub fn private_subnets(&self) -> Vec<(Option<&'a str>, &'a str)> {
        let made: Vec<&str> = self.output("SubnetsPrivate").into_iter().flat_map(|list| list.split(',')).map(str::trim).collect();
        let of_zone = |zone: &str| {
            let mut subnets = self.world.subnets.iter().filter(|subnet| subnet.availability_zone == zone);
            subnets.find(|subnet| made.contains(&subnet.subnet_id.as_str())).map(|subnet| subnet.subnet_id.as_str())
        };
        let id = |subnet: &'a ClusterSubnet| {
            subnet.id.as_deref().or_else(|| of_zone(&subnet.zone)).or_else(|| self.made("SubnetPrivate", &subnet.zone))
        };
        self.cluster.vpc.private.iter().map(|subnet| (id(subnet), subnet.zone.as_str())).collect()
    }

    /// What the cluster's stack has made under a name that ends with a zone (`SubnetPrivateUSWEST2A`).
    pub fn made(&self, prefix: &str, zone: &str) -> Option<&'a str> {
        self.resource(&format!("{prefix}{}", zone.replace('-', "").to_uppercase()))
    }

    /// What the cluster's stack has made under a name.
    pub fn resource(&self, logical_id: &str) -> Option<&'a str> {
        let resources = self.world.deployed.iter().flat_map(|deployed| &deployed.stack_resources);
        let mut found = resources.filter(|resource| resource.logical_resource_id == logical_id);
        found.find_map(|resource| filled(&resource.physical_resource_id))
    }

    /// Route tables of the cluster's subnets.
    pub fn route_tables(&self) -> BTreeSet<&'a str> {
        let mut subnets = self.control_plane_subnets();
        subnets.extend(self.cluster.vpc.private.iter().chain(&self.cluster.vpc.public).filter_map(|subnet| subnet.id.as_deref()));
        for key in ["SubnetsPrivate", "SubnetsPublic"] {
            subnets.extend(self.output(key).into_iter().flat_map(|list| list.split(',')).map(str::trim));
        }
        let found: BTreeSet<&str> = subnets.iter().filter_map(|subnet| self.route_table_of(subnet)).collect();
        if !found.is_empty() {
            return found;
        }
        let made = self.world.deployed.iter().flat_map(|deployed| &deployed.stack_resources);
        made.filter(|resource| resource.resource_type == "AWS::EC2::RouteTable")
            .filter_map(|made| filled(&made.physical_resource_id))
            .collect()
    }

    /// The route table of a subnet: its own, else the VPC's main one.
    pub fn route_table_of(&self, subnet: &str) -> Option<&'a str> {
        let vpc = self.vpc_id();
        let tables = || self.world.route_tables.iter().filter(|table| vpc.is_none_or(|vpc| table.vpc_id == vpc));
        let given = self.cluster.vpc.private.iter().chain(&self.cluster.vpc.public).filter(|known| known.id.as_deref() == Some(subnet));
        let given = given.filter_map(|subnet| subnet.route_table.as_deref()).next();
        let own = tables().find(|table| table.associations.iter().any(|association| association.subnet_id == subnet));
        let main = || tables().find(|table| table.associations.iter().any(|association| association.main));
        own.or_else(main).map(|table| table.route_table_id.as_str()).or(given)
    }

    /// End of AWS's host names in this partition.
    pub fn dns_suffix(&self) -> &'static str {
        match self.cluster.partition {
            "aws-cn" => "amazonaws.com.cn",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            _ => "amazonaws.com",
        }
    }
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
