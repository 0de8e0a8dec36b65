//! Which EC2 instances are Nodes: those that carry the gateway label, and all of them with their conditions.

use std::collections::{BTreeMap, BTreeSet};

use hybridge_model::InstanceId;
use kube::api::ListParams;
use serde::Deserialize;

use crate::connect::Kube;
use crate::error::{Call, CallError, Verb};
use crate::list::{Collection, Item};
use crate::object::NODE;

impl Kube {
    /// The instances of the Nodes labelled `label=true`. Nodes that are no EC2 instances are left out.
    ///
    /// # Errors
    /// See [`CallError`]; forbidden under the reference chart's role. The deadline is 5 s a page.
    pub async fn gateway_nodes(&self, label: &str) -> Result<BTreeSet<InstanceId>, CallError> {
        let collection = Collection { resource: &NODE, selector: format!("{label}=true") };
        let mut instances = BTreeSet::new();
        self.list(&collection, &mut |item: Item| instances.extend(item.spec["providerID"].as_str().and_then(instance))).await?;
        Ok(instances)
    }
}

/// A Node, as far as it matters to who looks after its interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudNode {
    /// Its name.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// The instance that its `spec.providerID` names; none for machines outside EC2.
    pub instance: Option<InstanceId>,
    /// It is being deleted.
    pub deleting: bool,
    /// Conditions: type → whether its status is `True`.
    pub conditions: BTreeMap<String, bool>,
}

#[derive(Deserialize)]
struct Raw {
    metadata: RawMetadata,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMetadata {
    name: String,
    #[serde(default)]
    uid: String,
    deletion_timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSpec {
    #[serde(rename = "providerID")]
    provider_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    conditions: Vec<RawCondition>,
}

#[derive(Deserialize)]
struct RawCondition {
    r#type: String,
    status: String,
}

impl From<Raw> for CloudNode {
    fn from(raw: Raw) -> Self {
        Self {
            instance: instance(&raw.spec.provider_id),
            deleting: raw.metadata.deletion_timestamp.is_some(),
            conditions: raw.status.conditions.into_iter().map(|one| (one.r#type, one.status == "True")).collect(),
            name: raw.metadata.name,
            uid: raw.metadata.uid,
        }
    }
}

impl Kube {
    /// All Nodes of the cluster.
    ///
    /// # Errors
    /// See [`CallError`]; the deadline of each page is that of reads. Of a page that is missing, all are.
    pub async fn cloud_nodes(&self) -> Result<Vec<CloudNode>, CallError> {
        let call = Call::new(Verb::List, "Nodes");
        let nodes: Vec<Raw> = self.items(&call, NODE.path(None), ListParams::default()).await?;
        Ok(nodes.into_iter().map(CloudNode::from).collect())
    }
}

/// The instance of a `providerID`, `aws:///us-west-2a/i-0123456789abcdef0` (AWS cloud provider).
fn instance(provider_id: &str) -> Option<InstanceId> {
    provider_id.strip_prefix("aws://")?.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ec2_instances_are_taken_from_provider_ids() {
        assert_eq!(instance("aws:///us-west-2a/i-0a1b2c").unwrap().as_str(), "i-0a1b2c");
        for other in ["", "aws:///us-west-2a/fargate-ip-10-0-0-1", "eks-hybrid:///us-west-2/c/mi-0a1b2c", "gce://p/z/i-0a1b2c"] {
            assert_eq!(instance(other), None, "{other}");
        }
    }

    #[test]
    fn a_node_tells_its_instance_and_its_conditions_and_an_odd_one_is_no_error() {
        let node = |text: &str| CloudNode::from(serde_json::from_str::<Raw>(text).unwrap());
        let whole = node(
            r#"{"metadata":{"name":"a","uid":"u","deletionTimestamp":"2026-01-02T03:04:05Z"},"spec":{"providerID":"aws:///x/i-0a"},
            "status":{"conditions":[{"type":"Ready","status":"True"},{"type":"LniConfigured","status":"Unknown"}]}}"#,
        );
        assert_eq!((whole.uid.as_str(), whole.instance.unwrap().as_str(), whole.deleting), ("u", "i-0a", true));
        assert_eq!(whole.conditions, [("Ready".to_owned(), true), ("LniConfigured".to_owned(), false)].into());
        let bare = node(r#"{"metadata":{"name":"a"}}"#);
        assert_eq!(bare, CloudNode { name: "a".into(), ..CloudNode::default() });
    }
}
