//! ClusterConfig and what is known of AWS make a [`Cluster`]: nothing is left open in it.

use hybridge_model::Cidr4;

use crate::config::{Annotations, ClusterConfig, Provider};

/// What is wanted, whole: every default filled in, every given subnet looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The file.
    pub config: ClusterConfig,
    /// Its annotations.
    pub annotations: Annotations,
    /// `aws`, `aws-us-gov` and so on.
    pub partition: &'static str,
    /// Minor version of Kubernetes.
    pub version: String,
    /// Zones of subnets that are made, in order.
    pub zones: Vec<String>,
    /// The VPC.
    pub vpc: ClusterVpc,
    /// Services; none: EKS chooses.
    pub service_cidr: Option<Cidr4>,
    /// Networks of hybrid nodes, in the file's order.
    pub node_cidrs: Vec<Cidr4>,
    /// Networks of their pods, in the file's order.
    pub pod_cidrs: Vec<Cidr4>,
    /// What connects the VPC with the site.
    pub gateway: Option<VpcGateway>,
    /// Where hybrid nodes get their role from; none: no remote networks.
    pub role: Option<HybridRole>,
}

/// The VPC of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterVpc {
    /// `vpc-…` of one that exists; none: it is made.
    pub id: Option<String>,
    /// Its networks; the first is the one that is made.
    pub cidrs: Vec<Cidr4>,
    /// Private subnets, by zone in order.
    pub private: Vec<ClusterSubnet>,
    /// Public subnets, by zone in order.
    pub public: Vec<ClusterSubnet>,
}

/// A subnet of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSubnet {
    /// `subnet-…` of one that exists; none: it is made.
    pub id: Option<String>,
    /// Zone.
    pub zone: String,
    /// Network; none: of a given subnet that nothing is known of yet.
    pub cidr: Option<Cidr4>,
}

/// A gateway that connects the VPC with networks outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VpcGateway {
    /// `tgw-…`.
    Transit(String),
    /// `vgw-…`.
    VirtualPrivate(String),
}

/// Where hybrid nodes get their role from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HybridRole {
    /// It is made for this provider.
    Made(Provider),
    /// It exists.
    Given {
        /// ARN.
        arn: String,
        /// Who hands it out.
        provider: Provider,
    },
}

impl Cluster {
    /// Name of the cluster's own stack, as eksctl has it.
    pub fn stack_name(&self) -> String {
        format!("eksctl-{}-cluster", self.config.metadata.name)
    }
}
