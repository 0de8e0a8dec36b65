//! EC2's Query protocol: named parameters in, XML out.
//!
//! Parameter and element names are those of API version 2016-11-15
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>).

use std::collections::BTreeMap;
use std::str::FromStr;

use hybridge_model::{Cidr4, InstanceId, InterfaceId, RouteTableId};

use super::state::{Ec2State, Refusal, RouteTarget};
use super::xml::Xml;
use super::{describe, types};

/// Parameters of one request, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters(pub(super) BTreeMap<String, String>);

/// A condition of a Describe call: some value of the attribute equals one of these.
pub(super) struct Filter<'a> {
    pub(super) name: &'a str,
    pub(super) values: Vec<&'a str>,
}

impl Parameters {
    pub(super) fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).filter(|value| !value.is_empty()).ok_or(Refusal::Missing(name))
    }

    /// Values of `name.1`, `name.2` …, in that order.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|i| self.get(&format!("{name}.{i}"))).collect()
    }

    pub(super) fn filters(&self) -> Vec<Filter<'_>> {
        (1..)
            .map_while(|i| {
                let name = self.get(&format!("Filter.{i}.Name"))?;
                Some(Filter { name, values: self.list(&format!("Filter.{i}.Value")) })
            })
            .collect()
    }

    /// Refuses what the action does not know: `names` are whole names or, before the first dot, those of lists and structures.
    fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        let known = |name: &str| {
            let head = name.split('.').next().unwrap_or(name);
            ["Action", "Version"].contains(&name) || names.contains(&head)
        };
        match self.0.keys().find(|name| !known(name)) {
            Some(name) => Err(Refusal::UnknownParameter(name.clone())),
            None => Ok(()),
        }
    }

    fn table(&self) -> Result<RouteTableId, Refusal> {
        parse(self.required("RouteTableId")?, Refusal::MalformedTable)
    }

    /// The destination in canonical form: EC2 clears host bits (API reference of CreateRoute).
    fn destination(&self) -> Result<Cidr4, Refusal> {
        let text = self.required("DestinationCidrBlock")?;
        let bad =
            || Refusal::BadValue(format!("Value ({text}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."));
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let (address, prefix) = (address.parse().map_err(|_| bad())?, prefix.parse().map_err(|_| bad())?);
        Cidr4::containing(address, prefix).ok_or_else(bad)
    }

    /// Exactly one target. An instance stands for its interface.
    fn target(&self, state: &Ec2State) -> Result<RouteTarget, Refusal> {
        const TARGETS: [&str; 6] =
            ["NetworkInterfaceId", "InstanceId", "GatewayId", "TransitGatewayId", "NatGatewayId", "VpcPeeringConnectionId"];
        let given: Vec<_> = TARGETS.iter().filter_map(|name| Some((*name, self.get(name)?))).collect();
        match given.as_slice() {
            [] => Err(Refusal::Missing("NetworkInterfaceId")),
            [("NetworkInterfaceId", id)] => Ok(RouteTarget::Interface(parse(id, Refusal::MalformedInterface)?)),
            [("InstanceId", id)] => {
                let id: InstanceId = parse(id, Refusal::MalformedInstance)?;
                let instance = state.instances.get(&id).filter(|instance| !instance.terminated).ok_or(Refusal::NoInstance(id))?;
                Ok(RouteTarget::Interface(instance.interface.clone()))
            }
            [(_, id)] => Ok(RouteTarget::Other((*id).to_owned())),
            _ => Err(Refusal::BadCombination("exactly one route target must be given".into())),
        }
    }
}

/// Carries the request out on `state` and returns the answer's elements between `<…Response>` and `<requestId>`.
pub(super) fn act(state: &mut Ec2State, parameters: &Parameters) -> Result<Xml, Refusal> {
    const ROUTE: &[&str] = &[
        "RouteTableId",
        "DestinationCidrBlock",
        "NetworkInterfaceId",
        "InstanceId",
        "GatewayId",
        "TransitGatewayId",
        "NatGatewayId",
        "VpcPeeringConnectionId",
    ];
    match parameters.action() {
        "DescribeInstances" => {
            parameters.only(&["InstanceId", "Filter", "MaxResults", "NextToken"])?;
            describe::instances(state, parameters)
        }
        "DescribeInstanceTypes" => {
            parameters.only(&["InstanceType"])?;
            types::instance_types(state, parameters)
        }
        "DescribeRouteTables" => {
            parameters.only(&["RouteTableId", "Filter", "MaxResults", "NextToken"])?;
            describe::route_tables(state, parameters)
        }
        "CreateRoute" => {
            parameters.only(ROUTE)?;
            let (table, destination) = (parameters.table()?, parameters.destination()?);
            let target = parameters.target(state)?;
            state.create_route(&table, destination, target)?;
            Ok(returned())
        }
        "ReplaceRoute" => {
            parameters.only(ROUTE)?;
            let (table, destination) = (parameters.table()?, parameters.destination()?);
            let target = parameters.target(state)?;
            state.replace_route(&table, destination, target)?;
            Ok(returned())
        }
        "DeleteRoute" => {
            parameters.only(&["RouteTableId", "DestinationCidrBlock"])?;
            state.delete_route(&parameters.table()?, parameters.destination()?)?;
            Ok(returned())
        }
        "ModifyNetworkInterfaceAttribute" => {
            parameters.only(&["NetworkInterfaceId", "SourceDestCheck"])?;
            let interface: InterfaceId = parse(parameters.required("NetworkInterfaceId")?, Refusal::MalformedInterface)?;
            let on = parameters.required("SourceDestCheck.Value")?;
            let on = on.parse().map_err(|_| Refusal::BadValue(format!("Value ({on}) for parameter value is invalid.")))?;
            state.set_source_dest_check(&interface, on)?;
            Ok(returned())
        }
        other => Err(Refusal::UnknownAction(other.to_owned())),
    }
}

/// Whole body of a good answer.
pub(super) fn answer(action: &str, elements: Xml, request_id: &str) -> String {
    let mut body = Xml::default();
    body.append(elements);
    body.text("requestId", request_id);
    format!("{HEAD}<{action}Response xmlns=\"{NAMESPACE}\">{body}</{action}Response>")
}

/// Whole body of a refusal.
pub(super) fn refusal(refusal: &Refusal, request_id: &str) -> String {
    let mut body = Xml::default();
    body.nest("Errors", |errors| {
        errors.nest("Error", |error| {
            error.text("Code", refusal.code());
            error.text("Message", refusal);
        });
    });
    body.text("RequestID", request_id);
    format!("{HEAD}<Response>{body}</Response>")
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

fn returned() -> Xml {
    let mut xml = Xml::default();
    xml.text("return", true);
    xml
}

pub(super) fn parse<T: FromStr>(text: &str, malformed: impl FnOnce(String) -> Refusal) -> Result<T, Refusal> {
    text.parse().map_err(|_| malformed(text.to_owned()))
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
