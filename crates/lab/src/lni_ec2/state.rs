//! What this EC2 holds: subnets, instances, interfaces.

use std::collections::{BTreeMap, BTreeSet};

/// Subnets, instances and interfaces at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// By `subnetId`.
    pub subnets: BTreeMap<String, Subnet>,
    /// By `instanceId`.
    pub instances: BTreeMap<String, Instance>,
    /// By `networkInterfaceId`.
    pub interfaces: BTreeMap<String, Interface>,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `vpcId`.
    pub vpc: String,
    /// First three octets of its network, `10.50.80`; it is a /24.
    pub network: String,
    /// `outpostArn`; empty in the region.
    pub outpost_arn: String,
    /// `enableLniAtDeviceIndex`.
    pub lni_device_index: Option<u8>,
    /// `tagSet`.
    pub tags: BTreeMap<String, String>,
}

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `instanceState.name`.
    pub state: String,
    /// `instanceType`.
    pub instance_type: String,
    /// `subnetId`.
    pub subnet: String,
    /// `tagSet`.
    pub tags: BTreeMap<String, String>,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// `subnetId`.
    pub subnet: String,
    /// `status`.
    pub status: String,
    /// `macAddress`.
    pub mac: String,
    /// `privateIpAddress`.
    pub address: String,
    /// `description`.
    pub description: String,
    /// `tagSet`.
    pub tags: BTreeMap<String, String>,
    /// `attachment`.
    pub attachment: Option<Attachment>,
}

/// An attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// `attachmentId`.
    pub id: String,
    /// `instanceId`.
    pub instance: String,
    /// `deviceIndex`.
    pub device_index: u8,
    /// `status`.
    pub status: String,
    /// `deleteOnTermination`.
    pub delete_on_termination: bool,
}

impl State {
    /// The interfaces of an instance.
    pub fn held<'a>(&'a self, instance: &'a str) -> impl Iterator<Item = (&'a String, &'a Interface, &'a Attachment)> {
        self.interfaces.iter().filter_map(move |(id, one)| {
            let attachment = one.attachment.as_ref()?;
            (attachment.instance == instance).then_some((id, one, attachment))
        })
    }

    /// The lowest address of a subnet that nobody has: the first four and the last one are AWS's.
    pub(super) fn free_address(&self, subnet: &str) -> Option<String> {
        let taken: BTreeSet<&str> = self.interfaces.values().map(|one| one.address.as_str()).collect();
        let network = &self.subnets.get(subnet)?.network;
        (4..255).map(|host| format!("{network}.{host}")).find(|address| !taken.contains(address.as_str()))
    }
}

/// A request that EC2 turns down, as in "Error codes for the Amazon EC2 API".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Its code.
    pub code: &'static str,
    /// Its message.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }

    pub(super) fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    pub(super) fn no_interface(id: &str) -> Self {
        Self::new("InvalidNetworkInterfaceID.NotFound", format!("The networkInterface ID '{id}' does not exist"))
    }

    pub(super) fn no_instance(id: &str) -> Self {
        Self::new("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"))
    }

    pub(super) fn no_subnet(id: &str) -> Self {
        Self::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"))
    }

    pub(super) fn throttled() -> Self {
        Self { status: 503, code: "RequestLimitExceeded", message: "Request limit exceeded.".into() }
    }

    pub(super) fn unavailable() -> Self {
        Self { status: 503, code: "Unavailable", message: "The service is unavailable. Please try again shortly.".into() }
    }

    pub(super) fn forbidden() -> Self {
        Self { status: 403, code: "UnauthorizedOperation", message: "You are not authorized to perform this operation.".into() }
    }
}
