//! What the metadata service says of the instances of a VPC: enough for a gateway.

use std::net::Ipv4Addr;

use serde_json::json;

use super::FakeEc2;
use super::state::{Ec2State, Instance};
use crate::imds::Imds;

/// Name of the role that the instances run under.
const ROLE: &str = "hybridge-lab";

pub(super) fn service(ec2: FakeEc2) -> Imds {
    Imds::over(move |from, path| {
        Some(match value(&ec2.state(), from, path)? {
            Value::Text(text) => ("text/plain", text.into_bytes()),
            Value::Document(document) => ("application/json", document.to_string().into_bytes()),
        })
    })
}

enum Value {
    Text(String),
    Document(serde_json::Value),
}

fn value(state: &Ec2State, from: Ipv4Addr, path: &str) -> Option<Value> {
    let (id, instance) = state.instance_at(from)?;
    Some(match path {
        "meta-data/instance-id" => Value::Text(id.to_string()),
        "meta-data/local-ipv4" => Value::Text(instance.private_ip.to_string()),
        "meta-data/placement/availability-zone" => Value::Text(instance.az.clone()),
        "meta-data/placement/region" => Value::Text(region(instance)),
        "meta-data/iam/security-credentials" => Value::Text(ROLE.into()),
        "meta-data/iam/security-credentials/hybridge-lab" => Value::Document(credentials()),
        "dynamic/instance-identity/document" => Value::Document(json!({
            "accountId": "123456789012",
            "architecture": "x86_64",
            "availabilityZone": instance.az,
            "instanceId": id.to_string(),
            "privateIp": instance.private_ip.to_string(),
            "region": region(instance),
            "version": "2017-09-30",
        })),
        _ => return None,
    })
}

fn region(instance: &Instance) -> String {
    instance.az.trim_end_matches(|c: char| c.is_ascii_lowercase()).to_owned()
}

/// Credentials that nothing but the lab's own EC2 API takes, which checks no signature.
fn credentials() -> serde_json::Value {
    let now = jiff::Timestamp::now();
    let until = now + jiff::SignedDuration::from_hours(6);
    json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": format!("{now:.0}"),
        "AccessKeyId": "ASIALAB",
        "SecretAccessKey": "lab",
        "Token": "lab",
        "Expiration": format!("{until:.0}"),
    })
}

#[cfg(test)]
#[path = "imds_tests.rs"]
mod tests;
