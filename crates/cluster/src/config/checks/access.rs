//! `accessConfig`.

use std::collections::BTreeMap;

use super::{ACCESS_POLICY, Arn, Checks, PRINCIPAL, ROLE};
use crate::config::{AccessEntry, AccessPolicy};

/// Types of entries, and whether they may have groups, a user name and policies of their own (`access_entry.go`).
const TYPES: [(&str, bool); 6] =
    [("STANDARD", true), ("EC2", true), ("EC2_LINUX", false), ("EC2_WINDOWS", false), ("FARGATE_LINUX", false), ("HYBRID_LINUX", false)];

pub(super) fn check(checks: &mut Checks<'_>) {
    let entries = &checks.config.access_config.access_entries;
    let mode = checks.config.access_config.authentication_mode.as_str();
    if !entries.is_empty() && mode == "CONFIG_MAP" {
        let what = "accessConfig.authenticationMode must be set to either API_AND_CONFIG_MAP or API to use access entries";
        checks.error("access.mode", "accessConfig.authenticationMode", what).fix("write API");
    }
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("accessConfig.accessEntries[{index}]");
        one(checks, &path, entry);
        if entry.principal_arn.is_empty() {
            continue;
        }
        if first.insert(&entry.principal_arn, index).is_some() {
            let what = format!("duplicate access entry accessEntries[{index}] with principal ARN {:?}", entry.principal_arn);
            checks.error("access.duplicate", &format!("{path}.principalARN"), what).fix("keep one of them");
        }
        hybrid_role(checks, &path, entry);
    }
}

fn one(checks: &mut Checks<'_>, path: &str, entry: &AccessEntry) {
    if !checks.sound(path) {
        return;
    }
    let principal = format!("{path}.principalARN");
    let what = format!("{principal} must be set to a valid AWS ARN");
    checks.require(&entry.principal_arn, &principal, &what, "write the ARN of a role or user");
    let kind = if entry.kind.is_empty() { "STANDARD" } else { &entry.kind };
    let wanted = if kind == "STANDARD" { &PRINCIPAL } else { &ROLE };
    if Arn::parse(&entry.principal_arn).is_some_and(|arn| arn.service == "sts") {
        let what = "is a session of a role; entries are of the role itself";
        checks.wrong("access.session", &principal, &entry.principal_arn, what).fix("write arn:aws:iam::ACCOUNT:role/NAME");
    } else {
        checks.arn(&principal, &entry.principal_arn, wanted);
    }
    match TYPES.iter().find(|(name, _)| *name == kind) {
        None => {
            let names = TYPES.map(|(name, _)| name);
            let fix = match hybridge_document::nearest(kind, names.into_iter()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("write one of {}", names.join(", ")),
            };
            checks.error("access.type", &format!("{path}.type"), format!("invalid access entry type {kind:?} for {path}")).fix(fix);
        }
        Some((_, true)) => {}
        Some((_, false)) => {
            if !entry.kubernetes_groups.is_empty() || !entry.kubernetes_username.is_empty() {
                let what = format!("cannot specify {path}.kubernetesGroups nor {path}.kubernetesUsername when type is set to {kind}");
                let key = if entry.kubernetes_groups.is_empty() { "kubernetesUsername" } else { "kubernetesGroups" };
                checks.error("access.node", &format!("{path}.{key}"), what).fix("leave them out: EKS sets them for nodes");
            }
            if !entry.access_policies.is_empty() {
                let what = format!("cannot specify {path}.accessPolicies when type is set to {kind}");
                checks.error("access.node", &format!("{path}.accessPolicies"), what).fix("leave them out: EKS gives nodes their rights");
            }
        }
    }
    for (index, group) in entry.kubernetes_groups.iter().enumerate() {
        if group.starts_with("system:") && !matches!(group.as_str(), "system:authenticated") {
            let what = "is a group of Kubernetes' own, which EKS does not let entries have";
            let fix = "write a group of your own, or accessPolicies with AmazonEKSClusterAdminPolicy";
            checks.wrong("access.group", &format!("{path}.kubernetesGroups[{index}]"), group, what).fix(fix);
        }
    }
    for (index, policy) in entry.access_policies.iter().enumerate() {
        self::policy(checks, &format!("{path}.accessPolicies[{index}]"), policy);
    }
}

fn policy(checks: &mut Checks<'_>, path: &str, policy: &AccessPolicy) {
    if !checks.sound(path) {
        return;
    }
    let arn = format!("{path}.policyARN");
    checks.require(&policy.policy_arn, &arn, &format!("{arn} must be set to a valid AWS ARN"), &format!("write {}", ACCESS_POLICY.example));
    checks.arn(&arn, &policy.policy_arn, &ACCESS_POLICY);
    let (kind, namespaces) = (format!("{path}.accessScope.type"), format!("{path}.accessScope.namespaces"));
    match policy.access_scope.kind.as_str() {
        "" => {
            let what = format!("{kind} must be set to either \"namespace\" or \"cluster\"");
            checks.require("", &kind, &what, "write accessScope: {type: cluster}");
        }
        "cluster" if !policy.access_scope.namespaces.is_empty() => {
            let what = format!("cannot specify {namespaces} when accessScope is set to cluster");
            checks.error("access.scope", &namespaces, what).fix("leave them out, or write type: namespace");
        }
        "namespace" if policy.access_scope.namespaces.is_empty() && checks.sound(&namespaces) => {
            let what = format!("at least one namespace must be specified when accessScope is set to namespace: ({path})");
            checks.error("access.scope", &kind, what).fix("write namespaces: [default], or type: cluster");
        }
        "cluster" | "namespace" => {}
        other => {
            let what = format!("invalid access scope type {other:?} for {path}");
            checks.error("access.scope", &kind, what).fix("write cluster or namespace");
        }
    }
}

/// The entry of the hybrid nodes' role is made anyway.
fn hybrid_role(checks: &mut Checks<'_>, path: &str, entry: &AccessEntry) {
    let given = checks.config.remote_network_config.as_ref().map_or("", |remote| remote.iam.role_arn.as_str());
    let ours = entry.principal_arn == given || checks.annotations.role_arns.contains(&entry.principal_arn);
    if !ours {
        return;
    }
    let path = format!("{path}.principalARN");
    if entry.kind == "HYBRID_LINUX" {
        let what = "is the hybrid nodes' role, whose entry is made anyway";
        checks.warning("access.hybrid", &path, &entry.principal_arn, what).fix("leave the entry out");
    } else {
        let what = "is the hybrid nodes' role: it can have one entry, which has to be of type HYBRID_LINUX";
        checks.wrong("access.hybrid-type", &path, &entry.principal_arn, what).fix("leave the entry out: it is made");
    }
}
