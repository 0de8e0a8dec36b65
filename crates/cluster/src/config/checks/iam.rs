//! `iam`: roles of the control plane and of service accounts.

use std::collections::BTreeSet;

use super::{Checks, POLICY, ROLE};
use crate::config::{PodIdentityAssociation, ServiceAccount};

/// The add-on that hands out credentials of Pod Identity on EC2 nodes.
const AGENT: &str = "eks-pod-identity-agent";
/// `RoleName` of IAM.
const LONGEST_ROLE: usize = 64;

pub(super) fn check(checks: &mut Checks<'_>) {
    let iam = &checks.config.iam;
    checks.arn("iam.serviceRoleARN", &iam.service_role_arn, &ROLE);
    checks.arn("iam.serviceRolePermissionsBoundary", &iam.service_role_permissions_boundary, &POLICY);
    if !iam.service_role_arn.is_empty() && !iam.service_role_permissions_boundary.is_empty() {
        let what = "has no effect: it is for a role that is made, and iam.serviceRoleARN names one";
        checks.warning("role.boundary", "iam.serviceRolePermissionsBoundary", "", what).fix("leave one of them out");
    }
    service_accounts(checks);
    associations(checks);
}

fn service_accounts(checks: &mut Checks<'_>) {
    let iam = &checks.config.iam;
    if !iam.service_accounts.is_empty() && iam.with_oidc != Some(true) && checks.sound("iam.withOIDC") {
        let what = "iam.withOIDC must be enabled explicitly for iam.serviceAccounts to be created";
        checks.error("account.oidc", "iam.serviceAccounts", what).fix("write iam.withOIDC: true");
    }
    let mut seen = BTreeSet::new();
    for (index, account) in iam.service_accounts.iter().enumerate() {
        let path = format!("iam.serviceAccounts[{index}]");
        let (name, namespace) = (account.metadata.name.as_str(), or_default(&account.metadata.namespace));
        if !name.is_empty() && !seen.insert((namespace, name)) {
            let what = format!("<namespace>/<name> of {path} \"{namespace}/{name}\" is not unique");
            checks.error("account.duplicate", &path, what).fix("keep one of them");
        }
        service_account(checks, &path, account);
    }
}

fn or_default(namespace: &str) -> &str {
    if namespace.is_empty() { "default" } else { namespace }
}

fn service_account(checks: &mut Checks<'_>, path: &str, account: &ServiceAccount) {
    if !checks.sound(path) {
        return;
    }
    let name = format!("{path}.metadata.name");
    checks.require(&account.metadata.name, &name, &format!("{path}.name must be set"), "write metadata.name");
    checks.label_name(&name, &account.metadata.name, 253);
    checks.label_name(&format!("{path}.metadata.namespace"), &account.metadata.namespace, 63);
    let policies = !account.attach_policy_arns.is_empty() || !account.attach_policy.is_empty();
    // These are refused by their name.
    let well_known = checks.places.has(&format!("{path}.wellKnownPolicies"));
    if !policies && account.attach_role_arn.is_empty() && !well_known {
        let what = format!("{path}.attachPolicyARNs, {path}.attachRoleARN or {path}.attachPolicy must be set");
        checks.error("account.rights", path, what).fix("write what the account may do");
    }
    let role = format!("{path}.attachRoleARN");
    if policies && !account.attach_role_arn.is_empty() {
        let what = "names a role that exists, and policies stand beside it: they are for a role that is made";
        checks.error("account.role", &role, what).fix("keep the role or the policies");
    }
    checks.arn(&role, &account.attach_role_arn, &ROLE);
    checks.arn(&format!("{path}.permissionsBoundary"), &account.permissions_boundary, &POLICY);
    for (index, arn) in account.attach_policy_arns.iter().enumerate() {
        checks.arn(&format!("{path}.attachPolicyARNs[{index}]"), arn, &POLICY);
    }
    role_name(checks, &format!("{path}.roleName"), &account.role_name);
}

fn role_name(checks: &mut Checks<'_>, path: &str, name: &str) {
    let fits = name.len() <= LONGEST_ROLE && name.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c));
    if !fits {
        let what = "cannot be the name of a role: up to 64 letters, digits and + = , . @ _ -";
        checks.wrong("role.name", path, name, what).fix("write a name without a path");
    }
}

fn associations(checks: &mut Checks<'_>) {
    let config = checks.config;
    let associations = &config.iam.pod_identity_associations;
    let auto = config.auto_mode_config.enabled == Some(true);
    if !associations.is_empty() && !auto && !config.addons.iter().any(|addon| addon.name == AGENT) {
        let what = format!("iam.podIdentityAssociations needs the add-on {AGENT}, and addons does not have it");
        checks.error("pod-identity.agent", "iam.podIdentityAssociations", what).fix(format!("write `addons: [{{name: {AGENT}}}]`"));
    }
    let mut seen = BTreeSet::new();
    for (index, association) in associations.iter().enumerate() {
        let path = format!("iam.podIdentityAssociations[{index}]");
        let name = (association.namespace.as_str(), association.service_account_name.as_str());
        if !name.0.is_empty() && !name.1.is_empty() && !seen.insert(name) {
            let what = format!("is of account {}/{} again", name.0, name.1);
            checks.error("pod-identity.duplicate", &path, what).fix("keep one of them");
        }
        one_association(checks, &path, association);
    }
}

fn one_association(checks: &mut Checks<'_>, path: &str, association: &PodIdentityAssociation) {
    if !checks.sound(path) {
        return;
    }
    for (key, value, longest) in [("namespace", &association.namespace, 63), ("serviceAccountName", &association.service_account_name, 253)]
    {
        let path = format!("{path}.{key}");
        checks.require(value, &path, &format!("{path} must be set"), &format!("write {key}"));
        checks.label_name(&path, value, longest);
    }
    let made = !association.permission_policy.is_empty() || !association.permission_policy_arns.is_empty();
    let role = format!("{path}.roleARN");
    if !made && association.role_arn.is_empty() {
        let what = format!("at least one of the following must be specified: {role}, {path}.permissionPolicy, {path}.permissionPolicyARNs");
        checks.error("pod-identity.rights", path, what).fix("write what the account may do");
    }
    if made && !association.role_arn.is_empty() {
        let what = "names a role that exists, and policies stand beside it: they are for a role that is made";
        checks.error("pod-identity.role", &role, what).fix("keep the role or the policies");
    }
    checks.arn(&role, &association.role_arn, &ROLE);
    checks.arn(&format!("{path}.permissionsBoundaryARN"), &association.permissions_boundary_arn, &POLICY);
    for (index, arn) in association.permission_policy_arns.iter().enumerate() {
        checks.arn(&format!("{path}.permissionPolicyARNs[{index}]"), arn, &POLICY);
    }
    role_name(checks, &format!("{path}.roleName"), &association.role_name);
}

impl Checks<'_> {
    /// Names in Kubernetes (RFC 1123); an empty one is nobody's.
    pub(super) fn label_name(&mut self, path: &str, name: &str, longest: usize) {
        let word = |word: &str| {
            !word.is_empty()
                && !word.starts_with('-')
                && !word.ends_with('-')
                && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        let fits = name.len() <= longest && (word(name) || longest > 63 && name.split('.').all(word));
        if !name.is_empty() && !fits {
            let what = format!("is no name in Kubernetes: small letters, digits and `-`, {longest} at most");
            self.wrong("name.kubernetes", path, name, what).fix("write another name");
        }
    }
}
