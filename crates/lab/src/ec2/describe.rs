//! DescribeInstances and DescribeRouteTables: selection, pages and their XML.

use hybridge_model::{Cidr4, InstanceId, RouteTableId};

use super::query::{Filter, Parameters, parse};
use super::state::{Ec2State, Instance, Refusal, RouteTarget, Table, TableRoute};
use super::xml::Xml;

/// The account that owns everything here.
const OWNER: &str = "123456789012";

pub(super) fn instances(state: &Ec2State, parameters: &Parameters) -> Result<Xml, Refusal> {
    let ids = parameters.list("InstanceId");
    if !ids.is_empty() && parameters.get("MaxResults").is_some() {
        return Err(Refusal::BadCombination("The parameter instancesSet cannot be used with the parameter maxResults".into()));
    }
    for id in &ids {
        let id: InstanceId = parse(id, Refusal::MalformedInstance)?;
        if !state.instances.contains_key(&id) {
            return Err(Refusal::NoInstance(id));
        }
    }
    let filters = parameters.filters();
    let mut found = Vec::new();
    for (id, instance) in &state.instances {
        if (ids.is_empty() || ids.contains(&id.as_str())) && all_match(&filters, |name| instance_attribute(state, id, instance, name))? {
            found.push((id, instance));
        }
    }
    let (page, next) = page(&found, parameters, 1000)?;
    let mut xml = Xml::default();
    xml.nest("reservationSet", |set| {
        for (id, instance) in page {
            set.nest("item", |item| reservation(item, state, id, instance));
        }
    });
    if let Some(next) = next {
        xml.text("nextToken", next);
    }
    Ok(xml)
}

pub(super) fn route_tables(state: &Ec2State, parameters: &Parameters) -> Result<Xml, Refusal> {
    let ids = parameters.list("RouteTableId");
    for id in &ids {
        let id: RouteTableId = parse(id, Refusal::MalformedTable)?;
        if !state.tables.contains_key(&id) {
            return Err(Refusal::NoTable(id));
        }
    }
    let filters = parameters.filters();
    let mut found = Vec::new();
    for (id, table) in &state.tables {
        if (ids.is_empty() || ids.contains(&id.as_str())) && all_match(&filters, |name| table_attribute(state, id, table, name))? {
            found.push((id, table));
        }
    }
    let (page, next) = page(&found, parameters, 100)?;
    let mut xml = Xml::default();
    xml.nest("routeTableSet", |set| {
        for (id, table) in page {
            set.nest("item", |item| route_table(item, state, id, table));
        }
    });
    if let Some(next) = next {
        xml.text("nextToken", next);
    }
    Ok(xml)
}

/// Whether every filter has a value in common with the attribute it names.
fn all_match(filters: &[Filter<'_>], attribute: impl Fn(&str) -> Option<Vec<String>>) -> Result<bool, Refusal> {
    for filter in filters {
        let actual = attribute(filter.name).ok_or_else(|| Refusal::BadValue(format!("The filter '{}' is invalid", filter.name)))?;
        if !filter.values.iter().any(|wanted| actual.iter().any(|value| value == wanted)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn instance_attribute(state: &Ec2State, id: &InstanceId, instance: &Instance, name: &str) -> Option<Vec<String>> {
    let while_running = |value: String| if instance.terminated { vec![] } else { vec![value] };
    Some(match name {
        "instance-id" => vec![id.to_string()],
        "instance-state-name" => vec![instance_state(instance).1.to_owned()],
        "private-ip-address" => while_running(instance.private_ip.to_string()),
        "network-interface.network-interface-id" => while_running(instance.interface.to_string()),
        "vpc-id" => while_running(state.vpc.to_string()),
        _ => return None,
    })
}

fn table_attribute(state: &Ec2State, id: &RouteTableId, table: &Table, name: &str) -> Option<Vec<String>> {
    Some(match name {
        "route-table-id" => vec![id.to_string()],
        "vpc-id" => vec![state.vpc.to_string()],
        "association.subnet-id" => table.subnets.clone(),
        "route.destination-cidr-block" => table.routes.keys().map(Cidr4::to_string).collect(),
        _ => return None,
    })
}

/// The page that `MaxResults` (5 to `most`) and `NextToken` ask for, and the token of the next one.
fn page<'a, T>(found: &'a [T], parameters: &Parameters, most: usize) -> Result<(&'a [T], Option<String>), Refusal> {
    let start = match parameters.get("NextToken") {
        None => 0,
        Some(token) => {
            token.strip_prefix("page-").and_then(|n| n.parse().ok()).filter(|start| *start < found.len()).ok_or(Refusal::BadToken)?
        }
    };
    let length = match parameters.get("MaxResults") {
        None => found.len(),
        Some(text) => text.parse().ok().filter(|n| (5..=most).contains(n)).ok_or_else(|| {
            Refusal::BadValue(format!("Value ( {text} ) for parameter maxResults is invalid. Expecting a value between 5 and {most}."))
        })?,
    };
    let end = found.len().min(start + length);
    Ok((&found[start..end], (end < found.len()).then(|| format!("page-{end}"))))
}

fn instance_state(instance: &Instance) -> (u8, &'static str) {
    if instance.terminated { (48, "terminated") } else { (16, "running") }
}

fn reservation(xml: &mut Xml, state: &Ec2State, id: &InstanceId, instance: &Instance) {
    let digits = id.as_str().trim_start_matches("i-");
    xml.text("reservationId", format!("r-{digits}"));
    xml.text("ownerId", OWNER);
    xml.nest("groupSet", |_| {});
    xml.nest("instancesSet", |set| {
        set.nest("item", |item| {
            let (code, name) = instance_state(instance);
            item.text("instanceId", id);
            item.nest("instanceState", |state| {
                state.text("code", code);
                state.text("name", name);
            });
            item.nest("placement", |placement| {
                placement.text("availabilityZone", &instance.az);
                placement.text("tenancy", "default");
            });
            if !instance.terminated {
                item.text("privateDnsName", state.private_dns_name(id).unwrap_or_default());
                item.text("privateIpAddress", instance.private_ip);
                item.text("vpcId", &state.vpc);
                item.text("sourceDestCheck", instance.source_dest_check);
            }
            item.nest("networkInterfaceSet", |set| {
                if !instance.terminated {
                    set.nest("item", |item| primary_interface(item, state, instance));
                }
            });
        });
    });
}

fn primary_interface(xml: &mut Xml, state: &Ec2State, instance: &Instance) {
    let digits = instance.interface.as_str().trim_start_matches("eni-");
    xml.text("networkInterfaceId", &instance.interface);
    xml.text("vpcId", &state.vpc);
    xml.text("ownerId", OWNER);
    xml.text("status", "in-use");
    xml.text("privateIpAddress", instance.private_ip);
    xml.text("sourceDestCheck", instance.source_dest_check);
    xml.text("interfaceType", "interface");
    xml.nest("attachment", |attachment| {
        attachment.text("attachmentId", format!("eni-attach-{digits}"));
        attachment.text("deviceIndex", 0);
        attachment.text("networkCardIndex", 0);
        attachment.text("status", "attached");
        attachment.text("deleteOnTermination", true);
    });
    xml.nest("privateIpAddressesSet", |set| {
        set.nest("item", |item| {
            item.text("privateIpAddress", instance.private_ip);
            item.text("primary", true);
        });
    });
}

fn route_table(xml: &mut Xml, state: &Ec2State, id: &RouteTableId, table: &Table) {
    xml.text("routeTableId", id);
    xml.text("vpcId", &state.vpc);
    xml.text("ownerId", OWNER);
    xml.nest("routeSet", |set| {
        for (destination, entry) in &table.routes {
            set.nest("item", |item| route(item, state, *destination, entry));
        }
    });
    xml.nest("associationSet", |set| {
        for (number, subnet) in table.subnets.iter().enumerate() {
            set.nest("item", |item| {
                item.text("routeTableAssociationId", format!("rtbassoc-{}{number:02x}", id.as_str().trim_start_matches("rtb-")));
                item.text("routeTableId", id);
                item.text("subnetId", subnet);
                item.text("main", false);
            });
        }
    });
    xml.nest("propagatingVgwSet", |_| {});
    xml.nest("tagSet", |_| {});
}

fn route(xml: &mut Xml, state: &Ec2State, destination: Cidr4, route: &TableRoute) {
    xml.text("destinationCidrBlock", destination);
    match &route.target {
        RouteTarget::Local => xml.text("gatewayId", "local"),
        RouteTarget::Interface(interface) => {
            if let Some((id, _)) = state.holder(interface) {
                xml.text("instanceId", id);
                xml.text("instanceOwnerId", OWNER);
            }
            xml.text("networkInterfaceId", interface);
        }
        RouteTarget::Other(id) => xml.text(gateway_element(id), id),
    }
    xml.text("state", if state.is_blackhole(&route.target) { "blackhole" } else { "active" });
    xml.text("origin", route.origin.as_str());
}

/// The element that names a target of this sort.
fn gateway_element(id: &str) -> &'static str {
    match id.split('-').next() {
        Some("tgw") => "transitGatewayId",
        Some("nat") => "natGatewayId",
        Some("pcx") => "vpcPeeringConnectionId",
        Some(_) | None => "gatewayId",
    }
}
