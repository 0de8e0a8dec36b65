//! From EC2's XML to what the controller decides by. Field names are those of EC2's API model.

use std::collections::BTreeMap;
use std::str::FromStr;

use hybridge_lni::lifecycle::{Attachment, Held, Instance, Interface, Subnet};

use crate::query::Element;

type Decoded<T> = Result<T, String>;

pub(super) fn id<T: FromStr<Err: std::fmt::Display>>(element: Element<'_, '_>, name: &str) -> Decoded<T> {
    element.need(name)?.parse().map_err(|error: T::Err| format!("{name}: {error}"))
}

fn tags(element: Element<'_, '_>) -> Decoded<BTreeMap<String, String>> {
    element.items("tagSet").map(|tag| Ok((tag.need("key")?, tag.text("value")))).collect()
}

fn attachment(attachment: Element<'_, '_>) -> Decoded<Attachment> {
    let instance = attachment.some("instanceId").filter(|id| !id.is_empty());
    Ok(Attachment {
        id: attachment.need("attachmentId")?,
        instance: instance.map(|id| id.parse().map_err(|error| format!("instanceId: {error}"))).transpose()?,
        device_index: attachment.number("deviceIndex")?.ok_or("deviceIndex is missing")?,
        delete_on_termination: attachment.flag("deleteOnTermination"),
    })
}

pub(super) fn interface(interface: Element<'_, '_>) -> Decoded<Interface> {
    // An attachment that is being taken away is one until it is gone.
    let attached = interface.child("attachment").filter(|attachment| attachment.some("attachmentId").is_some());
    Ok(Interface {
        id: id(interface, "networkInterfaceId")?,
        subnet: interface.text("subnetId"),
        status: interface.need("status")?,
        mac: interface.text("macAddress"),
        address: interface.text("privateIpAddress"),
        tags: tags(interface)?,
        attachment: attached.map(attachment).transpose()?,
    })
}

pub(super) fn instance(instance: Element<'_, '_>) -> Decoded<Instance> {
    let own = id(instance, "instanceId")?;
    let held = |one: Element<'_, '_>| -> Decoded<Held> {
        let attached = one.child("attachment").ok_or("attachment is missing")?;
        let mut attachment = attachment(attached)?;
        // What an instance tells of its interfaces does not name the instance again.
        attachment.instance = Some(Clone::clone(&own));
        Ok(Held { id: id(one, "networkInterfaceId")?, attachment })
    };
    let interfaces = instance.items("networkInterfaceSet").map(held).collect::<Decoded<_>>()?;
    Ok(Instance {
        state: instance.child("instanceState").ok_or("instanceState is missing")?.need("name")?,
        instance_type: instance.text("instanceType"),
        subnet: instance.text("subnetId"),
        interfaces,
        id: own,
    })
}

pub(super) fn subnet(subnet: Element<'_, '_>) -> Decoded<Subnet> {
    Ok(Subnet {
        id: subnet.need("subnetId")?,
        lni_device_index: subnet.number("enableLniAtDeviceIndex")?,
        outpost_arn: subnet.text("outpostArn"),
    })
}
