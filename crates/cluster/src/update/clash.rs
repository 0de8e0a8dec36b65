//! Things of which there can be one only.
//!
//! CloudFormation makes what is new before it deletes what is old. Where both claim the same place (a destination in a route table, a rule
//! of a security group), AWS refuses the new one, and the whole update is rolled back. Then the old one goes in a step of its own.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::takes_away;
use crate::difference::{Action, Difference, canonical, canonical_at};
use crate::template::cfn::{Fault, Template};

/// Resources that can be made when others are gone only.
#[derive(Debug, Default)]
pub(super) struct Clashes {
    late: BTreeSet<String>,
}

pub(super) fn clashes(deployed: &Json, wanted: &Json, whole: &Difference) -> Clashes {
    let claim_of = |template: &Json, id: &str| template.get("Resources").and_then(|all| all.get(id)).and_then(claim);
    let mut old: BTreeSet<String> = BTreeSet::new();
    for change in whole.resources.iter().filter(|change| takes_away(change.action)) {
        if let Some(claim) = claim_of(deployed, &change.id) {
            old.insert(claim);
        }
    }
    let mut late = BTreeSet::new();
    for change in &whole.resources {
        let makes = match change.action {
            Action::Add | Action::Replace => true,
            // A VPC has one virtual private gateway, and an attachment that changes its gateway is still attached to the old one.
            Action::Change => {
                change.kind == "AWS::EC2::VPCGatewayAttachment" && change.properties.iter().any(|property| property.path == "VpnGatewayId")
            }
            Action::Remove => false,
        };
        let claim = claim_of(wanted, &change.id).filter(|_| makes);
        if claim.is_some_and(|claim| change.action == Action::Change || old.contains(&claim)) {
            late.insert(change.id.clone());
        }
    }
    Clashes { late }
}

/// The place that a resource takes: two cannot.
fn claim(resource: &Json) -> Option<String> {
    let kind = resource.get("Type")?.as_str()?;
    let property =
        |key: &str| resource.pointer(&format!("/Properties/{key}")).map_or(Json::Null, |value| canonical_at(&canonical(value), key));
    let keys: &[&str] = match kind {
        "AWS::EC2::Route" => &["RouteTableId", "DestinationCidrBlock"],
        "AWS::EC2::SecurityGroupIngress" if property("IpProtocol") == "-1" => &["GroupId", "IpProtocol", "CidrIp", "SourceSecurityGroupId"],
        "AWS::EC2::SecurityGroupIngress" => &["GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "SourceSecurityGroupId"],
        "AWS::EC2::TransitGatewayAttachment" => &["TransitGatewayId", "VpcId"],
        "AWS::EC2::VPCGatewayAttachment" if property("VpnGatewayId").is_null() => &["VpcId", "InternetGatewayId"],
        "AWS::EC2::VPCGatewayAttachment" => &["VpcId"],
        "AWS::EC2::VPCEndpoint" => &["VpcId", "ServiceName"],
        "AWS::EKS::AccessEntry" => &["ClusterName", "PrincipalArn"],
        _ => return None,
    };
    Some(keys.iter().fold(kind.to_owned(), |claim, key| format!("{claim} {}", property(key))))
}

impl Clashes {
    /// The wanted template without what comes late, and without what waits for it.
    pub(super) fn first_phase(&self, wanted: &Template) -> Option<Template> {
        if self.late.is_empty() {
            return None;
        }
        let mut first = wanted.clone();
        first.resources.retain(|id, _| !self.late.contains(id));
        loop {
            let dangling: BTreeSet<String> = first
                .check()
                .into_iter()
                .filter_map(|fault| match fault {
                    Fault::Missing { place, .. } => Some(place),
                    Fault::NoTable { .. } | Fault::Circle(_) | Fault::Identifier(_) | Fault::Export(..) => None,
                })
                .collect();
            let before = (first.resources.len(), first.outputs.len());
            first.resources.retain(|id, _| !dangling.contains(id));
            first.outputs.retain(|key, _| !dangling.contains(&format!("output {key}")));
            if before == (first.resources.len(), first.outputs.len()) {
                return Some(first);
            }
        }
    }

    pub(super) fn reason(&self) -> String {
        let late: Vec<&str> = self.late.iter().map(String::as_str).collect();
        format!(
            "takes away what is in the place of {}: CloudFormation makes before it deletes, and AWS takes one of them only",
            late.join(", ")
        )
    }

    /// What does not work between the phases.
    pub(super) fn downtime(&self, wanted: &Template) -> String {
        let first = self.first_phase(wanted).unwrap_or_default();
        let absent = wanted.resources.iter().filter(|(id, _)| !first.resources.contains_key(*id));
        let mut effects: BTreeSet<String> = BTreeSet::new();
        for (id, resource) in absent {
            let text = |key: &str| match resource.properties.get(key) {
                Some(crate::template::cfn::Value::Text(text)) => text.clone(),
                _ => id.clone(),
            };
            effects.insert(match resource.kind.as_str() {
                "AWS::EC2::Route" => format!("no route to {}", text("DestinationCidrBlock")),
                "AWS::EC2::SecurityGroupIngress" => format!("nothing comes in from {}", text("CidrIp")),
                "AWS::EKS::AccessEntry" => "nodes of its role are not let in".to_owned(),
                _ => format!("no {id}"),
            });
        }
        let effects: Vec<String> = effects.into_iter().collect();
        format!("{}, from the end of this step to the end of the next: a few minutes", effects.join("; "))
    }
}
