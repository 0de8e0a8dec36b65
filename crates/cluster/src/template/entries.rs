//! Access entries of the file, each in a stack of its own.

use sha1::{Digest, Sha1};

use super::cfn::{Resource, Template, Value};
use super::{Purpose, StackPlan, plan};
use crate::config::AccessEntry;
use crate::resolve::Cluster;

pub(super) fn stacks(cluster: &Cluster) -> Vec<StackPlan> {
    cluster.config.access_config.access_entries.iter().map(|entry| stack(cluster, entry)).collect()
}

/// eksctl's name of an entry's stack.
pub fn entry_stack_name(cluster: &str, principal_arn: &str) -> String {
    format!("eksctl-{cluster}-accessentry-{}", digest(principal_arn))
}

fn stack(cluster: &Cluster, entry: &AccessEntry) -> StackPlan {
    let policies: Vec<Value> = entry.access_policies.iter().map(policy).collect();
    let resource = Resource::new("AWS::EKS::AccessEntry")
        .set("ClusterName", &cluster.config.metadata.name)
        .set("PrincipalArn", &entry.principal_arn)
        .set_some("Type", (!entry.kind.is_empty()).then_some(&entry.kind))
        .set_some("KubernetesGroups", (!entry.kubernetes_groups.is_empty()).then(|| Value::list(&entry.kubernetes_groups)))
        .set_some("Username", (!entry.kubernetes_username.is_empty()).then_some(&entry.kubernetes_username))
        .set_some("AccessPolicies", (!policies.is_empty()).then_some(Value::List(policies)));
    let mut template = Template::new(format!("EKS access entry of {} [created and managed by eksctl]", entry.principal_arn));
    template.add_named("AccessEntry", resource);
    plan(cluster, entry_stack_name(&cluster.config.metadata.name, &entry.principal_arn), Purpose::AccessEntry, template)
}

fn policy(policy: &crate::config::AccessPolicy) -> Value {
    let mut scope = vec![("Type", Value::from(&policy.access_scope.kind))];
    if !policy.access_scope.namespaces.is_empty() {
        scope.push(("Namespaces", Value::list(&policy.access_scope.namespaces)));
    }
    Value::object([("PolicyArn", Value::from(&policy.policy_arn)), ("AccessScope", Value::object(scope))])
}

/// SHA-1 in base32 (RFC 4648) without padding, as eksctl names entries: 32 capital letters and digits.
pub(super) fn digest(text: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bytes = Sha1::digest(text.as_bytes());
    let letter = |bits: u64, place: usize| char::from(LETTERS[usize::try_from(bits >> (35 - 5 * place) & 31).unwrap_or_default()]);
    bytes
        .chunks(5)
        .flat_map(|five| {
            let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            (0..8).map(move |place| letter(bits, place))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_called_as_eksctl_calls_them() {
        // python3 -c 'import base64, hashlib; print(base64.b32encode(hashlib.sha1(b"…").digest()).decode().rstrip("="))'
        let name = entry_stack_name("shop", "arn:aws:iam::000011112222:role/Viewer");
        assert_eq!(name, "eksctl-shop-accessentry-QOOS7GRWK5NPREZFOIXBKYH236WPNSIN");
    }
}
