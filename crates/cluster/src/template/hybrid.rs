//! What hybrid nodes need of IAM and EKS: role, trust anchor, profile, access entries.

use hybridge_report::Finding;

use super::cfn::{Resource, Value};
use super::cluster_stack::Draft;
use super::document::{allow, cluster_arn, document, inline, managed, trust};
use super::entries::digest;
use super::groups::https;
use crate::config::Provider;
use crate::resolve::HybridRole;
use crate::world::IpPermission;

/// Adds it, if there are to be hybrid nodes.
pub(super) fn add(draft: &mut Draft<'_>) {
    let Some(role) = draft.cluster.role.clone() else { return };
    let arn = match &role {
        HybridRole::Given { arn, .. } => Value::from(arn),
        HybridRole::Made(Provider::Ssm) => ssm_role(draft),
        HybridRole::Made(Provider::Ira) => anywhere_role(draft),
    };
    if matches!(role, HybridRole::Given { provider: Provider::Ira, .. }) {
        let annotations = &draft.cluster.annotations;
        let given =
            [("RemoteNodesTrustAnchorARN", &annotations.trust_anchor_arn), ("RemoteNodesAnywhereProfileARN", &annotations.profile_arn)];
        for (key, arn) in given.into_iter().filter_map(|(key, arn)| Some((key, arn.as_ref()?))) {
            draft.template.export(key, arn);
        }
    }
    draft.template.export("RemoteNodesRoleARN", arn.clone());
    entry(draft, "RemoteNodesAccessEntry".to_owned(), arn);
    // One for each site, under a name that does not depend on the others.
    for more in draft.cluster.annotations.role_arns.clone() {
        if !matches!(&role, HybridRole::Given { arn, .. } if *arn == more) {
            entry(draft, format!("RemoteNodesAccessEntry{}", digest(&more)), Value::from(more));
        }
    }
}

/// Rules of the security group that EKS made for a cluster that others made, unless it has them.
pub(super) fn add_rules(draft: &mut Draft<'_>) {
    let Some(group) = draft.world.cluster.as_ref().map(|cluster| cluster.resources_vpc_config.cluster_security_group_id.clone()) else {
        return;
    };
    let known = draft.world.security_groups.iter().find(|known| known.group_id == group);
    for cidr in draft.cluster.remote_cidrs() {
        let id = format!("IngressControlPlaneRemoteNetworks{}", draft.indices.rules[&cidr]);
        let admits = |permission: &IpPermission| {
            let https = permission.ip_protocol == "tcp" && permission.from_port == Some(443) && permission.to_port == Some(443);
            https && permission.ip_ranges.iter().any(|range| range.cidr_ip.parse().ok() == Some(cidr))
        };
        if known.is_some_and(|known| known.ip_permissions.iter().any(admits)) && !draft.has_deployed(&id) {
            continue;
        }
        let description = format!("Allow nodes/pods from remote network ({cidr}) to communicate to controlplane");
        draft.template.add(id, https(Value::from(&group), cidr, &description));
    }
}

fn entry(draft: &mut Draft<'_>, id: String, principal: Value) {
    let name = &draft.cluster.config.metadata.name;
    if let Value::Text(arn) = &principal {
        let there = draft.world.access_entries.iter().find(|entry| entry.principal_arn == *arn);
        if let Some(there) = there.filter(|_| !draft.has_deployed(&id)) {
            // EKS takes one entry for each principal.
            let finding = if there.kind == "HYBRID_LINUX" {
                Finding::warning("entry.adopted", arn, format!("{name} has an access entry for it already, which is used as it is"))
            } else {
                let what = format!("{name} has an access entry of type {} for it, and hybrid nodes need HYBRID_LINUX", there.kind);
                Finding::error("entry.type", arn, what).fix("delete that entry, or give hybrid nodes another role")
            };
            draft.findings.push(finding);
            return;
        }
    }
    let mut entry =
        Resource::new("AWS::EKS::AccessEntry").set("ClusterName", name).set("Type", "HYBRID_LINUX").set("PrincipalArn", principal);
    if !draft.cluster.foreign {
        entry = entry.after("ControlPlane");
    }
    draft.template.add_named(id, entry);
}

/// What every hybrid node may ask of EKS. `nodeadm init` lists access entries with the node's own role.
fn eks_policies(draft: &Draft<'_>) -> Vec<Value> {
    let cluster = || cluster_arn(&draft.cluster.config.metadata.name);
    let mut policies =
        vec![inline("EKSDescribeCluster", vec![allow(&["eks:DescribeCluster", "eks:ListAccessEntries"], cluster(), vec![])])];
    if draft.cluster.annotations.pod_identity {
        policies.push(inline("EKSPodIdentity", vec![allow(&["eks-auth:AssumeRoleForPodIdentity"], cluster(), vec![])]));
    }
    policies
}

/// For Systems Manager: only of this account, and it lets go of machines of this cluster only.
fn ssm_role(draft: &mut Draft<'_>) -> Value {
    let instances = Value::sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:managed-instance/*");
    let tagged = Value::object([("ssm:resourceTag/EKSClusterARN", cluster_arn(&draft.cluster.config.metadata.name))]);
    let statements = vec![
        allow(&["ssm:DescribeInstanceInformation"], Value::from("*"), vec![]),
        allow(&["ssm:DeregisterManagedInstance"], instances, vec![("StringEquals", tagged)]),
    ];
    let mut policies = vec![inline("SSMRolePolicy", statements)];
    policies.extend(eks_policies(draft));
    let account = Value::object([("aws:SourceAccount", Value::reference("AWS::AccountId"))]);
    let source = Value::object([("aws:SourceArn", Value::sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:*"))]);
    let trusted = trust("SSM", &["sts:AssumeRole"], vec![("StringEquals", account), ("ArnEquals", source)]);
    let role = Resource::new("AWS::IAM::Role")
        .set("AssumeRolePolicyDocument", document(vec![trusted]))
        .set("ManagedPolicyArns", managed(&["AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryPullOnly"]))
        .set("Policies", Value::List(policies));
    draft.template.add_named("HybridNodesSSMRole", role);
    Value::attribute("HybridNodesSSMRole", "Arn")
}

/// For Roles Anywhere: a certificate is good for the node of its own name only, unless any name is wanted.
fn anywhere_role(draft: &mut Draft<'_>) -> Value {
    let annotations = &draft.cluster.annotations;
    let anchor = trust_anchor(draft);
    let of_anchor = || ("ArnEquals", Value::object([("aws:SourceArn", anchor.clone())]));
    let statements = if annotations.any_session_name {
        vec![trust("IRA", &["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], vec![of_anchor()])]
    } else {
        // IAM's own variable, not one of CloudFormation.
        let own_name = Value::object([("sts:RoleSessionName", Value::from("${aws:PrincipalTag/x509Subject/CN}"))]);
        vec![
            trust("IRA", &["sts:TagSession", "sts:SetSourceIdentity"], vec![of_anchor()]),
            trust("IRA", &["sts:AssumeRole"], vec![of_anchor(), ("StringEquals", own_name)]),
        ]
    };
    // IAM's least is an hour; a profile cannot give more than its roles do.
    let longest = annotations.session_seconds.map(|seconds| seconds.max(3600));
    let mut role = Resource::new("AWS::IAM::Role")
        .set("AssumeRolePolicyDocument", document(statements))
        .set("ManagedPolicyArns", managed(&["AmazonEC2ContainerRegistryPullOnly"]))
        .set("Policies", Value::List(eks_policies(draft)))
        .set_some("MaxSessionDuration", longest);
    if annotations.trust_anchor_arn.is_none() {
        role = role.after("TrustAnchor");
    }
    draft.template.add_named("HybridNodesIRARole", role);
    let profile = profile(draft);
    draft.template.export("RemoteNodesTrustAnchorARN", anchor);
    draft.template.export("RemoteNodesAnywhereProfileARN", profile);
    Value::attribute("HybridNodesIRARole", "Arn")
}

fn trust_anchor(draft: &mut Draft<'_>) -> Value {
    if let Some(arn) = &draft.cluster.annotations.trust_anchor_arn {
        return Value::from(arn);
    }
    let data = Value::object([("X509CertificateData", Value::from(draft.cluster.ca_bundle.clone().unwrap_or_default()))]);
    let source = Value::object([("SourceType", Value::from("CERTIFICATE_BUNDLE")), ("SourceData", data)]);
    let anchor = Resource::new("AWS::RolesAnywhere::TrustAnchor")
        .set("Enabled", true)
        .set("Name", Value::sub("${AWS::StackName}-CA"))
        .set("Source", source);
    draft.template.add_named("TrustAnchor", anchor);
    Value::attribute("TrustAnchor", "TrustAnchorArn")
}

fn profile(draft: &mut Draft<'_>) -> Value {
    let annotations = &draft.cluster.annotations;
    if let Some(arn) = &annotations.profile_arn {
        return Value::from(arn);
    }
    let profile = Resource::new("AWS::RolesAnywhere::Profile")
        .set("Enabled", true)
        .set("Name", Value::sub("${AWS::StackName}-remote-nodes"))
        .set("RoleArns", Value::List(vec![Value::attribute("HybridNodesIRARole", "Arn")]))
        .set("AcceptRoleSessionName", true)
        .set_some("DurationSeconds", annotations.session_seconds)
        .after("HybridNodesIRARole");
    draft.template.add_named("AnywhereProfile", profile);
    Value::attribute("AnywhereProfile", "ProfileArn")
}
