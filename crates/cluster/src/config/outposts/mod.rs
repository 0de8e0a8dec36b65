//! Outposts servers of an extended cluster: the annotation `hybridge/outposts-servers`, a YAML list in itself.
//!
//! One annotation and not many: Outpost, subnet, interface and nodes of a server belong together, and each server is an Outpost of its own.

mod instance;
mod read;

use std::collections::BTreeMap;

use hybridge_model::Cidr4;
use hybridge_report::Finding;

use super::Taint;

pub use instance::{INSTANCE_TYPES, InstanceType};
pub(super) use read::read;

/// Where the annotation stands.
pub const PATH: &str = "metadata.annotations.hybridge/outposts-servers";

/// One Outpost: its subnet, its local network interface (LNI) and its nodes.
///
/// A group of nodes is in one subnet, as one LNI's switch is: an Auto Scaling group over several subnets would have to put the second
/// interface of a launch into whichever subnet the first one is in, which EC2 leaves open.
#[derive(Clone, Debug, PartialEq)]
pub struct OutpostsServer {
    /// Of the group of nodes and of what is made for it.
    pub name: String,
    /// `arn:aws:outposts:REGION:ACCOUNT:outpost/op-…`.
    pub outpost_arn: String,
    /// Zone of the region that the Outpost is connected with.
    pub zone: String,
    /// Subnet on the Outpost.
    pub subnet: OutpostSubnet,
    /// Type of its instances.
    pub instance_type: &'static InstanceType,
    /// Device index of the LNI.
    pub lni_device_index: u32,
    /// Networks on the LNI's side; empty: not told.
    pub lan_cidrs: Vec<Cidr4>,
    /// Nodes at least.
    pub min_size: u32,
    /// Nodes at most.
    pub max_size: u32,
    /// Nodes at first.
    pub desired_capacity: u32,
    /// `ami-…`; none: EKS's newest AL2023 of the cluster's version.
    pub ami: Option<String>,
    /// Labels of nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints of nodes.
    pub taints: Vec<Taint>,
}

/// A subnet on an Outpost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutpostSubnet {
    /// It is made, in the cluster's own VPC.
    Made(Cidr4),
    /// It exists: `subnet-…`.
    Given(String),
}

/// EKS on Outposts is for racks (EKS user guide, "Deploy Amazon EKS on-premises with AWS Outposts"); that nodes on servers work is known, and
/// AWS answers for nothing. Who asks for them says so.
///
/// # Errors
/// There are servers, and `acknowledged` is not said.
pub fn acknowledge(servers: &[OutpostsServer], acknowledged: bool) -> Result<(), Finding> {
    if servers.is_empty() || acknowledged {
        return Ok(());
    }
    let what =
        "AWS supports nodes of EKS on Outposts racks and not on Outposts servers: they work, and AWS's support does not help with them";
    Err(Finding::error("outposts.unsupported", PATH, what)
        .fix("add --unsupported-servers if that is known to whoever answers for the cluster"))
}

impl OutpostsServer {
    /// Where a value of the entry `index` is.
    pub fn path(index: usize, key: &str) -> String {
        format!("{PATH}[{index}].{key}")
    }
}
