//! Which EC2 instances are gateways, from the Nodes that carry the gateway label.

use std::collections::BTreeSet;

use hybridge_model::InstanceId;

use crate::connect::Kube;
use crate::error::CallError;
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
}
