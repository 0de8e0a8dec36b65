//! LNIs in EC2: what a controller looks at, and the few calls that change something.
//!
//! Everything is asked for by filters: what does not exist is left out of the answer. All pages are read, or the call fails. Each of the
//! calls that write can be made again: one carries a token, the others find the second time that it is done ([`CallError::is_in_use`],
//! [`crate::Kind::NotFound`]).

mod decode;

use std::collections::BTreeMap;

use hybridge_lni::lifecycle::{CLUSTER_TAG, Instance, Interface, Subnet};
use hybridge_model::{InstanceId, InterfaceId};

use crate::call::{Call, CallError};
use crate::query::Query;
use crate::session::Session;

/// Values that one filter takes (EC2 API reference, "Filter").
const FILTER_VALUES: usize = 200;
/// Of a page (EC2 API reference, DescribeNetworkInterfaces, DescribeInstances, DescribeSubnets).
const PAGE: &str = "1000";

/// An interface to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewInterface<'a> {
    /// In which subnet.
    pub subnet: &'a str,
    /// For people.
    pub description: &'a str,
    /// `ClientToken`: the same one gives the same interface. At most 64 characters of ASCII.
    pub token: &'a str,
    /// Tags, from the first moment on.
    pub tags: &'a BTreeMap<String, String>,
}

impl Session {
    /// The interfaces that carry a cluster's tag (DescribeNetworkInterfaces).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else; of a page that is missing, all are.
    pub async fn tagged_interfaces(&self, cluster: &str) -> Result<Vec<Interface>, CallError> {
        let call = Call::new("DescribeNetworkInterfaces", format_args!("with {CLUSTER_TAG}={cluster}"));
        let query = Query::ec2("DescribeNetworkInterfaces").filter(&format!("tag:{CLUSTER_TAG}"), &[cluster]).with("MaxResults", PAGE);
        self.query_all(&call, &query, "networkInterfaceSet", decode::interface).await
    }

    /// Instances by their identifiers; those that do not exist are left out (DescribeInstances).
    ///
    /// # Errors
    /// As above.
    pub async fn instances_by_id(&self, ids: &[InstanceId]) -> Result<Vec<Instance>, CallError> {
        let mut found = Vec::new();
        for some in ids.chunks(FILTER_VALUES) {
            let some: Vec<&str> = some.iter().map(InstanceId::as_str).collect();
            let call = Call::new("DescribeInstances", some.join(", "));
            let query = Query::ec2("DescribeInstances").filter("instance-id", &some).with("MaxResults", PAGE);
            self.query_pages(&call, &query, |page| {
                for reservation in page.items("reservationSet") {
                    for instance in reservation.items("instancesSet") {
                        found.push(decode::instance(instance)?);
                    }
                }
                Ok(true)
            })
            .await?;
        }
        Ok(found)
    }

    /// Subnets by their identifiers, with Outpost and LNI index (DescribeSubnets).
    ///
    /// # Errors
    /// As above.
    pub async fn lni_subnets(&self, ids: &[String]) -> Result<Vec<Subnet>, CallError> {
        let mut found = Vec::new();
        for some in ids.chunks(FILTER_VALUES) {
            let call = Call::new("DescribeSubnets", some.join(", "));
            let query = Query::ec2("DescribeSubnets").filter("subnet-id", some).with("MaxResults", PAGE);
            found.extend(self.query_all(&call, &query, "subnetSet", decode::subnet).await?);
        }
        Ok(found)
    }

    /// Makes an interface, or finds the one that the same token made (CreateNetworkInterface).
    ///
    /// # Errors
    /// As above.
    pub async fn create_interface(&self, new: NewInterface<'_>) -> Result<InterfaceId, CallError> {
        let call = Call::new("CreateNetworkInterface", format_args!("in {}", new.subnet));
        let query = Query::ec2("CreateNetworkInterface")
            .with("SubnetId", new.subnet)
            .with("Description", new.description)
            .with("ClientToken", new.token)
            .with("TagSpecification.1.ResourceType", "network-interface");
        let query = new.tags.iter().zip(1..).fold(query, |query, ((key, value), number)| {
            let tag = format!("TagSpecification.1.Tag.{number}");
            query.with(format!("{tag}.Key"), key).with(format!("{tag}.Value"), value)
        });
        self.query(&call, &query, |answer| {
            let interface = answer.child("networkInterface").ok_or("networkInterface is missing")?;
            decode::id(interface, "networkInterfaceId")
        })
        .await
    }

    /// Attaches an interface to an instance (AttachNetworkInterface). Gives the attachment.
    ///
    /// # Errors
    /// As above; in use where the interface or the index has somebody else, or this was done before.
    pub async fn attach_interface(&self, interface: &InterfaceId, instance: &InstanceId, device_index: u8) -> Result<String, CallError> {
        let call = Call::new("AttachNetworkInterface", format_args!("{interface} to {instance} at {device_index}"));
        let query = Query::ec2("AttachNetworkInterface")
            .with("NetworkInterfaceId", interface.as_str())
            .with("InstanceId", instance.as_str())
            .with("DeviceIndex", device_index.to_string());
        self.query(&call, &query, |answer| answer.need("attachmentId")).await
    }

    /// Detaches an interface (DetachNetworkInterface).
    ///
    /// # Errors
    /// As above.
    pub async fn detach_interface(&self, attachment: &str) -> Result<(), CallError> {
        let call = Call::new("DetachNetworkInterface", attachment);
        self.command(&call, &Query::ec2("DetachNetworkInterface").with("AttachmentId", attachment)).await
    }

    /// Lets an interface go with its instance (ModifyNetworkInterfaceAttribute, `DeleteOnTermination`).
    ///
    /// # Errors
    /// As above.
    pub async fn delete_on_termination(&self, interface: &InterfaceId, attachment: &str) -> Result<(), CallError> {
        let call = Call::new("ModifyNetworkInterfaceAttribute", format_args!("DeleteOnTermination of {interface}"));
        let query = Query::ec2("ModifyNetworkInterfaceAttribute")
            .with("NetworkInterfaceId", interface.as_str())
            .with("Attachment.AttachmentId", attachment)
            .with("Attachment.DeleteOnTermination", "true");
        self.command(&call, &query).await
    }

    /// Deletes an interface that nobody has (DeleteNetworkInterface); EC2 refuses others.
    ///
    /// # Errors
    /// As above; in use where somebody has it, not found where it is gone.
    pub async fn delete_interface(&self, interface: &InterfaceId) -> Result<(), CallError> {
        let call = Call::new("DeleteNetworkInterface", interface);
        self.command(&call, &Query::ec2("DeleteNetworkInterface").with("NetworkInterfaceId", interface.as_str())).await
    }
}

impl CallError {
    /// Whether EC2 refused because somebody has the interface, or because something is at that device index already.
    pub fn is_in_use(&self) -> bool {
        let message = self.message().unwrap_or_default();
        match self.code() {
            Some("InvalidNetworkInterface.InUse") => true,
            // DeleteNetworkInterface and AttachNetworkInterface have no code of their own for these.
            Some("InvalidParameterValue") => {
                message.contains("is currently in use") || message.contains("already has an interface attached")
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests;
