//! Variables for Terraform: what configurations beside ours need to know, under plain names.

use serde_json::{Map, Value, json};

use super::{Document, Handover, Kind, Known, Step};
use crate::config::Provider;

/// `hybridge.auto.tfvars.json`, which Terraform reads by itself. What is not known is left out, so that Terraform asks for it.
pub fn documents(known: &Known<'_>) -> Handover {
    let text = serde_json::to_string_pretty(&variables(known)).expect("text keys only");
    let document = Document::new(Kind::Terraform, "hybridge.auto.tfvars.json", text + "\n");
    let step = Step::new(
        Kind::Terraform,
        "Put hybridge.auto.tfvars.json beside the configuration of Terraform; declare the variables that it uses",
        [] as [&str; 0],
    );
    Handover { documents: vec![document], steps: vec![step], ..Handover::default() }
}

fn variables(known: &Known<'_>) -> Map<String, Value> {
    let live = known.live();
    let texts = |cidrs: &[hybridge_model::Cidr4]| cidrs.iter().map(ToString::to_string).collect::<Vec<_>>();
    let provider = known.provider().map(|provider| match provider {
        Provider::Ssm => "ssm",
        Provider::Ira => "ira",
    });
    let private: Vec<&str> = known.private_subnets().into_iter().filter_map(|(id, _)| id).collect();
    let addresses: Vec<&str> = known.interfaces().iter().map(|interface| interface.private_ip_address.as_str()).collect();
    let all = json!({
        "cluster_arn": known.arn(),
        "cluster_certificate_authority_data": known.certificate_authority(),
        "cluster_endpoint": known.endpoint(),
        "cluster_name": known.name(),
        "cluster_security_group_id": known.cluster_security_group(),
        "cluster_service_cidr": known.service_cidr(),
        "cluster_version": known.cluster.version,
        "control_plane_addresses": addresses,
        "control_plane_subnet_ids": known.control_plane_subnets(),
        "hybrid_credential_provider": provider,
        "hybrid_profile_arn": known.profile_arn(),
        "hybrid_role_arn": known.role_arn(),
        "hybrid_trust_anchor_arn": known.trust_anchor_arn(),
        "oidc_issuer": live.map(|live| live.identity.oidc.issuer.as_str()),
        "private_subnet_ids": private,
        "region": known.region(),
        "remote_node_cidrs": texts(&known.cluster.node_cidrs),
        "remote_pod_cidrs": texts(&known.cluster.pod_cidrs),
        "route_table_ids": known.route_tables(),
        "vpc_cidrs": texts(&known.vpc_cidrs()),
        "vpc_id": known.vpc_id(),
    });
    let Value::Object(all) = all else { unreachable!("json! of an object is one") };
    let said = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    };
    all.into_iter().filter(|(_, value)| said(value)).collect()
}
