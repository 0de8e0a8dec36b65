//! Describe calls: filters, pages, and their XML.

use std::collections::BTreeMap;

use super::parameters::{Filter, Parameters};
use super::state::{Attachment, Instance, Interface, Refusal, State, Subnet};
use crate::ec2::Xml;

pub(super) fn interfaces(state: &State, parameters: &Parameters, largest: usize) -> Result<Xml, Refusal> {
    let ids = parameters.list("NetworkInterfaceId");
    if let Some(missing) = ids.iter().find(|id| !state.interfaces.contains_key(**id)) {
        return Err(Refusal::no_interface(missing));
    }
    let found = chosen(&state.interfaces, &ids, &parameters.filters()?, |(id, one), name| interface_values(id, one, name))?;
    paged("networkInterfaceSet", &found, (parameters, largest), |item, (id, one)| interface(item, state, id, one))
}

pub(super) fn instances(state: &State, parameters: &Parameters, largest: usize) -> Result<Xml, Refusal> {
    let ids = parameters.list("InstanceId");
    if let Some(missing) = ids.iter().find(|id| !state.instances.contains_key(**id)) {
        return Err(Refusal::no_instance(missing));
    }
    let found = chosen(&state.instances, &ids, &parameters.filters()?, |(id, one), name| {
        Some(match name {
            "instance-id" => vec![(*id).clone()],
            "instance-state-name" => vec![one.state.clone()],
            "subnet-id" => vec![one.subnet.clone()],
            _ => tag_values(&one.tags, name)?,
        })
    })?;
    paged("reservationSet", &found, (parameters, largest), |item, (id, one)| {
        item.nest("instancesSet", |set| set.nest("item", |item| instance(item, state, id, one)));
    })
}

pub(super) fn subnets(state: &State, parameters: &Parameters, largest: usize) -> Result<Xml, Refusal> {
    let ids = parameters.list("SubnetId");
    if let Some(missing) = ids.iter().find(|id| !state.subnets.contains_key(**id)) {
        return Err(Refusal::no_subnet(missing));
    }
    let found = chosen(&state.subnets, &ids, &parameters.filters()?, |(id, one), name| {
        Some(match name {
            "subnet-id" => vec![(*id).clone()],
            "vpc-id" => vec![one.vpc.clone()],
            "outpost-arn" => vec![one.outpost_arn.clone()],
            "enable-lni-at-device-index" => one.lni_device_index.iter().map(u8::to_string).collect(),
            _ => tag_values(&one.tags, name)?,
        })
    })?;
    paged("subnetSet", &found, (parameters, largest), |item, (id, one)| subnet(item, id, one))
}

fn interface_values(id: &str, one: &Interface, name: &str) -> Option<Vec<String>> {
    let of = |value: fn(&Attachment) -> String| one.attachment.iter().map(value).collect();
    Some(match name {
        "network-interface-id" => vec![id.to_owned()],
        "subnet-id" => vec![one.subnet.clone()],
        "status" => vec![one.status.clone()],
        "mac-address" => vec![one.mac.clone()],
        "description" => vec![one.description.clone()],
        "attachment.instance-id" => of(|held| held.instance.clone()),
        "attachment.device-index" => of(|held| held.device_index.to_string()),
        "attachment.delete-on-termination" => of(|held| held.delete_on_termination.to_string()),
        _ => tag_values(&one.tags, name)?,
    })
}

/// `tag:KEY` and `tag-key`; none: this is no filter.
fn tag_values(tags: &BTreeMap<String, String>, name: &str) -> Option<Vec<String>> {
    match name.strip_prefix("tag:") {
        Some(key) => Some(tags.get(key).into_iter().cloned().collect()),
        None => (name == "tag-key").then(|| tags.keys().cloned().collect()),
    }
}

fn chosen<'a, T>(
    all: &'a BTreeMap<String, T>,
    ids: &[&str],
    filters: &[Filter<'_>],
    values: impl Fn((&String, &T), &str) -> Option<Vec<String>>,
) -> Result<Vec<(&'a String, &'a T)>, Refusal> {
    let mut found = Vec::new();
    'all: for (id, one) in all {
        if !ids.is_empty() && !ids.contains(&id.as_str()) {
            continue;
        }
        for filter in filters {
            let actual =
                values((id, one), filter.name).ok_or_else(|| Refusal::value(format!("The filter '{}' is invalid", filter.name)))?;
            if !filter.values.iter().any(|wanted| actual.iter().any(|value| value == wanted)) {
                continue 'all;
            }
        }
        found.push((id, one));
    }
    Ok(found)
}

fn paged<T: Copy>(
    list: &str,
    found: &[T],
    (parameters, largest): (&Parameters, usize),
    item: impl Fn(&mut Xml, T),
) -> Result<Xml, Refusal> {
    let (start, length) = parameters.page(found.len())?;
    let end = found.len().min(start + length.min(largest));
    let mut xml = Xml::default();
    xml.nest(list, |set| found[start..end].iter().for_each(|one| set.nest("item", |xml| item(xml, *one))));
    if end < found.len() {
        xml.text("nextToken", format!("page-{end}"));
    }
    Ok(xml)
}

fn tags(xml: &mut Xml, tags: &BTreeMap<String, String>) {
    xml.nest("tagSet", |set| {
        for (key, value) in tags {
            set.nest("item", |item| {
                item.text("key", key);
                item.text("value", value);
            });
        }
    });
}

fn attachment(xml: &mut Xml, held: &Attachment, with_instance: bool) {
    xml.nest("attachment", |xml| {
        xml.text("attachmentId", &held.id);
        if with_instance {
            xml.text("instanceId", &held.instance);
        }
        xml.text("deviceIndex", held.device_index);
        xml.text("networkCardIndex", 0);
        xml.text("status", &held.status);
        xml.text("deleteOnTermination", held.delete_on_termination);
    });
}

pub(super) fn interface(xml: &mut Xml, state: &State, id: &str, one: &Interface) {
    xml.text("networkInterfaceId", id);
    xml.text("subnetId", &one.subnet);
    let subnet = state.subnets.get(&one.subnet);
    xml.text("vpcId", subnet.map(|subnet| subnet.vpc.as_str()).unwrap_or_default());
    if let Some(outpost) = subnet.map(|subnet| &subnet.outpost_arn).filter(|arn| !arn.is_empty()) {
        xml.text("outpostArn", outpost);
    }
    xml.text("description", &one.description);
    xml.text("status", &one.status);
    xml.text("macAddress", &one.mac);
    xml.text("privateIpAddress", &one.address);
    xml.text("interfaceType", "interface");
    if let Some(held) = &one.attachment {
        attachment(xml, held, true);
    }
    tags(xml, &one.tags);
}

pub(super) fn instance(xml: &mut Xml, state: &State, id: &str, one: &Instance) {
    const STATES: [(&str, u8); 5] = [("pending", 0), ("running", 16), ("shutting-down", 32), ("terminated", 48), ("stopped", 80)];
    xml.text("instanceId", id);
    xml.nest("instanceState", |xml| {
        xml.text("code", STATES.iter().find(|(name, _)| *name == one.state).map_or(0, |(_, code)| *code));
        xml.text("name", &one.state);
    });
    xml.text("instanceType", &one.instance_type);
    if one.state != "terminated" {
        xml.text("subnetId", &one.subnet);
    }
    xml.nest("networkInterfaceSet", |set| {
        for (id, interface, held) in state.held(id) {
            set.nest("item", |item| {
                item.text("networkInterfaceId", id);
                item.text("status", &interface.status);
                item.text("macAddress", &interface.mac);
                attachment(item, held, false);
            });
        }
    });
    tags(xml, &one.tags);
}

fn subnet(xml: &mut Xml, id: &str, one: &Subnet) {
    xml.text("subnetId", id);
    xml.text("vpcId", &one.vpc);
    xml.text("state", "available");
    xml.text("cidrBlock", format!("{}.0/24", one.network));
    if !one.outpost_arn.is_empty() {
        xml.text("outpostArn", &one.outpost_arn);
    }
    if let Some(index) = one.lni_device_index {
        xml.text("enableLniAtDeviceIndex", index);
    }
    tags(xml, &one.tags);
}
