//! Managed node groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{encoded, or_none};
use crate::call::{Call, CallError, parsed};
use crate::endpoint::Service;
use crate::session::Session;

/// A managed node group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeGroup {
    /// Name.
    pub nodegroup_name: String,
    /// Minor version of Kubernetes.
    pub version: String,
    /// `ACTIVE`, `CREATING`, `DEGRADED` and so on.
    pub status: String,
    /// `ON_DEMAND`, `SPOT`, `CAPACITY_BLOCK`.
    pub capacity_type: String,
    /// How many nodes.
    pub scaling_config: Scaling,
    /// Types.
    pub instance_types: Vec<String>,
    /// Subnets.
    pub subnets: Vec<String>,
    /// `AL2023_x86_64_STANDARD` and so on.
    pub ami_type: String,
    /// ARN of the nodes' role.
    pub node_role: String,
    /// Labels of its nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// How many nodes a group has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scaling {
    /// At least.
    pub min_size: u32,
    /// At most.
    pub max_size: u32,
    /// Now.
    pub desired_size: u32,
}

impl Session {
    /// Names of a cluster's managed node groups (ListNodegroups, all pages).
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn node_groups(&self, cluster: &str) -> Result<Vec<String>, CallError> {
        let path = format!("/clusters/{}/node-groups?maxResults=100", encoded(cluster));
        self.get_all(&Call::new("ListNodegroups", cluster), Service::Eks, &path, "nodegroups").await
    }

    /// A managed node group (DescribeNodegroup). None: the cluster does not have it.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn node_group(&self, cluster: &str, name: &str) -> Result<Option<NodeGroup>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            nodegroup: NodeGroup,
        }
        let call = Call::new("DescribeNodegroup", format_args!("{name} of {cluster}"));
        let path = format!("/clusters/{}/node-groups/{}", encoded(cluster), encoded(name));
        let Some(answer) = or_none(self.get(&call, path).await)? else { return Ok(None) };
        Ok(Some(parsed::<Answer>(&call, answer)?.nodegroup))
    }
}
