//! Which request means what.

use std::collections::BTreeMap;

use super::look;
use super::model::{Launched, Model, New};
use super::parameters::Parameters;
use super::state::{Instance, Refusal};
use crate::ec2::Xml;

const LOOK: [&str; 4] = ["Filter.#.Name", "Filter.#.Value.#", "MaxResults", "NextToken"];
const TAGS: [&str; 3] = ["TagSpecification.#.ResourceType", "TagSpecification.#.Tag.#.Key", "TagSpecification.#.Tag.#.Value"];

fn returned() -> Xml {
    let mut xml = Xml::default();
    xml.text("return", true);
    xml
}

/// Carries a request out and gives the elements of its answer.
pub(super) fn act(model: &mut Model, parameters: &Parameters) -> Result<Xml, Refusal> {
    let largest = model.conduct.page;
    let with = |more: &[&'static str], rest: &[&'static str]| parameters.only(&[more, rest].concat());
    match parameters.action() {
        "DescribeNetworkInterfaces" => {
            with(&["NetworkInterfaceId.#"], &LOOK)?;
            look::interfaces(model.visible(), parameters, largest)
        }
        "DescribeInstances" => {
            with(&["InstanceId.#"], &LOOK)?;
            look::instances(model.visible(), parameters, largest)
        }
        "DescribeSubnets" => {
            with(&["SubnetId.#"], &LOOK)?;
            look::subnets(model.visible(), parameters, largest)
        }
        "CreateNetworkInterface" => {
            with(&["SubnetId", "Description", "ClientToken", "SecurityGroupId.#"], &TAGS)?;
            create(model, parameters)
        }
        "AttachNetworkInterface" => {
            with(&["NetworkInterfaceId", "InstanceId", "DeviceIndex"], &[])?;
            let (interface, instance) = (parameters.id("NetworkInterfaceId", "eni-")?, parameters.id("InstanceId", "i-")?);
            let attachment = model.attach(interface, instance, parameters.value("DeviceIndex")?)?;
            let mut xml = Xml::default();
            xml.text("attachmentId", attachment);
            Ok(xml)
        }
        "DetachNetworkInterface" => {
            with(&["AttachmentId", "Force"], &[])?;
            model.detach(parameters.id("AttachmentId", "eni-attach-")?).map(|()| returned())
        }
        "ModifyNetworkInterfaceAttribute" => {
            with(&["NetworkInterfaceId", "Attachment.AttachmentId", "Attachment.DeleteOnTermination"], &[])?;
            let interface = parameters.id("NetworkInterfaceId", "eni-")?;
            let attachment = parameters.id("Attachment.AttachmentId", "eni-attach-")?;
            model.set_delete_on_termination(interface, attachment, parameters.value("Attachment.DeleteOnTermination")?)?;
            Ok(returned())
        }
        "DeleteNetworkInterface" => {
            with(&["NetworkInterfaceId"], &[])?;
            model.delete(parameters.id("NetworkInterfaceId", "eni-")?).map(|()| returned())
        }
        "ModifySubnetAttribute" => {
            with(&["SubnetId", "EnableLniAtDeviceIndex"], &[])?;
            model.enable_lni(parameters.id("SubnetId", "subnet-")?, parameters.value("EnableLniAtDeviceIndex")?)?;
            Ok(returned())
        }
        "RunInstances" => {
            const INTERFACE: [&str; 3] =
                ["NetworkInterface.#.DeviceIndex", "NetworkInterface.#.SubnetId", "NetworkInterface.#.DeleteOnTermination"];
            with(&[&["ImageId", "InstanceType", "MinCount", "MaxCount"][..], &INTERFACE].concat(), &TAGS)?;
            run(model, parameters)
        }
        "TerminateInstances" => {
            with(&["InstanceId.#"], &[])?;
            for id in parameters.list("InstanceId") {
                model.terminate(id)?;
            }
            Ok(returned())
        }
        other => Err(Refusal::new("InvalidAction", format!("The action {other} is not valid for this web service."))),
    }
}

fn create(model: &mut Model, parameters: &Parameters) -> Result<Xml, Refusal> {
    let token = parameters.get("ClientToken").unwrap_or_default();
    if token.len() > 64 || !token.is_ascii() {
        return Err(Refusal::new("InvalidClientToken", "The client token is not valid."));
    }
    let new = New {
        subnet: parameters.id("SubnetId", "subnet-")?.to_owned(),
        description: parameters.get("Description").unwrap_or_default().to_owned(),
        tags: parameters.tags("network-interface")?,
    };
    let id = model.create(new, token)?;
    let mut xml = Xml::default();
    xml.nest("networkInterface", |xml| match model.state.interfaces.get(&id) {
        Some(one) => look::interface(xml, &model.state, &id, one),
        // Deleted since: the token gives what it gave then.
        None => xml.text("networkInterfaceId", &id),
    });
    xml.text("clientToken", token);
    Ok(xml)
}

fn run(model: &mut Model, parameters: &Parameters) -> Result<Xml, Refusal> {
    parameters.required("ImageId")?;
    if (parameters.get("MinCount"), parameters.get("MaxCount")) != (Some("1"), Some("1")) {
        return Err(Refusal::value("this server starts one instance at a time: MinCount=1, MaxCount=1"));
    }
    let mut interfaces = Vec::new();
    for number in 1.. {
        let name = |field: &str| format!("NetworkInterface.{number}.{field}");
        if parameters.get(&name("DeviceIndex")).is_none() {
            break;
        }
        let goes = parameters.get(&name("DeleteOnTermination")).is_none_or(|text| text == "true");
        let subnet = parameters.id(&name("SubnetId"), "subnet-")?.to_owned();
        interfaces.push(Launched { device_index: parameters.value(&name("DeviceIndex"))?, subnet, delete_on_termination: goes });
    }
    let subnet = interfaces.first().map(|one| one.subnet.clone()).unwrap_or_default();
    let instance_type = parameters.required("InstanceType")?.to_owned();
    let instance = Instance { state: String::new(), instance_type, subnet, tags: BTreeMap::new() };
    let id = model.run(instance, &interfaces, &parameters.tags("network-interface")?)?;
    let mut xml = Xml::default();
    xml.nest("instancesSet", |set| {
        set.nest("item", |item| look::instance(item, &model.state, &id, &model.state.instances[&id]));
    });
    Ok(xml)
}
