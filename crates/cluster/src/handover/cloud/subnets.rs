//! Where gateway nodes stand.

use hybridge_model::Cidr4;
use hybridge_report::Finding;

use super::super::Known;
use super::{TEMPLATE, stack_name, unknown};
use crate::template::cfn::{Resource, Template, Value};

/// Tag of subnets and security groups by which the NodeClass of Auto Mode finds them; its value is the cluster's name.
pub(super) const TAG: &str = "hybridge/gateway";
/// Tag that CloudFormation gives to what it makes.
const STACK_TAG: &str = "aws:cloudformation:stack-name";

/// Puts the subnets into the template that the file asks for (annotation `hybridge/gateway-subnets`); where it asks for none, the private
/// ones of the cluster do. What they are known by.
pub(super) fn add(known: &Known<'_>, vpc: &str, template: &mut Template, findings: &mut Vec<Finding>) -> Result<Vec<Value>, Finding> {
    let asked = &known.cluster.annotations.gateway_subnets;
    if asked.is_empty() {
        return private(known, findings);
    }
    let places = known.private_subnets();
    if asked.len() > places.len() {
        let what = format!("has {} networks for {} zones with a private subnet", asked.len(), places.len());
        return Err(
            Finding::error("gateway.subnets", "hybridge/gateway-subnets", what).fix("write one for each zone at most, in the zones' order")
        );
    }
    let mut found = Vec::new();
    for (text, (neighbour, zone)) in asked.iter().zip(places) {
        let cidr: Cidr4 = text.parse().map_err(|error: hybridge_model::CidrError| {
            Finding::error("gateway.subnets", "hybridge/gateway-subnets", error.to_string()).fix(error.fix())
        })?;
        if let Some(there) = existing(known, vpc, cidr) {
            found.push(Value::from(there));
            continue;
        }
        let table = neighbour.and_then(|subnet| known.route_table_of(subnet)).or_else(|| known.made("PrivateRouteTable", zone));
        let Some(table) = table else { return Err(unknown(&format!("the route table of the private subnet in {zone}"))) };
        found.push(make(known, template, (vpc, zone, table), cidr));
    }
    Ok(found)
}

/// A subnet with this network that somebody else has made.
fn existing<'a>(known: &Known<'a>, vpc: &str, cidr: Cidr4) -> Option<&'a str> {
    let ours = stack_name(known.name());
    let subnets = known.world.subnets.iter().filter(|subnet| subnet.vpc_id == vpc && subnet.cidr_block == cidr.to_string());
    let mut others = subnets.filter(|subnet| !subnet.tags.iter().any(|tag| tag.key == STACK_TAG && tag.value == ours));
    others.next().map(|subnet| subnet.subnet_id.as_str())
}

/// Beside the private subnet of its zone, with its way to the site and to AWS's services.
fn make(known: &Known<'_>, template: &mut Template, (vpc, zone, table): (&str, &str, &str), cidr: Cidr4) -> Value {
    let suffix = zone.replace('-', "").to_uppercase();
    let subnet = Resource::new("AWS::EC2::Subnet")
        .set("VpcId", vpc)
        .set("AvailabilityZone", zone)
        .set("CidrBlock", cidr.to_string())
        .tag(TAG, known.name());
    let made = template.add_named(format!("GatewaySubnet{suffix}"), subnet);
    let association = Resource::new("AWS::EC2::SubnetRouteTableAssociation").set("SubnetId", made.clone()).set("RouteTableId", table);
    template.add(format!("GatewaySubnetRoutes{suffix}"), association);
    made
}

fn private(known: &Known<'_>, findings: &mut Vec<Finding>) -> Result<Vec<Value>, Finding> {
    let subnets: Vec<Value> = known.private_subnets().into_iter().filter_map(|(id, _)| id).map(Value::from).collect();
    if subnets.is_empty() {
        return Err(unknown("a private subnet of the cluster"));
    }
    if subnets.len() == 1 {
        let what = "puts all gateways into one zone, so they fail together";
        findings.push(Finding::warning("gateway.one-zone", TEMPLATE, what).fix("give the cluster private subnets in two zones"));
    }
    Ok(subnets)
}
