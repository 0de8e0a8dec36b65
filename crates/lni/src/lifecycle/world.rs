//! What was seen of EC2 and of the cluster, at about one time.

use std::collections::BTreeMap;

use hybridge_model::{InstanceId, InterfaceId};
use serde::{Deserialize, Serialize};

/// Whose interface it is: the cluster's name. IAM policies are bound to this tag.
pub const CLUSTER_TAG: &str = "hybridge:cluster";
/// Says that an interface is an LNI: `CLUSTER`, or `CLUSTER/NODE-UID` where it was made for one Node.
pub const LNI_TAG: &str = "hybridge:lni";
/// The intent that an interface was made by; also its `ClientToken`.
pub const INTENT_TAG: &str = "hybridge:intent";
/// The instance that an interface was made for.
pub const INSTANCE_TAG: &str = "hybridge:instance";
/// Keeps the VPC CNI from an interface when it is there from the beginning (amazon-vpc-cni-k8s, README, "ENI tags").
pub const NO_MANAGE_TAG: &str = "node.k8s.amazonaws.com/no_manage";

/// Condition of a Node by which its agent tells that address, routes, rules and firewall are in place.
pub const CONFIGURED: &str = "LniConfigured";
/// Condition of a Node by which its agent tells that a Service's address is announced from there.
pub const ANNOUNCING: &str = "LniAnnouncing";

/// An answer that is there as a whole, or why it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer<T> {
    /// All of it.
    Whole(T),
    /// Refused, not answered, or a page is missing. Nothing follows from what is not in it.
    Missing(String),
}

impl<T> Answer<T> {
    /// All of it, if it is.
    pub fn whole(&self) -> Option<&T> {
        match self {
            Self::Whole(all) => Some(all),
            Self::Missing(_) => None,
        }
    }

    fn missing(&self) -> Option<&str> {
        match self {
            Self::Whole(_) => None,
            Self::Missing(why) => Some(why),
        }
    }
}

/// Everything that one cycle decides by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Nodes of the cluster. To be asked for first: an interface that is made for a Node is younger than the Node.
    pub nodes: Answer<Vec<Node>>,
    /// Interfaces with the cluster's tag.
    pub interfaces: Answer<Vec<Interface>>,
    /// Instances that Nodes, interfaces, or [`super::Memory::instances`] name. Those that do not exist are not in it.
    pub instances: Answer<Vec<Instance>>,
    /// Subnets of these instances.
    pub subnets: Answer<Vec<Subnet>>,
}

impl World {
    /// What is missing, with why.
    pub fn missing(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("Nodes", self.nodes.missing()),
            ("interfaces", self.interfaces.missing()),
            ("instances", self.instances.missing()),
            ("subnets", self.subnets.missing()),
        ];
        all.into_iter().filter_map(|(what, why)| Some((what, why?)))
    }
}

/// A Node of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// The instance of `spec.providerID`; none on machines outside EC2.
    pub instance: Option<InstanceId>,
    /// It is being deleted.
    pub deleting: bool,
    /// Conditions: type → whether its status is `True`.
    pub conditions: BTreeMap<String, bool>,
}

/// An interface of EC2 (`NetworkInterface`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `networkInterfaceId`.
    pub id: InterfaceId,
    /// `subnetId`.
    pub subnet: String,
    /// `status`: `available`, `in-use`, `pending` … Only `available` means that nobody has it.
    pub status: String,
    /// `macAddress`. AWS gives it to somebody else once the interface is deleted.
    pub mac: String,
    /// `privateIpAddress`: taken from the subnet, and of no use on an LNI.
    pub address: String,
    /// `tagSet`.
    pub tags: BTreeMap<String, String>,
    /// `attachment`.
    pub attachment: Option<Attachment>,
}

impl Interface {
    /// Whether it is an LNI of this cluster.
    pub fn is_of(&self, cluster: &str) -> bool {
        let lni = self.tags.get(LNI_TAG).is_some_and(|value| value.split('/').next() == Some(cluster));
        lni && self.tags.get(CLUSTER_TAG).is_some_and(|value| value == cluster)
    }

    /// UID of the Node that it was made for; none where the launch template made it.
    pub fn node_uid(&self) -> Option<&str> {
        self.tags.get(LNI_TAG)?.split_once('/').map(|(_, uid)| uid)
    }

    /// Whether nobody has it: `available`, and no attachment in any state.
    pub fn is_free(&self) -> bool {
        self.status == "available" && self.attachment.is_none()
    }

    /// Whether the VPC CNI was told to leave it alone.
    pub fn is_unmanaged(&self) -> bool {
        self.tags.get(NO_MANAGE_TAG).is_some_and(|value| value == "true")
    }
}

/// How an interface is attached (`NetworkInterfaceAttachment`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `attachmentId`.
    pub id: String,
    /// `instanceId`; none where a service of AWS has it.
    pub instance: Option<InstanceId>,
    /// `deviceIndex`.
    pub device_index: u8,
    /// `deleteOnTermination`.
    pub delete_on_termination: bool,
}

/// An instance of EC2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// `instanceId`.
    pub id: InstanceId,
    /// `instanceState`: `pending`, `running`, `shutting-down`, `terminated` …
    pub state: String,
    /// `instanceType`.
    pub instance_type: String,
    /// `subnetId`; empty once it is terminated.
    pub subnet: String,
    /// `networkInterfaceSet`.
    pub interfaces: Vec<Held>,
}

/// An interface as its instance tells of it; without tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// `networkInterfaceId`.
    pub id: InterfaceId,
    /// `attachment`.
    pub attachment: Attachment,
}

/// A subnet of EC2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// `subnetId`.
    pub id: String,
    /// `enableLniAtDeviceIndex`; none, or 0, where there are no LNIs.
    pub lni_device_index: Option<u8>,
    /// `outpostArn`; empty in the region.
    pub outpost_arn: String,
}
